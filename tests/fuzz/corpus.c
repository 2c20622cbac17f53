/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   fuzz_corpus DIR    writes each row of tests/packets as an input of fuzz_plane
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "fuzz/input.h"
#include "packets/frame.h"

#define TIMES_MOST 3

static void write_record(FILE *f, uint8_t at, uint8_t flags, size_t size, size_t len)
{
	struct record r = { at, flags, { (uint8_t)size, (uint8_t)(size >> 8) }, { (uint8_t)len, (uint8_t)(len >> 8) } };

	fwrite(&r, sizeof(r), 1, f);
}

static void write_packet(FILE *f, enum place at, const struct pkt *p)
{
	static uint8_t data[BYTES_MAX + FRAME_HEADER_MAX];
	size_t before = rig_is_lan(at) ? build_frame_header(at, p, data) : 0;
	size_t len = before + build_packet(p, 1, data + before);
	uint8_t flags = p->sum == SUM_RIGHT ? RECORD_REPAIR : p->sum == SUM_PARTIAL ? RECORD_PARTIAL : 0;

	if (len > INPUT_MOST)
		return;
	write_record(f, (uint8_t)(at - WG), flags | (p->gso ? RECORD_GSO : 0), p->gso, len);
	fwrite(data, 1, len, f);
}

static void write_steps(FILE *f, const struct row *row)
{
	for (const struct step *s = row->step; s < row->step + STEPS; s++) {
		unsigned int times = WM_MIN(s->times ? s->times : 1, TIMES_MOST);

		if (s->age_s)
			write_record(f, TAP - WG, 0, 0, s->age_s);
		for (unsigned int n = 0; s->at && !s->flood && n < times; n++)
			write_packet(f, s->at, &s->pkt);
	}
}

static int write_row(const char *dir, const char *name, enum config config, unsigned int mode, const struct row *row)
{
	char path[512];

	wm_format(path, sizeof(path), "%s/%s", dir, name);
	WM_AUTO_FCLOSE FILE *f = fopen(path, "we");
	if (!f) {
		fprintf(stderr, "fuzz_corpus: %s: %s\n", path, strerror(errno));
		return -1;
	}
	fputc(input_choice(config, mode), f);
	write_steps(f, row);
	return ferror(f) ? -1 : 0;
}

int main(int argc, char **argv)
{
	static const unsigned int modes[] = { FAST, STACK, FAST | SHIELD };
	char name[64];
	int rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: fuzz_corpus DIR\n");
		return 2;
	}
	for (size_t g = 0; g < ngroups; g++)
		for (size_t n = 0; n < groups[g]->n; n++)
			for (size_t m = 0; m < WM_ARRAY_LEN(modes) && rc == 0; m++) {
				if (groups[g]->rows[n].only && !(groups[g]->rows[n].only & modes[m]))
					continue;
				snprintf(name, sizeof(name), "%zu-%zu-%u", g, n, modes[m]);
				rc = write_row(argv[1], name, groups[g]->config, modes[m], &groups[g]->rows[n]);
			}
	return rc ? 1 : 0;
}
