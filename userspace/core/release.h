/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a release of wm-gateway consists of: the manifest that is signed, the
 * order of versions, what a program's file must look like. The form of a
 * manifest, and why it says what it says: docs/updates.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/key.h"

#define WM_RELEASE_MANIFEST "wm-release"       /* its name beside the files of the release */
#define WM_RELEASE_SIGNATURE "wm-release.minisig"
#define WM_RELEASE_MANIFEST_MAX 16384          /* bytes */
#define WM_RELEASE_SIGNATURE_MAX 4096
#define WM_RELEASE_FILE_MAX (64ull << 20)
#define WM_RELEASE_NAME_SIZE 100
#define WM_VERSION_TEXT 24

#if defined(__x86_64__)
#define WM_ARCH "x86_64"
#elif defined(__aarch64__)
#define WM_ARCH "aarch64"
#elif defined(__arm__)
#define WM_ARCH "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#define WM_ARCH "riscv64"
#elif defined(__i386__)
#define WM_ARCH "i686"
#else
#define WM_ARCH "other"
#endif

/* "1.20.3"; all zero: none. */
struct wm_version {
	uint32_t part[3];
};

/* Three numbers up to 99999 without leading zeroes; -EINVAL. */
int wm_version_parse(const char *text, struct wm_version *ret);
const char *wm_version_format(const struct wm_version *v, char *buf); /* buf: WM_VERSION_TEXT */
int wm_version_compare(const struct wm_version *a, const struct wm_version *b); /* <0, 0, >0 */
bool wm_version_is_none(const struct wm_version *v);

/* What of a release belongs on a gateway. */
enum { WM_RELEASE_GATEWAY, WM_RELEASE_FETCH, WM_RELEASE_FILES };
extern const char *const wm_release_programs[WM_RELEASE_FILES];

struct wm_release_file {
	char name[WM_RELEASE_NAME_SIZE]; /* beside the manifest */
	uint64_t size;                   /* bytes, 1..WM_RELEASE_FILE_MAX */
	char sha256[WM_SHA256_TEXT];
};

struct wm_release {
	struct wm_version version;
	int64_t expires; /* unix seconds: what says it is not to be believed afterwards */
	struct wm_release_file file[WM_RELEASE_FILES]; /* for one architecture */
};

/* Letters, digits and "._+~-" (what the registry gives out), none of the last two first: it becomes part of a URL. */
bool wm_release_name_valid(const char *name);

/* -EBADMSG with the line's number; -ENOEXEC: there is nothing for that architecture in it. */
int wm_release_parse(const char *text, const char *arch, struct wm_release *ret, struct wm_error *err);

/* Do the first bytes of a program say that it runs on the kind of machine that `own` runs on? Both: WM_ELF_HEAD bytes. */
#define WM_ELF_HEAD 20
bool wm_elf_same_machine(const void *head, const void *own);
