/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A connection to PostgreSQL: made, kept, given up and made again.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/key.h"
#include "core/log.h"
#include "core/util.h"
#include "registry/store_pg.h"

#define ANSWER_MS 12000 /* more than statement_timeout: the server says so itself, if it can */
#define LOOK_MS 3000    /* for what is no part of a change: looks by an index. Everybody else waits meanwhile */
#define RETRY_MS 500    /* between two attempts to connect, at least */
#define RETRY_FACTOR 4  /* and so many times as long as the last one took: the rest is for those who wait here */

/* What a lost server must not cost, and that of several hosts the one that can be written to is taken. The URL wins. */
static const char *const defaults[][2] = {
	{ "connect_timeout", "3" },	{ "keepalives_idle", "10" },	 { "keepalives_interval", "5" },
	{ "keepalives_count", "3" },	{ "tcp_user_timeout", "10000" }, { "target_session_attrs", "read-write" },
};

/* Every statement of the registry is a look-up by an index, whatever the statistics say; and each is planned once. */
#define SESSION \
	"SET statement_timeout = '10s'; SET lock_timeout = '2s'; SET enable_seqscan = off; SET enable_hashjoin = off;" \
	"SET enable_mergejoin = off; SET jit = off; SET plan_cache_mode = force_generic_plan;"
/* A writer that hangs must not hold up the others. What was acknowledged is on disk, also where the server is told to
 * be quick; a setting that is stricter is left. */
#define WRITER_SESSION \
	SESSION "SET idle_in_transaction_session_timeout = '10s';" \
	"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';" \
	"LISTEN " PG_CHANNEL
#define READER_SESSION SESSION "SET idle_in_transaction_session_timeout = '15min'; SET default_transaction_read_only = on"

static const struct {
	const char *state; /* SQLSTATE, or the beginning of it */
	int code;
} errors[] = {
	{ "23", EEXIST },   { "53100", ENOSPC }, { "53200", ENOMEM },	{ "55P03", EBUSY }, { "40", EBUSY },
	{ "57014", ETIMEDOUT }, { "25006", EROFS }, { "22", EINVAL },
};

/* Lines become one, and the end is cut off. */
static void set_reason(struct pg_link *link, const char *text)
{
	size_t n = 0;

	for (; *text && n < sizeof(link->reason) - 1; text++)
		link->reason[n++] = *text == '\n' || *text == '\t' ? ' ' : *text;
	while (n && link->reason[n - 1] == ' ')
		n--;
	link->reason[n] = '\0';
}

static void set_timer(struct pg_link *link, uint64_t ms)
{
	struct itimerspec at = { .it_value = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 } };

	if (link->timer >= 0)
		timerfd_settime(link->timer, 0, &at, NULL);
}

static void drop(struct pg_link *link)
{
	PQfinish(link->conn);
	link->conn = NULL;
	set_timer(link, 1);
}

static int lose(struct pg_link *link)
{
	set_reason(link, PQerrorMessage(link->conn));
	drop(link);
	link->retry_ms = 0;
	return -ENOTCONN;
}

/* --- answers -------------------------------------------------------------------------- */

/* Waits for the socket; also sends what is left to send. */
static int await(struct pg_link *link, uint64_t until)
{
	int rest = PQflush(link->conn);

	while (rest >= 0 && (rest || PQisBusy(link->conn))) {
		uint64_t now = wm_monotonic_ms();
		struct pollfd fd = { .fd = PQsocket(link->conn), .events = (short)(POLLIN | (rest ? POLLOUT : 0)) };

		if (now >= until) {
			set_reason(link, "the server does not answer");
			drop(link);
			/* others have their turn before another one is tried */
			link->retry_ms = now + RETRY_MS;
			return -ETIMEDOUT;
		}
		if (poll(&fd, 1, (int)(until - now)) < 0 && errno != EINTR)
			return lose(link);
		if (fd.revents && !PQconsumeInput(link->conn))
			return lose(link);
		rest = PQflush(link->conn);
	}
	return rest < 0 ? lose(link) : 0;
}

static int error_of(struct pg_link *link, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	set_reason(link, text ? text : PQresultErrorMessage(result));
	for (size_t i = 0; state && i < WM_ARRAY_LEN(errors); i++) {
		if (!strncmp(state, errors[i].state, strlen(errors[i].state)))
			return -errors[i].code;
	}
	return -EIO;
}

static bool is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

/* All results of what was sent. The first failure counts, else the last result: to *ret. */
static int collect(struct pg_link *link, PGresult **ret)
{
	uint64_t until = wm_monotonic_ms() + link->patience_ms;
	PGresult *last = NULL, *result;
	int rc;

	while (!(rc = await(link, until)) && (result = PQgetResult(link->conn))) {
		if (last && is_error(last)) {
			PQclear(result);
			continue;
		}
		PQclear(last);
		last = result;
	}
	/* A server that shuts down says so in a result first. */
	if (!rc && PQstatus(link->conn) != CONNECTION_OK)
		rc = lose(link);
	if (!rc && last && is_error(last))
		rc = error_of(link, last);
	if (rc || !ret) {
		PQclear(last);
		return rc;
	}
	*ret = last;
	return 0;
}

static int sent(struct pg_link *link, int ok, PGresult **ret)
{
	return ok ? collect(link, ret) : lose(link);
}

/* Before something is sent. */
static bool is_there(struct pg_link *link)
{
	if (!link->conn)
		return false;
	link->patience_ms = PQtransactionStatus(link->conn) == PQTRANS_IDLE ? link->look_ms : link->answer_ms;
	return true;
}

int link_run(struct pg_link *link, const char *sql, PGresult **ret)
{
	return is_there(link) ? sent(link, PQsendQuery(link->conn, sql), ret) : -ENOTCONN;
}

int link_prepare(struct pg_link *link, const char *name, const char *sql, const char *types)
{
	Oid oids[32];
	int n = 0;

	for (; types[n] && n < (int)WM_ARRAY_LEN(oids); n++)
		oids[n] = types[n] == 'i' ? 20 /* int8 */ : types[n] == 's' ? 25 /* text */ : 17 /* bytea */;
	return is_there(link) ? sent(link, PQsendPrepare(link->conn, name, sql, n, oids), NULL) : -ENOTCONN;
}

int link_execute(struct pg_link *link, const char *name, int n, const char *const *values, const int *lengths,
		 const int *formats, PGresult **ret)
{
	if (!is_there(link))
		return -ENOTCONN;
	return sent(link, PQsendQueryPrepared(link->conn, name, n, values, lengths, formats, 1), ret);
}

/* --- connecting ------------------------------------------------------------------------- */

static void ignore_notices(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* Nobody asked for less: then other machines are spoken to by TLS. libpq's own default would do without, silently. */
static bool wants_tls(const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	bool said = getenv("PGSSLMODE") || getenv("PGSERVICE");

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		said |= o->val && (!strcmp(o->keyword, "sslmode") || !strcmp(o->keyword, "service"));
	PQconninfoFree(options);
	return !said;
}

static PGconn *start(const char *url)
{
	const char *keys[WM_ARRAY_LEN(defaults) + 5], *values[WM_ARRAY_LEN(defaults) + 5];
	size_t n = 0;

	for (; n < WM_ARRAY_LEN(defaults); n++) {
		keys[n] = defaults[n][0];
		values[n] = defaults[n][1];
	}
	keys[n] = "sslmode", values[n] = wants_tls(url) ? "require" : NULL, n++;
	keys[n] = "dbname", values[n] = url, n++;
	keys[n] = "fallback_application_name", values[n] = "wm-registry", n++;
	keys[n] = "client_encoding", values[n] = "UTF8", n++;
	keys[n] = values[n] = NULL;
	return PQconnectdbParams(keys, values, 1);
}

/* While others serve the database, a newer program may have changed it. */
static int check_schema(struct pg_link *link)
{
	PGresult *result = NULL;
	int rc = link->schema ? link_run(link, "SELECT schema FROM wm_registry", &result) : 0;

	if (!rc && result && (PQntuples(result) != 1 || strtoll(PQgetvalue(result, 0, 0), NULL, 10) != link->schema)) {
		wm_format(link->reason, sizeof(link->reason),
			  "its schema is not the one that this wm-registry knows, %lld: one version must serve it everywhere, and run wm-registry migrate",
			  (long long)link->schema);
		rc = -EPROTO;
	}
	PQclear(result);
	return rc;
}

static int connect_now(struct pg_link *link)
{
	int rc = 0;

	link->conn = start(link->url);
	if (!link->conn || PQstatus(link->conn) != CONNECTION_OK) {
		set_reason(link, link->conn ? PQerrorMessage(link->conn) : "out of memory");
		drop(link);
		return -ENOTCONN;
	}
	PQsetNoticeReceiver(link->conn, ignore_notices, NULL);
	PQsetnonblocking(link->conn, 1);
	rc = link_run(link, link->reader ? READER_SESSION : WRITER_SESSION, NULL);
	if (!rc)
		rc = check_schema(link);
	if (rc && link->conn)
		drop(link);
	return rc ? -ENOTCONN : 0;
}

static void tell(struct pg_link *link, bool up)
{
	if (link->reader || !link->made || link->lost != up)
		return;
	link->lost = !up;
	if (up)
		wm_info("the database %s is there again", link->name);
	else
		wm_warning("the database %s cannot be reached: %s; trying again", link->name, link->reason);
}

int link_up(struct pg_link *link)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t before = wm_monotonic_ms(), took;
	int rc;

	if (link->conn)
		return 0;
	if (before < link->retry_ms) {
		set_timer(link, link->retry_ms - before + 1);
		return -ENOTCONN;
	}
	rc = connect_now(link);
	if (rc) {
		took = wm_monotonic_ms() - before;
		link->retry_ms = before + took + WM_MAX(RETRY_MS, RETRY_FACTOR * took);
		set_timer(link, link->retry_ms - wm_monotonic_ms() + 1);
	} else {
		link->made++;
		link->news = true;
		set_timer(link, 0);
		if (link->epoll >= 0 && epoll_ctl(link->epoll, EPOLL_CTL_ADD, PQsocket(link->conn), &event))
			rc = lose(link);
	}
	tell(link, !rc);
	return rc;
}

int link_follow(struct pg_link *link)
{
	uint64_t expired;
	PGnotify *note;
	bool news;

	while (read(link->timer, &expired, sizeof(expired)) > 0)
		;
	if (link->conn && !PQconsumeInput(link->conn))
		lose(link);
	if (link_up(link))
		return -ENOTCONN;
	while ((note = PQnotifies(link->conn))) {
		link->news |= note->be_pid != PQbackendPID(link->conn);
		PQfreemem(note);
	}
	news = link->news;
	link->news = false;
	return news;
}

/* --- from beginning to end ------------------------------------------------------------------ */

/* Without the password that the URL may hold: where and what, for messages. */
static int name_it(const char *url, char *ret, size_t size, struct wm_error *err)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	const char *host = NULL, *database = NULL, *service = NULL;
	int rc;

	if (!options) /* its own words would repeat the URL */
		return wm_fail(err, EINVAL, "the store's URL is not valid; write it like postgresql://USER@HOST/DATABASE?sslmode=verify-full");
	for (PQconninfoOption *o = options; o->keyword; o++) {
		if (!strcmp(o->keyword, "host"))
			host = o->val;
		else if (!strcmp(o->keyword, "dbname"))
			database = o->val;
		else if (!strcmp(o->keyword, "service"))
			service = o->val;
	}
	rc = wm_format(ret, size, "postgresql://%s/%s%s%s", host ? host : "", database ? database : "",
		       service ? "?service=" : "", service ? service : "");
	PQconninfoFree(options);
	return rc ? wm_fail(err, EINVAL, "the store's URL is too long; put what it says into a service file (docs/registry.md)") : 0;
}

static int open_epoll(struct pg_link *link)
{
	struct epoll_event event = { .events = EPOLLIN };

	link->epoll = epoll_create1(EPOLL_CLOEXEC);
	link->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (link->epoll < 0 || link->timer < 0 || epoll_ctl(link->epoll, EPOLL_CTL_ADD, link->timer, &event))
		return -errno;
	return 0;
}

int link_open(const char *url, bool reader, struct pg_link *ret, struct wm_error *err)
{
	int rc;

	*ret = (struct pg_link){ .reader = reader, .answer_ms = reader ? LOOK_MS : ANSWER_MS, .look_ms = LOOK_MS, .epoll = -1, .timer = -1 };
	rc = name_it(url, ret->name, sizeof(ret->name), err);
	if (rc)
		return rc;
	ret->url = strdup(url);
	rc = ret->url ? 0 : -ENOMEM;
	if (!rc && !reader)
		rc = open_epoll(ret);
	return rc ? wm_fail(err, -rc, "cannot prepare a connection to the database %s: %s", ret->name, strerror(-rc)) : 0;
}

void link_close(struct pg_link *link)
{
	PQfinish(link->conn);
	if (link->epoll >= 0)
		close(link->epoll);
	if (link->timer >= 0)
		close(link->timer);
	if (link->url)
		wm_wipe(link->url, strlen(link->url));
	free(link->url);
}
