/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "hitless/send.h"

#define STUCK_MS 30000 /* the other process does not answer */

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int check(struct load *load, struct wm_error *err)
{
	if (load->pid > 0 && waitpid(load->pid, NULL, WNOHANG) == 0)
		return 0;
	load->pid = 0;
	return wm_fail(err, EIO, "the load has ended: %s", load->shared->why.text);
}

static int wait_until(struct load *load, const uint32_t *what, uint32_t least, uint32_t most, struct wm_error *err)
{
	uint64_t start = wm_monotonic_ms();
	int rc = 0;

	while (rc == 0 && (told(what) < least || told(what) > most)) {
		nap();
		rc = check(load, err);
		if (rc == 0 && wm_monotonic_ms() - start > STUCK_MS)
			rc = wm_fail(err, EIO, "the load does not answer");
	}
	return rc;
}

int load_start(struct load *load, struct rig *rig, struct wm_error *err)
{
	size_t size = rig->world.all * sizeof(*load->sent);

	*load = (struct load){ .rig = rig, .shared = shared(sizeof(*load->shared)), .sent = shared(size),
			       .sent_must = shared(size) };
	if (!load->shared || !load->sent || !load->sent_must)
		return wm_fail(err, ENOMEM, "no memory for the load");
	load->shared->hold = 1;
	fflush(stdout);
	load->pid = fork();
	if (load->pid < 0)
		return wm_fail(err, errno, "cannot fork: %s", strerror(errno));
	if (load->pid == 0)
		send_run(load);
	return wait_until(load, &load->shared->reopened, 1, UINT32_MAX, err);
}

void load_stop(struct load *load)
{
	size_t size = load->rig ? load->rig->world.all * sizeof(*load->sent) : 0;

	if (load->pid > 0) {
		tell(&load->shared->stop, 1);
		kill(load->pid, SIGKILL);
		waitpid(load->pid, NULL, 0);
	}
	if (load->shared)
		munmap(load->shared, sizeof(*load->shared));
	if (load->sent)
		munmap(load->sent, size);
	if (load->sent_must)
		munmap(load->sent_must, size);
	*load = (struct load){ 0 };
}

int load_hold(struct load *load, struct wm_error *err)
{
	tell(&load->shared->hold, 1);
	return wait_until(load, &load->shared->held, 1, 1, err);
}

int load_go_on(struct load *load, struct wm_error *err)
{
	tell(&load->shared->hold, 0);
	int rc = wait_until(load, &load->shared->held, 0, 0, err);
	return rc < 0 ? rc : wait_until(load, &load->shared->warm, 1, 1, err);
}

static uint64_t rounds(const struct load *load)
{
	return __atomic_load_n(&load->shared->rounds, __ATOMIC_ACQUIRE);
}

/* The round that is under way does not count. */
int load_pass(struct load *load, unsigned int n, struct wm_error *err)
{
	uint64_t end = rounds(load) + n + 1;
	int rc = 0;

	while (rounds(load) < end && rc == 0) {
		nap();
		rc = check(load, err);
	}
	return rc;
}

int load_excuse(struct load *load, uint32_t excused, struct wm_error *err)
{
	tell(&load->shared->excused, excused);
	return load_pass(load, 1, err);
}

int load_warm(struct load *load, struct wm_error *err)
{
	tell(&load->shared->warm, 0);
	return wait_until(load, &load->shared->warm, 1, 1, err);
}

int load_reopen(struct load *load, struct wm_error *err)
{
	uint32_t made = told(&load->shared->reopened);

	tell(&load->shared->reopen, made);
	return wait_until(load, &load->shared->reopened, made + 1, UINT32_MAX, err);
}

int load_roll_call(struct load *load, struct wm_error *err)
{
	uint32_t next = load->shared->roll + 1;

	tell(&load->shared->roll, next);
	return wait_until(load, &load->shared->rolled, next, UINT32_MAX, err);
}
