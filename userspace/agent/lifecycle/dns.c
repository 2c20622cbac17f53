/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/dns.h"

#include <unistd.h>

#include "agent/lifecycle/owed.h"
#include "agent/lifecycle/port.h"
#include "agent/lifecycle/run.h"
#include "agent/lifecycle/service.h"
#include "core/plan.h"
#include "core/util.h"
#include "kernel/hosts.h"

#define SERVICE "dnsmasq"
#define DNS_PORT 53

static int piece(const struct wm_life *l, char *ret, struct wm_error *err)
{
	return wm_life_path(l, ret, err, "/etc/dnsmasq.d/wm%s%s.conf", *l->inst.name ? "-" : "", l->inst.name);
}

/* It does not start with a link that leads nowhere. wm-gateway fills these files as soon as it has a config. */
static int have_files(struct wm_life *l, struct wm_error *err)
{
	const struct wm_plan nothing = { 0 };
	const char *const files[] = { l->inst.hosts_file, l->inst.servers_file, l->inst.dnsmasq_conf };
	struct wm_hosts_memory memory = { 0 };

	if (l->dry_run || !access(l->inst.dnsmasq_conf, F_OK))
		return 0;
	/* No wm-gateway has been in force yet that would be at them; a killed install may have been. */
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++)
		wm_remove_unfinished(files[i]);
	return WM_MIN(wm_hosts_apply(&l->inst, &nothing, NULL, &memory, err), 0);
}

/* It takes every address where it is not told otherwise. systemd-resolved's stub has one of its own, and both fit; what has all
 * addresses leaves none. */
static int in_the_way(const struct wm_life *l, int rc, const char *holder, struct wm_error *err)
{
	char path[WM_PATH_SIZE] = "", why[sizeof(err->text)];

	wm_life_path(l, path, NULL, "/etc/dnsmasq.d");
	wm_copy(why, sizeof(why), err->text);
	return wm_fail(err, -rc, "%s has port 53; a file in %s with the line 'bind-dynamic' has dnsmasq take each address by itself and not all at once; an address that both want, one of them has to leave to the other; then run this again (%s)",
		       holder, path, why);
}

/* Its own configuration it reads only when it starts; names it is told by SIGHUP from then on. Alpine's package leaves it off. */
static int restart(struct wm_life *l, struct wm_error *err)
{
	char holder[128];

	if (!wm_service_known(l, SERVICE)) {
		wm_life_note(l, "there is no service dnsmasq: names are served once one runs that reads /etc/dnsmasq.d");
		return 0;
	}
	int rc = wm_step_enable(l, SERVICE, err);

	if (!rc)
		rc = wm_step_restart(l, SERVICE, err);
	return rc && wm_port_holder(DNS_PORT, SERVICE, holder, sizeof(holder)) ? in_the_way(l, rc, holder, err) : rc;
}

int wm_life_look_at_dns(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = piece(l, path, err);

	return rc ? rc : WM_MIN(wm_life_may_link(path, err), 0);
}

int wm_step_dns(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = wm_life_path(l, path, err, "/etc/dnsmasq.d");

	if (rc)
		return rc;
	if (access(path, F_OK) && !wm_run_found(SERVICE)) {
		wm_life_note(l, "no dnsmasq is installed here, so mesh names are not served: install dnsmasq and run this again");
		return 0;
	}
	rc = piece(l, path, err);
	if (!rc)
		rc = have_files(l, err);
	wm_life_owe(l, WM_OWED_DNS, true);
	if (!rc)
		rc = wm_step_link(l, path, l->inst.dnsmasq_conf, err);
	wm_life_owe(l, WM_OWED_DNS, false);
	if (!rc && wm_life_owed(l, WM_OWED_DNS))
		rc = restart(l, err);
	return rc ? rc : wm_life_paid(l, WM_OWED_DNS, err);
}

int wm_step_remove_dns(struct wm_life *l, struct wm_error *err)
{
	char path[WM_PATH_SIZE];
	int rc = piece(l, path, err);

	wm_life_owe(l, WM_OWED_DNS, true);
	if (!rc)
		rc = wm_step_unlink(l, path, err);
	wm_life_owe(l, WM_OWED_DNS, false);
	if (!rc && wm_life_owed(l, WM_OWED_DNS) && wm_service_active(l, SERVICE))
		rc = wm_step_restart(l, SERVICE, err);
	return rc ? rc : wm_life_paid(l, WM_OWED_DNS, err);
}
