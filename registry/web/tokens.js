// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who may come in: tokens and open enrolments; made, shown once, ended.

import { button, el, setText } from "./dom.js";
import { get, send } from "./api.js";
import { shownOnce } from "./joining.js";
import { question } from "./form.js";
import { Table } from "./table.js";
import { ago, until } from "./text.js";

export const title = "Tokens";

const ROLES = [["read", "read: may look at everything but tokens"], ["admin", "admin: may do everything"],
	["gateway", "gateway: as that site's gateway"], ["device", "device: as that device"]];

const tokenColumns = [
	{ name: "name", label: "Name", cell: (token) => token.name },
	{ name: "role", label: "Role", cell: (token) => token.role },
	{ name: "id", label: "Number", cell: (token) => String(token.id), by: (token) => token.id, kind: "number" },
	{ name: "created", label: "Made", cell: (token) => ago(token.created), by: (token) => token.created },
	{ name: "last_used", label: "Last used", cell: (token) => ago(token.last_used, "never"), by: (token) => token.last_used ?? undefined },
];

const enrolmentColumns = [
	{ name: "name", label: "For", cell: (enrolment) => enrolment.name },
	{ name: "kind", label: "Kind", cell: (enrolment) => enrolment.kind },
	{ name: "expires", label: "Ends", cell: (enrolment) => until(enrolment.expires), by: (enrolment) => enrolment.expires },
];

export function show(main) {
	const trouble = el("p", { class: "error", role: "alert" });
	let tokens = [], enrolments = [];

	async function load() {
		try {
			[{ tokens }, { enrolments }] = await Promise.all([get("v1/tokens"), get("v1/enrolments")]);
			setText(trouble, "");
		} catch (error) {
			setText(trouble, error.message);
		}
		tokenTable.update();
		enrolmentTable.update();
	}

	function ask(what) {
		question({ ...what, done: (result) => {
			load();
			return what.done?.(result);
		} });
	}

	function askNew() {
		ask({
			title: "Make a token",
			fields: [
				{ name: "role", label: "Role", options: ROLES },
				{ name: "name", label: "Name", required: true, hint: "Who has it; of a gateway or device, its site or name" },
			],
			submit: "Make the token",
			send: (values) => send("POST", "v1/tokens", values),
			done: (token) => shownOnce(`The token of ${token.name} (${token.role}). It is shown this once.`, token.token),
		});
	}

	function askRevocation({ id, name, role }) {
		ask({
			title: `Revoke token ${id} of ${name} (${role})`,
			intro: "Who has it is shut out at once.",
			submit: `Revoke token ${id}`,
			danger: true,
			send: () => send("DELETE", `v1/tokens/${encodeURIComponent(id)}`),
		});
	}

	function askEnd({ kind, name }) {
		ask({
			title: `End the enrolment of ${kind} ${name}`,
			intro: "Who has it cannot join with it any more.",
			submit: "End the enrolment",
			danger: true,
			send: () => send("DELETE", `v1/enrolments/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`),
		});
	}

	const tokenTable = new Table({
		caption: "tokens", columns: tokenColumns, key: (token) => String(token.id), sort: "id", rows: () => tokens,
		search: (token) => `${token.name} ${token.role}`.toLowerCase(), empty: "There are no tokens but the master's.",
		actions: (token) => button("revoke-token", "Revoke", () => askRevocation(token), { "aria-label": `Revoke token ${token.id}`, class: "danger" }),
	});
	const enrolmentTable = new Table({
		caption: "enrolments", columns: enrolmentColumns, key: ({ kind, name }) => `${kind} ${name}`, sort: "name", rows: () => enrolments,
		search: ({ kind, name }) => `${kind} ${name}`, empty: "There are none that nobody has used.",
		actions: (enrolment) => button("end-enrolment", "End", () => askEnd(enrolment),
			{ "aria-label": `End the enrolment of ${enrolment.kind} ${enrolment.name}`, class: "danger" }),
	});

	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title),
		button("create-token", "Make a token", askNew, { class: "main" })), trouble, tokenTable.node,
		el("h2", null, "Open enrolments"), el("p", { class: "hint" }, "One-time tokens with which a gateway or device joins. Sites and devices make them."),
		enrolmentTable.node);
	load();
	// Nothing tells of them but a look: with the others, every few seconds.
	return { update: load };
}
