/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is asked of the gateway in the container: whatever wm-gateway says there.
 */
#include <errno.h>
#include <string.h>

#include "agent/lifecycle/lxc.h"
#include "agent/lifecycle/lxc_own.h"
#include "core/util.h"

int wm_lxc_open_running(const struct wm_life_options *opt, struct wm_lxc_own *own, struct wm_life *life)
{
	struct wm_error err = { 0 };
	int rc = wm_life_begin(life, opt, &err);

	life->own = own;
	if (!rc)
		rc = wm_lxc_know(life, &err);
	if (!rc)
		rc = wm_lxc_need_box(life, &err);
	if (!rc)
		rc = wm_box_running(&own->facts.box, &err);
	if (!rc)
		rc = wm_fail(&err, ENOTCONN, "container %s does not run; 'wm-gateway start' starts it", own->facts.box.name);
	if (rc > 0)
		return 0;
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

int wm_lxc_inside(const struct wm_life_options *opt, const char *const argv[])
{
	const char *words[WM_BOX_ARGS] = { WM_LXC_PROGRAM };
	struct wm_lxc_own own = { 0 };
	struct wm_error err = { 0 };
	struct wm_life life;

	if (wm_lxc_open_running(opt, &own, &life))
		return 1;
	/* What its host does not let through it cannot see. */
	if (!strcmp(argv[0], "check"))
		wm_lxc_host_look(&own.facts, stderr);
	for (size_t i = 0; argv[i] && i + 2 < WM_ARRAY_LEN(words); i++)
		words[i + 1] = argv[i];
	wm_box_run_instead(&own.facts.box, &err, words);
	fprintf(stderr, "wm-gateway: %s\n", err.text);
	return 1;
}

int wm_lxc_ask(const struct wm_life_options *opt, const char *verb, bool json, bool check, const char *generation)
{
	const char *argv[5] = { verb };
	unsigned int n = 1;

	if (json)
		argv[n++] = "--json";
	if (check)
		argv[n++] = "--check";
	if (generation)
		argv[n++] = generation;
	return wm_lxc_inside(opt, argv);
}
