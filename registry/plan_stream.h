/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A plan that was carried out, or would be, as the answer that tells it.
 */
#pragma once

#include "registry/http.h"
#include "registry/plan.h"

/* {"generation":N,"plan":{"add":[...],"change":[...],"remove":[...]}} of an import; where `undone` is not 0, of taking
 * that generation back: {"undone":G,"generation":N,"changes":[...],"notice":...}. Takes what *io holds, also on failure. */
int plan_stream_new(struct plan *io, uint64_t generation, uint64_t undone, struct http_stream *ret);
