/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer's target: the JSON of sites, hosts and devices. An input is a
 * byte that says of what kind, and whether it is new or a change, and the text.
 *
 * What is taken can be written down, and what is written down is taken again
 * and comes to the same; what is refused names no member or one, and has changed nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "registry/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *rule, const char *text)
{
	fprintf(stderr, "broken rule: %s: %s\n", rule, text);
	abort();
}

static const char *const whole[OBJECT_KINDS] = {
	[OBJECT_SITE] = "{\"domain\":\"b\",\"subnet\":\"172.30.3.0/24\",\"is_hub\":false,\"endpoint\":\"198.51.100.3:51820\"}",
	[OBJECT_HOST] = "{\"name\":\"nas\",\"domain\":\"b\",\"wg_ip\":\"172.30.3.2\",\"local_ip\":\"192.168.1.10\"}",
	[OBJECT_DEVICE] = "{\"name\":\"laptop\",\"wg_ip\":\"172.30.1.2\"}",
};

/* What may be left to the registry is filled in by it. */
static void fill(struct object *io)
{
	if (io->kind == OBJECT_SITE && !io->site.subnet.len)
		io->site.subnet = (struct wm_prefix){ 0xac1e0300, 24 };
	if (io->kind == OBJECT_HOST && !io->host.overlay)
		io->host.overlay = 0xac1e0302;
	if (io->kind == OBJECT_DEVICE && !io->device.overlay)
		io->device.overlay = 0xac1e0102;
}

static void round_trip(const struct object *object)
{
	WM_AUTO_FREE char *text = object_encode(object), *again = NULL;
	struct object back;
	struct wm_error err = { 0 };

	if (!text)
		return;
	if (object_decode_new(object->kind, text, strlen(text), &back, &err))
		broken("what was written down is taken again", err.text);
	again = object_encode(&back);
	if (again && strcmp(text, again))
		broken("it comes to the same", again);
}

static void change(enum object_kind kind, const char *text, size_t len)
{
	struct object object, before;
	struct wm_error err = { 0 };

	if (object_decode_new(kind, whole[kind], strlen(whole[kind]), &object, &err))
		broken("the object to change is right", err.text);
	before = object;
	if (!object_decode_patch(&object, text, len, &err)) {
		fill(&object);
		round_trip(&object);
	} else if (memcmp(&before, &object, sizeof(object))) {
		broken("what is refused has changed nothing", err.text);
	} else if (!*err.text) {
		broken("a refusal has a sentence", text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum object_kind kind;
	struct object object = { 0 };
	struct wm_error err = { 0 };
	WM_AUTO_FREE char *text = NULL;

	if (!size)
		return 0;
	kind = (enum object_kind)(data[0] % OBJECT_KINDS);
	text = malloc(size); /* exactly, so that reading beyond is found */
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] / OBJECT_KINDS % 2) {
		change(kind, text, size - 1);
	} else if (!object_decode_new(kind, text, size - 1, &object, &err)) {
		fill(&object);
		round_trip(&object);
	} else if (!*err.text) {
		broken("a refusal has a sentence", text);
	}
	return 0;
}
