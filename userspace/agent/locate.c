/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/locate.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/time.h"
#include "core/util.h"
#include "kernel/link.h"

#define AGAIN_MS 120000 /* less than WireGuard takes to give up a peer that has moved */

static int said_path(const struct wm_instance *inst, char *ret)
{
	return wm_format(ret, WM_PATH_SIZE, "%s/endpoint", inst->state_dir);
}

/* Without it, what we said before counts as entered by somebody: it stays. */
void wm_locating_load(struct wm_locating *l, const struct wm_instance *inst)
{
	WM_AUTO_FREE char *text = NULL;
	char path[WM_PATH_SIZE];

	if (said_path(inst, path) || wm_read_file(path, WM_ENDPOINT_TEXT, &text, NULL))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (wm_endpoint_parse(text, &l->said))
		l->said = (struct wm_endpoint){ 0 };
}

bool wm_locating_due(const struct wm_locating *l, const struct wm_instance *inst)
{
	return inst->locate.by != WM_LOCATE_GIVEN && inst->locate.by != WM_LOCATE_NEVER && wm_monotonic_ms() >= l->next_ms;
}

void wm_locating_ask(struct wm_locating *l, const struct wm_instance *inst, struct wm_fetch_locate *ret)
{
	*ret = (struct wm_fetch_locate){ .port = inst->locate.port };
	memcpy(ret->name, inst->locate.name, sizeof(ret->name));
	memcpy(ret->services, inst->locate.services, sizeof(ret->services));
	l->asked = true;
	l->next_ms = wm_monotonic_ms() + AGAIN_MS;
}

void wm_locating_take(struct wm_locating *l, const struct wm_fetch_located *found)
{
	const struct wm_endpoint *seen = &found->endpoint;

	l->located = (struct wm_located){ .seen = *seen, .own = seen->family && wm_link_is_own(seen) };
	l->known = true;
	l->by_services = found->by_services;
	l->found = wm_unix_time();
	*l->problem.text = '\0';
}

void wm_locating_failed(struct wm_locating *l, const struct wm_error *why)
{
	if (strcmp(l->problem.text, why->text))
		wm_warning("where others reach this gateway is not known: %s", why->text);
	l->problem = *why;
}

bool wm_locating_wish(const struct wm_locating *l, const struct wm_instance *inst, const struct wm_endpoint *registry,
		      struct wm_endpoint *ret)
{
	return wm_locate_decide(&inst->locate, l->known ? &l->located : NULL, registry, &l->said, ret);
}

void wm_locating_say(struct wm_locating *l, const struct wm_instance *inst, const struct wm_endpoint *endpoint)
{
	char path[WM_PATH_SIZE], text[WM_ENDPOINT_TEXT + 1];
	int rc;

	if (inst->locate.by == WM_LOCATE_GIVEN || wm_endpoint_equal(&l->said, endpoint))
		return;
	wm_endpoint_format(endpoint, text);
	wm_info("others reach this gateway %s%s%s", endpoint->family ? "at " : "by way of the hub only", text,
		inst->locate.by == WM_LOCATE_NAME ? ", as PUBLIC_IP leads there" : "");
	l->said = *endpoint;
	rc = said_path(inst, path);
	strcat(text, "\n");
	if (!rc)
		rc = wm_replace_file(path, 0644, text, strlen(text));
	if (rc)
		wm_warning("cannot keep %s/endpoint: %s", inst->state_dir, strerror(-rc));
}

static const char *by_whom(const struct wm_locating *l, const struct wm_instance *inst)
{
	switch (inst->locate.by) {
	case WM_LOCATE_GIVEN:
	case WM_LOCATE_NEVER:
		return "PUBLIC_IP";
	case WM_LOCATE_NAME:
		return inst->locate.name;
	case WM_LOCATE_OWN:
	case WM_LOCATE_ANY:
		break;
	}
	return !l->located.seen.family ? NULL : l->by_services ? "WM_ENDPOINT_SERVICES" : "registry";
}

/* Also what is not found any more was told, and counts until something else is. */
static const char *reached_at(const struct wm_locating *l, const struct wm_instance *inst, char *buf)
{
	const struct wm_endpoint *at = inst->locate.by == WM_LOCATE_GIVEN ? &inst->locate.given : &l->said;

	return inst->locate.by != WM_LOCATE_NEVER && at->family ? wm_endpoint_format(at, buf) : NULL;
}

void wm_locating_print(struct wm_out *out, const struct wm_locating *l, const struct wm_instance *inst)
{
	char seen[WM_ENDPOINT_TEXT], told[WM_ENDPOINT_TEXT], age[WM_AGE_TEXT], when[80];
	const struct wm_endpoint *at = inst->locate.by == WM_LOCATE_GIVEN ? &inst->locate.given : &l->located.seen;

	wm_out_object(out, "endpoint", "endpoint");
	wm_out_str(out, "told", "told others", reached_at(l, inst, told));
	wm_out_str(out, "seen", at->family ? "seen at" : NULL, at->family ? wm_endpoint_format(at, seen) : NULL);
	wm_out_str(out, "by", at->family ? "by" : NULL, by_whom(l, inst));
	wm_out_bool(out, "own", NULL, l->located.own);
	wm_out_uint(out, "found", NULL, (uint64_t)l->found);
	snprintf(when, sizeof(when), "%s%s", wm_time_age(l->found, wm_unix_time(), age),
		 at->family && !l->located.own && inst->locate.by == WM_LOCATE_OWN ? ", no address of this machine: behind NAT" : "");
	if (l->found)
		wm_out_str(out, NULL, "found", when);
	wm_out_str(out, "problem", *l->problem.text ? "problem" : NULL, *l->problem.text ? l->problem.text : NULL);
	wm_out_object_end(out);
}
