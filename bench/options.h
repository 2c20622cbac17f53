/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/run.h"

#define SIZES_MAX 8

struct options {
	struct run run;
	uint32_t hosts[SIZES_MAX];
	unsigned int nhosts;
	uint32_t programs[SIZES_MAX]; /* sizes with which the programs are run alone */
	unsigned int nprograms;
	bool json;
	bool cost;	 /* the programs alone */
	const char *out; /* a directory for the files; NULL: none */
};

/* 0; 1: said what there is to say, all is well; -EINVAL: said what is wrong. */
int options_read(int argc, char **argv, struct options *ret);
