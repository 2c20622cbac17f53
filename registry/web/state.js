// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is known of the mesh: the objects, kept up to date by what has changed (a long-poll at a time), and the gateways'
// reports, asked for every few seconds. Both rest while nobody looks.

import { ask, Away, get, lines, Refused } from "./api.js";

const WAIT_S = 50;
const REPORTS_MS = 5000;   // between two looks at the reports, or ten times what one takes
const SETTLE_MS = 1000;    // after a change, in which gateways put it in force and say so
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000];

export const known = {
	who: null,          // what /v1/whoami says
	header: null,       // of the mesh: mesh_name, supernet, instance, generation, mark; null: not loaded yet
	sites: new Map(),   // by domain
	hosts: new Map(),   // by name.domain
	devices: new Map(), // by name
	reports: new Map(), // by domain
	hub: null,
	hostsOf: new Map(), // domain: how many
	reported: false,    // the reports have been asked for
	version: 0,         // one more whenever the objects are others
	changed: -Infinity, // when (performance.now) something was changed while this page followed
};

const listeners = new Set();
const sleepers = new Set();
const failures = { mesh: null, reports: null }; // why not, of the last try
let link = { state: "old", text: "" };
let since = Date.now(); // when all was last well
let running = null;
let behind = false; // what has changed since cannot be told: all of it is needed

export function whenChanged(listener) {
	listeners.add(listener);
}

// news: what a person should hear of, or "".
function tell(news = "") {
	for (const listener of listeners) {
		try {
			listener(news);
		} catch (error) { // what cannot be shown does not end what follows
			console.error(error);
		}
	}
}

export function linkNow() {
	return { ...link, since };
}

function setLink(state, text) {
	const news = state !== link.state && (state === "away" || link.state === "away") ? text : "";

	if (state === "live")
		since = Date.now();
	if (state === link.state && text === link.text)
		return;
	link = { state, text };
	tell(news);
}

function judgeLink() {
	const failure = failures.mesh ?? failures.reports;

	if (!failure)
		setLink("live", "Live");
	else
		setLink(failure instanceof Away ? "away" : "old", failure.message);
}

// --- waiting -----------------------------------------------------------------------------

function pause(ms, signal) {
	return new Promise((done) => {
		const wake = () => {
			clearTimeout(timer);
			sleepers.delete(wake);
			signal.removeEventListener("abort", wake);
			done();
		};
		const timer = setTimeout(wake, ms);

		sleepers.add(wake);
		signal.addEventListener("abort", wake);
	});
}

// Whoever pauses tries at once.
export function hurry() {
	for (const wake of [...sleepers])
		wake();
}

// --- the mesh ------------------------------------------------------------------------------

const kinds = {
	site: { map: "sites", key: (site) => site.domain },
	host: { map: "hosts", key: (host) => `${host.name}.${host.domain}` },
	device: { map: "devices", key: (device) => device.name },
};

function gone({ kind, name, domain }) {
	if (kinds[kind])
		known[kinds[kind].map].delete(domain === null || domain === undefined ? name : `${name}.${domain}`);
}

function index() {
	known.hub = [...known.sites.values()].find((site) => site.is_hub) ?? null;
	known.hostsOf = new Map();
	for (const host of known.hosts.values())
		known.hostsOf.set(host.domain, (known.hostsOf.get(host.domain) ?? 0) + 1);
	known.version++;
}

// A header, objects, an end that says how many: all of them, or it broke off.
async function readStream(response, signal) {
	const objects = [];
	let header = null, end = null;

	for await (const some of lines(response, signal)) {
		for (const line of some) {
			if (!header)
				header = line.mesh ?? line.changes;
			else if (line.end)
				end = line.end;
			else
				objects.push(line);
		}
		if (header && !known.header)
			setLink("old", `Loading: ${objects.length.toLocaleString("en")} objects`);
	}
	if (!header || !end || end.count !== objects.length)
		throw new Away("the registry's answer broke off");
	if (header.requires.length)
		throw new Error("The registry is newer than this page: reload it");
	return { header, objects };
}

function take(objects) {
	for (const line of objects) {
		const [kind, object] = Object.entries(line)[0];

		if (kind === "gone")
			gone(object);
		else if (kinds[kind])
			known[kinds[kind].map].set(kinds[kind].key(object), object);
	}
}

async function loadAll(signal) {
	const { header, objects } = await readStream(await ask("GET", "v1/config", { signal }), signal);

	for (const { map } of Object.values(kinds))
		known[map] = new Map();
	take(objects);
	known.header = header;
	behind = false;
	index();
	tell();
}

function newsOf(header, objects) {
	const said = objects.map((line) => {
		const [kind, object] = Object.entries(line)[0];

		return kind === "gone" ? `${object.kind} ${object.name}${object.domain ? `.${object.domain}` : ""} is gone` :
			kinds[kind] ? `${kind} ${kinds[kind].key(object)} is new or changed` : kind;
	});

	return `Generation ${header.generation}: ${said.length > 3 ? `${said.length} changes` : said.join(", ")}`;
}

async function loadChanges(wait, signal) {
	const { instance, generation, mark } = known.header;
	const query = new URLSearchParams({ instance, after: generation, wait });

	if (mark)
		query.set("mark", mark);
	const response = await ask("GET", `v1/changes?${query}`, { signal });
	if (response.status === 204)
		return;
	const { header, objects } = await readStream(response, signal);
	take(objects);
	known.header = header;
	known.changed = performance.now();
	index();
	tell(newsOf(header, objects));
	setTimeout(wakeReports, SETTLE_MS);
}

// --- loops -----------------------------------------------------------------------------------

async function attempt(which, signal, load) {
	try {
		await load();
		failures[which] = null;
	} catch (error) {
		if (signal.aborted)
			return;
		if (error instanceof Refused && error.status === 410) {
			behind = true;
			return;
		}
		const strange = error instanceof SyntaxError || error instanceof TypeError; // of a proxy, or of who else is at its address
		failures[which] = strange ? new Away("the registry's answer is not understood") : error;
	}
	judgeLink();
}

async function followMesh(signal) {
	let tries = 0, first = true;

	while (!signal.aborted) {
		// After a failure it does not wait for something new to know that all is well again.
		const wait = first || tries ? 0 : WAIT_S;
		const limit = AbortSignal.any([signal, AbortSignal.timeout((wait + 30) * 1000)]);

		await attempt("mesh", signal, () => known.header && !behind ? loadChanges(wait, limit) : loadAll(signal));
		first = false;
		tries = failures.mesh ? tries + 1 : 0;
		if (tries)
			await pause(AGAIN_MS[Math.min(tries, AGAIN_MS.length) - 1], signal);
	}
}

let wakeReports = () => {};

// What a registry of another version may not say.
const SILENT = { problem: "", dataplane: "", dataplane_note: null, applied: true, peers: [], hosts: [] };

async function followReports(signal) {
	while (!signal.aborted) {
		const began = performance.now();

		await attempt("reports", signal, async () => {
			const { sites } = await get("v1/status", signal);

			known.reports = new Map(sites.map((report) => [report.domain, { ...SILENT, ...report }]));
			known.reported = true;
		});
		tell(); // also what was not answered: ages go on
		const took = performance.now() - began;
		wakeReports = took < SETTLE_MS / 2 ? hurry : () => {};
		await pause(Math.max(REPORTS_MS, 10 * took), signal);
	}
}

export function start() {
	stop();
	running = new AbortController();
	failures.mesh = new Error(known.header ? "Catching up" : "Loading"); // until it is known to be otherwise
	judgeLink();
	followMesh(running.signal);
	followReports(running.signal);
}

// The long-poll is given up at once; what is known stays.
export function stop() {
	running?.abort();
	running = null;
}

export function rest() {
	if (running)
		setLink("old", "Resting while this tab is hidden");
	stop();
}

export function forget() {
	stop();
	Object.assign(known, { who: null, header: null, hub: null, reported: false, changed: -Infinity, version: known.version + 1 });
	for (const map of ["sites", "hosts", "devices", "reports", "hostsOf"])
		known[map] = new Map();
	failures.mesh = failures.reports = null;
	link = { state: "old", text: "" };
}

// --- for who changes something -------------------------------------------------------------------

export function mayChange() {
	return known.who?.role === "admin";
}

// The ETag of the mesh as it is shown.
export function tag() {
	const { instance, generation, mark } = known.header;

	return `"${instance}-${generation}${mark ? `-${mark}` : ""}"`;
}

// Until the mesh shown is another than the one of that tag, or for a moment.
export async function newerThan(old) {
	hurry();
	for (let n = 0; n < 50 && (!known.header || tag() === old); n++)
		await new Promise((done) => setTimeout(done, 100));
}
