/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Length-checked, pointer-free records: how the unprivileged fetcher talks to
 * the gateway over a socket pair, and how the last good config lies on disk.
 *
 * A record is a header and a struct of core/model.h or of this file. A shorter
 * struct than ours (an older writer) is filled up with zeroes, a longer one (a
 * newer writer) is cut: structs only grow at their end. Receiving checks
 * length, termination of every string and range of every enum; what is beyond
 * that is wm_config_finish's work.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/locate.h"
#include "core/model.h"
#include "core/report.h"

#define WM_RECORD_MAX 4096 /* bytes of payload */

enum wm_record_type {
	/* a config: MESH, then any of SITE HOST DEVICE, then END */
	WM_RECORD_MESH = 1, /* struct wm_mesh */
	WM_RECORD_SITE,     /* struct wm_site */
	WM_RECORD_HOST,     /* struct wm_host */
	WM_RECORD_DEVICE,   /* struct wm_device */
	WM_RECORD_END,      /* struct wm_record_end */
	/* what has changed since a config: CHANGES, then any of SITE HOST DEVICE GONE, then END */
	WM_RECORD_CHANGES,  /* struct wm_changes */
	WM_RECORD_GONE,     /* struct wm_gone */
	/* gateway -> fetcher */
	WM_RECORD_FETCH = 32, /* struct wm_fetch_request: answered by a config, UNCHANGED or PROBLEM */
	WM_RECORD_ENROL,      /* struct wm_fetch_enrol: answered by ENROLLED or PROBLEM */
	WM_RECORD_REPORT,     /* struct wm_fetch_report: answered by DONE or PROBLEM */
	WM_RECORD_UPDATE_SELF, /* struct wm_fetch_self: answered by DONE or PROBLEM */
	/* what the REPORT that follows says besides; not answered by themselves */
	WM_RECORD_REPORT_PEER, /* struct wm_report_peer: at most WM_REPORT_PEERS of them */
	WM_RECORD_REPORT_HOST, /* struct wm_report_host: at most WM_REPORT_HOSTS of them */
	WM_RECORD_LOCATE,      /* struct wm_fetch_locate: answered by LOCATED or PROBLEM */
	WM_RECORD_LEAVE,       /* struct wm_fetch_leave: answered by DONE or PROBLEM */
	/* wm-agent -> fetcher */
	WM_RECORD_GET = 48, /* struct wm_fetch_get: answered by any number of CHUNK and then DONE, or by PROBLEM */
	/* fetcher -> gateway */
	WM_RECORD_UNCHANGED = 64, /* no payload: nothing newer within the wait */
	WM_RECORD_ENROLLED,       /* struct wm_fetch_enrolled */
	WM_RECORD_DONE,           /* no payload */
	WM_RECORD_PROBLEM,        /* struct wm_fetch_problem */
	WM_RECORD_LOCATED,        /* struct wm_fetch_located */
	WM_RECORD_CHUNK = 80,     /* the next bytes of a file, as many as the record is long */
};

struct wm_record_end {
	uint64_t generation; /* equals that of the MESH or CHANGES record */
	uint64_t count;      /* records between that and this */
};

/* From generation `after` to mesh.generation; the mesh itself is as it was. It stands last, because it may grow. */
struct wm_changes {
	uint64_t after;
	struct wm_mesh mesh;
};

struct wm_gone {
	char kind[16];             /* "site", "host", "device" */
	char name[WM_NAME_SIZE];   /* a site's domain too */
	char domain[WM_NAME_SIZE]; /* a host's; else "" */
};

/* Where and as whom; every request carries it, the fetcher keeps nothing. */
struct wm_fetch_target {
	char url[512];
	char token[WM_TOKEN_MAX];
	char ca_file[256];      /* extra trust anchors (PEM), or "" */
	uint8_t allow_http;     /* the operator's override for tokens over plain http */
};

struct wm_fetch_request {
	struct wm_fetch_target target;
	char instance[WM_INSTANCE_ID_SIZE]; /* of the config we have, or "" */
	uint64_t after;                     /* its generation; 0: none */
	uint32_t wait_s;                    /* long-poll at most this long; 0: answer at once */
	_Alignas(8) char mark[WM_MARK_SIZE]; /* of that generation, or "" */
};

struct wm_fetch_enrol {
	struct wm_fetch_target target; /* token: the one-time enrolment (or the master token) */
	char domain[WM_NAME_SIZE];
	char new_token[WM_TOKEN_TEXT]; /* the token this gateway made for itself and has already stored */
	struct wm_key public_key;
	struct wm_endpoint endpoint;
	struct wm_prefix subnet;       /* len 0: as the registry has it */
	uint8_t hub;
	_Alignas(8) bool preshared;    /* it takes preshared keys */
	char carrier[WM_NAME_SIZE];    /* the machine that carries this gateway's container; "": none */
	_Alignas(8) wm_ip4 carrier_ip;
};

/* A file that needs no token and gets none: target.token is "". */
struct wm_fetch_get {
	struct wm_fetch_target target; /* url: of the directory */
	char name[128];                /* of the file in it; wm_release_name_valid */
	uint64_t max;                  /* bytes; more are a PROBLEM (EFBIG) */
	uint32_t timeout_s;            /* for all of it */
};

struct wm_fetch_enrolled {
	char domain[WM_NAME_SIZE];
};

struct wm_fetch_self {
	struct wm_fetch_target target;
	char domain[WM_NAME_SIZE];
	struct wm_key public_key;
	struct wm_endpoint endpoint;
	_Alignas(8) bool endpoint_too; /* that there is no endpoint is said, too */
};

/* Where this gateway is seen from outside: what its name says, else what the registry sees, else what two services see. */
struct wm_fetch_locate {
	struct wm_fetch_target target;
	char name[WM_DNS_NAME_SIZE];     /* or "" */
	char services[WM_SERVICES_SIZE]; /* as in struct wm_locate */
	uint16_t port;
};

struct wm_fetch_located {
	struct wm_endpoint endpoint; /* family 0: nobody sees it at a public address */
	_Alignas(8) bool by_services; /* it was they who did, and not the registry */
};

/* The site is no more, nor are its hosts. */
struct wm_fetch_leave {
	struct wm_fetch_target target;
	char domain[WM_NAME_SIZE];
};

struct wm_fetch_report {
	struct wm_fetch_target target;
	char domain[WM_NAME_SIZE];
	uint64_t generation; /* applied */
	char instance[WM_INSTANCE_ID_SIZE];
	char dataplane[16];
	char problem[256];   /* "" when all is well */
	char version[32];
	uint64_t applied_ms; /* how long the last apply took */
	uint64_t listen_port; /* WireGuard's; 0: there is no device */
	uint64_t uptime;      /* of wm-gateway, seconds */
	char mark[WM_MARK_SIZE]; /* of that generation, or "" */
	bool preshared;          /* it takes preshared keys */
	char note[160];          /* why it is that data plane, or "" */
	int64_t clock;           /* what time the gateway thinks it is, seconds since 1970 */
};

struct wm_fetch_problem {
	int32_t http_status; /* 0: no answer was had */
	int32_t code;        /* positive errno */
	char text[512];
};

struct wm_record {
	uint16_t type;
	uint32_t len; /* bytes of payload as received or as to be sent */
	union {
		struct wm_mesh mesh;
		struct wm_site site;
		struct wm_host host;
		struct wm_device device;
		struct wm_record_end end;
		struct wm_changes changes;
		struct wm_gone gone;
		struct wm_fetch_request fetch;
		struct wm_fetch_enrol enrol;
		struct wm_fetch_enrolled enrolled;
		struct wm_fetch_self self;
		struct wm_fetch_report report;
		struct wm_report_peer report_peer;
		struct wm_report_host report_host;
		struct wm_fetch_get get;
		struct wm_fetch_problem problem;
		struct wm_fetch_locate locate;
		struct wm_fetch_located located;
		struct wm_fetch_leave leave;
		uint8_t byte[WM_RECORD_MAX];
	};
};

/* Blocking, on a stream (socket, pipe or file). */
int wm_record_write(FILE *f, uint16_t type, const void *payload, size_t len); /* 0 or -errno */
/* Into memory, which has room for it (WM_RECORD_PACKED at most): bytes, or -EMSGSIZE. */
#define WM_RECORD_PACKED (WM_RECORD_MAX + 8)
ssize_t wm_record_pack(void *buf, uint16_t type, const void *payload, size_t len);
int wm_record_flush(int fd, const void *buf, size_t len); /* what was packed */
int wm_record_send(int fd, uint16_t type, const void *payload, size_t len);
/* 0; -ENODATA at a clean end of stream; -EBADMSG with err for anything malformed. */
int wm_record_read(FILE *f, struct wm_record *ret, struct wm_error *err);
/* The same from a buffer that fills up: 0 and *ret_used bytes are consumed;
 * 1 when the buffer does not hold a whole record yet; -EBADMSG. */
int wm_record_parse(const void *data, size_t len, struct wm_record *ret, size_t *ret_used, struct wm_error *err);

/* Takes the next record of a config into `config` (all zero before the first):
 * 0 more to come, 1 complete and checked by wm_config_finish, -errno. A PROBLEM
 * record ends it with -EREMOTEIO and the fetcher's sentence. */
int wm_config_take(struct wm_config *config, const struct wm_record *record, struct wm_error *err);

/* A config as records. Reading needs MESH first and END last with the right
 * count, and runs wm_config_finish; ret is filled only on 0. */
int wm_config_write(FILE *f, const struct wm_config *config);
int wm_config_read(FILE *f, struct wm_config *ret, struct wm_error *err);
