/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bench.bpf.c as userspace sees it: the skeleton, and what its variables are.
 */
#pragma once

#include "bench/wire.h"

#include "bench.skel.h"
