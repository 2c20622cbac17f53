/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an answer means that is not the one hoped for.
 */
#include <errno.h>
#include <string.h>

#include "core/codec.h"
#include "core/util.h"
#include "http/client.h"

/* The first row whose range holds the status. */
static const struct {
	long least, most;
	int code;
	const char *advice;
} meanings[] = {
	{300, 399, EREMOTEIO, "it points elsewhere, and a token is never taken along; use the registry's own address"},
	{401, 401, EACCES, "the token is not accepted; check that it is whole, of this registry and not revoked (a new one: wm mesh add)"},
	{403, 403, EACCES, "the token has no right to do this"},
	{404, 404, ENOENT, "there is no such thing"},
	{405, 405, EOPNOTSUPP, "the registry is of a version that does not have this"},
	{409, 409, EEXIST, "it conflicts with what is there"},
	{412, 412, ESTALE, "it has changed meanwhile"},
	{413, 413, EINVAL, "the request is too large"},
	{429, 429, EINVAL, "too many requests: try again later"},
	{400, 499, EINVAL, "the request is refused"},
	{502, 504, EREMOTEIO, "a proxy in front of the registry does not get an answer from it"},
	{500, 599, EREMOTEIO, "it failed inside; its log says why"},
	{0, 999, EREMOTEIO, "this is not an answer of a registry; check the address"},
};

int wm_http_problem(const struct wm_http_answer *answer, const char *doing, struct wm_error *err)
{
	WM_AUTO_FREE char *detail = answer->body ? wm_json_member(answer->body, answer->len, "detail") : NULL;
	WM_AUTO_FREE char *field = answer->body ? wm_json_member(answer->body, answer->len, "field") : NULL;
	size_t i = 0;

	while (i + 1 < WM_ARRAY_LEN(meanings) &&
	       (answer->status < meanings[i].least || answer->status > meanings[i].most))
		i++;

	/* Why a token is refused, no registry says; what to do about it, we know better: there is no header to set here. */
	if (!detail || !*detail || answer->status == 401)
		return wm_fail(err, meanings[i].code, "%s: the registry answered %ld: %s", doing, answer->status,
			       meanings[i].advice);

	return wm_fail_field(err, meanings[i].code, field ? field : "", "%s: %s", doing, detail);
}
