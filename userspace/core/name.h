/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of sites, hosts, devices, meshes and instances; text that people read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_LABEL_MAX 63
#define WM_NAME_SIZE (WM_LABEL_MAX + 1)
#define WM_FQDN_SIZE (2 * WM_LABEL_MAX + 2) /* "host.domain" */

/* RFC 1123 label: 1..63 of [a-z0-9-], lower case, no '-' at either end. */
bool wm_label_valid(const char *label);

/* A label that may name a site's domain: not "localhost", "gw", "local", "arpa",
 * "invalid", "onion", "test", "example", "com", "net", "org" and the like, whose
 * takeover would break the resolvers of a whole site; not all digits. */
bool wm_domain_valid(const char *domain);

/* A label that may name a host or device: wm_label_valid and not "gw" or "localhost". */
bool wm_host_valid(const char *name);

/* Splits "nas.b" into its two labels (buffers of WM_NAME_SIZE). 0 or -EINVAL. */
int wm_fqdn_split(const char *fqdn, char *ret_name, char *ret_domain);

/* The code point at s and the length of its UTF-8 (RFC 3629: no overlong forms, no surrogates);
 * 0 where s is not UTF-8. s ends with a NUL. */
size_t wm_utf8_decode(const char *s, uint32_t *ret);
bool wm_is_control(uint32_t code); /* C0, DEL, C1: what a terminal obeys instead of showing */
/* In place: each control character, and each byte that is not UTF-8, becomes one '?'. */
void wm_printable(char *text);

/* Free text for people (the mesh's name): 1..63 printable bytes, valid UTF-8, no control characters. */
bool wm_title_valid(const char *title);
