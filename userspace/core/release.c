/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/release.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/time.h"
#include "core/util.h"

#define FIRST_LINE "wm-release 1"
#define PART_DIGITS 5

const char *const wm_release_programs[WM_RELEASE_FILES] = {
	[WM_RELEASE_GATEWAY] = "wm-gateway", [WM_RELEASE_FETCH] = "wm-fetch",
};

/* --- versions -------------------------------------------------------------------------- */

/* Digits without a leading zero: what comes out again as it went in. */
static int parse_number(const char **io_text, size_t digits_max, uint64_t *ret)
{
	size_t digits = strspn(*io_text, "0123456789");
	uint64_t n = 0;

	if (!digits || digits > digits_max || (digits > 1 && **io_text == '0'))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint64_t)((*io_text)[i] - '0');
	*io_text += digits;
	*ret = n;
	return 0;
}

int wm_version_parse(const char *text, struct wm_version *ret)
{
	struct wm_version v;
	uint64_t n;

	for (size_t i = 0; i < WM_ARRAY_LEN(v.part); i++) {
		if ((i && *text++ != '.') || parse_number(&text, PART_DIGITS, &n))
			return -EINVAL;
		v.part[i] = (uint32_t)n;
	}
	if (*text)
		return -EINVAL;
	*ret = v;
	return 0;
}

const char *wm_version_format(const struct wm_version *v, char *buf)
{
	snprintf(buf, WM_VERSION_TEXT, "%u.%u.%u", v->part[0] % 100000, v->part[1] % 100000, v->part[2] % 100000);
	return buf;
}

int wm_version_compare(const struct wm_version *a, const struct wm_version *b)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(a->part); i++) {
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	}
	return 0;
}

bool wm_version_is_none(const struct wm_version *v)
{
	return !v->part[0] && !v->part[1] && !v->part[2];
}

/* --- the manifest -------------------------------------------------------------------------- */

bool wm_release_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+~-";
	size_t len = strlen(name);

	return len && len < WM_RELEASE_NAME_SIZE && strspn(name, allowed) == len && *name != '.' && *name != '-';
}

struct parser {
	const char *arch;
	struct wm_release release;
	bool has_version, has_expires;
};

static bool sha256_valid(const char *text)
{
	return strlen(text) == WM_SHA256_TEXT - 1 && strspn(text, "0123456789abcdef") == WM_SHA256_TEXT - 1;
}

/* <architecture> <program> <bytes> <sha256> <name> */
static int take_file(struct parser *p, char *words)
{
	struct wm_release_file file = { 0 };
	char *save = NULL, *word[5];
	const char *size;
	size_t i;

	for (i = 0; i < WM_ARRAY_LEN(word); i++) {
		word[i] = strtok_r(i ? NULL : words, " ", &save);
		if (!word[i])
			return -EBADMSG;
	}
	size = word[2];
	if (strtok_r(NULL, " ", &save) || parse_number(&size, 9, &file.size) || *size || !file.size ||
	    file.size > WM_RELEASE_FILE_MAX || !sha256_valid(word[3]) || !wm_release_name_valid(word[4]))
		return -EBADMSG;
	strcpy(file.sha256, word[3]);
	strcpy(file.name, word[4]);
	for (i = 0; i < WM_RELEASE_FILES && strcmp(word[1], wm_release_programs[i]); i++)
		;
	/* Other machines' files, and programs that come later, are no concern of ours. */
	if (i == WM_RELEASE_FILES || strcmp(word[0], p->arch))
		return 0;
	if (p->release.file[i].size)
		return -EBADMSG;
	p->release.file[i] = file;
	return 0;
}

static int take_version(struct parser *p, char *words)
{
	if (p->has_version || wm_version_parse(words, &p->release.version) || wm_version_is_none(&p->release.version))
		return -EBADMSG;
	p->has_version = true;
	return 0;
}

static int take_expires(struct parser *p, char *words)
{
	if (p->has_expires || wm_time_parse(words, &p->release.expires))
		return -EBADMSG;
	p->has_expires = true;
	return 0;
}

static const struct {
	const char *key;
	int (*take)(struct parser *p, char *words);
} keys[] = {
	{ "version ", take_version },
	{ "expires ", take_expires },
	{ "file ", take_file },
};

/* What is not known is of a later version, and signed: it does not change what the rest means. */
static int take_line(struct parser *p, char *line)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
		size_t len = strlen(keys[i].key);

		if (!strncmp(line, keys[i].key, len))
			return keys[i].take(p, line + len);
	}
	return 0;
}

int wm_release_parse(const char *text, const char *arch, struct wm_release *ret, struct wm_error *err)
{
	WM_AUTO_FREE char *copy = strdup(text);
	struct parser p = { .arch = arch };
	unsigned int number = 1;
	char *line = copy, *end;

	if (!copy)
		return wm_fail(err, ENOMEM, "out of memory");
	for (; (end = strchr(line, '\n')); line = end + 1, number++) {
		*end = '\0';
		if (number == 1 && strcmp(line, FIRST_LINE))
			return wm_fail(err, EBADMSG, "the manifest does not begin with '" FIRST_LINE "': a newer wm-agent is needed for another form, from the package");
		if (number > 1 && take_line(&p, line))
			return wm_fail(err, EBADMSG, "line %u of the manifest is malformed: '%.60s'", number, line);
	}
	if (*line || number == 1 || !p.has_version || !p.has_expires)
		return wm_fail(err, EBADMSG, "the manifest is not complete: it needs whole lines, a version and when it expires");
	for (size_t i = 0; i < WM_RELEASE_FILES; i++) {
		if (!p.release.file[i].size)
			return wm_fail(err, ENOEXEC, "the release has no %s for this architecture (%.20s)", wm_release_programs[i], arch);
	}
	*ret = p.release;
	return 0;
}

bool wm_elf_same_machine(const void *head, const void *own)
{
	const uint8_t *a = head, *b = own;

	/* Magic, 32 or 64 bits, byte order; then at 18 what machine. */
	return !memcmp(a, ELFMAG, SELFMAG) && a[EI_CLASS] == b[EI_CLASS] && a[EI_DATA] == b[EI_DATA] &&
	       !memcmp(a + offsetof(Elf64_Ehdr, e_machine), b + offsetof(Elf64_Ehdr, e_machine), sizeof(Elf64_Half));
}
