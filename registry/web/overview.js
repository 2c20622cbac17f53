// SPDX-License-Identifier: GPL-2.0-or-later
//
// The first view: what needs attention, then how much there is.

import { button, el, facts, setText } from "./dom.js";
import { gatewayTrouble, judge } from "./judge.js";
import { known } from "./state.js";
import { bytes, count, plural } from "./text.js";

export const title = "Overview";

const SHOWN = 50; // of the list, until more is asked for

function link(finding) {
	return finding.site ? el("a", { href: `#/site/${encodeURIComponent(finding.site)}` }, finding.object) : finding.object;
}

function item(finding) {
	return el("li", { "data-about": finding.about, "data-mark": finding.state },
		el("span", { class: "state" }, finding.state), " ",
		el("span", null, `${finding.check} `, el("strong", null, link(finding)), `: ${finding.what}.`),
		el("span", { class: "todo" }, finding.todo && `${finding.todo}.`));
}

function inSync() {
	return [...known.sites.values()].filter((site) => !gatewayTrouble(known, site, known.reports.get(site.domain))).length;
}

function wellText() {
	const sites = known.sites.size, good = inSync();

	if (good < sites)
		return `Nothing is wrong: generation ${count(known.header.generation)} is being put in force, ` +
			`${count(good)} of ${plural(sites, "gateway")} have said so.`;
	return `Nothing is wrong: ${sites === 1 ? "the gateway has" : `all ${count(sites)} gateways have`} generation ` +
		`${count(known.header.generation)} in force.`;
}

function headline(found) {
	const wrong = found.filter(({ state }) => state === "wrong").length;

	if (!known.reported)
		return ["note", "Gateways' reports are being loaded."];
	if (wrong)
		return ["wrong", wrong === 1 ? "1 thing is wrong." : `${count(wrong)} things are wrong.`];
	return known.sites.size ? ["ok", wellText()] : ["note", "The mesh is empty."];
}

function sum(rows, pick) {
	return rows.reduce((all, row) => all + pick(row), 0);
}

function numbers() {
	const sites = [...known.sites.values()], devices = [...known.devices.values()];
	const isolated = sum([...known.hosts.values()], (host) => Number(host.type === "isolated"));
	const carried = sum([...known.reports.values()], (report) => sum(report.peers, (peer) => peer.rx));

	return [
		["Generation", count(known.header.generation)],
		["Supernet", known.header.supernet],
		["Sites", `${count(sites.length)}${known.reported ? `, of them ${count(inSync())} in sync` : ""}`],
		["Hub", known.hub?.domain ?? "none"],
		["Hosts", `${count(known.hosts.size)}${isolated ? `, of them ${count(isolated)} isolated` : ""}`],
		["Devices", `${count(devices.length)}, of them ${count(devices.filter((device) => device.public_key).length)} enrolled`],
		["Received by tunnels", bytes(carried)],
	];
}

export function show(main) {
	const well = el("p", { class: "headline" });
	const list = el("ul", { id: "attention" });
	const more = button("more", "", () => {
		limit = Infinity;
		update();
	}, { class: "quiet" });
	const totals = el("section", { "aria-labelledby": "totals-title" });
	const heading = el("h1", { tabindex: "-1" });
	let limit = SHOWN, shown = "", counted = "";

	// An attention list is read, perhaps aloud: what says the same is left alone.
	function fill(found) {
		const now = JSON.stringify([found.slice(0, limit), found.length]);

		if (now === shown)
			return;
		shown = now;
		list.replaceChildren(...found.slice(0, limit).map(item));
		more.hidden = found.length <= limit;
		setText(more, `Show ${plural(found.length - SHOWN, "more", "more")}`);
	}

	function update() {
		const found = judge(known);
		const [mark, text] = headline(found);
		const pairs = numbers();

		setText(heading, known.header.mesh_name);
		setText(well, text);
		well.dataset.mark = mark;
		fill(found);
		if (JSON.stringify(pairs) !== counted) {
			counted = JSON.stringify(pairs);
			totals.replaceChildren(el("h2", { id: "totals-title" }, "What there is"), facts(pairs));
		}
	}

	main.replaceChildren(heading, el("section", { "aria-labelledby": "attention-title" },
		el("h2", { id: "attention-title" }, "What needs attention"), well, list, more), totals);
	update();
	return { update };
}
