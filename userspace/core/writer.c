/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/writer.h"

#include <stdbool.h>

void wm_writer_flush(struct wm_writer *w)
{
	fwrite(w->block, 1, w->len, w->f);
	w->len = 0;
}

/* Whole blocks, which a stream hands on as they are. */
void wm_put_long(struct wm_writer *w, const char *s, size_t len)
{
	for (size_t room; len > (room = sizeof(w->block) - w->len); s += room, len -= room) {
		memcpy(w->block + w->len, s, room);
		w->len = sizeof(w->block);
		wm_writer_flush(w);
	}
	memcpy(w->block + w->len, s, len);
	w->len += len;
}

/* A NUL is none. */
static const bool is_plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

const char *wm_skip_plain(const char *s)
{
	while (is_plain[(unsigned char)*s])
		s++;
	return s;
}

const char *wm_put_plain(struct wm_writer *w, const char *s)
{
	const char *rest = wm_skip_plain(s);

	wm_put(w, s, (size_t)(rest - s));
	return rest;
}

/* Two at a time. */
static const char pairs[] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* Its digits end before `end`; returns where they begin. */
static char *digits_before(uint64_t value, char *end)
{
	for (; value >= 100; value /= 100)
		end = memcpy(end - 2, pairs + 2 * (value % 100), 2);
	if (value >= 10)
		return memcpy(end - 2, pairs + 2 * value, 2);
	*--end = (char)('0' + value);
	return end;
}

void wm_put_uint(struct wm_writer *w, uint64_t value)
{
	char text[WM_UINT_TEXT], *at = digits_before(value, text + sizeof(text));

	wm_put(w, at, (size_t)(text + sizeof(text) - at));
}

char *wm_uint_format(uint64_t value, char buf[WM_UINT_TEXT])
{
	char text[WM_UINT_TEXT], *at = digits_before(value, text + sizeof(text));
	size_t len = (size_t)(text + sizeof(text) - at);

	memcpy(buf, at, len);
	buf[len] = '\0';
	return buf + len;
}

/* --- reals ------------------------------------------------------------------------------------ */

#define FRACTION 52 /* bits of a double, below the one that is not written */
#define BIAS 1023

/* In units of 1 / scale, rounded as printf does: a double is a whole number of units of a power of two, so that what is cut
 * off is known exactly, and a half goes to the even one. False: it is negative, no number, or not below 2^52. */
static bool rounded(double value, uint64_t scale, uint64_t *ret)
{
	uint64_t bits, whole, cut, half;
	int shift;

	memcpy(&bits, &value, sizeof(bits));
	shift = BIAS + FRACTION - (int)(bits >> FRACTION);
	if (shift < 1)
		return false;
	*ret = 0;
	if (shift > 63) /* less than 1 / 2048, which is less than half of a thousandth */
		return true;
	whole = ((bits & ((1ull << FRACTION) - 1)) | 1ull << FRACTION) * scale; /* of 63 bits at most */
	half = 1ull << (shift - 1);
	cut = whole & (2 * half - 1);
	*ret = whole >> shift;
	*ret += cut > half || (cut == half && (*ret & 1));
	return true;
}

char *wm_real_format(double value, unsigned int digits, char buf[WM_REAL_TEXT])
{
	static const uint64_t scales[] = { 1, 10, 100, 1000 };
	uint64_t scale = scales[digits], units;
	char *at;

	if (!rounded(value, scale, &units))
		return buf + snprintf(buf, WM_REAL_TEXT, "%.*f", (int)digits, value);
	at = wm_uint_format(units / scale, buf);
	if (!digits)
		return at;
	/* The zeroes that a fraction begins with stand, too. */
	wm_uint_format(scale + units % scale, at);
	*at = '.';
	return at + 1 + digits;
}
