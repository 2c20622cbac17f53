/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file: a versioned header, the records, and a checksum that tells a damaged
 * file from a good one (it is no signature: who can write the file can do
 * anything here anyway). The journal: a header, and entries of the same kind.
 */
#include "core/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/model_index.h"
#include "core/summed.h"
#include "core/util.h"

#define JOURNAL_MAX ((size_t)1 << 30)
/* A journal may have this much, and this share of the file: reading it takes about as long as what it saves. */
#define JOURNAL_LEAST ((uint64_t)256 * 1024)
#define JOURNAL_SHARE 8

struct file_header {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	uint64_t len; /* of what follows */
	struct wm_token_hash sum; /* BLAKE2b-256 of what follows */
};

static const char file_magic[8] = "wmconf\n";
#define FILE_VERSION 1

static const char journal_magic[8] = "wmchng\n";
#define JOURNAL_VERSION 1

struct journal_header {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	struct wm_token_hash base; /* the file's sum */
};

struct entry_header {
	uint64_t len; /* of the records that follow */
	struct wm_token_hash sum; /* of the sum before and these records */
};

static int journal_path(const char *path, char *ret)
{
	return wm_format(ret, PATH_MAX, "%s.changes", path);
}

/* --- saving ----------------------------------------------------------------------------- */

/* Length and checksum of all that stands in f behind the header; f is then at its beginning. */
static int sum_up(FILE *f, struct file_header *h)
{
	struct wm_summed summed;
	int rc;

	if (fflush(f) || fseeko(f, sizeof(*h), SEEK_SET))
		return -errno;
	wm_summed_begin(&summed, f);
	rc = wm_summed_end(&summed, &h->sum);
	h->len = summed.len;
	return rc ? rc : fseeko(f, 0, SEEK_SET) ? -errno : 0;
}

static int write_file(FILE *f, void *arg)
{
	struct file_header h = { .version = FILE_VERSION };
	int rc;

	memcpy(h.magic, file_magic, sizeof(h.magic));
	rc = fwrite(&h, sizeof(h), 1, f) == 1 ? wm_config_write(f, arg) : -EIO;
	if (!rc)
		rc = sum_up(f, &h);
	return rc ? rc : fwrite(&h, sizeof(h), 1, f) == 1 ? 0 : -EIO;
}

int wm_config_save(const char *path, const struct wm_config *config, struct wm_journal *io_journal, struct wm_error *err)
{
	char journal[PATH_MAX];
	int rc = journal_path(path, journal);

	if (!rc)
		rc = wm_replace_file_by(path, 0600, write_file, (void *)(uintptr_t)config);
	if (rc)
		return wm_fail(err, -rc, "%s: cannot save the config: %s", path, strerror(-rc));
	/* It names the old file: left behind by a crash, it is nobody's. */
	unlink(journal);
	if (io_journal)
		*io_journal = (struct wm_journal){ 0 };
	return 0;
}

/* --- loading ------------------------------------------------------------------------------ */

/* The end record either ends in a check of the whole, or is the end. */
static int take_records(struct wm_summed *summed, bool check, struct wm_config *config, struct wm_error *err)
{
	struct wm_record record;
	int rc;

	do {
		rc = wm_summed_record(summed, &record, err);
		if (!rc)
			rc = record.type == WM_RECORD_END && !check ? 1 : wm_config_take(config, &record, err);
	} while (!rc);
	return rc < 0 ? rc : 0;
}

/* Whether it is as somebody has saved it. */
static int check_sum(struct wm_summed *summed, const struct file_header *h, struct wm_error *err)
{
	struct wm_token_hash sum;
	int rc = wm_summed_end(summed, &sum);

	if (rc)
		return wm_fail(err, -rc, "cannot read the saved config: %s", strerror(-rc));
	if (summed->len != h->len)
		return wm_fail(err, EBADMSG, "the saved config is cut short");
	if (!wm_token_hash_equal(&sum, &h->sum))
		return wm_fail(err, EBADMSG, "the saved config is damaged (wrong checksum)");
	return 0;
}

static int read_file(FILE *f, bool check, struct file_header *ret_header, struct wm_config *config, struct wm_error *err)
{
	struct file_header *h = ret_header;
	struct wm_summed summed;
	int rc, bad;

	if (fread(h, sizeof(*h), 1, f) != 1)
		return wm_fail(err, EBADMSG, "the saved config is cut short");
	if (memcmp(h->magic, file_magic, sizeof(h->magic)) || h->version != FILE_VERSION)
		return wm_fail(err, EBADMSG, "not a saved config of version %d", FILE_VERSION);
	wm_summed_begin(&summed, f);
	rc = take_records(&summed, check, config, err);
	/* What is wrong with the records of a damaged file does not matter. */
	bad = check_sum(&summed, h, err);
	return bad ? bad : rc;
}

static void sum_entry(const struct wm_token_hash *before, const void *data, size_t len, struct wm_token_hash *ret)
{
	struct wm_digest_state state;

	wm_digest_begin(&state);
	wm_digest_add(&state, before, sizeof(*before));
	wm_digest_add(&state, data, len);
	wm_digest_end(&state, ret);
}

/* The records of one entry. */
static int take_entry(const char *data, size_t len, struct wm_delta *delta)
{
	struct wm_record record;
	size_t used;
	int rc = 0;

	while (!rc && len) {
		if (wm_record_parse(data, len, &record, &used, NULL))
			return -EBADMSG;
		rc = wm_delta_take(delta, &record, NULL);
		data += used;
		len -= used;
	}
	return rc < 0 ? rc : rc == 1 && !len ? 0 : -EBADMSG;
}

/* Up to where entries are good, and of this file. -EBADMSG: they are none of ours, although their sums are right. */
static int read_journal(const char *path, const struct wm_token_hash *base, struct wm_journal *io, struct wm_delta *delta)
{
	WM_AUTO_FREE char *data = NULL;
	char journal[PATH_MAX];
	struct journal_header h;
	struct entry_header e;
	size_t len;
	int rc = journal_path(path, journal);

	io->sum = *base;
	io->len = 0;
	if (!rc)
		rc = wm_read_file(journal, JOURNAL_MAX, &data, &len);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	if (memcmp(h.magic, journal_magic, sizeof(h.magic)) || h.version != JOURNAL_VERSION ||
	    !wm_token_hash_equal(&h.base, base))
		return 0;
	for (io->len = sizeof(h); len - io->len >= sizeof(e); io->len += sizeof(e) + e.len) {
		const char *records = data + io->len + sizeof(e);
		struct wm_token_hash sum;

		memcpy(&e, data + io->len, sizeof(e));
		if (e.len > len - io->len - sizeof(e))
			break;
		sum_entry(&io->sum, records, e.len, &sum);
		if (!wm_token_hash_equal(&sum, &e.sum))
			break;
		rc = take_entry(records, e.len, delta);
		if (rc)
			return rc;
		io->sum = sum;
	}
	return 0;
}

static bool is_damage(int rc)
{
	return rc == -EBADMSG || rc == -EINVAL || rc == -ESTALE;
}

/* What has changed since the file was saved, all at once. A journal that makes no sense, or cannot be read, is done
 * without: what the file has was in force too. */
static int replay(const char *path, const struct wm_token_hash *base, bool checked, struct wm_config *config,
		  struct wm_error *err)
{
	struct wm_config_diff diff = { 0 };
	struct wm_delta delta = { 0 };
	struct wm_journal journal;
	int rc = read_journal(path, base, &journal, &delta);

	if (!rc && !checked && delta.head.after)
		rc = wm_index_all(config);
	if (!rc && delta.head.after)
		rc = wm_config_change(config, &delta, &diff, NULL);
	wm_config_diff_free(&diff);
	wm_delta_free(&delta);
	if (rc == -ENOMEM)
		return wm_fail(err, ENOMEM, "no memory for the journal");
	if (rc && !is_damage(rc))
		wm_warning("%s: cannot read what has changed since (%s): going on without it", path, strerror(-rc));
	return 0;
}

static int load(const char *path, bool check, struct wm_config *ret, struct wm_error *err)
{
	WM_AUTO_FCLOSE FILE *f = fopen(path, "re");
	struct wm_config config = { 0 };
	struct file_header h;
	int rc = f ? 0 : -errno;

	if (rc)
		return wm_fail(err, -rc, "%s: cannot read the saved config: %s", path, strerror(-rc));
	rc = read_file(f, check, &h, &config, err);
	if (!rc)
		rc = replay(path, &h.sum, check, &config, err);
	if (rc) {
		wm_config_free(&config);
		return wm_fail_in(err, is_damage(rc) ? -EBADMSG : rc, "%s", path);
	}
	*ret = config;
	return 0;
}

int wm_config_load(const char *path, struct wm_config *ret, struct wm_error *err)
{
	return load(path, true, ret, err);
}

int wm_config_recall(const char *path, struct wm_config *ret, struct wm_error *err)
{
	return load(path, false, ret, err);
}

/* --- the journal ----------------------------------------------------------------------------- */

/* A journal that does not lead to where `next` begins was done without when it was loaded: it begins anew. */
static int look(const char *path, struct wm_journal *io, const struct wm_changes *next)
{
	WM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct wm_delta delta = { 0 };
	struct file_header h;
	int rc = fd < 0 ? -errno : wm_read_full(fd, &h, sizeof(h));

	if (rc)
		return rc;
	if (memcmp(h.magic, file_magic, sizeof(h.magic)) || h.version != FILE_VERSION)
		return -EBADMSG;
	rc = read_journal(path, &h.sum, io, &delta);
	if (is_damage(rc) || (!rc && delta.head.after && delta.head.mesh.generation != next->after)) {
		io->sum = h.sum;
		io->len = 0;
		rc = 0;
	}
	wm_delta_free(&delta);
	io->file_len = rc ? 0 : h.len;
	io->known = !rc;
	return rc;
}

/* What stands behind the good part was cut by a crash, or is an older file's. */
static int open_journal(const char *path, struct wm_journal *io, int *ret)
{
	struct journal_header h = { .version = JOURNAL_VERSION, .base = io->sum };
	char journal[PATH_MAX];
	int rc = journal_path(path, journal), fd;

	if (rc)
		return rc;
	if (!io->len) {
		memcpy(h.magic, journal_magic, sizeof(h.magic));
		rc = wm_replace_file(journal, 0600, &h, sizeof(h));
		io->len = rc ? 0 : sizeof(h);
	}
	if (rc)
		return rc;
	fd = open(journal, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)io->len) || lseek(fd, 0, SEEK_END) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret = fd;
	return 0;
}

static int append(const char *path, struct wm_journal *io, const struct wm_delta *delta)
{
	WM_AUTO_FREE char *data = NULL;
	WM_AUTO_CLOSE int fd = -1;
	struct entry_header e = { 0 };
	size_t len;
	FILE *f = open_memstream(&data, &len);
	int rc = !f ? -ENOMEM : fwrite(&e, sizeof(e), 1, f) == 1 ? wm_delta_write(f, delta) : -ENOMEM;

	if (f && fclose(f) && !rc)
		rc = -ENOMEM;
	if (!rc && !io->known)
		rc = look(path, io, &delta->head);
	if (!rc)
		rc = open_journal(path, io, &fd);
	if (rc)
		return rc;
	e.len = len - sizeof(e);
	sum_entry(&io->sum, data + sizeof(e), e.len, &e.sum);
	memcpy(data, &e, sizeof(e));
	rc = wm_write_full(fd, data, len);
	if (!rc && fdatasync(fd))
		rc = -errno;
	if (rc)
		return rc;
	io->sum = e.sum;
	io->len += len;
	return 0;
}

int wm_config_append(const char *path, struct wm_journal *io_journal, const struct wm_delta *delta, struct wm_error *err)
{
	int rc = append(path, io_journal, delta);

	if (rc)
		return wm_fail(err, -rc, "%s: cannot add to the journal: %s", path, strerror(-rc));
	return io_journal->len > WM_MAX(JOURNAL_LEAST, io_journal->file_len / JOURNAL_SHARE);
}
