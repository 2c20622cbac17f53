/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "core/output.h"
#include "core/util.h"

static void read_load(char *ret, size_t size)
{
	WM_AUTO_FREE char *text = NULL;

	if (wm_read_file("/proc/loadavg", 256, &text, NULL) == 0)
		snprintf(ret, size, "%.*s", (int)strcspn(text, " "), text);
}

/* "model name\t: AMD EPYC" */
static void read_cpu(struct machine *m)
{
	WM_AUTO_FREE char *text = NULL;
	const char *model;

	if (wm_read_file("/proc/cpuinfo", 1 << 20, &text, NULL) < 0)
		return;
	model = strstr(text, "model name");
	model = model ? strchr(model, ':') : NULL;
	if (model)
		snprintf(m->cpu, sizeof(m->cpu), "%.*s", (int)strcspn(model + 2, "\n"), model + 2);
	m->virtual = strstr(text, " hypervisor") != NULL;
}

void machine_read(struct machine *ret)
{
	struct utsname name;
	time_t now = time(NULL);
	struct tm day;

	*ret = (struct machine){ .cpu = "unknown", .processors = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN) };
	wm_copy(ret->version, sizeof(ret->version), WM_VERSION);
	if (uname(&name) == 0)
		snprintf(ret->kernel, sizeof(ret->kernel), "%.40s %.20s", name.release, name.machine);
	if (gmtime_r(&now, &day))
		strftime(ret->date, sizeof(ret->date), "%Y-%m-%d", &day);
	read_cpu(ret);
	read_load(ret->load_before, sizeof(ret->load_before));
}

void machine_done(struct machine *m)
{
	read_load(m->load_after, sizeof(m->load_after));
}

void machine_write(struct wm_out *out, const struct machine *m)
{
	wm_out_object(out, "machine", NULL);
	wm_out_str(out, "cpu", "processor", m->cpu);
	wm_out_uint(out, "processors", "processors", m->processors);
	wm_out_bool(out, "virtual", "virtual machine", m->virtual);
	wm_out_str(out, "kernel", "kernel", m->kernel);
	wm_out_str(out, "wm", "wm", m->version);
	wm_out_str(out, "date", "measured", m->date);
	wm_out_str(out, "load_before", "load before", m->load_before);
	wm_out_str(out, "load_after", "load after", m->load_after);
	wm_out_object_end(out);
}
