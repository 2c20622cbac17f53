// SPDX-License-Identifier: GPL-2.0-or-later
//
// One site: what its gateway reports, whom it hears, what its hosts carry; its endpoint, a new enrolment, its end.

import { button, el, facts } from "./dom.js";
import { send } from "./api.js";
import { askHost, hostActions } from "./hosts.js";
import { enrol, showGateway } from "./joining.js";
import { judge, siteState } from "./judge.js";
import { question } from "./form.js";
import { known, mayChange } from "./state.js";
import { Table } from "./table.js";
import { addressNumber, ageOf, ageText, ago, bytes, count, plural } from "./text.js";

export const title = "Site";

const path = (domain) => `v1/sites/${encodeURIComponent(domain)}`;

function reportFacts(site, report) {
	const { text, title: when } = ago(report?.seen, "never");

	return [
		["State", siteState(known, site).text],
		["Subnet", site.subnet],
		["Gateway", site.gateway],
		["Role", site.is_hub ? "hub" : "site"],
		["Endpoint", site.endpoint ?? "none: others cannot begin to talk to it"],
		["Public key", site.public_key ?? "none: it has not enrolled yet"],
		["Preshared keys", site.preshared ? "taken" : "not taken"],
		["Hosts", count(known.hostsOf.get(site.domain) ?? 0)],
		["Seen", el("span", { title: when }, text)],
		...(report ? gatewayFacts(report) : []),
	];
}

function gatewayFacts(report) {
	return [
		["In force", `generation ${count(report.generation)}${report.applied ? "" : ", not what the registry has now"}`],
		["Data plane", `${report.dataplane || "none"}${report.dataplane_note ? `: ${report.dataplane_note}` : ""}`],
		["Problem", report.problem || "none"],
		["Tunnel's port", report.listen_port ? `UDP ${report.listen_port}` : "none: there is no device"],
		["Version", report.version],
		["Up", ageText(report.uptime)],
		["Last change took", `${count(report.applied_ms)} ms there${report.delay_ms ? `, ${count(report.delay_ms)} ms from the change to its word` : ""}`],
	];
}

const peerColumns = [
	{ name: "name", label: "Peer", by: (peer) => peer.name, cell: (peer) => (peer.kind === "site" && known.sites.has(peer.name) ?
		{ text: peer.name, href: `#/site/${encodeURIComponent(peer.name)}` } : { text: peer.name }) },
	{ name: "kind", label: "Kind", cell: (peer) => peer.kind },
	{ name: "handshake", label: "Last handshake", cell: (peer) => ago(peer.handshake, "none yet"), by: (peer) => ageOf(peer.handshake) ?? undefined },
	{ name: "endpoint", label: "Heard at", cell: (peer) => peer.endpoint ?? "-", kind: "figures" },
	{ name: "rx", label: "Received", cell: (peer) => bytes(peer.rx), by: (peer) => peer.rx, kind: "number" },
	{ name: "tx", label: "Sent", cell: (peer) => bytes(peer.tx), by: (peer) => peer.tx, kind: "number" },
];

const hostColumns = [
	{ name: "name", label: "Host", cell: ({ host }) => host.name },
	{ name: "wg_ip", label: "Overlay", cell: ({ host }) => host.wg_ip, by: ({ host }) => addressNumber(host.wg_ip), kind: "figures" },
	{ name: "local_ip", label: "LAN", cell: ({ host }) => host.local_ip ?? "-", by: ({ host }) => addressNumber(host.local_ip), kind: "figures" },
	{ name: "type", label: "Type", cell: ({ host }) => host.type },
	...[["rx", "Into the mesh"], ["tx", "Out of it"]].map(([way, label]) => ({ name: way, label, kind: "number",
		cell: ({ traffic }) => (traffic ? { text: bytes(traffic[`${way}_bytes`]), title: plural(traffic[`${way}_packets`], "packet") } : "-"),
		by: ({ traffic }) => traffic?.[`${way}_bytes`] })),
];

function hostRows(domain) {
	const traffic = new Map((known.reports.get(domain)?.hosts ?? []).map((host) => [host.name, host]));

	return [...known.hosts.values()].filter((host) => host.domain === domain).map((host) => ({ host, traffic: traffic.get(host.name) }));
}

function askEndpoint(domain) {
	question({
		title: `Change the endpoint of ${domain}`,
		intro: "A gateway that is told no PUBLIC_IP finds its own, and says so again when it changes.",
		fields: [{ name: "endpoint", label: "Endpoint", value: known.sites.get(domain).endpoint, placeholder: "198.51.100.7:51820",
			hint: "Address and port. Empty: none, it begins to talk to others itself" }],
		submit: "Save",
		send: ({ endpoint }, tag) => send("PATCH", path(domain), { endpoint }, tag),
		now: () => known.sites.get(domain),
	});
}

function askEnrolment(domain) {
	question({
		title: `Enrol a gateway of ${domain}`,
		intro: "A one-time token with which a machine becomes this site's gateway. One that nobody has used ends; " +
			"the gateway that is there goes on until another has joined.",
		submit: "Make the enrolment",
		send: () => enrol("gateway", domain),
		done: (enrolment) => showGateway(known.sites.get(domain), enrolment, known.sites.get(domain).endpoint),
	});
}

function askRemoval(domain) {
	const site = known.sites.get(domain);
	const hosts = known.hostsOf.get(domain) ?? 0, devices = site.is_hub ? known.devices.size : 0;
	const lost = [hosts && plural(hosts, "host"), devices && plural(devices, "device")].filter(Boolean).join(" and ");

	question({
		title: `Remove site ${domain}`,
		intro: [
			el("p", null, `Its gateway leaves the mesh, its token and enrolments end${lost ? `, and ${lost} go with it` : ""}. `,
				"Nobody reaches what is behind it any more."),
			site.is_hub && el("p", null, "It is the hub: sites that do not reach each other directly, and all devices, are cut off."),
			el("p", null, "Undo, in History, brings back the objects, not the tokens: gateway and devices have to be enrolled again."),
		],
		submit: `Remove ${domain}${lost ? ` and ${lost}` : ""}`,
		danger: true,
		send: (_, tag) => send("DELETE", `${path(domain)}${lost ? "?cascade=1" : ""}`, undefined, tag),
		done: () => { location.hash = "#/sites"; },
		now: () => known.sites.get(domain),
	});
}

function buttons(domain) {
	return el("div", { class: "buttons" },
		button("edit-site", "Change endpoint", () => askEndpoint(domain)),
		button("enrol-site", "Enrol", () => askEnrolment(domain)),
		button("remove-site", "Remove", () => askRemoval(domain), { class: "danger" }));
}

function troubles(domain) {
	return judge(known).filter(({ site }) => site === domain).map(({ state, check, about, what, todo }) =>
		el("li", { "data-about": about, "data-mark": state }, el("span", { class: "state" }, state), " ", el("span", null, `${check}: ${what}.`),
			el("span", { class: "todo" }, `${todo}.`)));
}

function showNone(main, domain) {
	main.replaceChildren(el("h1", { tabindex: "-1" }, "No such site"), el("p", null, `There is no site '${domain}' (any more). `,
		el("a", { href: "#/sites" }, "All sites")));
	return () => {};
}

function showSite(main, domain) {
	const list = el("ul", { class: "findings" }), about = el("section", { "aria-label": "What it reports" });
	const peers = new Table({ caption: "peers", columns: peerColumns, key: (peer) => `${peer.kind} ${peer.name}`, sort: "name",
		rows: () => known.reports.get(domain)?.peers ?? [], empty: "Its gateway has told of none.",
		search: (peer) => `${peer.kind} ${peer.name} ${peer.endpoint ?? ""}` });
	const hosts = new Table({ caption: "hosts", columns: hostColumns, key: ({ host }) => `${host.name}.${host.domain}`, sort: "wg_ip",
		rows: () => hostRows(domain), empty: "It has no hosts yet.",
		search: ({ host }) => `${host.name} ${host.wg_ip} ${host.local_ip ?? ""} ${host.mac ?? ""} ${host.type}`,
		actions: mayChange() ? ({ host }) => hostActions(host) : null });

	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, domain), mayChange() && buttons(domain)), list, about,
		el("h2", null, "Peers"), el("p", { class: "hint" }, "What its WireGuard counts; gateways tell of the 256 that they heard last."), peers.node,
		el("div", { class: "title" }, el("h2", null, "Hosts"),
			mayChange() && button("add-host", "Add a host", () => askHost(domain))), el("p", { class: "hint" }, "Traffic of the 128 with the most. Packets by what became of them, drops and why: there, ",
			el("code", null, "wm-bpf stats"), " and ", el("code", null, "wm-bpf drops"), "."), hosts.node);
	return () => {
		list.replaceChildren(...troubles(domain));
		about.replaceChildren(facts(reportFacts(known.sites.get(domain), known.reports.get(domain))));
		peers.update();
		hosts.update();
	};
}

// A site may go, and come back, while it is looked at.
export function show(main, domain) {
	let there = null, refresh = null;

	function update() {
		if (there !== known.sites.has(domain)) {
			there = known.sites.has(domain);
			refresh = there ? showSite(main, domain) : showNone(main, domain);
		}
		refresh();
	}

	update();
	return { update };
}
