/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wireguard-go, by its socket: lines of key=value, keys in hex, an empty line
 * ends a request and an answer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/wg_priv.h"

#define SOCKET_DIR "/var/run/wireguard" /* wireguard-go knows no other */
#define TIMEOUT_S 20
#define KEY_HEX (2 * WM_KEY_LEN)
#define LINE_LEN 512

/* What was received and not yet looked at, or collected and not yet sent. */
struct channel {
	int fd;
	size_t pos, len;
	int rc; /* of sending; sticky */
	char buf[16384];
};

int wm_uapi_connect(const char *ifname)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (wm_format(addr.sun_path, sizeof(addr.sun_path), "%s/%s.sock", SOCKET_DIR, ifname) < 0)
		return -ENAMETOOLONG;
	WM_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return wm_steal_fd(&fd);
}

static void close_channel(struct channel *c)
{
	wm_closep(&c->fd);
	wm_wipe(c->buf, sizeof(c->buf));
}

#define AUTO_CHANNEL __attribute__((cleanup(close_channel)))

/* --- receiving -------------------------------------------------------------- */

/* The next line without its '\n', valid until the next call. */
static int next_line(struct channel *c, char **ret)
{
	char *end;

	while (!(end = memchr(c->buf + c->pos, '\n', c->len - c->pos))) {
		memmove(c->buf, c->buf + c->pos, c->len - c->pos);
		c->len -= c->pos;
		c->pos = 0;
		if (c->len == sizeof(c->buf))
			return -EBADMSG;
		ssize_t n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		c->len += (size_t)n;
	}
	*end = '\0';
	*ret = c->buf + c->pos;
	c->pos = (size_t)(end - c->buf) + 1;
	return 0;
}

static int parse_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > most)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int parse_key(const char *text, struct wm_key *ret)
{
	if (strlen(text) != KEY_HEX)
		return -EBADMSG;
	for (int i = 0; i < WM_KEY_LEN; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EBADMSG;
		ret->byte[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int parse_allowed(const char *text, struct wm_wg_device *dev)
{
	struct wm_prefix prefix;

	if (strchr(text, ':'))
		return 0; /* IPv6: see wg.c */
	if (wm_prefix_parse(text, &prefix) < 0)
		return -EBADMSG;
	return wm_wg_add_allowed(dev, prefix);
}

enum type { KEY, NUMBER16, NUMBER32, NUMBER64, ENDPOINT };

/* Where a line's value goes, in the device or in the peer told last. */
struct member {
	const char *key;
	enum type type;
	bool of_peer;
	size_t offset;
};

#define DEVICE(type, member) type, false, offsetof(struct wm_wg_device, member)
#define PEER(type, member) type, true, offsetof(struct wm_wg_peer, member)

static const struct member members[] = {
	{ "private_key", DEVICE(KEY, private_key) },
	{ "listen_port", DEVICE(NUMBER16, listen_port) },
	{ "fwmark", DEVICE(NUMBER32, fwmark) },
	{ "preshared_key", PEER(KEY, preshared_key) },
	{ "endpoint", PEER(ENDPOINT, endpoint) },
	{ "persistent_keepalive_interval", PEER(NUMBER16, keepalive_s) },
	{ "last_handshake_time_sec", PEER(NUMBER64, last_handshake) },
	{ "rx_bytes", PEER(NUMBER64, rx_bytes) },
	{ "tx_bytes", PEER(NUMBER64, tx_bytes) },
};

static int store(const struct member *m, const char *value, void *base)
{
	void *place = (char *)base + m->offset;
	uint64_t number = 0;
	int rc = 0;

	switch (m->type) {
	case KEY:
		return parse_key(value, place);
	case NUMBER16:
		rc = parse_number(value, UINT16_MAX, &number);
		*(uint16_t *)place = (uint16_t)number;
		return rc;
	case NUMBER32:
		rc = parse_number(value, UINT32_MAX, &number);
		*(uint32_t *)place = (uint32_t)number;
		return rc;
	case NUMBER64:
		rc = parse_number(value, INT64_MAX, &number);
		*(uint64_t *)place = number;
		return rc;
	case ENDPOINT:
		/* One that we cannot hold (an IPv6 zone) counts as none. */
		if (wm_endpoint_parse(value, place) < 0)
			*(struct wm_endpoint *)place = (struct wm_endpoint){ 0 };
		return 0;
	}
	return -EBADMSG;
}

static int read_member(struct wm_wg_device *dev, const char *key, const char *value)
{
	struct wm_wg_peer peer = { 0 };

	if (strcmp(key, "public_key") == 0) {
		int rc = parse_key(value, &peer.public_key);
		return rc < 0 ? rc : wm_wg_add_peer(dev, &peer);
	}
	if (strcmp(key, "allowed_ip") == 0)
		return dev->npeers ? parse_allowed(value, dev) : -EBADMSG;
	for (size_t i = 0; i < WM_ARRAY_LEN(members); i++) {
		const struct member *m = &members[i];

		if (strcmp(key, m->key) != 0)
			continue;
		if (m->of_peer && !dev->npeers)
			return -EBADMSG;
		return store(m, value, m->of_peer ? (void *)&dev->peers[dev->npeers - 1] : (void *)dev);
	}
	return 0; /* later versions may tell more */
}

/* Reads an answer to its end, into dev if there is one. 0, the answer's errno, or our own. */
static int read_answer(struct channel *c, struct wm_wg_device *dev)
{
	int64_t code = 0;
	int rc = 0;

	for (;;) {
		char *line = NULL;

		int got = next_line(c, &line);
		if (got < 0)
			return got;
		if (*line == '\0')
			return code ? (int)code : rc;
		char *value = strchr(line, '=');
		if (!value)
			return -EBADMSG;
		*value++ = '\0';
		if (strcmp(line, "errno") == 0)
			code = -labs(strtol(value, NULL, 10));
		else if (dev && rc == 0)
			rc = read_member(dev, line, value);
	}
}

/* --- sending ---------------------------------------------------------------- */

static void flush(struct channel *c)
{
	size_t done = 0;

	while (done < c->len && c->rc == 0) {
		ssize_t n = send(c->fd, c->buf + done, c->len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			c->rc = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	c->len = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct channel *c, const char *fmt, ...)
{
	va_list ap;

	if (sizeof(c->buf) - c->len < LINE_LEN)
		flush(c);
	va_start(ap, fmt);
	int n = vsnprintf(c->buf + c->len, LINE_LEN, fmt, ap);
	va_end(ap);
	c->len += (size_t)WM_MIN(n, LINE_LEN - 1);
}

static void say_key(struct channel *c, const char *name, const struct wm_key *key)
{
	static const char digits[] = "0123456789abcdef";
	char hex[KEY_HEX + 1] = "";

	for (int i = 0; i < WM_KEY_LEN; i++) {
		hex[2 * i] = digits[key->byte[i] >> 4];
		hex[2 * i + 1] = digits[key->byte[i] & 15];
	}
	say(c, "%s=%s\n", name, hex);
	wm_wipe(hex, sizeof(hex));
}

static void say_fields(struct channel *c, const struct wm_wg_op *op)
{
	char text[WM_ENDPOINT_TEXT];

	if (op->flags & WM_WG_OP_PSK)
		say_key(c, "preshared_key", &op->peer.preshared_key);
	if (op->flags & WM_WG_OP_KEEPALIVE)
		say(c, "persistent_keepalive_interval=%u\n", op->peer.keepalive_s);
	if (op->flags & WM_WG_OP_ENDPOINT && op->peer.endpoint.family)
		say(c, "endpoint=%s\n", wm_endpoint_format(&op->peer.endpoint, text));
}

static void say_steps(struct channel *c, const struct wm_wg_steps *steps)
{
	const struct wm_key *peer = NULL;
	char text[WM_PREFIX_TEXT];

	for (size_t i = 0; i < steps->n && c->rc == 0; i++) {
		const struct wm_wg_step *step = &steps->step[i];

		if (!peer || !wm_key_equal(peer, step->peer)) {
			say_key(c, "public_key", step->peer);
			if (!step->create)
				say(c, "update_only=true\n");
		}
		peer = step->peer;
		if (step->kind == WM_WG_STEP_SET)
			say_fields(c, step->op);
		else if (step->kind == WM_WG_STEP_ALLOW)
			say(c, "allowed_ip=%s\n", wm_prefix_format(step->op->allowed, text));
		else
			say(c, "remove=true\n");
	}
}

static int uapi_open(const char *ifname, struct channel *c, struct wm_error *err)
{
	c->fd = wm_uapi_connect(ifname);
	if (c->fd < 0)
		return wm_fail(err, -c->fd, "cannot reach the wireguard-go of %s (%s/%s.sock): %s", ifname, SOCKET_DIR,
			       ifname, strerror(-c->fd));
	return 0;
}

static int uapi_read(const char *ifname, struct wm_wg_device *ret, struct wm_error *err)
{
	AUTO_CHANNEL struct channel c = { .fd = -1 };

	int rc = uapi_open(ifname, &c, err);
	if (rc < 0)
		return rc;
	say(&c, "get=1\n\n");
	flush(&c);
	rc = c.rc ? c.rc : read_answer(&c, ret);
	if (rc < 0)
		return wm_fail(err, -rc, "cannot read %s from wireguard-go: %s", ifname, strerror(-rc));
	return 0;
}

static int uapi_write(const char *ifname, const struct wm_wg_steps *steps, struct wm_error *err)
{
	AUTO_CHANNEL struct channel c = { .fd = -1 };

	int rc = uapi_open(ifname, &c, err);
	if (rc < 0)
		return rc;
	say(&c, "set=1\n");
	if (steps->device) {
		say_key(&c, "private_key", &steps->device->private_key);
		say(&c, "listen_port=%u\nfwmark=%u\n", steps->device->listen_port, steps->device->fwmark);
	}
	say_steps(&c, steps);
	say(&c, "\n");
	flush(&c);
	/* After a refusal it may hang up on us while we are still talking: its
	 * answer, if one came, says more than our broken pipe. */
	rc = read_answer(&c, NULL);
	if (rc == -EPIPE && c.rc)
		rc = c.rc;
	if (rc == -EADDRINUSE && steps->device)
		return wm_fail(err, EADDRINUSE, "UDP port %u of %s is in use on this machine: end what has it (an earlier interface?), or set WM_LISTEN_PORT",
			       steps->device->listen_port, ifname);
	if (rc < 0)
		return wm_fail(err, -rc, "wireguard-go refused the configuration of %s: %s", ifname, strerror(-rc));
	return 0;
}

const struct wm_wg_way wm_wg_go = { .name = "wireguard-go", .read = uapi_read, .write = uapi_write };
