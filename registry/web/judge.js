// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is wrong with a mesh, and what to do: the judgements of `wm check`, in its words and by its limits, as far as they
// can be made from what the registry knows (nobody is knocked at from a browser).

import { ageOf, ageText } from "./text.js";

const CLOCK_OFF_S = 60;
const REPORT_LATE_S = 180;    // gateways report every 15 s
const HANDSHAKE_LATE_S = 300; // WireGuard renews within 180 s where something is sent, and keepalives are
const SETTLING_MS = 20000;    // after a change, until even a gateway that polls has put it in force and said so

// state: "wrong" or "note". about: the object, or the check itself where it is about the whole. site: whose view has more.
function finding(state, check, object, what, todo, site = null) {
	return { state, check, object, about: object || check, what, todo, site };
}

function judgeMesh(mesh) {
	if (!mesh.sites.size)
		return [finding("note", "config", "", "there are no sites", "Create one: wm add-site DOMAIN")];
	if (!mesh.hub)
		return [finding("wrong", "config", "", "there is no hub, where devices connect and sites meet that do not reach each other",
			"Create one: wm add-site DOMAIN --hub")];
	return [];
}

// A change has just been made: it is no fault yet that not everybody has it in force.
export function isSettling(mesh) {
	return performance.now() - mesh.changed < SETTLING_MS;
}

// What is the matter with the gateway of that site: {what, todo}, or null. report: undefined, there is none.
// brief: it is behind by a change that has just been made.
export function gatewayTrouble(mesh, site, report) {
	const running = "Is it running, does it reach the registry? There: wm-gateway status";
	const age = report ? ageOf(report.seen) : null;
	const newest = mesh.header.generation;

	if (site.public_key === null)
		return { what: "has not enrolled yet", todo: `Set it up with what 'wm enrol ${site.domain}' prints` };
	if (age === null)
		return { what: "has not reported since the registry was started", todo: running };
	if (age > REPORT_LATE_S)
		return { what: `has not reported for ${ageText(age)}`, todo: running };
	if (report.problem)
		return { what: `has a problem: ${report.problem}`, todo: "There: wm-gateway status" };
	if (report.generation < newest)
		return { what: `has generation ${report.generation} of ${newest} in force`,
			todo: "If 'wm wait --synced' does not end, there: wm-gateway status", brief: isSettling(mesh) };
	if (!report.applied)
		return { what: "has in force what another registry said, or this one before it was restored",
			todo: "If it stays so, there: wm-gateway status" };
	return null;
}

function judgeGateway(mesh, site, report) {
	const trouble = gatewayTrouble(mesh, site, report);
	const found = trouble && !trouble.brief ? [finding("wrong", "gateway", site.domain, trouble.what, trouble.todo, site.domain)] : [];

	if (report?.dataplane_note)
		found.push(finding("note", "data plane", site.domain, `is ${report.dataplane}: ${report.dataplane_note}`,
			"It works; another would be faster. There: wm-gateway status", site.domain));
	return found;
}

// Both times are of the moment at which it reported, each by its own clock.
function judgeClock(site, report) {
	const off = Math.floor((Date.parse(report?.clock ?? "") - Date.parse(report?.seen ?? "")) / 1000);

	if (Number.isNaN(off) || Math.abs(off) < CLOCK_OFF_S)
		return [];
	return [finding("wrong", "clock", site.domain,
		`the gateway's is ${ageText(Math.abs(off))} ${off < 0 ? "behind the registry's" : "ahead of the registry's"}`,
		"Have its clock set (NTP): certificates and ages go by it", site.domain)];
}

// Between a site without an endpoint and one that has one keepalives run, so a handshake is never old; two that both have one
// may just have had nothing to say.
function judgePeer(site, other, peer) {
	const quiet = site.endpoint !== null && other.endpoint !== null;
	const age = ageOf(peer.handshake);
	const todo = `Does UDP get to ${other.endpoint !== null ? other.domain : site.domain}${quiet ? " if they should talk" : ""}? ` +
		"Port forward on its router, firewall";

	if ((age !== null && (age <= HANDSHAKE_LATE_S || quiet)) || other.public_key === null)
		return [];
	return [finding(age === null && quiet ? "note" : "wrong", "handshake", `${site.domain} - ${other.domain}`,
		age === null ? "there was none yet" : `the last was ${ageText(age)} ago`, todo, site.domain)];
}

// Each pair once, by the one without an endpoint or the first by name.
function judgePeers(mesh, site, report) {
	return (report?.peers ?? []).flatMap((peer) => {
		const other = peer.kind === "site" ? mesh.sites.get(peer.name) : undefined;
		const ours = other && (site.endpoint === null || (other.endpoint !== null && site.domain < other.domain));

		return ours ? judgePeer(site, other, peer) : [];
	});
}

function judgeDevices(mesh) {
	const peers = mesh.hub ? mesh.reports.get(mesh.hub.domain)?.peers ?? [] : [];

	return peers.flatMap((peer) => {
		const device = peer.kind === "device" ? mesh.devices.get(peer.name) : undefined;

		if (!device || device.public_key === null || peer.handshake)
			return [];
		return [finding("note", "device", device.name, "the hub has not heard of it yet",
			`Is its WireGuard up? A new config for it: wm device-setup ${device.name}`)];
	});
}

function isLocal(endpoint) {
	const ip4 = /^(\d+)\.(\d+)\./.exec(endpoint);

	if (!ip4)
		return /^\[f[cd]|^\[fe[89ab]/.test(endpoint);
	const [a, b] = ip4.slice(1).map(Number);
	return a === 10 || a === 127 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168) || (a === 100 && b >> 6 === 1) ||
		(a === 169 && b === 254);
}

function judgeEndpoint(site, twin) {
	const found = [];

	if (twin !== undefined)
		found.push(finding("wrong", "endpoint", site.domain, `${site.endpoint} is also that of ${twin}`,
			"One of them is mistaken: PUBLIC_IP in their gateway.env", site.domain));
	if (isLocal(site.endpoint))
		found.push(finding("note", "endpoint", site.domain, `${site.endpoint} is an address of a local network`,
			"Others reach it only from there", site.domain));
	return found;
}

function judgeEndpoints(mesh, sites) {
	const owners = new Map();
	const found = [];

	if (mesh.hub && mesh.hub.endpoint === null)
		found.push(finding("wrong", "endpoint", mesh.hub.domain, "the hub has none, so nobody can reach it",
			"Set PUBLIC_IP in its gateway.env", mesh.hub.domain));
	for (const site of sites.filter((one) => one.endpoint !== null))
		owners.set(site.endpoint, [...owners.get(site.endpoint) ?? [], site.domain]);
	// The first of those that share one tells of the second, the others of the first: once each, as the command line does.
	for (const site of sites.filter((one) => one.endpoint !== null)) {
		const twin = owners.get(site.endpoint).find((domain) => domain !== site.domain);

		found.push(...judgeEndpoint(site, twin > site.domain ? twin : undefined));
	}
	return found;
}

// All that there is to say of the mesh, what is wrong first. Nothing before the reports are there: who has sent one is not known.
export function judge(mesh) {
	if (!mesh.reported)
		return [];
	const sites = [...mesh.sites.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1));
	const found = [
		judgeMesh(mesh),
		sites.flatMap((site) => {
			const report = mesh.reports.get(site.domain);

			return [...judgeGateway(mesh, site, report), ...judgeClock(site, report)];
		}),
		sites.flatMap((site) => judgePeers(mesh, site, mesh.reports.get(site.domain))),
		judgeDevices(mesh),
		judgeEndpoints(mesh, sites),
	].flat();

	return found.filter((one) => one.state === "wrong").concat(found.filter((one) => one.state === "note"));
}

// How many of the peers in a report are heard of: {up, all}.
export function peersUp(report) {
	const heard = report.peers.filter((peer) => {
		const age = ageOf(peer.handshake);

		return age !== null && age <= HANDSHAKE_LATE_S;
	});

	return { up: heard.length, all: report.peers.length };
}

// How the gateway of that site is: a cell.
export function siteState(mesh, site) {
	if (!mesh.reported)
		return { text: "not loaded yet" };
	const report = mesh.reports.get(site.domain);
	const trouble = gatewayTrouble(mesh, site, report);

	if (!trouble)
		return { text: `in sync (${report.dataplane})`, mark: "ok" };
	return { text: trouble.what, title: trouble.todo, mark: trouble.brief ? "note" : "wrong" };
}
