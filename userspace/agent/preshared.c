/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/preshared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/log.h"
#include "core/util.h"

#define FILE_MAX (16u << 20)
#define SAVE_FIRST_S 10 /* after a try that failed, and twice as long after the next, ... */
#define SAVE_MAX_S 600

static int path_of(const struct wm_instance *inst, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/preshared", inst->state_dir);
}

/* Nothing is written over what could not be read. */
static void load(struct wm_preshared *p, const struct wm_instance *inst)
{
	char path[WM_PATH_SIZE], *text = NULL;
	int rc = path_of(inst, path);

	p->loaded = true;
	if (!rc)
		rc = wm_read_file(path, FILE_MAX, &text, NULL);
	if (!rc)
		rc = wm_psk_parse(text, &p->psk);
	wm_wipe_free(text);
	p->unreadable = rc && rc != -ENOENT;
	if (p->unreadable)
		wm_error("%s/preshared: cannot read it: %s; keys that the kernel has sessions by are taken for good, and the file is left as it is: repair it, or remove it and restart wm-gateway",
			 inst->state_dir, rc == -EPROTO ? "it is of another version" : strerror(-rc));
}

static int save(struct wm_preshared *p, const struct wm_instance *inst)
{
	char path[WM_PATH_SIZE], *text = wm_psk_format(&p->psk);
	int rc = text ? path_of(inst, path) : -ENOMEM;

	if (!rc)
		rc = wm_replace_file(path, 0600, text, strlen(text));
	wm_wipe_free(text);
	return rc;
}

/* What cannot be written now can be later; said once, and not at each try. */
static void keep(struct wm_preshared *p, const struct wm_instance *inst, int64_t boot_s)
{
	int rc;

	if (!p->psk.unsaved || p->unreadable || (p->save_pause && boot_s < p->save_at))
		return;
	rc = save(p, inst);
	p->psk.unsaved = rc != 0;
	if (rc && !p->save_pause)
		wm_warning("cannot keep %s/preshared: %s; it is tried again; after a restart before that the preshared keys of peers are tried anew",
			   inst->state_dir, strerror(-rc));
	if (!rc && p->save_pause)
		wm_info("%s/preshared is kept again", inst->state_dir);
	p->save_pause = rc ? WM_MIN(WM_MAX(2 * p->save_pause, (int64_t)SAVE_FIRST_S), (int64_t)SAVE_MAX_S) : 0;
	p->save_at = boot_s + p->save_pause;
}

static struct wm_psk_time now(void)
{
	struct timespec boot = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (struct wm_psk_time){ .unix_s = wm_unix_time(), .boot_s = boot.tv_sec };
}

int wm_preshared_begin(struct wm_preshared *p, const struct wm_instance *inst, const struct wm_wg_device *have,
		       const struct wm_wg_device *want, struct wm_wg_device *ret)
{
	struct wm_psk_time at = now();
	struct wm_wg_peer *peers;

	*ret = *want;
	if (!p->stays)
		return 0;
	if (!p->loaded)
		load(p, inst);
	if (wm_psk_look(&p->psk, have, want, at))
		return -ENOMEM;
	keep(p, inst, at.boot_s);
	if (!p->psk.ntrials)
		return 0;
	peers = malloc(want->npeers * sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	memcpy(peers, want->peers, want->npeers * sizeof(*peers));
	for (size_t i = 0; i < want->npeers; i++)
		peers[i].preshared_key = *wm_psk_chosen(&p->psk, &want->peers[i]);
	ret->peers = peers;
	return 0;
}

void wm_preshared_end(const struct wm_wg_device *want, struct wm_wg_device *copy)
{
	if (!copy->peers || copy->peers == want->peers)
		return;
	wm_wipe(copy->peers, copy->npeers * sizeof(*copy->peers));
	free(copy->peers);
	copy->peers = NULL;
}

size_t wm_preshared_quiet(const struct wm_preshared *p, const struct wm_wg_device *have, const struct wm_wg_diff *diff)
{
	size_t n = 0;

	for (size_t i = 0; p->psk.ntrials && i < diff->n; i++) {
		const struct wm_wg_op *op = &diff->ops[i];
		const struct wm_wg_peer *there = NULL;

		if (op->kind == WM_WG_SET_PEER && op->flags == WM_WG_OP_PSK)
			there = wm_wg_find_peer(have, &op->peer.public_key);
		n += there && wm_psk_is_trial(&p->psk, there);
	}
	return n;
}

void wm_preshared_free(struct wm_preshared *p)
{
	wm_psk_free(&p->psk);
	*p = (struct wm_preshared){ 0 };
}
