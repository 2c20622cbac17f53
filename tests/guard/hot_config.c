/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A config's way from the registry's lines to the plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
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

const struct guard_row config_rows[] = {
	{ "lines of 10,000 hosts written", have_mesh, encode_hosts, HOSTS },
	{ "lines of 10,000 hosts read", encode_hosts, decode_hosts, HOSTS },
	{ "records of 10,000 hosts written", open_to_write, write_records, OBJECTS },
	{ "records of 10,000 hosts read and checked", open_to_read, read_records, OBJECTS },
	{ "plan of 10,000 hosts, half of them ours", have_mesh, make_plan, HOSTS / 2 + DEVICES + PEERS },
};
const size_t nconfig_rows = WM_ARRAY_LEN(config_rows);
