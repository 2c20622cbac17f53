/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an operator does with the data beside serving it. Each says on stdout
 * what came of it; 0, 1 (check: something is wrong) or -errno with a sentence.
 */
#pragma once

#include "registry/options.h"

int maintain_backup(struct options *options, struct wm_error *err);  /* beside a server */
int maintain_restore(struct options *options, struct wm_error *err); /* without one */
int maintain_renew(struct options *options, struct wm_error *err);   /* beside a server on PostgreSQL only */
int maintain_migrate(struct options *options, struct wm_error *err); /* without one */
int maintain_check(struct options *options, struct wm_error *err);   /* beside a server */
