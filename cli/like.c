/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/like.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"

/* Sites, hosts and devices behind one another. */
struct names {
	const struct wm_config *config;
	size_t nsites, nhosts, ndevices; /* of those that are looked at */
	char buf[WM_FQDN_SIZE];
};

static const char *name_at(const void *arg, size_t i)
{
	struct names *n = (struct names *)arg; /* for its buffer */

	if (i < n->nsites)
		return n->config->sites[i].domain;
	i -= n->nsites;
	if (i >= n->nhosts)
		return n->config->devices[i - n->nhosts].name;
	wm_format(n->buf, sizeof(n->buf), "%s.%s", n->config->hosts[i].name, n->config->hosts[i].domain);
	return n->buf;
}

const char *nearest_in(const struct wm_config *config, unsigned int kinds, const char *word, char buf[WM_FQDN_SIZE])
{
	struct names n = {
		.config = config,
		.nsites = kinds & LIKE_SITES ? config->nsites : 0,
		.nhosts = kinds & LIKE_HOSTS ? config->nhosts : 0,
		.ndevices = kinds & LIKE_DEVICES ? config->ndevices : 0,
	};
	int like;

	/* "nas" where "nas.b" is meant. */
	for (size_t i = 0; i < n.nhosts; i++) {
		if (!strcmp(config->hosts[i].name, word))
			return wm_format(buf, WM_FQDN_SIZE, "%s.%s", word, config->hosts[i].domain) ? NULL : buf;
	}
	like = nearest(word, n.nsites + n.nhosts + n.ndevices, name_at, &n);

	if (like < 0 || wm_copy(buf, WM_FQDN_SIZE, name_at(&n, (size_t)like)))
		return NULL;
	return buf;
}

const char *did_you_mean(struct api *api, unsigned int kinds, const char *word, const char *otherwise, char buf[LIKE_TEXT])
{
	struct wm_config config = {0};
	char name[WM_FQDN_SIZE];

	if (api_config(api, &config, NULL))
		return otherwise;
	if (nearest_in(&config, kinds, word, name))
		snprintf(buf, LIKE_TEXT, "did you mean '%s'?", name);
	else
		wm_copy(buf, LIKE_TEXT, otherwise);
	wm_config_free(&config);
	return *buf ? buf : otherwise;
}

const char *site_missing(struct api *api, const char *domain, char buf[LIKE_TEXT + WM_NAME_SIZE])
{
	struct wm_config config = {0};
	char name[WM_FQDN_SIZE];
	bool missing = !api_config(api, &config, NULL) && !wm_config_site(&config, domain);

	if (missing && nearest_in(&config, LIKE_SITES, domain, name))
		snprintf(buf, LIKE_TEXT + WM_NAME_SIZE, "there is no site '%s'; did you mean '%s'?", domain, name);
	else
		snprintf(buf, LIKE_TEXT + WM_NAME_SIZE, "there is no site '%s'; 'wm list-sites' shows what there is", domain);
	wm_config_free(&config);
	return missing ? buf : NULL;
}
