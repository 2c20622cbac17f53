/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/name.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"

/* Top-level domains and special-use names (RFC 6761, RFC 6762, RFC 7686, RFC 8375) that a site must not take
 * over, because its dnsmasq would then answer for them. The generic TLDs are those people cannot do without. */
static const char *const reserved_domains[] = {
	"gw",	 "localhost", "local", "invalid", "onion", "arpa", "com", "net",  "org",
	"edu",	 "gov",	      "mil",   "int",	  "info",  "io",   "dev", "app",  "biz",
	"test",	 "example",   "alt",   "localdomain",
};

bool wm_label_valid(const char *label)
{
	size_t len = strlen(label);

	if (!len || len > WM_LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	return strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool wm_domain_valid(const char *domain)
{
	if (!wm_label_valid(domain) || strspn(domain, "0123456789") == strlen(domain))
		return false;
	for (size_t i = 0; i < WM_ARRAY_LEN(reserved_domains); i++) {
		if (!strcmp(domain, reserved_domains[i]))
			return false;
	}
	return true;
}

bool wm_host_valid(const char *name)
{
	return wm_label_valid(name) && strcmp(name, "gw") && strcmp(name, "localhost");
}

int wm_fqdn_split(const char *fqdn, char *ret_name, char *ret_domain)
{
	const char *dot = strchr(fqdn, '.');
	char name[WM_NAME_SIZE];
	size_t len;

	if (!dot)
		return -EINVAL;
	len = (size_t)(dot - fqdn);
	if (len > WM_LABEL_MAX)
		return -EINVAL;
	memcpy(name, fqdn, len);
	name[len] = '\0';
	if (!wm_label_valid(name) || !wm_label_valid(dot + 1))
		return -EINVAL;
	memcpy(ret_name, name, len + 1);
	strcpy(ret_domain, dot + 1);
	return 0;
}

/* Length of the UTF-8 sequence at s, 0 when it is not one (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3
		: s[0] >= 0xf0 && s[0] <= 0xf4				  ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool wm_title_valid(const char *title)
{
	const unsigned char *s = (const unsigned char *)title;
	size_t len = strlen(title);

	if (!len || len > WM_LABEL_MAX)
		return false;
	while (*s) {
		size_t n = utf8_len(s);

		/* C0, DEL, C1 */
		if (!n || s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
			return false;
		s += n;
	}
	return true;
}
