/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/news.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"

#define SITE "{\"site\":"
#define SELF "\"self\":\""

/* Admins and readers are told all, each the same. Gateways are told who they are, and of others next to nothing; what is
 * told to one alone (of a host its LAN address, of devices their keys to the hub) stands in a line with its domain. Of
 * sites each is told another secret, the key that it shares with it: that is kept for nobody. */
static bool same_view(const struct news_text *t, const struct identity *who)
{
	char domain[WM_NAME_SIZE + 16];

	if (who->role != WM_TOKEN_GATEWAY)
		return t->role != WM_TOKEN_GATEWAY;
	if (t->role != WM_TOKEN_GATEWAY)
		return false;
	if (!strcmp(t->self, who->name))
		return true;
	if (t->own)
		return false;
	wm_format(domain, sizeof(domain), "\"domain\":\"%s\"", who->name);
	return !strstr(t->text, domain);
}

static bool is_about(const struct news_text *t, const struct wm_mesh *mesh, uint64_t after, const char *mark)
{
	return t->len && t->mesh.generation == mesh->generation && t->after == after && !strcmp(t->mark, mark) &&
	       !strcmp(t->mesh.mark, mesh->mark) && !strcmp(t->mesh.instance, mesh->instance);
}

/* The same with another's name in the header. */
static int tell(const struct news_text *t, const char *self, char **ret, size_t *ret_len)
{
	size_t is = strlen(self), was = strlen(t->self);
	char *text = malloc(t->len + is);

	if (!text)
		return -ENOMEM;
	memcpy(text, t->text, t->self_at);
	memcpy(text + t->self_at, self, is);
	memcpy(text + t->self_at + is, t->text + t->self_at + was, t->len - t->self_at - was);
	*ret = text;
	*ret_len = t->len - was + is;
	return 1;
}

int news_find(const struct news *news, const struct wm_mesh *mesh, const struct identity *who, uint64_t after, const char *mark,
	      char **ret, size_t *ret_len)
{
	if (who->role == WM_TOKEN_DEVICE)
		return 0;
	for (size_t i = 0; i < NEWS_KEPT; i++) {
		const struct news_text *t = &news->texts[i];

		if (is_about(t, mesh, after, mark) && same_view(t, who))
			return tell(t, who->role == WM_TOKEN_GATEWAY ? who->name : "", ret, ret_len);
	}
	return 0;
}

void news_keep(struct news *news, const struct wm_mesh *mesh, const struct identity *who, uint64_t after, const char *mark,
	       const char *text, size_t len)
{
	struct news_text *t = &news->texts[news->next % NEWS_KEPT];
	char domain[WM_NAME_SIZE + 16];
	const char *self;

	if (who->role == WM_TOKEN_DEVICE || len > NEWS_MAX)
		return;
	if (who->role == WM_TOKEN_GATEWAY && memmem(text, len, SITE, strlen(SITE)))
		return;
	news->next++;
	*t = (struct news_text){ .mesh = *mesh, .after = after, .role = who->role };
	memcpy(t->text, text, len);
	if (who->role == WM_TOKEN_GATEWAY) {
		memcpy(t->self, who->name, sizeof(t->self));
		wm_format(domain, sizeof(domain), "\"domain\":\"%s\"", who->name);
		t->own = strstr(t->text, domain);
		/* A name that an object has for itself cannot look like this: quotes in it are escaped. */
		self = strstr(t->text, SELF);
		if (!self)
			return;
		t->self_at = (size_t)(self - t->text) + strlen(SELF);
	}
	if (!wm_copy(t->mark, sizeof(t->mark), mark))
		t->len = len;
}
