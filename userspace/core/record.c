/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/util.h"

/* On the wire and on disk; host byte order: both ends are this machine. */
struct header {
	uint16_t type;
	uint16_t magic;
	uint32_t len;
};

#define RECORD_MAGIC 0x6d77 /* "wm" */

/* Strings of each record type: every one must end inside its array. */
struct string_field {
	uint16_t type;
	uint16_t size;
	uint32_t offset;
};

#define STRING(type, strct, member) { type, sizeof(((struct strct *)0)->member), offsetof(struct strct, member) }
static const struct string_field strings[] = {
	STRING(WM_RECORD_MESH, wm_mesh, instance),
	STRING(WM_RECORD_MESH, wm_mesh, name),
	STRING(WM_RECORD_MESH, wm_mesh, self),
	STRING(WM_RECORD_MESH, wm_mesh, mark),
	STRING(WM_RECORD_SITE, wm_site, domain),
	STRING(WM_RECORD_HOST, wm_host, name),
	STRING(WM_RECORD_HOST, wm_host, domain),
	STRING(WM_RECORD_DEVICE, wm_device, name),
	STRING(WM_RECORD_CHANGES, wm_changes, mesh.instance),
	STRING(WM_RECORD_CHANGES, wm_changes, mesh.name),
	STRING(WM_RECORD_CHANGES, wm_changes, mesh.self),
	STRING(WM_RECORD_CHANGES, wm_changes, mesh.mark),
	STRING(WM_RECORD_GONE, wm_gone, kind),
	STRING(WM_RECORD_GONE, wm_gone, name),
	STRING(WM_RECORD_GONE, wm_gone, domain),
	STRING(WM_RECORD_FETCH, wm_fetch_request, target.url),
	STRING(WM_RECORD_FETCH, wm_fetch_request, target.token),
	STRING(WM_RECORD_FETCH, wm_fetch_request, target.ca_file),
	STRING(WM_RECORD_FETCH, wm_fetch_request, instance),
	STRING(WM_RECORD_FETCH, wm_fetch_request, mark),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, target.url),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, target.token),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, target.ca_file),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, domain),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, carrier),
	STRING(WM_RECORD_ENROL, wm_fetch_enrol, new_token),
	STRING(WM_RECORD_REPORT, wm_fetch_report, target.url),
	STRING(WM_RECORD_REPORT, wm_fetch_report, target.token),
	STRING(WM_RECORD_REPORT, wm_fetch_report, target.ca_file),
	STRING(WM_RECORD_REPORT, wm_fetch_report, domain),
	STRING(WM_RECORD_REPORT, wm_fetch_report, instance),
	STRING(WM_RECORD_REPORT, wm_fetch_report, dataplane),
	STRING(WM_RECORD_REPORT, wm_fetch_report, problem),
	STRING(WM_RECORD_REPORT, wm_fetch_report, version),
	STRING(WM_RECORD_REPORT, wm_fetch_report, mark),
	STRING(WM_RECORD_REPORT, wm_fetch_report, note),
	STRING(WM_RECORD_UPDATE_SELF, wm_fetch_self, target.url),
	STRING(WM_RECORD_UPDATE_SELF, wm_fetch_self, target.token),
	STRING(WM_RECORD_UPDATE_SELF, wm_fetch_self, target.ca_file),
	STRING(WM_RECORD_UPDATE_SELF, wm_fetch_self, domain),
	STRING(WM_RECORD_REPORT_PEER, wm_report_peer, kind),
	STRING(WM_RECORD_REPORT_PEER, wm_report_peer, name),
	STRING(WM_RECORD_REPORT_HOST, wm_report_host, name),
	STRING(WM_RECORD_LOCATE, wm_fetch_locate, target.url),
	STRING(WM_RECORD_LOCATE, wm_fetch_locate, target.token),
	STRING(WM_RECORD_LOCATE, wm_fetch_locate, target.ca_file),
	STRING(WM_RECORD_LOCATE, wm_fetch_locate, name),
	STRING(WM_RECORD_LOCATE, wm_fetch_locate, services),
	STRING(WM_RECORD_LEAVE, wm_fetch_leave, target.url),
	STRING(WM_RECORD_LEAVE, wm_fetch_leave, target.token),
	STRING(WM_RECORD_LEAVE, wm_fetch_leave, target.ca_file),
	STRING(WM_RECORD_LEAVE, wm_fetch_leave, domain),
	STRING(WM_RECORD_ENROLLED, wm_fetch_enrolled, domain),
	STRING(WM_RECORD_GET, wm_fetch_get, target.url),
	STRING(WM_RECORD_GET, wm_fetch_get, target.token),
	STRING(WM_RECORD_GET, wm_fetch_get, target.ca_file),
	STRING(WM_RECORD_GET, wm_fetch_get, name),
	STRING(WM_RECORD_PROBLEM, wm_fetch_problem, text),
};

static const struct {
	uint16_t type;
	uint16_t size;
} sizes[] = {
	{ WM_RECORD_MESH, sizeof(struct wm_mesh) },
	{ WM_RECORD_SITE, sizeof(struct wm_site) },
	{ WM_RECORD_HOST, sizeof(struct wm_host) },
	{ WM_RECORD_DEVICE, sizeof(struct wm_device) },
	{ WM_RECORD_END, sizeof(struct wm_record_end) },
	{ WM_RECORD_CHANGES, sizeof(struct wm_changes) },
	{ WM_RECORD_GONE, sizeof(struct wm_gone) },
	{ WM_RECORD_FETCH, sizeof(struct wm_fetch_request) },
	{ WM_RECORD_ENROL, sizeof(struct wm_fetch_enrol) },
	{ WM_RECORD_REPORT, sizeof(struct wm_fetch_report) },
	{ WM_RECORD_UPDATE_SELF, sizeof(struct wm_fetch_self) },
	{ WM_RECORD_REPORT_PEER, sizeof(struct wm_report_peer) },
	{ WM_RECORD_REPORT_HOST, sizeof(struct wm_report_host) },
	{ WM_RECORD_GET, sizeof(struct wm_fetch_get) },
	{ WM_RECORD_UNCHANGED, 0 },
	{ WM_RECORD_ENROLLED, sizeof(struct wm_fetch_enrolled) },
	{ WM_RECORD_DONE, 0 },
	{ WM_RECORD_PROBLEM, sizeof(struct wm_fetch_problem) },
	{ WM_RECORD_CHUNK, 0 },
	{ WM_RECORD_LOCATE, sizeof(struct wm_fetch_locate) },
	{ WM_RECORD_LOCATED, sizeof(struct wm_fetch_located) },
	{ WM_RECORD_LEAVE, sizeof(struct wm_fetch_leave) },
};

static bool bool_valid(const bool *b)
{
	/* A bool of another value is undefined behaviour to read. */
	return *(const uint8_t *)b <= 1;
}

static bool prefix_valid(struct wm_prefix p)
{
	return p.len <= 32 && !(p.addr & ~wm_prefix_mask(p.len));
}

static bool endpoint_valid(const struct wm_endpoint *ep)
{
	return ep->family == 0 || ((ep->family == 4 || ep->family == 6) && ep->port);
}

static bool values_valid(const struct wm_record *r)
{
	switch ((enum wm_record_type)r->type) {
	case WM_RECORD_MESH:
		return prefix_valid(r->mesh.supernet);
	case WM_RECORD_CHANGES:
		return prefix_valid(r->changes.mesh.supernet);
	case WM_RECORD_SITE:
		return prefix_valid(r->site.subnet) && endpoint_valid(&r->site.endpoint) && bool_valid(&r->site.hub) &&
		       bool_valid(&r->site.preshared);
	case WM_RECORD_HOST:
		return bool_valid(&r->host.has_mac) && r->host.access <= WM_ACCESS_FULL;
	case WM_RECORD_DEVICE:
		return r->device.access <= WM_ACCESS_FULL;
	case WM_RECORD_ENROL:
		return prefix_valid(r->enrol.subnet) && endpoint_valid(&r->enrol.endpoint) && bool_valid(&r->enrol.preshared);
	case WM_RECORD_UPDATE_SELF:
		return endpoint_valid(&r->self.endpoint) && bool_valid(&r->self.endpoint_too);
	case WM_RECORD_LOCATED:
		return endpoint_valid(&r->located.endpoint) && bool_valid(&r->located.by_services);
	case WM_RECORD_REPORT_PEER:
		return endpoint_valid(&r->report_peer.endpoint);
	case WM_RECORD_REPORT:
		return bool_valid(&r->report.preshared);
	case WM_RECORD_END:
	case WM_RECORD_GONE:
	case WM_RECORD_FETCH:
	case WM_RECORD_LOCATE:
	case WM_RECORD_LEAVE:
	case WM_RECORD_REPORT_HOST:
	case WM_RECORD_UNCHANGED:
	case WM_RECORD_ENROLLED:
	case WM_RECORD_DONE:
	case WM_RECORD_PROBLEM:
	case WM_RECORD_GET:
	case WM_RECORD_CHUNK:
		return true;
	}
	return false;
}

static int check(struct wm_record *r, struct wm_error *err)
{
	size_t i, want;

	for (i = 0; i < WM_ARRAY_LEN(sizes) && sizes[i].type != r->type; i++)
		;
	if (i == WM_ARRAY_LEN(sizes))
		return wm_fail(err, EBADMSG, "record of unknown type %u", r->type);
	want = sizes[i].size;
	if (r->len < want)
		memset(r->byte + r->len, 0, want - r->len);
	/* Those of a type stand together. */
	for (i = 0; i < WM_ARRAY_LEN(strings) && strings[i].type != r->type; i++)
		;
	for (; i < WM_ARRAY_LEN(strings) && strings[i].type == r->type; i++) {
		if (!memchr(r->byte + strings[i].offset, 0, strings[i].size))
			return wm_fail(err, EBADMSG, "record of type %u has a string without an end", r->type);
	}
	if (!values_valid(r))
		return wm_fail(err, EBADMSG, "record of type %u has a value out of range", r->type);
	return 0;
}

int wm_record_write(FILE *f, uint16_t type, const void *payload, size_t len)
{
	struct header h = { .type = type, .magic = RECORD_MAGIC, .len = (uint32_t)len };

	if (len > WM_RECORD_MAX)
		return -EMSGSIZE;
	errno = 0;
	if (fwrite(&h, sizeof(h), 1, f) != 1 || (len && fwrite(payload, len, 1, f) != 1))
		return errno ? -errno : -EIO;
	return 0;
}

ssize_t wm_record_pack(void *buf, uint16_t type, const void *payload, size_t len)
{
	struct header h = { .type = type, .magic = RECORD_MAGIC, .len = (uint32_t)len };

	_Static_assert(sizeof(h) + WM_RECORD_MAX == WM_RECORD_PACKED, "size");
	if (len > WM_RECORD_MAX)
		return -EMSGSIZE;
	memcpy(buf, &h, sizeof(h));
	if (len)
		memcpy((uint8_t *)buf + sizeof(h), payload, len);
	return (ssize_t)(sizeof(h) + len);
}

int wm_record_flush(int fd, const void *buf, size_t len)
{
	/* send, not write: a reader that went away must not raise SIGPIPE. */
	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, (const uint8_t *)buf + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

int wm_record_send(int fd, uint16_t type, const void *payload, size_t len)
{
	uint8_t buf[WM_RECORD_PACKED];
	ssize_t total = wm_record_pack(buf, type, payload, len);
	int rc;

	if (total < 0)
		return (int)total;
	rc = wm_record_flush(fd, buf, (size_t)total);
	wm_wipe(buf, (size_t)total);
	return rc;
}

static int check_header(const struct header *h, struct wm_error *err)
{
	if (h->magic != RECORD_MAGIC || h->len > WM_RECORD_MAX)
		return wm_fail(err, EBADMSG, "not a record");
	return 0;
}

int wm_record_read(FILE *f, struct wm_record *ret, struct wm_error *err)
{
	struct header h;
	size_t n = fread(&h, 1, sizeof(h), f);
	int rc;

	if (!n && feof(f))
		return -ENODATA;
	if (n != sizeof(h))
		return wm_fail(err, EBADMSG, "a record is cut short");
	rc = check_header(&h, err);
	if (rc)
		return rc;
	ret->type = h.type;
	ret->len = h.len;
	if (h.len && fread(ret->byte, h.len, 1, f) != 1)
		return wm_fail(err, EBADMSG, "a record is cut short");
	return check(ret, err);
}

int wm_record_parse(const void *data, size_t len, struct wm_record *ret, size_t *ret_used, struct wm_error *err)
{
	struct header h;
	int rc;

	if (len < sizeof(h))
		return 1;
	memcpy(&h, data, sizeof(h));
	rc = check_header(&h, err);
	if (rc)
		return rc;
	if (len - sizeof(h) < h.len)
		return 1;
	ret->type = h.type;
	ret->len = h.len;
	memcpy(ret->byte, (const char *)data + sizeof(h), h.len);
	*ret_used = sizeof(h) + h.len;
	return check(ret, err);
}

int wm_config_write(FILE *f, const struct wm_config *config)
{
	struct wm_record_end end = {
		.generation = config->mesh.generation,
		.count = config->nsites + config->nhosts + config->ndevices,
	};
	int rc = wm_record_write(f, WM_RECORD_MESH, &config->mesh, sizeof(config->mesh));

	for (size_t i = 0; !rc && i < config->nsites; i++)
		rc = wm_record_write(f, WM_RECORD_SITE, &config->sites[i], sizeof(*config->sites));
	for (size_t i = 0; !rc && i < config->nhosts; i++)
		rc = wm_record_write(f, WM_RECORD_HOST, &config->hosts[i], sizeof(*config->hosts));
	for (size_t i = 0; !rc && i < config->ndevices; i++)
		rc = wm_record_write(f, WM_RECORD_DEVICE, &config->devices[i], sizeof(*config->devices));
	if (!rc)
		rc = wm_record_write(f, WM_RECORD_END, &end, sizeof(end));
	return rc;
}

static int take_end(struct wm_config *config, const struct wm_record_end *end, struct wm_error *err)
{
	int rc;

	if (end->generation != config->mesh.generation ||
	    end->count != config->nsites + config->nhosts + config->ndevices)
		return wm_fail(err, EBADMSG, "the config is not complete: its end counts other records");
	rc = wm_config_finish(config, err);
	return rc ? rc : 1;
}

int wm_config_take(struct wm_config *config, const struct wm_record *r, struct wm_error *err)
{
	struct wm_prefix supernet = config->mesh.supernet;
	bool started = supernet.len;
	int rc;

	if (r->type == WM_RECORD_PROBLEM)
		return wm_fail(err, EREMOTEIO, "%s", r->problem.text);
	if ((r->type == WM_RECORD_MESH) == started)
		return wm_fail(err, EBADMSG, "a config has one header, and it stands first");
	/* Each has an address of its own: what is more is wrong, and could fill the memory. */
	if (started && r->type != WM_RECORD_END &&
	    config->nsites + config->nhosts + config->ndevices > wm_prefix_last(supernet) - supernet.addr)
		return wm_fail(err, EBADMSG, "the config has more objects than its supernet has addresses");
	switch (r->type) {
	case WM_RECORD_MESH:
		config->mesh = r->mesh;
		return wm_supernet_check(r->mesh.supernet, err);
	case WM_RECORD_SITE:
		rc = wm_config_add_site(config, &r->site);
		break;
	case WM_RECORD_HOST:
		rc = wm_config_add_host(config, &r->host);
		break;
	case WM_RECORD_DEVICE:
		rc = wm_config_add_device(config, &r->device);
		break;
	case WM_RECORD_END:
		return take_end(config, &r->end, err);
	default:
		return wm_fail(err, EBADMSG, "a record of type %u has no place in a config", r->type);
	}
	return rc ? wm_fail(err, -rc, "out of memory") : 0;
}

int wm_config_read(FILE *f, struct wm_config *ret, struct wm_error *err)
{
	struct wm_config config = { 0 };
	struct wm_record record;
	int rc;

	do {
		rc = wm_record_read(f, &record, err);
		if (rc == -ENODATA)
			rc = wm_fail(err, EBADMSG, "the config ends before its end record");
		if (!rc)
			rc = wm_config_take(&config, &record, err);
	} while (!rc);
	if (rc < 0) {
		wm_config_free(&config);
		return rc;
	}
	*ret = config;
	return 0;
}
