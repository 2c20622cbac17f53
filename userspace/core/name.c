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

size_t wm_utf8_decode(const char *s, uint32_t *ret)
{
	/* Of two bytes, three and four: what the first shows of it, and the least code point that may take so many. */
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = { { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
	const unsigned char *byte = (const unsigned char *)s;
	uint32_t code;
	size_t n = 0;

	if (byte[0] < 0x80) {
		*ret = byte[0];
		return 1;
	}
	while (n < WM_ARRAY_LEN(forms) && (byte[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == WM_ARRAY_LEN(forms))
		return 0;
	code = byte[0] & (uint8_t)~forms[n].mask;
	for (size_t i = 1; i <= n + 1; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < forms[n].least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return n + 2;
}

bool wm_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

void wm_printable(char *text)
{
	char *to = text;
	uint32_t code;

	for (size_t n; *text; text += n ? n : 1) {
		n = wm_utf8_decode(text, &code);
		if (!n || wm_is_control(code)) {
			*to++ = '?';
		} else {
			memmove(to, text, n);
			to += n;
		}
	}
	*to = '\0';
}

bool wm_title_valid(const char *title)
{
	size_t len = strlen(title);
	uint32_t code;

	if (!len || len > WM_LABEL_MAX)
		return false;
	for (size_t n; *title; title += n) {
		n = wm_utf8_decode(title, &code);
		if (!n || wm_is_control(code))
			return false;
	}
	return true;
}
