/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/aside.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"

int aside_open(struct aside *aside, struct store *store, struct wm_error *err)
{
	if (store_fd(store) >= 0)
		return 0;
	aside->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (aside->fd < 0)
		return wm_fail(err, errno, "cannot make an eventfd: %s", strerror(errno));
	aside->store = store;
	aside->open = true;
	return 0;
}

static bool goes_on(void *arg)
{
	const struct aside *aside = arg;

	return !__atomic_load_n(&aside->give_up, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct aside *aside = arg;

	aside->work(aside->job, aside->beside);
	store_close(aside->beside);
	eventfd_write(aside->fd, 1);
	return NULL;
}

int aside_begin(struct aside *aside, void (*work)(void *job, struct store *store), void (*done)(void *job), void *job,
		struct wm_error *err)
{
	int rc = store_open_beside(aside->store, &aside->beside, err);

	if (rc)
		return rc;
	aside->work = work;
	aside->done = done;
	aside->job = job;
	aside->give_up = false;
	store_on_long_change(aside->beside, goes_on, aside);
	rc = pthread_create(&aside->thread, NULL, run, aside);
	if (rc) {
		store_close(aside->beside);
		store_rejoin(aside->store, NULL);
		return wm_fail(err, EBUSY, "cannot start a thread: %s; nothing was changed; try again", strerror(rc));
	}
	aside->busy = true;
	return 0;
}

void aside_end(struct aside *aside)
{
	struct wm_error err = { 0 };
	eventfd_t n;

	if (!aside->busy)
		return;
	pthread_join(aside->thread, NULL);
	eventfd_read(aside->fd, &n);
	aside->busy = false;
	/* What cannot be read now is read with the next change. */
	if (store_rejoin(aside->store, &err))
		wm_error("%s", err.text);
	aside->done(aside->job);
}

void aside_give_up(struct aside *aside)
{
	__atomic_store_n(&aside->give_up, true, __ATOMIC_RELAXED);
}

void aside_close(struct aside *aside)
{
	if (!aside->open)
		return;
	aside_give_up(aside);
	aside_end(aside);
	close(aside->fd);
	aside->open = false;
}
