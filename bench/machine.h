/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * On what it was measured, and how quiet it was there.
 */
#pragma once

struct wm_out;

struct machine {
	char cpu[96], kernel[96], version[32];
	unsigned int processors;
	int virtual;
	char load_before[32], load_after[32]; /* average of the last minute */
	char date[32];
};

void machine_read(struct machine *ret);
void machine_write(struct wm_out *out, const struct machine *m);
void machine_done(struct machine *m); /* when it has been measured */
