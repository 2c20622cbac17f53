/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/bulk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"
#include "bench/place.h"
#include "core/util.h"

#define CHUNK 65536	   /* bytes of a send or receive */
#define AT_ONCE 64	   /* packets through a pipe before the others have their turn */
#define BUFFER (512 << 10) /* of a socket: all that are on their way fit into the queue of a TUN */
#define NAP_NS 20000
#define STUCK_MS 10000
#define STEP 0x9e3779b97f4a7c15u /* makes of a position what no other has */

uint32_t bulk_host(const struct wire_world *w, unsigned int stream)
{
	uint32_t apart = WM_MAX(w->hosts / BULK_STREAMS, 1u);

	/* The first, as one flow of small packets, in the middle of whatever there is a list of. */
	return (w->hosts / 2 + stream * apart) % w->hosts;
}

/* --- what is sent ----------------------------------------------------------------------------- */

static uint64_t pattern[CHUNK / 8 + 2];

/* The bytes of a stream from a position on, into pattern[]: each eight tell where they belong. */
static const uint8_t *bytes_at(unsigned int key, uint64_t position, size_t len)
{
	uint64_t first = position / 8;

	for (uint64_t i = 0; i <= (len + 7) / 8; i++)
		pattern[i] = (first + i + 1) * STEP ^ key;
	return (const uint8_t *)pattern + position % 8;
}

static unsigned int key_of(const struct bulk *b, const struct bulk_stream *s, enum bulk_way way)
{
	return 1 + 2 * (unsigned int)(s - b->streams) + way;
}

/* --- the machine turns ---------------------------------------------------------------------- */

/* The gateway's threads have the processor until they have nothing to do. Packets that moved, or -errno. */
static int turn(struct bulk *b, struct wm_error *err)
{
	int moved = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(b->pipes); i++) {
		int rc = pipe_move(&b->pipes[i], AT_ONCE, err);

		if (rc < 0)
			return rc;
		moved += rc;
	}
	sched_yield();
	return moved;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

/* Until nothing is on its way. */
static int settle(struct bulk *b, struct wm_error *err)
{
	uint64_t start = wm_monotonic_ms();

	for (;;) {
		int rc = turn(b, err);

		if (rc < 0)
			return rc;
		if (rc == 0 && napi_sleeps(&b->rig->wg) && napi_sleeps(&b->rig->lan))
			return 0;
		if (rc == 0)
			nap();
		if (wm_monotonic_ms() - start > STUCK_MS)
			return wm_fail(err, ETIMEDOUT, "the gateway's threads do not come to an end");
	}
}

/* --- connections ----------------------------------------------------------------------------- */

static int make_socket(int net_fd, struct wm_error *err)
{
	int rc = place_enter(net_fd, err), size = BUFFER, one = 1;

	if (rc < 0)
		return rc;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		rc = wm_fail(err, errno, "cannot make a socket: %s", strerror(errno));
	else if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 ||
		 setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
		 setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		rc = wm_fail(err, errno, "cannot set the buffers of a socket: %s", strerror(errno));
	rc = place_leave(rc, err);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };
}

static int begin_connect(struct bulk *b, struct bulk_stream *s, struct wm_error *err)
{
	const struct wire_world *w = &b->rig->world;
	uint32_t host = bulk_host(w, (unsigned int)(s - b->streams));
	struct sockaddr_in from = address(w->away + 2, 0), to = address(wire_near(w, host, 1), BULK_PORT);

	s->away = make_socket(b->rig->ends.away_ns, err);
	if (s->away < 0)
		return s->away;
	if (bind(s->away, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(s->away, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		return wm_fail(err, errno, "cannot connect a stream: %s", strerror(errno));
	return 0;
}

/* One after the other: so it is known whose the connection is that comes. */
static int connect_one(struct bulk *b, struct bulk_stream *s, int listener, struct wm_error *err)
{
	uint64_t start = wm_monotonic_ms();
	int rc = begin_connect(b, s, err);

	while (rc == 0 && s->host < 0) {
		rc = settle(b, err);
		s->host = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (rc == 0 && s->host < 0)
			nap();
		if (rc == 0 && s->host < 0 && wm_monotonic_ms() - start > STUCK_MS)
			rc = wm_fail(err, EBADMSG, "a stream does not get through");
	}
	return rc;
}

int bulk_open(struct bulk *b, struct rig *rig, struct wm_error *err)
{
	const struct rig_ends *e = &rig->ends;
	struct sockaddr_in any = address(0, BULK_PORT);

	*b = (struct bulk){ .rig = rig,
			    .pipes = { { PIPE_INTO_WG, e->away, rig->tun, &rig->world },
				       { PIPE_OUT_OF_WG, rig->tun, e->away, &rig->world },
				       { PIPE_INTO_LAN, e->far, e->lan, &rig->world },
				       { PIPE_OUT_OF_LAN, e->lan, e->far, &rig->world } } };
	for (size_t i = 0; i < BULK_STREAMS; i++)
		b->streams[i].away = b->streams[i].host = -1;
	WM_AUTO_CLOSE int listener = make_socket(rig->far_ns, err);
	if (listener < 0)
		return listener;
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, BULK_STREAMS) < 0)
		return wm_fail(err, errno, "cannot listen: %s", strerror(errno));
	place_hurry(true);
	int rc = 0;
	for (size_t i = 0; i < BULK_STREAMS && rc == 0; i++)
		rc = connect_one(b, &b->streams[i], listener, err);
	place_hurry(false);
	return rc;
}

void bulk_close(struct bulk *b)
{
	for (size_t i = 0; b->rig && i < BULK_STREAMS; i++) {
		if (b->streams[i].away >= 0)
			close(b->streams[i].away);
		if (b->streams[i].host >= 0)
			close(b->streams[i].host);
	}
	*b = (struct bulk){ 0 };
}

/* --- a transfer ------------------------------------------------------------------------------ */

/* Up to a position; as much as the socket takes. */
static int push(struct bulk *b, struct bulk_stream *s, enum bulk_way way, uint64_t until, struct wm_error *err)
{
	int fd = way == BULK_TO_LAN ? s->away : s->host;

	while (s->out[way] < until) {
		size_t len = WM_MIN(until - s->out[way], (uint64_t)CHUNK);
		ssize_t n = send(fd, bytes_at(key_of(b, s, way), s->out[way], len), len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : wm_fail(err, errno, "cannot send: %s", strerror(errno));
		s->out[way] += (uint64_t)n;
	}
	return 0;
}

static int pull(struct bulk *b, struct bulk_stream *s, enum bulk_way way, struct wm_error *err)
{
	int fd = way == BULK_TO_LAN ? s->host : s->away;
	static uint8_t got[CHUNK];

	for (;;) {
		ssize_t n = recv(fd, got, sizeof(got), 0);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return wm_fail(err, n ? errno : EPIPE, "a stream broke: %s", strerror(n ? errno : EPIPE));
		if (memcmp(got, bytes_at(key_of(b, s, way), s->in[way], (size_t)n), (size_t)n) != 0)
			return wm_fail(err, EBADMSG, "bytes of a stream came out wrong, after %llu right ones",
				       (unsigned long long)s->in[way]);
		s->in[way] += (uint64_t)n;
	}
}

static uint64_t sent_again(const struct bulk *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < BULK_STREAMS; i++)
		for (int end = 0; end < 2; end++) {
			struct tcp_info info = { 0 };
			socklen_t len = sizeof(info);
			int fd = end ? b->streams[i].host : b->streams[i].away;

			if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
				n += info.tcpi_total_retrans;
		}
	return n;
}

/* All come so far that they have received what each is to send. */
static int transfer(struct bulk *b, enum bulk_way way, unsigned int n, uint64_t each, struct wm_error *err)
{
	uint64_t moved_ms = wm_monotonic_ms(), until[BULK_STREAMS];
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++)
		until[i] = b->streams[i].out[way] + each;
	while (done < n) {
		int rc = done = 0;

		for (unsigned int i = 0; i < n && rc == 0; i++)
			rc = push(b, &b->streams[i], way, until[i], err);
		if (rc == 0)
			rc = turn(b, err);
		if (rc < 0)
			return rc;
		if (rc)
			moved_ms = wm_monotonic_ms();
		else
			nap();
		for (unsigned int i = 0; i < n; i++) {
			rc = pull(b, &b->streams[i], way, err);
			if (rc < 0)
				return rc;
			done += b->streams[i].in[way] == until[i];
		}
		if (wm_monotonic_ms() - moved_ms > STUCK_MS)
			return wm_fail(err, EBADMSG, "a stream stands still");
	}
	return settle(b, err);
}

static int verify(const struct bulk *b, struct wm_error *err)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(b->pipes); i++)
		for (unsigned int f = WIRE_GOOD + 1; f < WIRE_VERDICTS; f++)
			if (b->pipes[i].faults[f])
				return wm_fail(err, EBADMSG, "%llu packets came out with %s",
					       (unsigned long long)b->pipes[i].faults[f], load_fault(f));
	return 0;
}

int bulk_send(struct bulk *b, enum bulk_way way, unsigned int n, uint64_t bytes, struct bulk_sum *ret,
	      struct wm_error *err)
{
	struct pipe *out = &b->pipes[way == BULK_TO_LAN ? PIPE_OUT_OF_LAN : PIPE_OUT_OF_WG];
	const struct napi *wg = &b->rig->wg, *lan = &b->rig->lan;
	uint64_t again = sent_again(b);

	place_hurry(true);
	int rc = settle(b, err);
	out->packets = out->bytes = 0;
	uint64_t before = napi_cpu_ns(wg) + napi_cpu_ns(lan);
	if (rc == 0)
		rc = transfer(b, way, n, bytes / n, err);
	*ret = (struct bulk_sum){ .ns = napi_cpu_ns(wg) + napi_cpu_ns(lan) - before,
				  .packets = out->packets,
				  .bytes = out->bytes,
				  .again = sent_again(b) - again };
	place_hurry(false);
	return rc < 0 ? rc : verify(b, err);
}
