// SPDX-License-Identifier: GPL-2.0-or-later
//
// All sites, how their gateways are, and a new one.

import { button, el } from "./dom.js";
import { send } from "./api.js";
import { enrol, showGateway } from "./joining.js";
import { peersUp, siteState } from "./judge.js";
import { question } from "./form.js";
import { known, mayChange } from "./state.js";
import { Table } from "./table.js";
import { addressNumber, ageOf, ago, count } from "./text.js";

export const title = "Sites";

const report = (site) => known.reports.get(site.domain);

function peersCell(site) {
	const { up, all } = report(site) ? peersUp(report(site)) : { up: 0, all: 0 };

	return report(site) ? `${count(up)} of ${count(all)}` : "-";
}

function dataplaneCell(site) {
	const note = report(site)?.dataplane_note;

	return note ? { text: report(site).dataplane, title: note, mark: "note" } : report(site)?.dataplane || "-";
}

const columns = [
	{ name: "domain", label: "Site", by: (site) => site.domain,
		cell: (site) => ({ text: site.domain, href: `#/site/${encodeURIComponent(site.domain)}` }) },
	{ name: "state", label: "State", cell: (site) => siteState(known, site), kind: "long" },
	{ name: "role", label: "Role", cell: (site) => (site.is_hub ? "hub" : "site"), kind: "spare" },
	{ name: "subnet", label: "Subnet", cell: (site) => site.subnet, by: (site) => addressNumber(site.subnet), kind: "figures spare" },
	{ name: "endpoint", label: "Endpoint", cell: (site) => site.endpoint ?? "-", kind: "figures" },
	{ name: "seen", label: "Seen", cell: (site) => ago(report(site)?.seen), by: (site) => ageOf(report(site)?.seen) ?? undefined, kind: "figures" },
	{ name: "generation", label: "In force", cell: (site) => (report(site) ? count(report(site).generation) : "-"),
		by: (site) => report(site)?.generation, kind: "number" },
	{ name: "dataplane", label: "Data plane", cell: dataplaneCell, kind: "spare" },
	{ name: "peers", label: "Peers up", cell: peersCell, by: (site) => report(site) && peersUp(report(site)).up, kind: "number" },
	{ name: "hosts", label: "Hosts", cell: (site) => count(known.hostsOf.get(site.domain) ?? 0),
		by: (site) => known.hostsOf.get(site.domain) ?? 0, kind: "number" },
];

// A name in DNS, which the gateway looks up itself; the registry takes addresses only.
function isName(endpoint) {
	return /^[A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*(:\d+)?$/.test(endpoint ?? "");
}

async function addSite({ domain, subnet, is_hub, endpoint }) {
	const asked = { domain, is_hub };

	if (subnet)
		asked.subnet = subnet;
	if (endpoint && !isName(endpoint))
		asked.endpoint = endpoint;
	const site = await send("POST", "v1/sites", asked);
	try {
		return { site, endpoint, enrolment: await enrol("gateway", site.domain) };
	} catch (error) {
		return { site, error };
	}
}

function askSite() {
	question({
		title: "Add a site",
		fields: [
			{ name: "domain", label: "Domain", required: true, hint: "One word of a-z, 0-9 and '-': its hosts are NAME.DOMAIN" },
			{ name: "subnet", label: "Subnet", placeholder: "the lowest free one", hint: `Inside ${known.header.supernet}` },
			{ name: "endpoint", label: "Endpoint", placeholder: "198.51.100.7:51820",
				hint: "Where others reach its gateway: an address or a name in DNS, with the port. Empty: it finds out itself" },
			{ name: "is_hub", label: "It is the hub, where devices connect", kind: "checkbox", value: known.hub === null },
		],
		submit: "Add the site",
		send: addSite,
		done: ({ site, endpoint, enrolment, error }) => (error ?
			el("p", { class: "error", role: "alert" }, `Site ${site.domain} is added, but has no enrolment: ${error.message}. ` +
				"When that is mended: its own view has a button that makes one.") :
			showGateway(site, enrolment, endpoint)),
	});
}

export function show(main) {
	const table = new Table({
		caption: "sites", columns, key: (site) => site.domain, sort: "domain",
		rows: () => [...known.sites.values()],
		search: (site) => `${site.domain} ${site.subnet} ${site.endpoint ?? ""} ${site.is_hub ? "hub" : ""}`,
		empty: "There are no sites yet.",
	});

	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title),
		mayChange() && button("add-site", "Add a site", askSite, { class: "main" })), table.node);
	return { update: () => table.update() };
}
