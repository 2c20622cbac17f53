/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A device's WireGuard config, complete with its private key: as text, and as
 * a file (0600) that exists before the key is registered and is either whole
 * or gone in the end.
 */
#pragma once

#include "cli/api.h"

#define CONF_MAX 2048

/* What the config says beside the device's own key and address. */
struct hub {
	struct wm_prefix supernet;
	struct wm_site site;
};

int conf_hub(struct api *api, struct hub *ret, struct wm_error *err); /* -EINVAL: nobody could connect to it yet */
int conf_text(char buf[CONF_MAX], const struct hub *hub, const struct placed_device *p, const struct wm_key *private_key);

/* A new file, or with `force` one beside the old that replaces it in the end. */
struct conf_file {
	const char *path;
	char temp[PATH_MAX]; /* what is written, equal to path unless forced; "" when it is done */
	int fd;
};
int conf_open(struct conf_file *f, const char *path, bool force); /* complains */
int conf_write(struct conf_file *f, const char *text, size_t len);
void conf_drop(struct conf_file *f); /* what was not written to its end does not stay behind */

/* The text as a QR code of half blocks, for the apps on phones. -EFBIG: it does not fit in one. */
int conf_qr(FILE *to, const char *text);
