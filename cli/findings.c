/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"

static const char *const names[] = {[STATE_OK] = "ok", [STATE_NOTE] = "note", [STATE_WRONG] = "wrong"};

void findings_begin(struct findings *f, struct wm_out *out)
{
	*f = (struct findings){.out = out};
	wm_out_array(out, "checks");
}

void finding(struct findings *f, enum state state, const char *check, const char *object, const char *todo,
	     const char *fmt, ...)
{
	char what[768], line[1536];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	f->n[state]++;
	snprintf(line, sizeof(line), "%-5s  %s%s%s: %s%s%s", names[state], check, *object ? " " : "", object, what,
		 todo ? ". " : "", todo ? todo : "");
	wm_out_object(f->out, NULL, NULL);
	wm_out_line(f->out, line);
	wm_out_str(f->out, "state", NULL, names[state]);
	wm_out_str(f->out, "check", NULL, check);
	wm_out_str(f->out, "object", NULL, *object ? object : NULL);
	wm_out_str(f->out, "what", NULL, what);
	wm_out_str(f->out, "todo", NULL, todo);
	wm_out_object_end(f->out);
}

int findings_end(struct findings *f)
{
	char line[64] = "nothing is wrong";

	wm_out_array_end(f->out);
	if (f->n[STATE_WRONG])
		snprintf(line, sizeof(line), "%u %s wrong", f->n[STATE_WRONG], f->n[STATE_WRONG] == 1 ? "thing is" : "things are");
	wm_out_line(f->out, line);
	wm_out_uint(f->out, "wrong", NULL, f->n[STATE_WRONG]);
	return f->n[STATE_WRONG] ? WM_EXIT_FAILED : WM_EXIT_OK;
}
