/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Changes as the registry tells them ({"kind","name","before","after"}), as a
 * line for people: what import, undo and the audit have in common.
 */
#pragma once

#include <stddef.h>

#include "core/json.h"
#include "core/output.h"

/* "local_ip 192.168.1.10 -> 192.168.1.99", the members of a new object, "" for one that is gone. */
void change_text(const struct wm_json *before, const struct wm_json *after, char *buf, size_t size);

/* "~ host nas.b: ..."; sign '+', '~' or '-' . */
void change_line(struct wm_out *out, char sign, const struct wm_json *change);
