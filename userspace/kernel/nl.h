/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A netlink socket: one request, its whole answer. A thin layer over libmnl
 * that knows what libmnl leaves to its callers: answers of any size, dumps that
 * were interrupted and have to be taken again, dumps that end in an error, and
 * the kernel's own sentence about a refusal (extended ack).
 *
 * A request is built in the socket's own buffer: wm_nl_begin, mnl_attr_put...,
 * then one of write, get and dump. Buffers are wiped when they have served,
 * because they may hold a private key. Not for use by several threads.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>

#include "core/addr.h"
#include "core/error.h"

#define WM_NL_REQUEST_MAX 32768 /* bytes a request may take */

struct wm_nl;

/* bus: NETLINK_ROUTE, NETLINK_GENERIC, ... */
int wm_nl_open(int bus, struct wm_nl **ret, struct wm_error *err);
void wm_nl_close(struct wm_nl *nl); /* NULL-safe */
void wm_nl_closep(struct wm_nl **nl);
#define WM_AUTO_NL __attribute__((cleanup(wm_nl_closep)))

/* Begins a request; the family's own header of `extra` bytes is zeroed and put
 * at *ret_extra (may be NULL). NLM_F_REQUEST and the sequence number are set later. */
struct nlmsghdr *wm_nl_begin(struct wm_nl *nl, uint16_t type, uint16_t flags, size_t extra, void *ret_extra);

/* Each message of an answer; a negative return is what the caller of get and
 * dump gets in the end. NULL comes before the first message: forget what an
 * earlier, interrupted attempt has told. */
typedef int (*wm_nl_fn)(const struct nlmsghdr *nlh, void *arg);

/* Sends what was begun last. 0 or the kernel's -errno. */
int wm_nl_write(struct wm_nl *nl); /* a change; waits for the ack and counts it */
int wm_nl_get(struct wm_nl *nl, wm_nl_fn fn, void *arg);
int wm_nl_dump(struct wm_nl *nl, wm_nl_fn fn, void *arg); /* -EBUSY: kept changing under us */

/* Why the last call returned rc: the errno, and the kernel's sentence if it had
 * one. Valid until the next call. */
const char *wm_nl_why(struct wm_nl *nl, int rc);

/* How many changes the kernel has accepted from this socket. */
unsigned int wm_nl_changes(const struct wm_nl *nl);

/* The number of a generic netlink family, on a NETLINK_GENERIC socket; -ENOENT: none of that name. */
int wm_nl_family(struct wm_nl *nl, const char *name, uint16_t *ret);

/* Attributes of a message (behind `extra` bytes of family header), or inside
 * one, by number: tb[0..n-1], NULL where absent. */
void wm_nl_attrs(const struct nlmsghdr *nlh, size_t extra, const struct nlattr **tb, unsigned int n);
void wm_nl_nested(const struct nlattr *nest, const struct nlattr **tb, unsigned int n); /* nest may be NULL */

/* An attribute's value; zero or "" when it is absent or of another size. */
uint16_t wm_nl_u16(const struct nlattr *attr);
uint32_t wm_nl_u32(const struct nlattr *attr);
uint64_t wm_nl_u64(const struct nlattr *attr);
wm_ip4 wm_nl_ip4(const struct nlattr *attr);
const char *wm_nl_str(const struct nlattr *attr);
