/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/util.h"

#define BEGIN "# wm-gateway: from here on, rewritten by 'wm-gateway install --lxc'"
#define END "# wm-gateway: until here"

struct wm_mac wm_container_mac(const struct wm_container_nic *nic)
{
	/* The second bit: administered locally. */
	return (struct wm_mac){ { 0x02, 0x57, (uint8_t)(nic->addr >> 24), (uint8_t)(nic->addr >> 16), (uint8_t)(nic->addr >> 8),
				  (uint8_t)nic->addr } };
}

/* --- LXC's file ---------------------------------------------------------------------------- */

static bool begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !strncmp(line, with, strlen(with));
}

/* Everything but our part, and interfaces, of which a template brings one that we take the place of. */
static void keep_rest(FILE *f, const char *old)
{
	bool ours = false;

	for (const char *line = old, *next; *line; line = next) {
		size_t len = strcspn(line, "\n");
		size_t blank = strspn(line, " \t");

		next = line + len + (line[len] == '\n');
		if (begins(line, len, BEGIN))
			ours = true;
		else if (ours && begins(line, len, END))
			ours = false;
		else if (!ours && !begins(line + blank, len - WM_MIN(blank, len), "lxc.net.") &&
			 !begins(line + blank, len - WM_MIN(blank, len), "lxc.start.auto"))
			fprintf(f, "%.*s\n", (int)len, line);
	}
}

/* As what distributions include does. */
static bool denies_devices(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *start = line + strspn(line, " \t");

		if (!strncmp(start, "lxc.include", 11) || !strncmp(start, "lxc.cgroup.devices.deny", 23) || !strncmp(start, "lxc.cgroup2.devices.deny", 24))
			return true;
	}
	return false;
}

static void write_nic(FILE *f, const struct wm_container_nic *nic, unsigned int i)
{
	struct wm_mac mac = wm_container_mac(nic);
	char text[WM_MAC_TEXT > WM_IP4_TEXT ? WM_MAC_TEXT : WM_IP4_TEXT];

	fprintf(f, "lxc.net.%u.type = veth\nlxc.net.%u.link = %s\nlxc.net.%u.name = eth%u\nlxc.net.%u.flags = up\n", i, i, nic->bridge, i, i, i);
	fprintf(f, "lxc.net.%u.hwaddr = %s\n", i, wm_mac_format(&mac, text));
	fprintf(f, "lxc.net.%u.ipv4.address = %s/%u\n", i, wm_ip4_format(nic->addr, text), nic->len);
	if (nic->gateway)
		fprintf(f, "lxc.net.%u.ipv4.gateway = %s\n", i, wm_ip4_format(nic->gateway, text));
}

int wm_container_lxc_config(const char *old, const struct wm_container_net *net, const char *hook, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	keep_rest(f, old);
	fputs(BEGIN "\nlxc.start.auto = 1\n", f);
	for (unsigned int i = 0; i < net->n; i++)
		write_nic(f, &net->nic[i], i);
	fputs("lxc.mount.entry = bpf sys/fs/bpf bpf rw,nosuid,nodev,noexec,mode=700,optional,create=dir 0 0\n"
	      "lxc.mount.entry = /dev/net/tun dev/net/tun none bind,optional,create=file 0 0\n", f);
	if (denies_devices(old))
		fputs("lxc.cgroup.devices.allow = c 10:200 rwm\nlxc.cgroup2.devices.allow = c 10:200 rwm\n", f);
	if (*hook)
		fprintf(f, "lxc.hook.start-host = %s\n", hook);
	fputs(END "\n", f);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

/* --- Proxmox --------------------------------------------------------------------------------- */

const char *wm_container_pct_nic(const struct wm_container_nic *nic, unsigned int i, char *buf)
{
	struct wm_mac mac = wm_container_mac(nic);
	char addr[WM_IP4_TEXT], gateway[WM_IP4_TEXT], hw[WM_MAC_TEXT];

	snprintf(buf, WM_PCT_NIC_TEXT, "name=eth%u,bridge=%s,hwaddr=%s,ip=%s/%u%s%s,type=veth", i, nic->bridge, wm_mac_format(&mac, hw),
		 wm_ip4_format(nic->addr, addr), nic->len, nic->gateway ? ",gw=" : "",
		 nic->gateway ? wm_ip4_format(nic->gateway, gateway) : "");
	return buf;
}

/* Whether the line, up to its end, has the word between commas; Proxmox writes MACs in capitals. */
static bool has_word(const char *line, const char *word)
{
	size_t len = strcspn(line, "\n"), n = strlen(word);

	for (size_t at = 0; at + n <= len; at++) {
		bool start = !at || strchr(", ", line[at - 1]), end = at + n == len || strchr(",\r ", line[at + n]);

		if (start && end && !strncasecmp(line + at, word, n))
			return true;
	}
	return false;
}

static unsigned int words(const char *line, char separator)
{
	unsigned int n = 1;

	for (; *line && *line != '\n'; line++)
		n += *line == separator;
	return n;
}

bool wm_container_pct_has(const char *config, const struct wm_container_nic *nic, unsigned int i)
{
	char wanted[WM_PCT_NIC_TEXT], key[16], *save = NULL;
	const char *line = config;
	unsigned int n;

	wm_container_pct_nic(nic, i, wanted);
	n = words(wanted, ',');
	snprintf(key, sizeof(key), "net%u: ", i);
	while (line && strncmp(line, key, strlen(key))) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (!line || words(line, ',') != n)
		return false;
	for (char *word = strtok_r(wanted, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!has_word(line + strlen(key), word))
			return false;
	}
	return true;
}
