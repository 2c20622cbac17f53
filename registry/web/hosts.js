// SPDX-License-Identifier: GPL-2.0-or-later
//
// All hosts of all sites: found, added, changed, removed.

import { button, el } from "./dom.js";
import { send } from "./api.js";
import { question } from "./form.js";
import { known, mayChange } from "./state.js";
import { Table } from "./table.js";
import { addressNumber } from "./text.js";

export const title = "Hosts";

const keyOf = (host) => `${host.name}.${host.domain}`;
const path = (key) => `v1/hosts/${encodeURIComponent(key)}`;
const TYPES = [["standard", "standard: opens connections and is reached"], ["isolated", "isolated: may only answer"]];

const columns = [
	{ name: "name", label: "Host", cell: (host) => host.name },
	{ name: "domain", label: "Site", cell: (host) => ({ text: host.domain, href: `#/site/${encodeURIComponent(host.domain)}` }),
		by: (host) => host.domain },
	{ name: "wg_ip", label: "Overlay address", cell: (host) => host.wg_ip, by: (host) => addressNumber(host.wg_ip), kind: "figures" },
	{ name: "local_ip", label: "LAN address", cell: (host) => host.local_ip ?? "-", by: (host) => addressNumber(host.local_ip), kind: "figures" },
	{ name: "type", label: "Type", cell: (host) => host.type, kind: "figures" },
	{ name: "mac", label: "MAC address", cell: (host) => host.mac ?? "any", by: (host) => host.mac ?? undefined, kind: "figures spare" },
];

function siteOptions() {
	return [...known.sites.keys()].sort().map((domain) => [domain, domain]);
}

function addressFields(host) {
	return [
		{ name: "local_ip", label: "LAN address", value: host?.local_ip, required: true, placeholder: "192.168.1.10",
			hint: "The one that it has on the site's LAN, and keeps" },
		{ name: "type", label: "Type", options: TYPES, value: host?.type },
		{ name: "mac", label: "MAC address", value: host?.mac, placeholder: "any", hint: "With one, another machine that takes its address is not let in" },
	];
}

// domain: of the site that it most likely is at.
export function askHost(domain) {
	question({
		title: "Add a host",
		intro: known.sites.size ? "A machine on a site's LAN. Nothing runs on it; its site's gateway translates." :
			"There is no site yet for it to be at: add one first.",
		fields: [
			{ name: "name", label: "Name", required: true, hint: "One word of a-z, 0-9 and '-'" },
			{ name: "domain", label: "Site", options: siteOptions(), value: domain },
			...addressFields(null),
			{ name: "wg_ip", label: "Overlay address", placeholder: "the lowest free one" },
		],
		submit: "Add the host",
		// What was left empty is the registry's to choose.
		send: (values) => send("POST", "v1/hosts", Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))),
	});
}

function askChange(key) {
	const host = known.hosts.get(key);

	question({
		title: `Change ${key}`,
		fields: addressFields(host),
		submit: "Save",
		send: (values, tag) => send("PATCH", path(key), values, tag),
		now: () => known.hosts.get(key),
	});
}

function askRemoval(key) {
	const host = known.hosts.get(key);

	question({
		title: `Remove ${key}`,
		intro: `Nobody in the mesh reaches ${host.local_ip} any more, and it nobody. ${host.wg_ip} is free for another.`,
		submit: `Remove ${key}`,
		danger: true,
		send: (_, tag) => send("DELETE", path(key), undefined, tag),
		now: () => known.hosts.get(key),
	});
}

export function hostActions(host) {
	const key = keyOf(host);

	return [
		button("edit-host", "Change", () => askChange(key), { "aria-label": `Change ${key}` }),
		button("remove-host", "Remove", () => askRemoval(key), { "aria-label": `Remove ${key}`, class: "danger" }),
	];
}

export function show(main) {
	let version = known.version;
	const table = new Table({
		caption: "hosts", columns, key: keyOf, sort: "wg_ip",
		rows: () => [...known.hosts.values()],
		search: (host) => `${keyOf(host)} ${host.wg_ip} ${host.local_ip ?? ""} ${host.mac ?? ""}`,
		filters: [
			{ label: "All sites", options: siteOptions, test: (host, domain) => host.domain === domain },
			{ label: "All types", options: () => TYPES.map(([type]) => [type, type]), test: (host, type) => host.type === type },
		],
		actions: mayChange() ? hostActions : null,
		empty: "There are no hosts yet.",
	});

	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title),
		mayChange() && button("add-host", "Add a host", () => askHost(table.values[0]), { class: "main" })), table.node);
	// Nothing of it is told by reports, which come every few seconds.
	return { update: () => version !== known.version && (version = known.version, table.update()) };
}
