/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A config's way from the registry's lines to the plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/delta.h"
#include "core/plan.h"
#include "core/record.h"
#include "core/util.h"
#include "guard/guard.h"

static char *line[HOSTS]; /* of each host */

static long encode_hosts(void)
{
	const struct wm_config *config = mesh();
	long n = 0;

	for (size_t i = 0; i < config->nhosts; i++) {
		free(line[i]);
		line[i] = wm_encode_line(WM_RECORD_HOST, &config->hosts[i]);
		n += line[i] != NULL;
	}
	return n;
}

static long decode_hosts(void)
{
	struct wm_record record;
	struct wm_error err;
	long n = 0;

	for (size_t i = 0; i < HOSTS; i++)
		n += wm_decode_line(line[i], strlen(line[i]), &record, &err) == 0 && record.type == WM_RECORD_HOST;
	return n;
}

/* --- records -------------------------------------------------------------------------------- */

static char *records;
static size_t records_len;
static FILE *file;

static long open_to_write(void)
{
	mesh();
	free(records);
	records = NULL;
	file = open_memstream(&records, &records_len);
	return file ? 0 : -1;
}

static long write_records(void)
{
	int rc = wm_config_write(file, mesh());

	return fclose(file) || rc ? -1 : (long)OBJECTS;
}

static long open_to_read(void)
{
	if (open_to_write() || write_records() < 0)
		return -1;
	file = fmemopen(records, records_len, "r");
	return file ? 0 : -1;
}

/* With the checks of every object against all others. */
static long read_records(void)
{
	struct wm_config config = { 0 };
	struct wm_error err;
	int rc = wm_config_read(file, &config, &err);
	long n = rc ? -1 : (long)(config.nsites + config.nhosts + config.ndevices);

	wm_config_free(&config);
	fclose(file);
	return n;
}

/* --- the plan -------------------------------------------------------------------------------- */

static long have_mesh(void)
{
	return mesh() ? 0 : -1;
}

static long make_plan(void)
{
	struct wm_plan plan = { 0 };
	struct wm_error err;
	long n = wm_plan_make(mesh(), mesh_self(), &plan, &err) ? -1 : (long)(plan.nends + plan.wg.npeers + plan.nproblems);

	wm_plan_free(&plan);
	return n;
}

/* --- changes ----------------------------------------------------------------------------------- */

#define MANY 3000u /* devices more than the mesh has, of which as many change, and as many of the hub's hosts */

static struct wm_config changing;
static struct wm_delta delta;

static long add_devices(void)
{
	struct wm_device d = mesh()->devices[DEVICES - 1];
	uint32_t state = 1;
	long n = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		d.overlay++;
		memcpy(d.public_key.byte, &i, sizeof(i)); /* the last one's besides */
		wm_format(d.name, sizeof(d.name), "phone-%u", guard_random(&state) << 12 | i);
		n |= wm_config_add_device(&changing, &d);
	}
	return n;
}

static long push(uint16_t type, const void *object, size_t size)
{
	struct wm_record record = { .type = type, .len = (uint32_t)size };

	memcpy(record.byte, object, size);
	return wm_delta_take(&delta, &record, NULL) < 0;
}

static long make_changes(void)
{
	struct wm_changes head = { .mesh = mesh()->mesh, .after = mesh()->mesh.generation };
	struct wm_error err;
	long failed;

	wm_delta_free(&delta);
	wm_config_free(&changing);
	if (open_to_read() < 0)
		return -1;
	failed = wm_config_read(file, &changing, &err);
	fclose(file);
	failed |= add_devices() || wm_config_finish(&changing, &err);
	head.mesh.generation++;
	failed |= push(WM_RECORD_CHANGES, &head, sizeof(head));
	for (uint32_t i = 0; i < MANY; i++) {
		struct wm_device d = changing.devices[DEVICES + i];
		struct wm_host h = changing.hosts[i];

		d.access = d.access == WM_ACCESS_FULL ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
		h.access = h.access == WM_ACCESS_FULL ? WM_ACCESS_ISOLATED : WM_ACCESS_FULL;
		failed |= push(WM_RECORD_HOST, &h, sizeof(h)) || push(WM_RECORD_DEVICE, &d, sizeof(d));
	}
	return failed ? -1 : 0;
}

static long take_changes(void)
{
	struct wm_config_diff diff;
	struct wm_error err;
	long n = wm_config_change(&changing, &delta, &diff, &err) ? -1 : (long)(diff.nhosts_come + diff.ndevices_come);

	wm_config_diff_free(&diff);
	return n;
}

const struct guard_row config_rows[] = {
	{ "changes of 3,000 devices and 3,000 hosts taken in", make_changes, take_changes, 2 * MANY },
	{ "lines of 10,000 hosts written", have_mesh, encode_hosts, HOSTS },
	{ "lines of 10,000 hosts read", encode_hosts, decode_hosts, HOSTS },
	{ "records of 10,000 hosts written", open_to_write, write_records, OBJECTS },
	{ "records of 10,000 hosts read and checked", open_to_read, read_records, OBJECTS },
	{ "plan of 10,000 hosts, half of them ours", have_mesh, make_plan, HOSTS / 2 + DEVICES + PEERS },
};
const size_t nconfig_rows = WM_ARRAY_LEN(config_rows);
