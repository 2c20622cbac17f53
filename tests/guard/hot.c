/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What userspace does most, for callgrind. An argument chooses the rows whose
 * name contains it.
 */
#include <stdio.h>

#include "core/key.h"
#include "guard/guard.h"

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	int failed;

	if (wm_key_init()) {
		printf("# libsodium does not work here\n");
		return 1;
	}
	failed = guard_run(config_rows, nconfig_rows, only);
	failed |= guard_run(stream_rows, nstream_rows, only);
	failed |= guard_run(kernel_rows, nkernel_rows, only);
	failed |= guard_run(stats_rows, nstats_rows, only);
	return failed;
}
