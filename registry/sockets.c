/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util.h"

#define FIRST_INHERITED 3 /* SD_LISTEN_FDS_START */
#define BACKLOG 4096

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int parse_port(const char *text, uint16_t *ret)
{
	unsigned long port;

	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	port = strtoul(text, NULL, 10);
	if (port > 65535)
		return -EINVAL;
	*ret = htons((uint16_t)port);
	return 0;
}

static int parse(const char *text, union address *ret, socklen_t *ret_len)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len = colon ? (size_t)(colon - text) : 0;

	memset(ret, 0, sizeof(*ret));
	if (!len || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		ret->in6.sin6_family = AF_INET6;
		*ret_len = sizeof(ret->in6);
		return inet_pton(AF_INET6, host + 1, &ret->in6.sin6_addr) == 1 ? parse_port(colon + 1, &ret->in6.sin6_port)
									     : -EINVAL;
	}
	ret->in.sin_family = AF_INET;
	*ret_len = sizeof(ret->in);
	return inet_pton(AF_INET, host, &ret->in.sin_addr) == 1 ? parse_port(colon + 1, &ret->in.sin_port) : -EINVAL;
}

int socket_listen(const char *text, int *ret, struct wm_error *err)
{
	WM_AUTO_CLOSE int fd = -1;
	union address addr;
	socklen_t len;
	int one = 1;

	if (parse(text, &addr, &len))
		return wm_fail(err, EINVAL, "'%s' is not ADDRESS:PORT; write it like 127.0.0.1:8099 or [::1]:8099", text);
	fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return wm_fail(err, errno, "cannot listen on %s: %s", text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (addr.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &addr.any, len) || listen(fd, BACKLOG))
		return wm_fail(err, errno, "cannot listen on %s: %s; give another with --listen or WM_REGISTRY_PORT", text,
			       strerror(errno));
	*ret = wm_steal_fd(&fd);
	return 0;
}

/* How many sockets were passed to this very process. */
static unsigned int inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid())
		return 0;
	return (unsigned int)strtoul(fds, NULL, 10);
}

int socket_inherited(unsigned int i, int *ret, struct wm_error *err)
{
	int fd = FIRST_INHERITED + (int)i, listening = 0, type = 0;
	socklen_t len = sizeof(int);

	if (i >= inherited())
		return -ENOENT;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) || !listening ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM)
		return wm_fail(err, EINVAL, "inherited descriptor %d is not a listening stream socket; correct the .socket unit", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	*ret = fd;
	return 0;
}

static void local_address(int fd, union address *ret)
{
	socklen_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	if (getsockname(fd, &ret->any, &len))
		ret->any.sa_family = AF_UNSPEC;
}

const char *socket_url(int fd, bool tls, char *buf)
{
	const char *scheme = tls ? "https" : "http";
	char text[INET6_ADDRSTRLEN];
	union address addr;

	local_address(fd, &addr);
	if (addr.any.sa_family == AF_INET)
		wm_format(buf, SOCKET_TEXT, "%s://%s:%u", scheme, inet_ntop(AF_INET, &addr.in.sin_addr, text, sizeof(text)),
			  ntohs(addr.in.sin_port));
	else if (addr.any.sa_family == AF_INET6)
		wm_format(buf, SOCKET_TEXT, "%s://[%s]:%u", scheme,
			  inet_ntop(AF_INET6, &addr.in6.sin6_addr, text, sizeof(text)), ntohs(addr.in6.sin6_port));
	else
		wm_format(buf, SOCKET_TEXT, "%s+unix:%s", scheme, addr.un.sun_path);
	return buf;
}

bool socket_is_public(int fd)
{
	union address addr;

	local_address(fd, &addr);
	if (addr.any.sa_family == AF_INET)
		return ntohl(addr.in.sin_addr.s_addr) >> 24 != 127;
	return addr.any.sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&addr.in6.sin6_addr);
}

uint64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(usec, NULL, 10) / 1000;
}

void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	WM_AUTO_CLOSE int fd = -1;
	union address addr = { .un = { .sun_family = AF_UNIX } };
	socklen_t len;

	if (!path || (*path != '/' && *path != '@') || wm_copy(addr.un.sun_path, sizeof(addr.un.sun_path), path))
		return;
	if (*path == '@') /* abstract */
		addr.un.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, state, strlen(state), MSG_NOSIGNAL, &addr.any, len) < 0)
		return; /* nobody to tell */
}
