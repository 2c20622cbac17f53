/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The process that sends (send.c), and how it and the other one tell each other things.
 */
#pragma once

#include <time.h>

#include "hitless/load.h"

#define NAP_NS 50000

_Noreturn void send_run(struct load *load);

static inline void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static inline uint32_t told(const uint32_t *what)
{
	return __atomic_load_n(what, __ATOMIC_ACQUIRE);
}

static inline void tell(uint32_t *what, uint32_t value)
{
	__atomic_store_n(what, value, __ATOMIC_RELEASE);
}
