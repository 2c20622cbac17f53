/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/rules.h"

#include "bench/world.h"

/* "{ <overlay> : <LAN>, ... }" in the way that is wanted. */
enum elements { TO_LAN, TO_OVERLAY, LANS, OVERLAYS };

static void put_address(FILE *f, wm_ip4 addr)
{
	char text[WM_IP4_TEXT];

	fputs(wm_ip4_format(addr, text), f);
}

static void put_elements(FILE *f, const struct wire_world *w, enum elements what)
{
	fputs(" elements = {", f);
	for (uint32_t h = 0; h < w->hosts; h++) {
		fputs(h ? "," : "", f);
		put_address(f, wire_near(w, h, what == TO_LAN || what == OVERLAYS));
		if (what == TO_LAN || what == TO_OVERLAY)
			fputs(":", f);
		if (what == TO_LAN || what == TO_OVERLAY)
			put_address(f, wire_near(w, h, what == TO_OVERLAY));
	}
	fputs("} }\n", f);
}

static void put_map(FILE *f, const struct wire_world *w, const char *name, enum elements what)
{
	fprintf(f, "map %s { type ipv4_addr : ipv4_addr;", name);
	put_elements(f, w, what);
}

static void put_set(FILE *f, const struct wire_world *w, const char *name, enum elements what)
{
	fprintf(f, "set %s { type ipv4_addr; counter;", name);
	put_elements(f, w, what);
}

static const char *mesh_of(const struct rig *rig, char *text)
{
	return wm_prefix_format(world_supernet(&rig->world), text);
}

/* The table with the maps that all translate by. */
static void begin_table(FILE *f, const struct wire_world *w, const char *family)
{
	fprintf(f, "table %s rival {\n", family);
	put_map(f, w, "to", TO_LAN);
	put_map(f, w, "from", TO_OVERLAY);
}

/* Sets that count, of whom a packet goes to and comes from as it is known where it is counted. */
static void put_counts(FILE *f, const struct wire_world *w, enum elements to)
{
	put_set(f, w, "to_count", to);
	put_set(f, w, "from_count", LANS);
}

/* NAT by the maps; behind it begins the filter, in which nothing passes but what follows. */
static void put_conntrack_nat(FILE *f)
{
	fputs("chain pre { type nat hook prerouting priority dstnat;\n"
	      " iifname wg0 dnat to ip daddr map @to\n}\n"
	      "chain post { type nat hook postrouting priority srcnat;\n"
	      " oifname wg0 iifname lan0 snat to ip saddr map @from\n}\n"
	      "chain through { type filter hook forward priority filter; policy drop;\n",
	      f);
}

/* Connection tracking: a map is asked once a flow, a set with counters for each packet. */
int rules_ct_maps(const struct rig *rig, enum scope scope, FILE *f)
{
	const struct wire_world *w = &rig->world;
	char mesh[WM_PREFIX_TEXT];

	mesh_of(rig, mesh);
	begin_table(f, w, "ip");
	put_counts(f, w, LANS);
	put_conntrack_nat(f);
	if (scope == SCOPE_HUB)
		fprintf(f, " iifname wg0 oifname wg0 ip saddr %s ip daddr %s accept\n", mesh, mesh);
	if (scope == SCOPE_ISOLATED)
		fputs(" iifname lan0 ct state != established drop\n", f);
	fprintf(f, " iifname wg0 oifname lan0 ip saddr %s ip daddr @to_count accept\n", mesh);
	fprintf(f, " iifname lan0 oifname wg0 ip daddr %s ip saddr @from_count accept\n}\n}\n", mesh);
	return 0;
}

/* No connection tracking: maps for each packet, counters in sets beside them. */
int rules_stateless(const struct rig *rig, enum scope scope, FILE *f)
{
	const struct wire_world *w = &rig->world;
	char mesh[WM_PREFIX_TEXT];

	(void)scope;
	mesh_of(rig, mesh);
	begin_table(f, w, "ip");
	put_counts(f, w, OVERLAYS);
	fprintf(f,
		"chain pre { type filter hook prerouting priority raw;\n"
		" iifname wg0 ip saddr %s ip daddr @to_count notrack ip daddr set ip daddr map @to accept\n"
		" iifname wg0 drop\n"
		" iifname lan0 ip daddr %s ip saddr @from_count notrack ip saddr set ip saddr map @from accept\n"
		" iifname lan0 ip daddr %s drop\n}\n}\n",
		mesh, mesh, mesh);
	return 0;
}

/* The same before the stack sees the packet. */
int rules_ingress(const struct rig *rig, enum scope scope, FILE *f)
{
	const struct wire_world *w = &rig->world;
	char mesh[WM_PREFIX_TEXT];

	(void)scope;
	mesh_of(rig, mesh);
	begin_table(f, w, "netdev");
	put_counts(f, w, OVERLAYS);
	fprintf(f,
		"chain from_wg { type filter hook ingress device wg0 priority 0;\n"
		" ip saddr %s ip daddr @to_count ip daddr set ip daddr map @to accept\n"
		" drop\n}\n"
		"chain from_lan { type filter hook ingress device lan0 priority 0;\n"
		" ip daddr %s ip saddr @from_count ip saddr set ip saddr map @from accept\n"
		" ip daddr %s drop\n}\n}\n",
		mesh, mesh, mesh);
	return 0;
}

/* A rule with a counter for each host and way, as generated rulesets often are. */
int rules_per_host(const struct rig *rig, enum scope scope, FILE *f)
{
	const struct wire_world *w = &rig->world;

	(void)scope;
	begin_table(f, w, "ip");
	put_conntrack_nat(f);
	for (uint32_t h = 0; h < w->hosts; h++) {
		char local[WM_IP4_TEXT];

		wm_ip4_format(wire_near(w, h, 0), local);
		fprintf(f, " iifname wg0 ip daddr %s counter accept\n iifname lan0 ip saddr %s counter accept\n", local,
			local);
	}
	fputs("}\n}\n", f);
	return 0;
}

/* For iptables-restore: rules for each host that translate, and rules that let pass and count. */
int rules_iptables(const struct rig *rig, enum scope scope, FILE *f)
{
	const struct wire_world *w = &rig->world;
	char overlay[WM_IP4_TEXT], local[WM_IP4_TEXT];

	(void)scope;
	fputs("*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n", f);
	for (uint32_t h = 0; h < w->hosts; h++) {
		wm_ip4_format(wire_near(w, h, 1), overlay);
		wm_ip4_format(wire_near(w, h, 0), local);
		fprintf(f, "-A PREROUTING -i wg0 -d %s -j DNAT --to-destination %s\n", overlay, local);
		fprintf(f, "-A POSTROUTING -o wg0 -s %s -j SNAT --to-source %s\n", local, overlay);
	}
	fputs("COMMIT\n*filter\n:FORWARD DROP\n", f);
	for (uint32_t h = 0; h < w->hosts; h++) {
		wm_ip4_format(wire_near(w, h, 0), local);
		fprintf(f, "-A FORWARD -i wg0 -d %s -j ACCEPT\n-A FORWARD -i lan0 -s %s -j ACCEPT\n", local, local);
	}
	fputs("COMMIT\n", f);
	return 0;
}
