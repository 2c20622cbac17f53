/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hitless/scene.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/link.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define LAN1_STABLE 40
#define LAN1_CHANGING 20
#define SMALL_STABLE 16

static struct proof_world world_of(uint32_t hosts, bool small)
{
	uint32_t zero = hosts - LAN1_STABLE - LAN1_CHANGING;
	struct proof_world w = {
		.subnet = IP(100, 64, 0, 0),
		.lan = IP(10, 0, 0, 0),
		.away = IP(100, 112, 0, 0),
		.beyond = IP(100, 96, 0, 0),
		.stable0 = small ? SMALL_STABLE : zero / 5 * 4,
		.lan1_from = zero,
		.stable1 = zero + (small ? SMALL_STABLE : LAN1_STABLE),
		.all = small ? zero + SMALL_STABLE + LAN1_CHANGING : hosts,
		.isolated = small ? 4 : 16,
	};

	return w;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int scene_apply(struct scene *s, struct wm_error *err)
{
	uint64_t start = now_us(), sent = s->load.shared->sent;
	int rc = s->rig.plane->apply(&s->rig.inst, &s->town.plan, s->rig.wg_ifindex, err);

	s->apply_us = WM_MAX(s->apply_us, now_us() - start);
	s->account.during += s->load.shared->sent - sent;
	s->account.changes++;
	return rc < 0 ? wm_fail_in(err, rc, "%s", s->rig.plane->name) : 0;
}

int scene_settle(struct scene *s, struct wm_error *err)
{
	uint64_t sent = s->load.shared->sent;
	int rc = load_pass(&s->load, 1, err);

	town_settle(&s->town);
	if (rc == 0)
		rc = load_pass(&s->load, 1, err);
	s->account.behind += s->load.shared->sent - sent;
	return rc;
}

int scene_retire(struct scene *s, struct wm_error *err)
{
	const struct wm_dataplane *other = s->rig.plane == &wm_dataplane_bpf ? &wm_dataplane_nft : &wm_dataplane_bpf;
	int rc = other->retire(&s->rig.inst, &s->town.plan, err);

	return rc < 0 ? rc : 0;
}

int scene_switch(struct scene *s, struct wm_error *err)
{
	int rc = scene_apply(s, err);

	return rc < 0 ? rc : scene_retire(s, err);
}

static _Noreturn void victim(struct scene *s, int (*fn)(struct scene *s, struct wm_error *err))
{
	struct wm_error err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(fn(s, &err) < 0);
}

int scene_killed(struct scene *s, int (*fn)(struct scene *s, struct wm_error *err), uint32_t us, struct wm_error *err)
{
	uint64_t sent = s->load.shared->sent;
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		return wm_fail(err, errno, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		victim(s, fn);
	usleep(us);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status)))
		return wm_fail(err, EIO, "it failed before it could be killed");
	s->account.during += s->load.shared->sent - sent;
	s->account.changes++;
	return WIFSIGNALED(status);
}

/* --- a scene ----------------------------------------------------------------------------------- */

static int begin(struct scene *s, bool small, struct wm_error *err)
{
	if (!small)
		town_grow(&s->town, s->town.n / 4 * 3, false);
	town_settle(&s->town);
	town_plan(&s->town);
	int rc = scene_apply(s, err);
	if (rc == 0)
		rc = wm_link_up(&s->rig.inst, &s->town.plan, s->rig.wg_ifindex, err);
	if (rc >= 0)
		rc = load_go_on(&s->load, err);
	s->apply_us = 0;
	return rc < 0 ? rc : 0;
}

int scene_open(struct scene *s, enum rig_way way, uint32_t hosts, bool small, uint32_t seed, struct wm_error *err)
{
	struct proof_world w = world_of(hosts, small);

	*s = (struct scene){ .way = way };
	int rc = rig_open(&s->rig, &w, way, err);
	if (rc == 0)
		rc = load_start(&s->load, &s->rig, err);
	if (rc == 0)
		rc = rig_tun_ready(&s->rig, err);
	if (rc == 0)
		rc = town_open(&s->town, &s->rig, seed, err);
	return rc < 0 ? rc : begin(s, small, err);
}

void scene_close(struct scene *s)
{
	account_free(&s->account);
	load_stop(&s->load);
	town_close(&s->town);
	rig_close(&s->rig);
}
