/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What this kernel makes of each program, against docs/verifier.md: instructions
 * that the verifier processes to accept it (there is a limit of a million),
 * instructions that it leaves, bytes of machine code. More than a tenth above
 * what stands there fails, so that a change which makes programs hard to accept
 * or large is seen where it is made; more than a tenth below fails too, so that
 * it stays so. Kernels that are not in the table, such as a developer's, are
 * told about and skipped.
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

/* The tables, by their headings; what was measured here. */
enum { PROCESSED, XLATED, JITED, MEASURES };
static struct measure {
	const char *heading, *unit;
	unsigned long of[PROGRAMS]; /* 0: cannot be told */
} measures[MEASURES] = {
	[PROCESSED] = { "## Instructions processed", "instructions processed" },
	[XLATED] = { "## Instructions left", "instructions left" },
	[JITED] = { "## Machine code", "bytes of machine code" },
};

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

/* "processed 12345 insns ..." */
static unsigned long processed(const char *log)
{
	const char *at = strstr(log, "processed ");

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
}

/* Of a program that is loaded. Machine code: 0 where nothing compiles it. */
static int measure(const struct bpf_program *prog, int i)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);

	measures[PROCESSED].of[i] = processed(logs[i]);
	measures[XLATED].of[i] = info.xlated_prog_len / sizeof(struct bpf_insn);
	measures[JITED].of[i] = info.jited_prog_len;
	return rc;
}

/* Maps as a kernel takes them, and the shield in one mode only. */
static int set_maps(const struct object *object, struct bpf_object *obj)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < WM_BPF_MAPS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, wm_bpf_maps[i].name);

		rc = bpf_map__set_map_flags(map, wm_bpf_maps[i].flags);
		if (rc == 0)
			rc = bpf_map__set_max_entries(map, WM_MAX(256u, bpf_map__max_entries(map)));
	}
	if (rc == 0 && object->end == PROGRAMS)
		rc = bpf_program__set_autoload(bpf_object__find_program_by_name(obj, wm_bpf_progs[WM_BPF_XDP_FRAGS]), false);
	return rc;
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
	if (rc == 0)
		rc = set_maps(object, obj);
	for (int i = object->first; rc == 0 && i < object->end; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, wm_bpf_progs[i]);

		rc = bpf_program__set_log_buf(prog, logs[i], LOG_SIZE);
		if (rc == 0)
			rc = bpf_program__set_log_level(prog, STATS);
	}
	if (rc == 0)
		rc = bpf_object__load(obj);
	for (int i = object->first; rc == 0 && i < object->end; i++)
		rc = measure(bpf_object__find_program_by_name(obj, wm_bpf_progs[i]), i);
	if (rc != 0)
		printf("# %s: cannot be loaded (%d)\n", path, rc);
	bpf_object__close(obj);
	return rc;
}

/* The number in the column of this kernel, in the row of this name under the heading; 0: not there. */
static unsigned long in_table(const char *heading, const char *name, const char *kernel)
{
	char line[512], *cell, *rest;
	int wanted = -1;
	FILE *f = fopen(TABLE, "re");
	unsigned long n = 0;
	bool here = false;

	while (f && fgets(line, sizeof(line), f)) {
		int column = 0;

		rest = line;
		bool row = false;
		if (*line == '#')
			here = !strncmp(line, heading, strlen(heading)) && line[strlen(heading)] == '\n';
		while (here && *line == '|' && (cell = strtok_r(rest, "| \n", &rest)) != NULL) {
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

/* 0, or 1 after saying what is wrong. */
static int judge(const struct measure *m, int i, const char *kernel, int number)
{
	unsigned long is = m->of[i], was = in_table(m->heading, wm_bpf_progs[i], kernel);
	bool none = !is && m == &measures[JITED];
	bool bad = !none && (!is || (was && (is > was + was / 10 || is < was - was / 10)));

	const char *skip = "";

	if (none)
		skip = " # skip this kernel does not compile it";
	else if (!was && !bad)
		skip = " # skip this kernel is not in the table";
	printf("%sok %d - %s on Linux %s: %lu %s, %lu in %s%s\n", bad ? "not " : "", number, wm_bpf_progs[i], kernel, is,
	       m->unit, was, TABLE, skip);
	if (bad && was && is > was)
		printf("# if that is worth it, write the new number into %s and the reason into the commit\n", TABLE);
	else if (bad && was)
		printf("# it has become less: write the new number into %s, so that it stays so\n", TABLE);
	return bad;
}

int main(void)
{
	char kernel[32] = "";
	struct utsname u;
	int failed = 0, ran = 0;

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
	for (int m = 0; m < MEASURES; m++)
		for (int i = 0; i < PROGRAMS; i++)
			failed |= judge(&measures[m], i, kernel, ++ran);
	printf("1..%d\n", ran);
	return failed;
}
