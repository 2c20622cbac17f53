/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/update.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/releases.h"
#include "agent/selftest.h"
#include "agent/update_get.h"
#include "core/log.h"
#include "core/minisign.h"
#include "core/util.h"

#define KEYS_FILE_MAX 16384
#define TEXT_TIMEOUT_S 60
#define FILE_TIMEOUT_S 60     /* and one more for each */
#define BYTES_A_SECOND 16384  /* of it: what is slower than that is no line for updates */

/* --- what is offered ---------------------------------------------------------------------- */

static int load_keys(const struct wm_instance *inst, struct wm_publishers *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *text = NULL;
	int rc = wm_read_file(inst->release_keys, KEYS_FILE_MAX, &text, NULL);

	if (rc == -ENOENT)
		return wm_fail(err, ENODATA, "%s: there is no such file, so no release is trusted: put the publisher's public key there (docs/updates.md)",
			       inst->release_keys);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot read it: %s", inst->release_keys, strerror(-rc));
	rc = wm_publishers_parse(text, ret, err);
	if (!rc && !ret->n)
		rc = wm_fail(err, ENODATA, "there is no key in it");
	return rc ? wm_fail_in(err, rc, "%s", inst->release_keys) : 0;
}

/* -ENOENT: nobody offers anything. */
static int fetch_manifest(const struct wm_instance *inst, struct wm_fetcher *f, const struct wm_publishers *keys,
			  struct wm_release *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *manifest = NULL, *signature = NULL;
	size_t len, signature_len;
	int rc = wm_update_get_text(f, inst, WM_RELEASE_MANIFEST, WM_RELEASE_MANIFEST_MAX, TEXT_TIMEOUT_S, &manifest, &len, err);

	if (rc)
		return rc;
	rc = wm_update_get_text(f, inst, WM_RELEASE_SIGNATURE, WM_RELEASE_SIGNATURE_MAX, TEXT_TIMEOUT_S, &signature,
				&signature_len, err);
	if (rc)
		return rc == -ENOENT ? wm_fail(err, EBADMSG, "%s/%s has no signature beside it", inst->update_url, WM_RELEASE_MANIFEST) : rc;
	/* The bytes that were verified are the bytes that are read. */
	rc = wm_minisign_check(keys, manifest, len, signature, err);
	if (!rc)
		rc = wm_release_parse(manifest, WM_ARCH, ret, err);
	return rc ? wm_fail_in(err, rc, "%s/%s", inst->update_url, WM_RELEASE_MANIFEST) : 0;
}

int wm_update_look(const struct wm_instance *inst, struct wm_fetcher *f, const struct wm_version *running,
		   struct wm_update_state *io_state, struct wm_release *ret, struct wm_error *err)
{
	struct wm_publishers keys;
	struct wm_release release;
	char text[WM_VERSION_TEXT];
	int rc = load_keys(inst, &keys, err);

	if (!rc)
		rc = fetch_manifest(inst, f, &keys, &release, err);
	if (rc == -ENOENT && wm_version_is_none(&io_state->highest))
		return 0;
	/* Whoever wants this gateway to stay as it is need not forge anything: that is told like an expired manifest. */
	if (rc == -ENOENT)
		return wm_fail(err, ENODATA, "%s/%s: there is none any more, but %s was offered before: whoever publishes must put it back",
			       inst->update_url, WM_RELEASE_MANIFEST, wm_version_format(&io_state->highest, text));
	if (rc)
		return rc;
	rc = wm_update_judge(io_state, &release, running, wm_unix_time(), err);
	if (rc == -ESTALE || rc == -ETIME)
		return rc;
	io_state->highest = release.version;
	if (rc == 1)
		*ret = release;
	return rc;
}

/* --- its files --------------------------------------------------------------------------------- */

struct sink {
	int fd;
	struct wm_sha256_state hash;
	uint64_t len;
	uint8_t head[WM_ELF_HEAD];
	struct wm_error *err;
};

static int take_part(void *arg, const void *data, size_t len)
{
	struct sink *s = arg;
	int rc;

	for (size_t i = 0; i < len && s->len + i < sizeof(s->head); i++)
		s->head[s->len + i] = ((const uint8_t *)data)[i];
	s->len += len;
	wm_sha256_add(&s->hash, data, len);
	rc = wm_write_full(s->fd, data, len);
	return rc ? wm_fail(s->err, -rc, "cannot write it: %s", strerror(-rc)) : 0;
}

static int own_head(uint8_t *ret)
{
	WM_AUTO_CLOSE int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : wm_read_full(fd, ret, WM_ELF_HEAD);
}

static int check_file(struct sink *s, const struct wm_release_file *file, struct wm_error *err)
{
	char sha256[WM_SHA256_TEXT];
	uint8_t own[WM_ELF_HEAD];

	if (s->len != file->size)
		return wm_fail(err, EBADMSG, "it is cut short: %llu bytes of %llu", (unsigned long long)s->len,
			       (unsigned long long)file->size);
	if (strcmp(wm_sha256_end(&s->hash, sha256), file->sha256))
		return wm_fail(err, EBADMSG, "it is another file than the manifest names (SHA-256 %s)", sha256);
	if (own_head(own) || !wm_elf_same_machine(s->head, own))
		return wm_fail(err, ENOEXEC, "it is no program for this architecture (" WM_ARCH ")");
	if (fchmod(s->fd, 0755) || fsync(s->fd))
		return wm_fail(err, errno, "cannot write it: %s", strerror(errno));
	return 0;
}

static int download(const struct wm_instance *inst, struct wm_fetcher *f, int dir, int program,
		    const struct wm_release_file *file, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = openat(dir, wm_release_programs[program], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct sink sink = { .fd = fd, .err = err };
	int rc;

	if (fd < 0)
		return wm_fail(err, errno, "%s: cannot make the file: %s", wm_release_programs[program], strerror(errno));
	wm_sha256_begin(&sink.hash);
	rc = wm_update_get(f, inst, file->name, file->size, FILE_TIMEOUT_S + (unsigned int)(file->size / BYTES_A_SECOND),
			   take_part, &sink, err);
	if (!rc)
		rc = check_file(&sink, file, err);
	return rc ? wm_fail_in(err, rc, "%s", file->name) : 0;
}

static int stage(const struct wm_instance *inst, struct wm_fetcher *f, const struct wm_release *release, struct wm_error *err)
{
	WM_AUTO_CLOSE int dir = -1;
	int rc = wm_releases_begin(inst, &release->version, &dir, err);

	for (int i = 0; !rc && i < WM_RELEASE_FILES; i++)
		rc = download(inst, f, dir, i, &release->file[i], err);
	return rc ? rc : wm_releases_finish(inst, &release->version, dir, err);
}

/* --- a round ------------------------------------------------------------------------------------- */

void wm_update_environment(void)
{
	unsetenv("WM_LIBEXEC");
	setenv("WM_NO_HANDOVER", "1", 1);
}

/* After so many trials that nobody saw the end of, it is the likely cause. */
static int check_tries(struct wm_update_state *state, const struct wm_version *version, struct wm_error *err)
{
	if (wm_version_compare(&state->tried, version) || state->tries < WM_UPDATE_TRIES_MAX)
		return 0;
	wm_fail(err, EPERM, "it was tried %d times, and was never in sync before it, wm-agent or the machine stopped, or its time was over",
		WM_UPDATE_TRIES_MAX);
	wm_update_state_add_bad(state, version, err->text);
	return -EPERM;
}

static int take_release(const struct wm_instance *inst, struct wm_fetcher *f, const struct wm_release *release,
			const struct wm_gateway_args *args, struct wm_update_state *state, struct wm_error *err)
{
	char text[WM_VERSION_TEXT];
	int rc = check_tries(state, &release->version, err);

	wm_version_format(&release->version, text);
	if (rc)
		return wm_fail_in(err, rc, "%s is not tried again", text);
	wm_info("downloading wm-gateway %s", text);
	rc = stage(inst, f, release, err);
	if (rc)
		return wm_fail_in(err, rc, "%s is not taken", text);
	rc = wm_selftest_run(inst, &release->version, args, err);
	if (!rc) {
		state->staged = release->version;
		return 0;
	}
	/* Not where this machine had no memory or process for it. */
	if (rc == -EIO || rc == -EBADMSG)
		wm_update_state_add_bad(state, &release->version, err->text);
	if (rc == -ECANCELED || rc == -ETIMEDOUT)
		wm_update_state_begun(state, &release->version);
	return wm_fail_in(err, rc, "%s is not taken", text);
}

/* What stands in brackets may be another figure each time: how long it took. */
static bool is_news(const char *why, const char *before)
{
	size_t len = strcspn(why, "(");

	return len != strcspn(before, "(") || strncmp(why, before, len) != 0;
}

bool wm_update_round(const struct wm_instance *inst, const struct wm_version *running, const struct wm_version *installed,
		     const struct wm_gateway_args *args)
{
	struct wm_fetcher fetcher = { .fd = -1 };
	struct wm_error err = { 0 }, unsaved;
	struct wm_update_state state;
	struct wm_release release;
	char path[PATH_MAX];
	int rc = wm_make_dirs(inst->state_dir, 0700);

	if (!rc)
		rc = wm_make_dirs(inst->releases, 0755);
	if (!rc)
		rc = wm_releases_state(inst, path);
	/* Only wm-agent writes it, and waits for us. */
	if (!rc)
		rc = WM_MIN(wm_remove_unfinished(path), 0);
	if (!rc)
		rc = wm_update_state_load(path, &state);
	if (rc) {
		wm_warning("%s: cannot be used: %s; no updates", inst->releases, strerror(-rc));
		return false;
	}
	state.staged = (struct wm_version){ 0 };
	rc = wm_update_look(inst, &fetcher, installed, &state, &release, &err);
	if (rc == 1)
		rc = take_release(inst, &fetcher, &release, args, &state, &err);
	wm_fetcher_stop(&fetcher);
	if (rc < 0) {
		/* What was refused goes; what runs, and what it may have to go back to, stays. */
		wm_releases_prune(inst, running, wm_version_is_none(&state.before) ? running : &state.before);
		/* Once, and not every ten minutes: what is bad was told when it became so. */
		if (is_news(err.text, state.why) && rc != -EALREADY)
			wm_warning("update: %s", err.text);
	}
	wm_update_state_complain(&state, wm_unix_time(), rc < 0 ? err.text : NULL);
	state.checked = wm_unix_time();
	state.rounds += wm_version_is_none(&state.staged);
	if (wm_update_state_save(path, &state, &unsaved)) {
		wm_warning("%s; no updates", unsaved.text);
		return false;
	}
	return !wm_version_is_none(&state.staged);
}
