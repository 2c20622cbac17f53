/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last good config on disk: a versioned header, the records, and a
 * checksum that tells a damaged file from a good one (it is no signature: who
 * can write the file can do anything here anyway).
 */
#include <errno.h>
#include <string.h>

#include "core/record.h"
#include "core/util.h"

#define FILE_MAX ((size_t)1 << 30)

struct file_header {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	uint64_t len; /* of what follows */
	struct wm_token_hash sum; /* BLAKE2b-256 of what follows */
};

static const char file_magic[8] = "wmconf\n";
#define FILE_VERSION 1

int wm_config_save(const char *path, const struct wm_config *config, struct wm_error *err)
{
	struct file_header h = { .version = FILE_VERSION };
	WM_AUTO_FREE char *data = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&data, &len);
	int rc;

	if (!f)
		return wm_fail(err, ENOMEM, "%s: out of memory", path);
	memcpy(h.magic, file_magic, sizeof(h.magic));
	rc = fwrite(&h, sizeof(h), 1, f) == 1 ? wm_config_write(f, config) : -ENOMEM;
	if (fclose(f) && !rc)
		rc = -ENOMEM;
	if (!rc) {
		h.len = len - sizeof(h);
		wm_digest(data + sizeof(h), h.len, &h.sum);
		memcpy(data, &h, sizeof(h));
		rc = wm_replace_file(path, 0600, data, len);
	}
	if (rc)
		return wm_fail(err, -rc, "%s: cannot save the config: %s", path, strerror(-rc));
	return 0;
}

/* The whole file, of which what follows the header is as somebody has saved it. */
static int read_whole(const char *path, char **ret, size_t *ret_len, struct wm_error *err)
{
	WM_AUTO_FREE char *data = NULL;
	struct file_header h;
	struct wm_token_hash sum;
	size_t len;
	int rc = wm_read_file(path, FILE_MAX, &data, &len);

	if (rc)
		return wm_fail(err, -rc, "%s: cannot read the saved config: %s", path, strerror(-rc));
	if (len < sizeof(h))
		return wm_fail(err, EBADMSG, "%s: the saved config is cut short", path);
	memcpy(&h, data, sizeof(h));
	if (memcmp(h.magic, file_magic, sizeof(h.magic)) || h.version != FILE_VERSION)
		return wm_fail(err, EBADMSG, "%s: not a saved config of version %d", path, FILE_VERSION);
	if (h.len != len - sizeof(h))
		return wm_fail(err, EBADMSG, "%s: the saved config is cut short", path);
	wm_digest(data + sizeof(h), h.len, &sum);
	if (!wm_token_hash_equal(&sum, &h.sum))
		return wm_fail(err, EBADMSG, "%s: the saved config is damaged (wrong checksum)", path);
	*ret = WM_STEAL(data);
	*ret_len = len;
	return 0;
}

/* Its records one after another; the end record either ends in a check of the whole, or is the end. */
static int take_records(const char *data, size_t len, bool check, struct wm_config *config, struct wm_error *err)
{
	struct wm_record record;
	int rc;

	do {
		size_t used = 0;

		rc = len ? wm_record_parse(data, len, &record, &used, err) :
			   wm_fail(err, EBADMSG, "the config ends before its end record");
		if (rc == 1)
			rc = wm_fail(err, EBADMSG, "a record is cut short");
		if (!rc)
			rc = record.type == WM_RECORD_END && !check ? 1 : wm_config_take(config, &record, err);
		data += used;
		len -= used;
	} while (!rc);
	return rc < 0 ? rc : 0;
}

static int load(const char *path, bool check, struct wm_config *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *data = NULL;
	struct wm_config config = { 0 };
	size_t len = 0;
	int rc = read_whole(path, &data, &len, err);

	if (rc)
		return rc;
	rc = take_records(data + sizeof(struct file_header), len - sizeof(struct file_header), check, &config, err);
	if (rc) {
		wm_config_free(&config);
		return wm_fail_in(err, rc == -EINVAL ? -EBADMSG : rc, "%s", path);
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
