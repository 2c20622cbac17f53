/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets and bytes through a tunnel, from sockets of the peer to sockets of the
 * hosts and back. Never more on their way than every queue has room for, so what
 * does not arrive is lost by somebody's fault.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/place.h"
#include "bench/tunnel.h"
#include "core/util.h"

#define TCP_PORT 7001
#define RECEIVE_ROOM (4 << 20)
#define NAP_NS 200000
#define LOST_MS 5000
#define PIECE 65536

/* With what it is in a packet of UDP, 44 bytes of IP. */
struct note {
	uint32_t magic, way, host, peer;
};

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static struct sockaddr_in at(wm_ip4 addr, unsigned int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr), .sin_port = htons((uint16_t)port) };
}

static int failed(const char *what, struct wm_error *err)
{
	return wm_fail(err, errno, "cannot %s: %s", what, strerror(errno));
}

/* --- sockets --------------------------------------------------------------------------------- */

static int open_udp(wm_ip4 addr, unsigned int port, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in self = at(addr, port);
	int yes = 1, room = RECEIVE_ROOM;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return failed("make a socket of UDP", err);
	return wm_steal_fd(&fd);
}

static int listen_tcp(struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = LOST_MS / 1000 };
	struct sockaddr_in self = at(0, TCP_PORT);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 || listen(fd, 1) < 0)
		return failed("listen", err);
	return wm_steal_fd(&fd);
}

/* To the first host; in the peer's namespace. */
static int connect_tcp(struct tunnel *t, struct wm_error *err)
{
	struct sockaddr_in host = at(wire_near(&t->rig.world, 0, 1), TCP_PORT), self = at(t->rig.world.away + 2, 0);
	struct timeval limit = { .tv_sec = LOST_MS / 1000 };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 || connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0)
		return failed("connect to a host through the tunnel", err);
	return wm_steal_fd(&fd);
}

int tunnel_meet(struct tunnel *t, struct wm_error *err)
{
	int rc = place_enter(t->rig.far_ns, err);

	if (rc >= 0)
		rc = t->udp_host = open_udp(0, WIRE_HOST_PORT, err);
	if (rc >= 0)
		rc = place_enter(t->peer_ns, err);
	for (unsigned int p = 0; p < t->rig.world.peers && rc >= 0; p++)
		rc = t->udp_peer[p] = open_udp(t->rig.world.away + 2 + p, WIRE_PEER_PORT + p, err);
	return place_leave(rc < 0 ? rc : 0, err);
}

int tunnel_connect(struct tunnel *t, struct wm_error *err)
{
	int rc = place_enter(t->rig.far_ns, err);
	WM_AUTO_CLOSE int listening = rc < 0 ? -1 : listen_tcp(err);

	if (rc == 0)
		rc = listening;
	if (rc >= 0)
		rc = place_enter(t->peer_ns, err);
	if (rc >= 0)
		rc = t->tcp_peer = connect_tcp(t, err);
	if (rc >= 0) {
		t->tcp_host = accept(listening, NULL, NULL);
		rc = t->tcp_host < 0 ? failed("accept", err) : 0;
	}
	return place_leave(rc < 0 ? rc : 0, err);
}

void tunnel_part(struct tunnel *t)
{
	int *const fds[] = { &t->udp_host, &t->tcp_host, &t->tcp_peer };

	for (size_t i = 0; i < WM_ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(wm_steal_fd(fds[i]));
	for (unsigned int p = 0; p < WORLD_PEERS; p++)
		if (t->udp_peer[p] >= 0)
			close(wm_steal_fd(&t->udp_peer[p]));
}

/* --- UDP -------------------------------------------------------------------------------------- */

/* source: the address that the packet says it is from; 0: the socket's. */
static int send_note(int fd, const struct note *note, struct sockaddr_in to, wm_ip4 source)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO } };
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(source) };
	struct iovec part = { (void *)note, sizeof(*note) };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &part, .msg_iovlen = 1 };

	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	if (source) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
	}
	return sendmsg(fd, &msg, 0) == sizeof(*note) ? 0 : -errno;
}

static int send_number(struct tunnel *t, enum wire_way way, uint32_t number)
{
	const struct wire_world *w = &t->rig.world;
	const struct wire_order order = { .way = way };
	struct note note = { WIRE_MAGIC, way, wire_host_of(w, &order, number), wire_peer_of(w, &order, number) };

	t->rig.want[note.host]++;
	if (way == WIRE_TO_LAN)
		return send_note(t->udp_peer[note.peer], &note, at(wire_near(w, note.host, 1), WIRE_HOST_PORT), 0);
	return send_note(t->udp_host, &note, at(w->away + 2 + note.peer, WIRE_PEER_PORT + note.peer), wire_near(w, note.host, 0));
}

/* 1, 0: nothing is there; -EBADMSG. */
static int take_note(struct tunnel *t, int fd, enum wire_way way, struct wm_error *err)
{
	const struct wire_world *w = &t->rig.world;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	struct sockaddr_in from;
	struct in_pktinfo info = { 0 };
	struct note note = { 0 };
	struct iovec part = { &note, sizeof(note) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1,
			      .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(fd, &msg, 0);

	if (len < 0)
		return errno == EAGAIN ? 0 : failed("receive", err);
	if (len != sizeof(note) || note.magic != WIRE_MAGIC || note.way != way || note.host >= w->hosts || note.peer >= w->peers)
		return wm_fail(err, EBADMSG, "a packet came out that is none of those that were sent");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	struct sockaddr_in peer = at(w->away + 2 + note.peer, WIRE_PEER_PORT + note.peer);
	struct sockaddr_in host = at(wire_near(w, note.host, way == WIRE_TO_WG), WIRE_HOST_PORT);
	const struct sockaddr_in *source = way == WIRE_TO_LAN ? &peer : &host, *dest = way == WIRE_TO_LAN ? &host : &peer;
	if (from.sin_addr.s_addr != source->sin_addr.s_addr || from.sin_port != source->sin_port ||
	    info.ipi_addr.s_addr != dest->sin_addr.s_addr)
		return wm_fail(err, EBADMSG, "a packet came out with a wrong address or port");
	t->heard[note.host]++;
	return 1;
}

/* Whatever has come; how many, or -errno. */
static int take_all(struct tunnel *t, enum wire_way way, struct wm_error *err)
{
	const int *fds = way == WIRE_TO_LAN ? &t->udp_host : t->udp_peer;
	unsigned int n = way == WIRE_TO_LAN ? 1 : t->rig.world.peers;
	int taken = 0, rc = 0;

	for (unsigned int i = 0; i < n && rc >= 0; i++)
		while ((rc = take_note(t, fds[i], way, err)) > 0)
			taken++;
	return rc < 0 ? rc : taken;
}

/* A burst, and all of it back. Who receives sleeps by the clock: were it woken by packets, how often would depend on the
 * rival, and be counted for it where the whole machine is. */
static int burst(struct tunnel *t, enum wire_way way, uint32_t packets, struct wm_error *err)
{
	uint64_t end = wm_monotonic_ms() + LOST_MS;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < packets; i++) {
		int rc = send_number(t, way, t->next++);

		if (rc < 0)
			return wm_fail(err, -rc, "cannot send: %s", strerror(-rc));
	}
	while (taken < packets) {
		nap();
		int rc = take_all(t, way, err);
		if (rc < 0)
			return rc;
		taken += (uint32_t)rc;
		if (taken < packets && wm_monotonic_ms() > end)
			return wm_fail(err, EBADMSG, "packets are lost");
	}
	return 0;
}

int tunnel_udp(struct tunnel *t, enum wire_way way, uint32_t packets, uint32_t at_once, struct wm_error *err)
{
	int rc = 0;

	for (uint32_t n; packets && rc == 0; packets -= n) {
		n = WM_MIN(packets, at_once);
		rc = burst(t, way, n, err);
	}
	for (uint32_t h = 0; h < t->rig.world.hosts && rc == 0; h++)
		if (t->heard[h] != t->rig.want[h])
			rc = wm_fail(err, EBADMSG, "host %u had %llu packets, not %llu", h, (unsigned long long)t->heard[h],
				     (unsigned long long)t->rig.want[h]);
	return rc;
}

/* --- TCP -------------------------------------------------------------------------------------- */

#define PATTERN 251 /* bytes until it begins anew */

static uint8_t pattern[PIECE + PATTERN];

static void make_pattern(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % PATTERN * 7);
}

/* What fits; how much, or -errno. */
static ssize_t put_some(int fd, uint64_t at_byte, uint64_t most, struct wm_error *err)
{
	ssize_t n = send(fd, pattern + at_byte % PATTERN, WM_MIN(most, (uint64_t)PIECE), MSG_DONTWAIT | MSG_NOSIGNAL);

	return n >= 0 ? n : errno == EAGAIN ? 0 : failed("send", err);
}

static ssize_t take_some(int fd, uint64_t at_byte, struct wm_error *err)
{
	static uint8_t buf[PIECE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : failed("receive", err);
	if (n == 0)
		return wm_fail(err, EBADMSG, "the stream ended");
	if (memcmp(buf, pattern + at_byte % PATTERN, (size_t)n) != 0)
		return wm_fail(err, EBADMSG, "the stream has other bytes than were sent");
	return n;
}

int tunnel_tcp(struct tunnel *t, enum wire_way way, uint64_t bytes, struct wm_error *err)
{
	int from = way == WIRE_TO_LAN ? t->tcp_peer : t->tcp_host, to = way == WIRE_TO_LAN ? t->tcp_host : t->tcp_peer;
	uint64_t sent = 0, taken = 0, end = wm_monotonic_ms() + LOST_MS;

	if (!pattern[1])
		make_pattern();
	while (taken < bytes) {
		ssize_t put = sent < bytes ? put_some(from, sent, bytes - sent, err) : 0;
		ssize_t got = put < 0 ? put : take_some(to, taken, err);

		if (got < 0)
			return (int)got;
		sent += (uint64_t)put;
		taken += (uint64_t)got;
		if (put || got)
			end = wm_monotonic_ms() + LOST_MS;
		else if (wm_monotonic_ms() > end)
			return wm_fail(err, EBADMSG, "the stream stands still");
		else
			nap();
	}
	return 0;
}
