/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two open-addressed tables (linear probing, at most half full). The hash is
 * keyed: whoever names hosts must not be able to make them collide.
 */
#include "core/model_index.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"

static uint32_t hash_name(const char *name, const char *domain)
{
	char text[2 * WM_NAME_SIZE] = { 0 };

	memcpy(text, name, strnlen(name, WM_NAME_SIZE - 1));
	memcpy(text + WM_NAME_SIZE, domain, strnlen(domain, WM_NAME_SIZE - 1));
	return wm_keyed_hash(text, sizeof(text));
}

static uint32_t hash_local(wm_ip4 local, const char *domain)
{
	char text[sizeof(local) + WM_NAME_SIZE] = { 0 };

	memcpy(text, &local, sizeof(local));
	memcpy(text + sizeof(local), domain, strnlen(domain, WM_NAME_SIZE - 1));
	return wm_keyed_hash(text, sizeof(text));
}

static void put(struct wm_index *index, uint32_t hash, wm_ip4 overlay)
{
	size_t i = hash & (index->size - 1);

	while (index->slot[i].overlay)
		i = (i + 1) & (index->size - 1);
	index->slot[i] = (struct wm_index_slot){ overlay, hash };
}

/* What stood behind it in one run moves up, where it may, so that no hole cuts it off. */
static void drop(struct wm_index *index, uint32_t hash, wm_ip4 overlay)
{
	size_t mask = index->size - 1, i = hash & mask;

	while (index->slot[i].overlay && (index->slot[i].overlay != overlay || index->slot[i].hash != hash))
		i = (i + 1) & mask;
	if (!index->slot[i].overlay)
		return;
	for (size_t j = (i + 1) & mask; index->slot[j].overlay; j = (j + 1) & mask) {
		size_t home = index->slot[j].hash & mask;

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		index->slot[i] = index->slot[j];
		i = j;
	}
	index->slot[i] = (struct wm_index_slot){ 0 };
}

static int grow(struct wm_index *index, size_t n)
{
	struct wm_index bigger = { .size = 16 };

	if (2 * n <= index->size)
		return 0;
	while (bigger.size < 2 * n)
		bigger.size *= 2;
	bigger.slot = calloc(bigger.size, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (size_t i = 0; i < index->size; i++) {
		if (index->slot[i].overlay)
			put(&bigger, index->slot[i].hash, index->slot[i].overlay);
	}
	free(index->slot);
	*index = bigger;
	return 0;
}

int wm_index_reserve(struct wm_config *config, size_t nhosts)
{
	int rc = grow(&config->by_name, nhosts);

	return rc ? rc : grow(&config->by_local, nhosts);
}

void wm_index_put(struct wm_config *config, const struct wm_host *host)
{
	put(&config->by_name, hash_name(host->name, host->domain), host->overlay);
	if (host->local)
		put(&config->by_local, hash_local(host->local, host->domain), host->overlay);
}

int wm_index_all(struct wm_config *config)
{
	int rc;

	wm_index_free(config);
	rc = wm_index_reserve(config, config->nhosts);
	for (size_t i = 0; !rc && i < config->nhosts; i++)
		wm_index_put(config, &config->hosts[i]);
	return rc;
}

void wm_index_drop(struct wm_config *config, const struct wm_host *host)
{
	drop(&config->by_name, hash_name(host->name, host->domain), host->overlay);
	if (host->local)
		drop(&config->by_local, hash_local(host->local, host->domain), host->overlay);
}

void wm_index_free(struct wm_config *config)
{
	free(config->by_name.slot);
	free(config->by_local.slot);
	config->by_name = config->by_local = (struct wm_index){ 0 };
}

/* The next entry with this hash, from slot *io_i on; 0: there is none. */
static wm_ip4 next(const struct wm_index *index, uint32_t hash, size_t *io_i)
{
	size_t mask = index->size - 1;

	for (; index->size && index->slot[*io_i & mask].overlay; ++*io_i) {
		if (index->slot[*io_i & mask].hash == hash)
			return index->slot[(*io_i)++ & mask].overlay;
	}
	return 0;
}

const struct wm_host *wm_index_name(const struct wm_config *config, const char *name, const char *domain)
{
	uint32_t hash = hash_name(name, domain);
	size_t i = hash;
	wm_ip4 overlay;

	while ((overlay = next(&config->by_name, hash, &i))) {
		const struct wm_host *h = wm_config_host_at(config, overlay);

		if (h && !strcmp(h->name, name) && !strcmp(h->domain, domain))
			return h;
	}
	return NULL;
}

const struct wm_host *wm_index_local(const struct wm_config *config, wm_ip4 local, const char *domain)
{
	uint32_t hash = hash_local(local, domain);
	size_t i = hash;
	wm_ip4 overlay;

	while ((overlay = next(&config->by_local, hash, &i))) {
		const struct wm_host *h = wm_config_host_at(config, overlay);

		if (h && h->local == local && !strcmp(h->domain, domain))
			return h;
	}
	return NULL;
}
