/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How large a packet may be on its way: first by what the network says (an ICMP
 * error makes the kernel know a smaller MTU), then, where larger ones vanish
 * without a word, by halving.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "cli/probe.h"
#include "cli/socket.h"
#include "core/util.h"

#define LEAST 68    /* RFC 791: every link carries so much */
#define MOST 9000
#define ROUNDS 16   /* of asking: four smaller MTUs along the way, and halving what is left */

unsigned int probe_route_mtu(wm_ip4 addr)
{
#ifdef IP_MTU
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons(9)};
	WM_AUTO_CLOSE int fd = open_socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) || getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len) ||
	    mtu < LEAST)
		return 0;
	return (unsigned int)mtu;
#else
	(void)addr;
	return 0;
#endif
}

struct search {
	struct path *path;
	unsigned int passes, fails; /* the largest that came back, the smallest that did not */
	unsigned int next;          /* to be tried; 0: it is known */
};

static void search_step(struct search *s, bool answered)
{
	unsigned int known = WM_MIN(probe_route_mtu(s->path->addr), MOST);

	if (answered)
		s->passes = s->next;
	else
		s->fails = s->next;
	if (!answered && known && known < s->next) {
		s->next = known; /* the network said so */
		s->fails = known + 1;
		s->path->said = true;
		return;
	}
	if (!answered)
		s->path->said = false;
	s->next = s->fails - s->passes > 1 ? s->passes + (s->fails - s->passes) / 2 : 0;
	if (!s->next)
		s->path->mtu = s->passes >= LEAST ? s->passes : 0;
}

void probe_paths(struct path *path, size_t n)
{
	WM_AUTO_FREE struct search *search = calloc(n ? n : 1, sizeof(*search));
	WM_AUTO_FREE struct echo *echo = calloc(n ? n : 1, sizeof(*echo));
	size_t left = n;

	for (size_t i = 0; search && i < n; i++) {
		unsigned int known = WM_MIN(probe_route_mtu(path[i].addr), MOST);

		path[i].mtu = 0;
		path[i].said = true;
		search[i] = (struct search){.path = &path[i], .passes = LEAST - 1, .fails = known + 1, .next = known};
	}
	for (int round = 0; search && echo && left && round < ROUNDS; round++) {
		left = 0;
		for (size_t i = 0; i < n; i++) {
			if (search[i].next)
				echo[left++] = (struct echo){.addr = path[i].addr, .size = search[i].next};
		}
		probe_echo(echo, left);
		for (size_t i = 0, k = 0; i < n; i++) {
			if (search[i].next)
				search_step(&search[i], echo[k++].answered);
		}
	}
	for (size_t i = 0; search && i < n; i++) {
		if (search[i].next && search[i].passes >= LEAST)
			path[i].mtu = search[i].passes;
	}
}
