/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "registry/registry.h"
#include "registry/sockets.h"

static int serve_on(struct http_server *http, int fd, const struct options *o, struct wm_error *err)
{
	char url[SOCKET_TEXT];
	bool public = socket_is_public(fd);
	int rc;

	socket_url(fd, o->cert != NULL, url);
	rc = http_listen(http, fd, o->cert, o->key, err);
	if (rc)
		return wm_fail_in(err, rc, "%s", url);
	if (public && !o->cert)
		wm_warning("%s is reachable from other machines and not encrypted: tokens can be read on the way; use --tls-cert, or 127.0.0.1 behind a proxy",
			   url);
	fprintf(stderr, "listening on %s\n", url);
	return 0;
}

/* Inherited sockets, those asked for, and the default one when there is no other. */
static int open_sockets(struct http_server *http, const struct options *o, struct wm_error *err)
{
	unsigned int n = 0;
	int fd, rc;

	while (!(rc = socket_inherited(n, &fd, err))) {
		rc = serve_on(http, fd, o, err);
		if (rc)
			return rc;
		n++;
	}
	if (rc != -ENOENT)
		return rc;
	for (unsigned int i = 0; i < o->nlisten || (!n && !o->nlisten && !i); i++) {
		rc = socket_listen(o->nlisten ? o->listen[i] : o->default_listen, &fd, err);
		if (!rc)
			rc = serve_on(http, fd, o, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- systemd -------------------------------------------------------------------------- */

/* Who hears nothing for `ms` takes us for stuck: the timer runs in the loop that serves. */
struct watchdog {
	struct timer timer;
	struct timers *timers;
	uint64_t ms;
};

static void on_watchdog(struct timer *timer)
{
	struct watchdog *w = (struct watchdog *)(void *)timer; /* its first member */

	notify("WATCHDOG=1");
	timers_set(w->timers, timer, wm_monotonic_ms() + w->ms / 3);
}

/* The same while the loop does not turn because one change has many objects. */
static bool still_here(void *arg)
{
	(void)arg;
	if (notify_watchdog_ms())
		notify("WATCHDOG=1");
	return true;
}

static void watchdog_start(struct watchdog *w, struct timers *timers)
{
	*w = (struct watchdog){ .timer.fire = on_watchdog, .timers = timers, .ms = notify_watchdog_ms() };
	if (w->ms)
		on_watchdog(&w->timer);
}

static void tell_ready(const struct wm_mesh *mesh)
{
	char text[WM_NAME_SIZE + 64];

	wm_format(text, sizeof(text), "READY=1\nSTATUS=Serves mesh '%s'", mesh->name);
	notify(text);
}

/* --- the server ------------------------------------------------------------------------- */

static void on_stop(void *app)
{
	notify("STOPPING=1\nSTATUS=Ends what is under way");
	registry_ops.stop(app);
}

static void on_aside(void *app)
{
	struct registry *registry = app;

	aside_end(&registry->aside);
	watch_wake(&registry->later);
	registry_follow(registry);
}

static int run(struct registry *registry, const struct options *o, struct wm_error *err)
{
	struct http_ops ops = registry_ops;
	struct http_server *http = NULL;
	WM_AUTO_CLOSE int stop = -1;
	struct watchdog watchdog;
	sigset_t signals;
	int rc;

	ops.stop = on_stop;
	rc = http_new(&ops, registry, &http, err);
	if (rc)
		return rc;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	stop = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	registry->watch.timers = registry->later.timers = http_timers(http);
	registry_follow(registry);
	if (store_fd(registry->store) >= 0)
		rc = http_attach(http, store_fd(registry->store), registry_follow, err);
	if (!rc)
		rc = store_group(registry->store, err);
	if (!rc)
		rc = aside_open(&registry->aside, registry->store, err);
	if (!rc && registry->aside.open)
		rc = http_attach(http, registry->aside.fd, on_aside, err);
	if (!rc)
		rc = open_sockets(http, o, err);
	if (!rc) {
		tell_ready(store_mesh(registry->store));
		watchdog_start(&watchdog, http_timers(http));
		store_on_long_change(registry->store, still_here, NULL);
		rc = http_run(http, stop);
		if (rc)
			wm_fail(err, -rc, "the server failed: %s", strerror(-rc));
	}
	aside_close(&registry->aside);
	http_free(http);
	return rc;
}

int serve(struct options *o, struct wm_error *err)
{
	static struct registry registry; /* large */
	int rc;

	wm_token_hash(o->token, &registry.master);
	wm_wipe(o->token, sizeof(o->token));
	memcpy(registry.url, o->url, sizeof(registry.url));
	rc = shelf_open(&registry.shelf, o->downloads, err);
	if (!rc)
		rc = store_open(&o->store, &registry.store, err);
	if (!rc)
		rc = run(&registry, o, err);
	store_close(registry.store);
	reports_free(&registry.reports);
	shelf_close(&registry.shelf);
	group_free(&registry.group);
	return rc;
}
