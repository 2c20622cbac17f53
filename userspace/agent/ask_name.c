/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of RFC 1035 only what such a question takes: a header, one question, and the
 * answers' types, lengths and data; names in them are skipped.
 */
#include "agent/ask_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/key.h"
#include "core/util.h"

#define HEAD 12
#define MESSAGE_MAX 512
#define TYPE_A 1
#define CLASS_IN 1

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The question's bytes; 0: the name is none. */
static size_t make_question(uint8_t *msg, uint16_t id, const char *name)
{
	static const uint8_t tail[] = { 0, 0, TYPE_A, 0, CLASS_IN };
	size_t at = HEAD;

	memset(msg, 0, HEAD);
	msg[0] = (uint8_t)(id >> 8);
	msg[1] = (uint8_t)id;
	msg[2] = 1; /* recursion desired */
	msg[5] = 1; /* one question */
	while (*name) {
		size_t len = strcspn(name, ".");

		if (!len || len > 63 || at + 1 + len + sizeof(tail) > MESSAGE_MAX)
			return 0;
		msg[at++] = (uint8_t)len;
		memcpy(msg + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	memcpy(msg + at, tail, sizeof(tail));
	return at + sizeof(tail);
}

/* Behind the name that begins at `at`; 0: it does not end. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at)
{
	while (at < len) {
		if (!msg[at])
			return at + 1;
		if (msg[at] >= 0xc0)
			return at + 2;
		at += 1u + msg[at];
	}
	return 0;
}

static int read_answer(const uint8_t *msg, size_t len, size_t question, wm_ip4 *ret)
{
	size_t at = question;
	int found = 0;

	if (len < question || !(msg[2] & 0x80) || get16(msg + 4) != 1)
		return -EBADMSG;
	*ret = 0;
	for (unsigned int n = get16(msg + 6); n; n--) {
		size_t data;

		at = skip_name(msg, len, at);
		if (!at || at + 10 > len)
			return -EBADMSG;
		data = at + 10;
		at = data + get16(msg + at + 8);
		if (at > len)
			return -EBADMSG;
		if (get16(msg + data - 10) == TYPE_A && at - data == 4 && !found++)
			*ret = (wm_ip4)get16(msg + data) << 16 | get16(msg + data + 2);
	}
	return found;
}

int wm_ask_name(wm_ip4 server, const char *name, wm_ip4 *ret)
{
	const struct timeval second = { .tv_sec = 1 };
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(server) };
	WM_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t msg[MESSAGE_MAX];
	uint16_t id;
	size_t asked;
	ssize_t n;

	wm_random(&id, sizeof(id));
	asked = make_question(msg, id, name);
	if (!asked)
		return -EINVAL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) || send(fd, msg, asked, 0) < 0)
		return -errno;
	do
		n = recv(fd, msg, sizeof(msg), 0);
	while (n >= 2 && get16(msg) != id);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n < HEAD ? -EBADMSG : read_answer(msg, (size_t)n, asked, ret);
}
