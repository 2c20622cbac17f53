/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/metrics.h"

#include <string.h>

#include "core/name.h"
#include "core/util.h"

/* One character of a label's value, as it stands between quotes. The format escapes three; what a terminal would obey, and
 * what is not UTF-8, nobody needs. */
static size_t escape(const char *s, size_t n, uint32_t code, char ret[4])
{
	if (n == 1 && (code == '"' || code == '\\' || code == '\n')) {
		ret[0] = '\\';
		ret[1] = code == '\n' ? 'n' : (char)code;
		return 2;
	}
	if (!n || wm_is_control(code)) {
		ret[0] = '?';
		return 1;
	}
	memcpy(ret, s, n);
	return n;
}

void wm_metric_label(struct wm_metric_labels *labels, const char *name, const char *value)
{
	size_t room = sizeof(labels->text) - labels->len, at;
	char *to = labels->text + labels->len, one[4];
	uint32_t code = 0;
	int head = snprintf(to, room, "%s%s=\"", labels->len ? "," : "", name);

	at = head < 0 ? room : (size_t)head;
	for (size_t n; *value && at < room; value += n ? n : 1) {
		size_t len;

		n = wm_utf8_decode(value, &code);
		len = escape(value, n, code, one);
		if (at + len < room)
			memcpy(to + at, one, len);
		at += len;
	}
	if (at + 2 > room) {
		*to = '\0';
		return;
	}
	to[at] = '"';
	to[at + 1] = '\0';
	labels->len += at + 1;
}

void wm_metric_family(FILE *f, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(f, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(f, "# UNIT %s %s\n", name, unit);
	fprintf(f, "# HELP %s %s\n", name, help);
}

/* There may be a million samples: each is one write, and no printf. */
struct line {
	char text[WM_METRICS_LABELS + 256]; /* names and labels of ours are short */
	size_t len;
};

static void put(struct line *line, const char *s, size_t len)
{
	len = WM_MIN(len, sizeof(line->text) - line->len);
	memcpy(line->text + line->len, s, len);
	line->len += len;
}

static void put_number(struct line *line, uint64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put(line, digits + at, sizeof(digits) - at);
}

static void begin(struct line *line, const char *name, const char *suffix, const char *labels, const char *more)
{
	line->len = 0;
	put(line, name, strlen(name));
	put(line, suffix, strlen(suffix));
	if (*labels || *more) {
		put(line, "{", 1);
		put(line, labels, strlen(labels));
		put(line, ",", *labels && *more);
		put(line, more, strlen(more));
		put(line, "}", 1);
	}
	put(line, " ", 1);
}

/* Nobody else writes to it meanwhile. */
#ifdef __linux__
#define write_line fwrite_unlocked
#else
#define write_line fwrite
#endif

static void end(struct line *line, FILE *f)
{
	put(line, "\n", 1);
	write_line(line->text, 1, line->len, f);
}

void wm_metric_sample(FILE *f, const char *name, const char *suffix, const char *labels, const char *more, uint64_t value)
{
	struct line line;

	begin(&line, name, suffix, labels, more);
	put_number(&line, value);
	end(&line, f);
}

void wm_metric_time(FILE *f, const char *name, const char *suffix, const char *labels, const char *more, uint64_t microseconds)
{
	struct line line;
	char fraction[8];

	begin(&line, name, suffix, labels, more);
	put_number(&line, microseconds / 1000000);
	put(&line, fraction, (size_t)snprintf(fraction, sizeof(fraction), ".%06u", (unsigned int)(microseconds % 1000000)));
	end(&line, f);
}

void wm_metrics_end(FILE *f)
{
	fputs("# EOF\n", f);
}
