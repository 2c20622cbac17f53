/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Arrays, hashes and LRU hashes. Per-CPU ones have one processor. An LRU lets go
 * of what was not used for longest, exactly; the kernel's does so nearly.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "native/native.h"

static void *must(void *got)
{
	if (!got)
		abort();
	return got;
}

static bool is_hash(const struct native_map *map)
{
	return map->type == BPF_MAP_TYPE_HASH || map->type == BPF_MAP_TYPE_LRU_HASH;
}

void map_init(struct native_map *map, uint32_t size)
{
	map->size = size;
	map->values = must(calloc(size, map->value_size));
	if (!is_hash(map))
		return;
	map->nbuckets = 2 * size + 1;
	map->keys = must(calloc(size, map->key_size));
	map->bucket = must(calloc(map->nbuckets, sizeof(*map->bucket)));
	map->chain = must(calloc(size, sizeof(*map->chain)));
	map->older = must(calloc(size, sizeof(*map->older)));
	map->newer = must(calloc(size, sizeof(*map->newer)));
	map->free = must(calloc(size, sizeof(*map->free)));
}

static uint32_t *bucket_of_key(struct native_map *map, const void *key)
{
	return &map->bucket[wm_hash32(key, map->key_size) % map->nbuckets];
}

/* Entry + 1; 0: not there. */
static uint32_t find(struct native_map *map, const void *key)
{
	uint32_t at = *bucket_of_key(map, key);

	while (at && memcmp(map->keys + (size_t)(at - 1) * map->key_size, key, map->key_size) != 0)
		at = map->chain[at - 1];
	return at;
}

/* --- by age ---------------------------------------------------------------------------- */

static void unlink_entry(struct native_map *map, uint32_t at)
{
	uint32_t older = map->older[at - 1], newer = map->newer[at - 1];

	*(older ? &map->newer[older - 1] : &map->oldest) = newer;
	*(newer ? &map->older[newer - 1] : &map->newest) = older;
}

static void link_newest(struct native_map *map, uint32_t at)
{
	map->older[at - 1] = map->newest;
	map->newer[at - 1] = 0;
	*(map->newest ? &map->newer[map->newest - 1] : &map->oldest) = at;
	map->newest = at;
}

/* --- verbs ----------------------------------------------------------------------------- */

void *map_lookup(struct native_map *map, const void *key)
{
	uint32_t at;

	if (!is_hash(map)) {
		memcpy(&at, key, sizeof(at));
		return at < map->size ? map->values + (size_t)at * map->value_size : NULL;
	}
	at = find(map, key);
	if (!at)
		return NULL;
	unlink_entry(map, at);
	link_newest(map, at);
	return map->values + (size_t)(at - 1) * map->value_size;
}

int map_delete(struct native_map *map, const void *key)
{
	uint32_t at = find(map, key), *from = bucket_of_key(map, key);

	if (!at)
		return -ENOENT;
	while (*from != at)
		from = &map->chain[*from - 1];
	*from = map->chain[at - 1];
	unlink_entry(map, at);
	map->free[map->nfree++] = at;
	return 0;
}

static uint32_t take_entry(struct native_map *map)
{
	if (!map->nfree && map->used < map->size)
		return ++map->used;
	if (!map->nfree && map->type == BPF_MAP_TYPE_LRU_HASH)
		map_delete(map, map->keys + (size_t)(map->oldest - 1) * map->key_size);
	return map->nfree ? map->free[--map->nfree] : 0;
}

int map_update(struct native_map *map, const void *key, const void *value)
{
	void *is = map_lookup(map, key);

	if (!is && is_hash(map)) {
		uint32_t at = take_entry(map), *bucket = bucket_of_key(map, key);

		if (!at)
			return -E2BIG;
		memcpy(map->keys + (size_t)(at - 1) * map->key_size, key, map->key_size);
		map->chain[at - 1] = *bucket;
		*bucket = at;
		link_newest(map, at);
		is = map->values + (size_t)(at - 1) * map->value_size;
	}
	if (!is)
		return -E2BIG;
	memcpy(is, value, map->value_size);
	return 0;
}

void map_clear(struct native_map *map)
{
	if (!is_hash(map)) {
		memset(map->values, 0, (size_t)map->size * map->value_size);
		return;
	}
	while (map->newest)
		map_delete(map, map->keys + (size_t)(map->newest - 1) * map->key_size);
	map->used = map->nfree = 0;
}

void map_each(struct native_map *map, void (*each)(void *value, uint64_t arg), uint64_t arg)
{
	if (!is_hash(map))
		for (uint32_t at = 0; at < map->size; at++)
			each(map->values + (size_t)at * map->value_size, arg);
	for (uint32_t at = map->oldest; at; at = map->newer[at - 1])
		each(map->values + (size_t)(at - 1) * map->value_size, arg);
}
