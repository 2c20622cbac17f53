/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file: a header and two tables of counters. `before` is what was counted
 * until the last back end that left took over; `after` has that one's besides.
 * While its objects are still there, because somebody was killed before they
 * were removed, it may be in force again, and then only `before` is not its own.
 */
#include "kernel/carried.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"

#define MAGIC 0x776d6301u /* and a version */
#define FILE_MAX_BYTES (256u << 20)
#define BOOT_ID_SIZE 40

struct header {
	uint32_t magic, reasons;
	char boot[BOOT_ID_SIZE];
	uint64_t source; /* of what `after` has more than `before` */
	uint64_t nends[2];
};

enum { BEFORE, AFTER };

/* As read from the file; all zero: there is none. Ends are sorted by overlay address. */
struct carried {
	uint64_t source;
	struct wm_counters table[2];
};

static void carried_free(struct carried *c)
{
	wm_counters_free(&c->table[BEFORE]);
	wm_counters_free(&c->table[AFTER]);
}
#define AUTO_CARRIED __attribute__((cleanup(carried_free)))

/* --- the file --------------------------------------------------------------------------------- */

static int path_of(const struct wm_instance *inst, char ret[WM_PATH_SIZE])
{
	return wm_format(ret, WM_PATH_SIZE, "%s/counters", inst->state_dir);
}

static void boot_id(char ret[BOOT_ID_SIZE])
{
	WM_AUTO_FREE char *text = NULL;

	memset(ret, 0, BOOT_ID_SIZE);
	if (wm_read_file("/proc/sys/kernel/random/boot_id", BOOT_ID_SIZE - 1, &text, NULL) == 0)
		snprintf(ret, BOOT_ID_SIZE, "%s", text);
}

/* Takes the next table off the text. */
static int take(struct wm_counters *ret, uint64_t nends, const char **text, size_t *left)
{
	size_t ends = nends * sizeof(*ret->ends);

	if (nends > FILE_MAX_BYTES / sizeof(*ret->ends) || *left < sizeof(ret->reason) + ends)
		return -EBADMSG;
	memcpy(ret->reason, *text, sizeof(ret->reason));
	ret->ends = calloc(nends + 1, sizeof(*ret->ends));
	if (!ret->ends)
		return -ENOMEM;
	memcpy(ret->ends, *text + sizeof(ret->reason), ends);
	ret->nends = nends;
	*text += sizeof(ret->reason) + ends;
	*left -= sizeof(ret->reason) + ends;
	return 0;
}

/* Another start's, another version's or a broken one is as good as none. */
static int load(const struct wm_instance *inst, struct carried *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE], boot[BOOT_ID_SIZE];
	AUTO_CARRIED struct carried c = { 0 };
	struct header h;
	size_t left;

	*ret = c;
	if (!*inst->state_dir || path_of(inst, path))
		return 0;
	int rc = wm_read_file(path, FILE_MAX_BYTES, &text, &left);
	if (rc)
		return rc == -ENOENT ? 0 : wm_fail(err, -rc, "cannot read %s: %s", path, strerror(-rc));
	boot_id(boot);
	if (left < sizeof(h))
		return 0;
	memcpy(&h, text, sizeof(h));
	if (h.magic != MAGIC || h.reasons != WM_REASON_COUNT || memcmp(h.boot, boot, sizeof(boot)))
		return 0;
	const char *at = text + sizeof(h);
	left -= sizeof(h);
	c.source = h.source;
	for (int i = BEFORE; i <= AFTER && rc == 0; i++)
		rc = take(&c.table[i], h.nends[i], &at, &left);
	if (rc)
		return rc == -EBADMSG ? 0 : rc;
	*ret = c;
	c = (struct carried){ 0 };
	return 0;
}

static int save(const struct wm_instance *inst, const struct carried *c, struct wm_error *err)
{
	struct header h = { .magic = MAGIC, .reasons = WM_REASON_COUNT, .source = c->source };
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int rc = path_of(inst, path);

	if (!f)
		return wm_fail(err, ENOMEM, "no memory for the counters");
	boot_id(h.boot);
	for (int i = BEFORE; i <= AFTER; i++)
		h.nends[i] = c->table[i].nends;
	fwrite(&h, sizeof(h), 1, f);
	for (int i = BEFORE; i <= AFTER; i++) {
		fwrite(c->table[i].reason, sizeof(c->table[i].reason), 1, f);
		fwrite(c->table[i].ends, sizeof(*c->table[i].ends), c->table[i].nends, f);
	}
	if (fclose(f))
		rc = -ENOMEM;
	if (rc == 0)
		rc = wm_make_dirs(inst->state_dir, 0700);
	if (rc == 0)
		rc = wm_replace_file(path, 0600, text, len);
	return rc ? wm_fail(err, -rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}

/* --- counters ----------------------------------------------------------------------------------- */

static void add_count(struct wm_count *to, const struct wm_count *more)
{
	to->packets += more->packets;
	to->bytes += more->bytes;
}

static void add_end(struct wm_end_counters *to, const struct wm_end_counters *more)
{
	add_count(&to->to, &more->to);
	add_count(&to->from, &more->from);
	to->drops += more->drops;
	to->last_seen = WM_MAX(to->last_seen, more->last_seen);
	if (!to->owner)
		to->owner = more->owner;
}

/* Of ends in both, sorted by overlay. Where `to` does not know whose they are, or it is the same. */
static void add_known(struct wm_counters *to, const struct wm_counters *more)
{
	for (int i = 0; i < WM_REASON_COUNT; i++)
		add_count(&to->reason[i], &more->reason[i]);
	for (size_t i = 0, j = 0; i < to->nends; i++) {
		while (j < more->nends && more->ends[j].overlay < to->ends[i].overlay)
			j++;
		if (j < more->nends && more->ends[j].overlay == to->ends[i].overlay &&
		    (!to->ends[i].owner || to->ends[i].owner == more->ends[j].owner))
			add_end(&to->ends[i], &more->ends[j]);
	}
}

/* A table with all ends of the plan and nothing counted. */
static int empty(const struct wm_plan *plan, struct wm_counters *ret)
{
	*ret = (struct wm_counters){ .ends = calloc(plan->nends + 1, sizeof(*ret->ends)), .nends = plan->nends };
	if (!ret->ends)
		return -ENOMEM;
	for (size_t i = 0; i < plan->nends; i++) {
		const char *name = plan->ends[i].name;

		ret->ends[i].overlay = plan->ends[i].overlay;
		ret->ends[i].owner = wm_hash32(name, strlen(name));
	}
	return 0;
}

/* What a back end counts for whom it does not know is the plan's. */
static void add_any(struct wm_counters *to, const struct wm_counters *more)
{
	struct wm_counters named = *more;

	named.ends = calloc(more->nends + 1, sizeof(*named.ends));
	if (!named.ends)
		return;
	memcpy(named.ends, more->ends, more->nends * sizeof(*named.ends));
	for (size_t i = 0, j = 0; i < named.nends; i++) {
		while (j < to->nends && to->ends[j].overlay < named.ends[i].overlay)
			j++;
		if (!named.ends[i].owner && j < to->nends && to->ends[j].overlay == named.ends[i].overlay)
			named.ends[i].owner = to->ends[j].owner;
	}
	add_known(to, &named);
	free(named.ends);
}

/* --- verbs -------------------------------------------------------------------------------------- */

int wm_carried_add(const struct wm_instance *inst, const struct wm_plan *plan, uint64_t source,
		   const struct wm_counters *last, struct wm_error *err)
{
	AUTO_CARRIED struct carried old = { 0 }, new = { .source = source };
	int rc = *inst->state_dir ? load(inst, &old, err) : 0;

	if (rc || !*inst->state_dir)
		return rc;
	if (empty(plan, &new.table[BEFORE]) || empty(plan, &new.table[AFTER]))
		return wm_fail(err, ENOMEM, "no memory for the counters");
	for (int i = BEFORE; i <= AFTER; i++)
		add_known(&new.table[i], &old.table[old.source == source ? BEFORE : AFTER]);
	add_any(&new.table[AFTER], last);
	return save(inst, &new, err);
}

int wm_carried_merge(const struct wm_instance *inst, uint64_t source, struct wm_counters *counters, struct wm_error *err)
{
	AUTO_CARRIED struct carried c = { 0 };
	int rc = load(inst, &c, err);

	if (rc == 0)
		add_known(counters, &c.table[c.source == source ? BEFORE : AFTER]);
	return rc;
}

int wm_carried_prune(const struct wm_instance *inst, const struct wm_plan *plan, struct wm_error *err)
{
	AUTO_CARRIED struct carried old = { 0 }, new = { 0 };
	int rc = load(inst, &old, err);

	if (rc || !old.source)
		return rc;
	new.source = old.source;
	if (empty(plan, &new.table[BEFORE]) || empty(plan, &new.table[AFTER]))
		return wm_fail(err, ENOMEM, "no memory for the counters");
	for (int i = BEFORE; i <= AFTER; i++)
		add_known(&new.table[i], &old.table[i]);
	return save(inst, &new, err);
}

int wm_carried_remove(const struct wm_instance *inst, struct wm_error *err)
{
	char path[WM_PATH_SIZE];

	if (!*inst->state_dir || path_of(inst, path) || unlink(path) == 0 || errno == ENOENT)
		return 0;
	return wm_fail(err, errno, "cannot remove %s: %s", path, strerror(errno));
}

void wm_carried_tell(const struct wm_error *err)
{
	wm_warning("what was counted before does not go on: %s", err->text);
}

void wm_carried_forget(const struct wm_instance *inst, const struct wm_plan *plan)
{
	struct wm_error err = { 0 };

	if (wm_carried_prune(inst, plan, &err))
		wm_carried_tell(&err);
}
