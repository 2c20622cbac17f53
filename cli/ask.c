/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/like.h"
#include "core/util.h"

#define TRIES 5

/* A question: its text; what an answer has to be. `take` returns NULL when the answer
 * is good, else a sentence's end. An empty answer is taken too, as "". */
struct question {
	const char *text;
	const char *(*take)(const struct wm_config *config, struct wm_host *host, const char *answer);
	const char *key; /* the field it fills, sent when there was an answer; NULL: it always is */
};

static const char *take_site(const struct wm_config *config, struct wm_host *host, const char *answer)
{
	static char why[LIKE_TEXT];
	char like[WM_FQDN_SIZE];

	if (!*answer && config->nsites == 1)
		answer = config->sites[0].domain;
	if (wm_config_site(config, answer))
		return wm_copy(host->domain, sizeof(host->domain), answer) ? "it is too long" : NULL;
	if (!nearest_in(config, LIKE_SITES, answer, like))
		return "there is no such site; a new one: wm add-site";
	snprintf(why, sizeof(why), "there is no such site; did you mean '%s'?", like);
	return why;
}

static const char *take_name(const struct wm_config *config, struct wm_host *host, const char *answer)
{
	char name[WM_NAME_SIZE], domain[WM_NAME_SIZE];

	if (!wm_fqdn_split(answer, name, domain) && !strcmp(domain, host->domain))
		answer = name; /* "nas.b" is how it will be called */
	if (!wm_host_valid(answer))
		return "it must be one word of a-z, 0-9 and '-' (gw and localhost are taken)";
	if (wm_config_host(config, answer, host->domain))
		return "that site has a host of this name already";
	return wm_copy(host->name, sizeof(host->name), answer) ? "it is too long" : NULL;
}

static const char *take_local(const struct wm_config *config, struct wm_host *host, const char *answer)
{
	static struct wm_error err;
	wm_ip4 local;

	if (wm_ip4_parse(answer, &local))
		return "it must be an address like 192.168.1.10";
	if (wm_local_check(config->mesh.supernet, local, &err))
		return err.text;
	for (size_t i = 0; i < config->nhosts; i++) {
		const struct wm_host *h = &config->hosts[i];

		if (h->local == local && !strcmp(h->domain, host->domain)) {
			wm_fail(&err, EEXIST, "it is that of %s.%s", h->name, h->domain);
			return err.text;
		}
	}
	host->local = local;
	return NULL;
}

static const char *take_type(const struct wm_config *config, struct wm_host *host, const char *answer)
{
	(void)config;
	if (*answer && strcmp(answer, "standard") && strcmp(answer, "isolated"))
		return "it must be standard or isolated";
	host->access = !strcmp(answer, "isolated") ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
	return NULL;
}

static const char *take_overlay(const struct wm_config *config, struct wm_host *host, const char *answer)
{
	static struct wm_error err;
	wm_ip4 overlay;

	if (!*answer)
		return NULL;
	if (wm_ip4_parse(answer, &overlay))
		return "it must be an address like 172.30.2.10";
	if (wm_overlay_check(wm_config_site(config, host->domain)->subnet, overlay, &err))
		return err.text;
	if (wm_config_host_at(config, overlay))
		return "it is taken";
	host->overlay = overlay;
	return NULL;
}

static const struct question questions[] = {
	{"Its site?", take_site, NULL},
	{"Its name?", take_name, NULL},
	{"Its address on the LAN?", take_local, "local_ip"},
	{"Standard, or isolated (may answer, not ask) [standard]?", take_type, "type"},
	{"Its overlay address [the next free one]?", take_overlay, "wg_ip"},
};

static int ask_one(const struct wm_config *config, const struct question *q, struct wm_host *host, uint32_t *mask)
{
	char answer[128];

	for (int tries = 0; tries < TRIES; tries++) {
		const char *why;

		if (ask_line(q->text, false, answer, sizeof(answer)))
			break;
		why = q->take(config, host, answer);
		if (!why) {
			if (q->key && *answer)
				*mask |= field_bit(&wm_host_table, q->key);
			return 0;
		}
		fprintf(stderr, "  %s\n", why);
	}
	return complain(WM_EXIT_USAGE, "nothing was added");
}

int ask_host(struct api *api, struct wm_host *host, uint32_t *mask)
{
	struct wm_config config = {0};
	struct wm_error err = {0};
	int rc = api_config(api, &config, &err), code = 0;

	rc = rc ?: wm_config_finish(&config, &err);
	if (!rc && !config.nsites)
		rc = wm_fail(&err, ENOENT, "the mesh has no site yet; create one: wm add-site DOMAIN");
	if (rc)
		code = complain_error(rc, &err);
	for (size_t i = 0; !code && i < config.nsites; i++)
		fprintf(stderr, "  %s%s\n", config.sites[i].domain, config.nsites == 1 ? "  (Enter takes it)" : "");
	for (size_t i = 0; !code && i < WM_ARRAY_LEN(questions); i++) {
		if (questions[i].key && *mask & field_bit(&wm_host_table, questions[i].key))
			continue; /* an option said it */
		code = ask_one(&config, &questions[i], host, mask);
	}
	wm_config_free(&config);
	return code;
}
