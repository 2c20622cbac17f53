// SPDX-License-Identifier: GPL-2.0-or-later
//
// All devices, when the hub last heard them; added with the line that sets them up, changed, removed.

import { button, el } from "./dom.js";
import { send } from "./api.js";
import { enrol, showDevice } from "./joining.js";
import { question } from "./form.js";
import { known, mayChange } from "./state.js";
import { Table } from "./table.js";
import { addressNumber, ageOf, ago, bytes } from "./text.js";

export const title = "Devices";

const path = (name) => `v1/devices/${encodeURIComponent(name)}`;
const TYPES = [["roaming", "roaming: opens connections and is reached"], ["isolated", "isolated: may only answer"]];

// The hub's peers, looked up once for all rows.
let heard = new Map();

function listen() {
	const peers = known.hub ? known.reports.get(known.hub.domain)?.peers ?? [] : [];

	heard = new Map(peers.filter(({ kind }) => kind === "device").map((peer) => [peer.name, peer]));
}

function seenCell(device) {
	if (device.public_key === null)
		return { text: "not enrolled yet", mark: "note" };
	return heard.has(device.name) ? ago(heard.get(device.name).handshake, "never by the hub") : "-";
}

function trafficColumn(name, label) {
	return { name, label, kind: "number", cell: (device) => (heard.has(device.name) ? bytes(heard.get(device.name)[name]) : "-"),
		by: (device) => heard.get(device.name)?.[name] };
}

const columns = [
	{ name: "name", label: "Device", cell: (device) => device.name },
	{ name: "wg_ip", label: "Overlay address", cell: (device) => device.wg_ip, by: (device) => addressNumber(device.wg_ip), kind: "figures" },
	{ name: "type", label: "Type", cell: (device) => device.type, kind: "figures" },
	{ name: "seen", label: "Seen", cell: seenCell, by: (device) => ageOf(heard.get(device.name)?.handshake) ?? undefined },
	{ name: "endpoint", label: "Heard at", cell: (device) => heard.get(device.name)?.endpoint ?? "-", kind: "figures spare" },
	trafficColumn("rx", "From it"), trafficColumn("tx", "To it"),
];

async function addDevice({ name, type, wg_ip }) {
	const device = await send("POST", "v1/devices", wg_ip ? { name, type, wg_ip } : { name, type });

	try {
		return { device, enrolment: await enrol("device", device.name) };
	} catch (error) {
		return { device, error };
	}
}

function askNew() {
	question({
		title: "Add a device",
		intro: "Something with WireGuard of its own, wherever it is: it connects to the hub.",
		fields: [
			{ name: "name", label: "Name", required: true, hint: "One word of a-z, 0-9 and '-'" },
			{ name: "type", label: "Type", options: TYPES },
			{ name: "wg_ip", label: "Overlay address", placeholder: "the lowest free one" },
		],
		submit: "Add the device",
		send: addDevice,
		done: ({ device, enrolment, error }) => (error ?
			el("p", { class: "error", role: "alert" }, `Device ${device.name} is added, but has no enrolment: ${error.message}. ` +
				"When that is mended: 'Enrol' in its row.") :
			showDevice(device, enrolment)),
	});
}

function askEnrolment(name) {
	question({
		title: `Enrol ${name}`,
		intro: "A line that sets it up, which works once. With the next machine that runs it, the key that the device has now is out.",
		submit: "Make the enrolment",
		send: () => enrol("device", name),
		done: (enrolment) => showDevice(known.devices.get(name), enrolment),
	});
}

function askChange(name) {
	const device = known.devices.get(name);

	question({
		title: `Change ${name}`,
		fields: [{ name: "type", label: "Type", options: TYPES, value: device.type }],
		submit: "Save",
		send: (values, tag) => send("PATCH", path(name), values, tag),
		now: () => known.devices.get(name),
	});
}

function askRemoval(name) {
	question({
		title: `Remove ${name}`,
		intro: "It is out of the mesh at once, its token and enrolments end. Undo, in History, brings it back, but it has to be enrolled again.",
		submit: `Remove ${name}`,
		danger: true,
		send: (_, tag) => send("DELETE", path(name), undefined, tag),
		now: () => known.devices.get(name),
	});
}

function actions({ name }) {
	return [
		button("enrol-device", "Enrol", () => askEnrolment(name), { "aria-label": `Enrol ${name}` }),
		button("edit-device", "Change", () => askChange(name), { "aria-label": `Change ${name}` }),
		button("remove-device", "Remove", () => askRemoval(name), { "aria-label": `Remove ${name}`, class: "danger" }),
	];
}

export function show(main) {
	listen();
	const table = new Table({
		caption: "devices", columns, key: (device) => device.name, sort: "wg_ip",
		rows: () => [...known.devices.values()],
		search: (device) => `${device.name} ${device.wg_ip}`,
		filters: [{ label: "All types", options: () => TYPES.map(([type]) => [type, type]), test: (device, type) => device.type === type }],
		actions: mayChange() ? actions : null,
		empty: known.hub ? "There are no devices yet." : "There is no hub, where devices connect: add a site that is one.",
	});

	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title),
		mayChange() && button("add-device", "Add a device", askNew, { class: "main" })), table.node);
	return { update: () => {
		listen();
		table.update();
	} };
}
