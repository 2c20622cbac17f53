/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What everybody may have: GET /, /web/{}, /openapi.yaml, /setup...,
 * /v1/downloads, /downloads/{}.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"
#include "registry/embedded.h"
#include "registry/problem.h"
#include "registry/registry.h"

#define LISTED_MAX 10000

/* Answers 304 when the client has it already. */
static bool is_known(struct call *call, const char *tag)
{
	struct http_answer *answer = &call->request->answer;
	const char *known = http_header(call->request, "If-None-Match");

	wm_copy(answer->etag, sizeof(answer->etag), tag);
	if (!known || !call_tag_is_in(known, tag))
		return false;
	answer->status = 304;
	return true;
}

/* --- what is in the program ------------------------------------------------------------- */

static void answer_embedded(struct call *call, const struct embedded *e, const char *type)
{
	size_t len = (size_t)(e->end - e->text);
	char sha256[WM_SHA256_TEXT], tag[WM_SHA256_TEXT + 2];
	struct http_answer *answer = &call->request->answer;

	wm_sha256(e->text, len, sha256);
	wm_format(tag, sizeof(tag), "\"%s\"", sha256);
	if (is_known(call, tag))
		return;
	answer_json(call, 200, strndup(e->text, len));
	if (answer->status != 200)
		return;
	answer->type = type;
	wm_copy(answer->etag, sizeof(answer->etag), tag);
}

void api_openapi(struct call *call)
{
	answer_embedded(call, &embedded_openapi_file, "application/yaml");
}

static void answer_script(struct call *call, const char *name)
{
	const struct embedded *script = embedded_find(embedded_setup, name);

	if (script)
		answer_embedded(call, script, "text/x-shellscript; charset=utf-8");
	else
		problem_set(&call->request->answer, 404, "", "this registry has no setup script '%.40s'; /v1/downloads says which it has",
			    name);
}

void api_setup_device(struct call *call)
{
	answer_script(call, "device");
}

void api_setup(struct call *call)
{
	answer_script(call, call->arg);
}

/* --- the dashboard ------------------------------------------------------------------------ */

/* Whatever a name, a report or a person's token is made of: what is not a file of ours is not run, loaded or sent to. */
#define PAGE_POLICY                                                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "       \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* NULL: there is none of that ending. */
static const char *type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
	};
	const char *ending = strrchr(name, '.');

	for (size_t i = 0; ending && i < WM_ARRAY_LEN(types); i++) {
		if (!strcmp(types[i].ending, ending))
			return types[i].type;
	}
	return NULL;
}

static void answer_web(struct call *call, const struct embedded *file)
{
	answer_embedded(call, file, type_of(file->name));
	call->request->answer.policy = PAGE_POLICY;
}

void api_page(struct call *call)
{
	answer_web(call, &embedded_page_file);
}

void api_web(struct call *call)
{
	const struct embedded *file = embedded_find(embedded_web, call->arg);

	if (file)
		answer_web(call, file);
	else
		problem_set(&call->request->answer, 404, "", "the dashboard has no file '%.40s'; it begins at /", call->arg);
}

/* --- a file ---------------------------------------------------------------------------------- */

struct file {
	int fd;
	off_t left;
};

static ssize_t read_file(void *arg, char *buf, size_t max)
{
	struct file *f = arg;
	ssize_t n = f->left ? read(f->fd, buf, WM_MIN(max, (size_t)f->left)) : 0;

	if (n < 0)
		return -errno;
	if (!n && f->left) /* it was cut meanwhile: what was sent is not a file that there ever was */
		return -EIO;
	f->left -= n;
	return n;
}

static void free_file(void *arg)
{
	struct file *f = arg;

	close(f->fd);
	free(f);
}

void api_download(struct call *call)
{
	struct http_answer *answer = &call->request->answer;
	WM_AUTO_CLOSE int fd = -1;
	struct file *f;
	struct stat st;
	char tag[64];
	int rc = shelf_file(&call->registry->shelf, call->arg, &fd, &st);

	if (rc) {
		problem_set(answer, rc == -ENOENT ? 404 : 503, "", rc == -ENOENT ? "there is no download '%.120s'; /v1/downloads lists all" :
			    "the download '%.120s' cannot be read; try again, or tell who runs the registry", call->arg);
		return;
	}
	wm_format(tag, sizeof(tag), "\"%llx-%llx.%lx\"", (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
		  (unsigned long)st.st_mtim.tv_nsec);
	if (is_known(call, tag))
		return;
	f = malloc(sizeof(*f));
	if (!f) {
		problem_set(answer, 503, "", "the registry is out of memory; try again");
		return;
	}
	*f = (struct file){ wm_steal_fd(&fd), st.st_size };
	answer->status = 200;
	answer->type = "application/octet-stream";
	answer->stream = (struct http_stream){ read_file, free_file, f };
}

/* --- the list --------------------------------------------------------------------------------- */

struct list {
	struct shelf *shelf;
	char (*names)[SHELF_NAME_SIZE];
	size_t n, cap, at;
	uint64_t began_ms;
	const struct embedded *script; /* the next one */
	bool later, ended;
};

static int say_entry(struct list *l, char **ret, const char *path, const char *name, uint64_t size, const char *sha256)
{
	const char *before = l->later ? "," : "{\"files\":[";

	l->later = true;
	return pieces_say(ret, "%s{\"name\":\"%s\",\"path\":\"%s%s\",\"size\":%llu,\"sha256\":\"%s\"}", before, name, path, name,
			  (unsigned long long)size, sha256);
}

static int say_script(struct list *l, char **ret)
{
	const struct embedded *s = l->script++;
	char sha256[WM_SHA256_TEXT];

	wm_sha256(s->text, (size_t)(s->end - s->text), sha256);
	return say_entry(l, ret, "/setup/", s->name, (uint64_t)(s->end - s->text), sha256);
}

static int say_end(struct list *l, char **ret)
{
	if (l->ended)
		return 0;
	l->ended = true;
	return pieces_say(ret, "%s]}", l->later ? "" : "{\"files\":[");
}

/* The next file: 1 it is said, 0 it is none any more, or cannot be read. */
static int say_file(struct list *l, char **ret)
{
	const char *name = l->names[l->at];
	const struct shelf_known *known;
	int rc = shelf_hash(l->shelf, name, l->began_ms, &known);

	if (rc == -EAGAIN)
		return rc;
	l->at++;
	return rc ? 0 : say_entry(l, ret, "/downloads/", name, (uint64_t)known->st.st_size, known->sha256);
}

static int next_entry(void *arg, char **ret)
{
	struct list *l = arg;
	int rc = 0;

	if (l->script->name)
		return say_script(l, ret);
	while (!rc && l->at < l->n)
		rc = say_file(l, ret);
	return rc ? rc : say_end(l, ret);
}

static void free_list(void *arg)
{
	struct list *l = arg;

	free(l->names);
	free(l);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int read_names(struct list *l)
{
	int fd = openat(l->shelf->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	for (const struct dirent *e; !rc && l->n < LISTED_MAX && (e = readdir(dir));) {
		if (!shelf_name_valid(e->d_name))
			continue;
		rc = wm_grow((void **)&l->names, &l->cap, l->n + 1, sizeof(*l->names));
		if (!rc)
			wm_copy(l->names[l->n++], sizeof(*l->names), e->d_name);
	}
	closedir(dir);
	if (rc)
		return rc;
	if (l->n)
		qsort(l->names, l->n, sizeof(*l->names), by_name);
	shelf_keep(l->shelf, l->names, l->n);
	return 0;
}

void api_downloads(struct call *call)
{
	static const struct pieces_ops ops = { next_entry, free_list };
	struct list *l = calloc(1, sizeof(*l));
	struct http_stream stream;

	if (l) {
		l->shelf = &call->registry->shelf;
		l->script = embedded_setup;
		l->began_ms = wm_monotonic_ms();
	}
	if (l && l->shelf->there && read_names(l)) {
		free_list(l);
		problem_set(&call->request->answer, 503, "", "the directory of downloads cannot be read; tell who runs the registry");
	} else if (!l || pieces_new(&ops, l, &stream)) {
		problem_set(&call->request->answer, 503, "", "the registry is out of memory; try again");
	} else {
		answer_with(call, &stream, "application/json");
	}
}
