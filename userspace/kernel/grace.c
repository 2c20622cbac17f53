/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_US 50000

/* Packets are carried in RCU's read sides, for whose end this command waits; not where CPUs may not be disturbed. */
void wm_grace(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(WAIT_US);
}
