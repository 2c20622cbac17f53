/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/lifecycle/port.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"

#define COMM_SIZE 32
#define LISTEN 0x0a /* TCP_LISTEN, as /proc has it */

/* Name of the process that has this socket. */
static bool name_of(unsigned long inode, char *ret)
{
	char dir[64], path[400], link[64], wanted[64];
	DIR *proc = opendir("/proc");
	bool found = false;

	wm_format(wanted, sizeof(wanted), "socket:[%lu]", inode);
	for (struct dirent *p; proc && !found && (p = readdir(proc));) {
		DIR *fds;

		if (*p->d_name < '1' || *p->d_name > '9' || wm_format(dir, sizeof(dir), "/proc/%s/fd", p->d_name) || !(fds = opendir(dir)))
			continue;
		for (struct dirent *f; !found && (f = readdir(fds));) {
			ssize_t n = wm_format(path, sizeof(path), "%s/%s", dir, f->d_name) ? -1 : readlink(path, link, sizeof(link) - 1);

			link[WM_MAX(n, 0)] = '\0';
			found = !strcmp(link, wanted);
		}
		closedir(fds);
		if (found) {
			WM_AUTO_FREE char *comm = NULL;

			found = !wm_format(path, sizeof(path), "/proc/%s/comm", p->d_name) && !wm_read_file(path, 4096, &comm, NULL) &&
				!wm_format(ret, COMM_SIZE, "%.*s", (int)WM_MIN(strcspn(comm, "\n"), COMM_SIZE - 1), comm);
		}
	}
	if (proc)
		closedir(proc);
	return found;
}

/* Words of 32 bits, each in the machine's byte order. */
static void format_address(const char *hex, char *ret)
{
	uint32_t word[4] = { 0 };
	int n = sscanf(hex, "%8x%8x%8x%8x", &word[0], &word[1], &word[2], &word[3]);

	if (!inet_ntop(n == 4 ? AF_INET6 : AF_INET, word, ret, INET6_ADDRSTRLEN))
		*ret = '\0';
}

static bool look(const char *path, bool tcp, uint16_t port, const char *not, char *ret, size_t size)
{
	WM_AUTO_FREE char *text = NULL;
	char *save = NULL;

	if (wm_read_file(path, 64u << 20, &text, NULL))
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char hex[33], address[INET6_ADDRSTRLEN], name[COMM_SIZE];
		unsigned int at, state;
		unsigned long inode;

		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu", hex, &at, &state, &inode) != 4 ||
		    at != port || (tcp && state != LISTEN) || !name_of(inode, name) || !strcmp(name, not))
			continue;
		format_address(hex, address);
		return !wm_format(ret, size, "%s at %s", name, address);
	}
	return false;
}

bool wm_port_holder(uint16_t port, const char *not, char *ret, size_t size)
{
	static const struct {
		const char *path;
		bool tcp;
	} tables[] = { { "/proc/net/udp", false }, { "/proc/net/tcp", true }, { "/proc/net/udp6", false }, { "/proc/net/tcp6", true } };

	for (size_t i = 0; i < WM_ARRAY_LEN(tables); i++) {
		if (look(tables[i].path, tables[i].tcp, port, not, ret, size))
			return true;
	}
	return false;
}
