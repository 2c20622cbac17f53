/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * How long and how much, for both data planes: numbers of docs/dataplane.md that no layout depends on.
 */
#pragma once

/* Seconds that a flow lives after the last packet towards the end. */
#define WM_S_TCP_OPENING 60
#define WM_S_TCP_LIVE 7200
#define WM_S_TCP_CLOSED 10
#define WM_S_UDP 30
#define WM_S_UDP_ANSWERED 180
#define WM_S_ICMP 30

/* Seconds that later fragments of an isolated end have, from their first on. */
#define WM_S_FRAGMENTS 30

/* ICMP errors of LAN routers: of one LAN; and bytes of IP, which is what routers send (RFC 1812, 4.3.2.3). */
#define WM_ROUTER_ERRORS_PER_S 100
#define WM_ROUTER_ERROR_MAX 576

/* Low byte of the mark of what has been judged, translated and counted on its way to wg, by BPF's LAN ingress or by the
 * nftables back end: BPF's filter at wg egress, which is in force beside nftables while one takes over from the other, has
 * nothing to add. */
#define WM_MARK_DONE 0xfeu
