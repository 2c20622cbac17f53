/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the verifier does to accept each program on this kernel, in instructions
 * processed, against docs/verifier.md: more than a tenth above what stands there
 * fails, so that a change which makes programs hard to accept (there is a limit
 * of a million) is seen where it is made. Kernels that are not in the table,
 * such as a developer's, are told about and skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "kernel/bpf_priv.h"

#define TABLE "docs/verifier.md"
#define LOG_SIZE 65536
#define STATS 4 /* log level: only the summary */

/* The shield for native mode is the same program once more, and not for every kernel. */
#define PROGRAMS WM_BPF_XDP_FRAGS

static char logs[PROGRAMS][LOG_SIZE];

/* Programs first .. end - 1 of each object. */
static const struct object {
	const char *name;
	int first, end;
} objects[] = { { "wm_tc", 0, WM_BPF_TC_PROGS }, { "wm_xdp", WM_BPF_XDP, PROGRAMS } };

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

static int set_params(struct bpf_object *obj)
{
	struct bpf_map *map;
	const struct wm_params params = { .fastpath = 1, .hub = 1, .hz = wm_bpf_hz() };
	uint8_t bytes[256];
	size_t size;

	bpf_object__for_each_map(map, obj) {
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		/* The parameters are all there is of it, or come first. */
		const void *data = bpf_map__initial_value(map, &size);
		if (!data || size < sizeof(params) || size > sizeof(bytes))
			return -1;
		memcpy(bytes, data, size);
		memcpy(bytes, &params, sizeof(params));
		return bpf_map__set_initial_value(map, bytes, size);
	}
	return -1;
}

/* Loads all programs of one, a hub's, which has most of them; 0 or -1 after saying why. */
static int load(const struct object *object)
{
	const char *build = getenv("B");
	char path[WM_PATH_SIZE];
	struct bpf_object *obj;
	int rc;

	/* The object is the same with sanitizers. */
	wm_format(path, sizeof(path), "%s/bpf/%s.bpf.o", build ? build : "build", object->name);
	obj = bpf_object__open_file(path, NULL);
	rc = obj ? set_params(obj) : -1;

	for (int i = 0; rc == 0 && i < WM_BPF_MAPS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, wm_bpf_maps[i].name);

		rc = bpf_map__set_map_flags(map, wm_bpf_maps[i].flags);
		if (rc == 0)
			rc = bpf_map__set_max_entries(map, WM_MAX(256u, bpf_map__max_entries(map)));
	}
	if (rc == 0 && object->end == PROGRAMS)
		rc = bpf_program__set_autoload(bpf_object__find_program_by_name(obj, wm_bpf_progs[WM_BPF_XDP_FRAGS]), false);
	for (int i = object->first; rc == 0 && i < object->end; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, wm_bpf_progs[i]);

		rc = bpf_program__set_log_buf(prog, logs[i], LOG_SIZE);
		if (rc == 0)
			rc = bpf_program__set_log_level(prog, STATS);
	}
	if (rc == 0)
		rc = bpf_object__load(obj);
	if (rc != 0)
		printf("# %s: cannot be loaded (%d)\n", path, rc);
	bpf_object__close(obj);
	return rc;
}

/* "processed 12345 insns ..." */
static unsigned long processed(const char *log)
{
	const char *at = strstr(log, "processed ");

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
}

/* The number in the column with this heading, in the row of this name; 0: not there. */
static unsigned long in_table(const char *name, const char *kernel)
{
	char line[512], *cell, *rest;
	int wanted = -1;
	FILE *f = fopen(TABLE, "re");
	unsigned long n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		int column = 0;

		rest = line;
		bool row = false;
		while (*line == '|' && (cell = strtok_r(rest, "| \n", &rest)) != NULL) {
			if (wanted < 0 && !strcmp(cell, kernel))
				wanted = column;
			if (column == 0)
				row = !strcmp(cell, name);
			else if (row && column == wanted)
				n = strtoul(cell, NULL, 10);
			column++;
		}
	}
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	char kernel[32] = "";
	struct utsname u;
	int failed = 0;

	uname(&u);
	sscanf(u.release, "%31[0-9].", kernel);
	snprintf(kernel + strlen(kernel), sizeof(kernel) - strlen(kernel), ".%d", atoi(strchr(u.release, '.') + 1));
	libbpf_set_print(quiet);
	for (size_t i = 0; i < WM_ARRAY_LEN(objects); i++) {
		if (load(&objects[i]) == 0)
			continue;
		printf("Bail out! the programs do not load\n");
		return 1;
	}
	for (int i = 0; i < PROGRAMS; i++) {
		unsigned long is = processed(logs[i]), was = in_table(wm_bpf_progs[i], kernel);
		bool bad = !is || (was && is > was + was / 10);

		printf("%sok %d - %s on Linux %s: %lu instructions processed, %lu in %s%s\n", bad ? "not " : "", i + 1,
		       wm_bpf_progs[i], kernel, is, was, TABLE, !was && !bad ? " # skip this kernel is not in the table" : "");
		if (bad && was)
			printf("# if that is worth it, write the new number into %s and the reason into the commit\n", TABLE);
		failed += bad;
	}
	printf("1..%d\n", PROGRAMS);
	return failed != 0;
}
