// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who did what, newest first; and taking the last change back.

import { announce, button, el, setText } from "./dom.js";
import { get, send } from "./api.js";
import { question } from "./form.js";
import { known, mayChange } from "./state.js";
import { ago, difference, plural } from "./text.js";

export const title = "History";

const PAGE = 50;

function change({ key, from, to }) {
	return el("span", { class: "change" }, `${key} `, from !== undefined && el("del", null, from), from !== undefined && to !== undefined && " → ",
		to !== undefined && el("ins", null, to));
}

function changes(before, after) {
	return difference(before, after).map(change);
}

function makeRow(entry) {
	const when = el("td", { "data-label": "When", role: "cell", class: "figures" });
	const row = el("tr", { "data-key": entry.seq, role: "row" },
		el("th", { scope: "row", role: "rowheader", class: "number", "data-label": "No." }, String(entry.seq)), when,
		el("td", { "data-label": "Who", role: "cell", class: "by" }, entry.who),
		el("td", { "data-label": "What", role: "cell", class: "by" }, `${entry.what} ${entry.kind} `, el("strong", null, entry.name)),
		el("td", { "data-label": "Generation", role: "cell", class: "number" }, entry.generation === null ? "-" : String(entry.generation)),
		el("td", { "data-label": "Change", role: "cell", class: "changes" }, changes(entry.before, entry.after)));

	return { row, age: () => {
		const { text, title: absolute } = ago(entry.at);

		setText(when, text);
		when.title = absolute;
	} };
}

// --- undo ----------------------------------------------------------------------------------

const verbs = { add: "bring back", change: "put back", remove: "remove" };

function planItem({ what, kind, name, before, after }) {
	return el("li", null, `${verbs[what] ?? what} ${kind} `, el("strong", null, name), " ", what === "remove" ? null : changes(before, after));
}

function planName(plan) {
	if (plan.changes.length !== 1)
		return `Take back generation ${plan.undone}: ${plural(plan.changes.length, "change")}`;
	const [{ what, kind, name }] = plan.changes;
	return `Take back generation ${plan.undone}: ${verbs[what] ?? what} ${kind} ${name}`;
}

async function askUndo(trouble) {
	let plan;

	setText(trouble, "");
	try {
		plan = await send("POST", "v1/undo?dry_run=1", {});
	} catch (error) {
		setText(trouble, error.message);
		return;
	}
	const SHOWN = 100;
	question({
		title: "Undo the last change",
		intro: [
			el("p", null, "This would happen, as a generation of its own, which can be undone again:"),
			el("ul", { class: "plan" }, plan.changes.slice(0, SHOWN).map(planItem),
				plan.changes.length > SHOWN && el("li", null, `and ${plural(plan.changes.length - SHOWN, "more", "more")}`)),
			plan.notice && el("p", null, plan.notice),
		],
		submit: planName(plan),
		danger: plan.changes.some(({ what }) => what === "remove"),
		// Refused if that is not the last any more.
		send: () => send("POST", "v1/undo", { generation: plan.undone }),
		done: () => announce("It is taken back"),
	});
}

// --- the list ---------------------------------------------------------------------------------

export function show(main) {
	const trouble = el("p", { class: "error", role: "alert" });
	const body = el("tbody", { role: "rowgroup" });
	const older = button("older", "Show older", () => load(rows.at(-1)?.entry.seq), { class: "quiet" });
	let rows = []; // {entry, row, age}, newest first
	let generation = null, loading = false;

	function put(entries, behind) {
		const have = new Set(rows.map(({ entry }) => entry.seq));
		const fresh = entries.filter(({ seq }) => !have.has(seq)).map((entry) => ({ entry, ...makeRow(entry) }));

		if (!behind && fresh.length === entries.length) // none of them is known: what lies between is not either
			rows = [];
		rows = behind ? rows.concat(fresh) : fresh.concat(rows);
		rows.forEach(({ age }) => age());
		body.replaceChildren(...rows.map(({ row }) => row));
	}

	async function load(before) {
		if (loading)
			return;
		loading = true;
		try {
			const { audit } = await get(`v1/audit?limit=${PAGE}${before ? `&before=${before}` : ""}`);

			put(audit, before !== undefined);
			if (before !== undefined || rows.length <= PAGE)
				older.hidden = audit.length < PAGE;
			setText(trouble, "");
		} catch (error) {
			generation = null; // again with the next look at the reports
			setText(trouble, error.message);
		}
		loading = false;
	}

	function update() {
		rows.forEach(({ age }) => age());
		if (generation === known.header.generation)
			return;
		generation = known.header.generation;
		load();
	}

	const labels = ["No.", "When", "Who", "What", "Generation", "Change"];
	main.replaceChildren(el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title),
		mayChange() && button("undo", "Undo the last change", () => askUndo(trouble))), trouble,
		el("div", { class: "listing" }, el("table", { role: "table" }, el("caption", { class: "unseen" }, "history"),
			el("thead", { role: "rowgroup", class: "plain" }, el("tr", { role: "row" }, labels.map((label) => el("th", { scope: "col", role: "columnheader" }, label)))), body)),
		el("p", null, older));
	update();
	return { update };
}
