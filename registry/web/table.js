// SPDX-License-Identifier: GPL-2.0-or-later
//
// A table that stays quick with 100,000 rows: searched, filtered and sorted as data, shown a page at a time, and on a change
// only what differs is written.

import { button, el, setAttribute, setText } from "./dom.js";
import { count, plural } from "./text.js";

const PAGE = 100;

// undefined stands behind all else, whichever way it is sorted.
function compare(a, b, down) {
	if (a === b)
		return 0;
	if (a === undefined || b === undefined)
		return a === undefined ? 1 : -1;
	return (a < b ? -1 : 1) * (down ? -1 : 1);
}

function fillCell(td, shown) {
	const { text, title, mark, href } = typeof shown === "object" ? shown : { text: shown };
	let holder = td;

	if (href) {
		holder = td.firstElementChild ?? td.appendChild(el("a"));
		setAttribute(holder, "href", href);
	}
	setText(holder, text);
	setAttribute(td, "title", title);
	setAttribute(td, "data-mark", mark);
}

// columns: {name, label, cell(row): text or {text, title, mark, href}, by(row): what it is sorted by (else its text), kind: a class}.
//   `mark` is shown as a sign beside the text: "ok", "note", "wrong".
// rows(): all of them; key(row): what names one. search(row): the text that is searched, in small letters; absent: no search.
// filters: {label, options(): [[value, text]], test(row, value)}; the first option of each is "all".
// actions(row): buttons at its end, made once for each row: their listeners look up what it is by then.
// sort: the name of the column that it is sorted by at first; "-name": downwards; absent: as rows() has it.
export class Table {
	constructor({ caption, columns, rows, key, search, filters = [], actions, sort = "", empty = "There are none." }) {
		Object.assign(this, { columns, rows, key, search, filters, actions, empty });
		this.sorted = sort.replace("-", "");
		this.down = sort.startsWith("-");
		this.page = 0;
		this.kept = new Map(); // key: tr, of those shown
		this.texts = new WeakMap();
		this.values = filters.map(() => "");
		this.node = el("div", { class: "listing" }, this.makeTools(caption), this.makeTable(caption), this.makePager());
		this.update();
	}

	makeTools(caption) {
		this.many = caption;
		this.said = el("span", { class: "hint", role: "status" });
		if (this.search)
			this.field = el("input", { type: "search", placeholder: "Search", "aria-label": `Search in ${caption}`, oninput: () => this.turn(0) });
		this.selects = this.filters.map(({ label }, i) => el("select", { "aria-label": label, onchange: (event) => {
			this.values[i] = event.target.value;
			this.turn(0);
		} }));
		return el("div", { class: "tools" }, this.field, this.selects, this.said);
	}

	makeTable(caption) {
		const head = this.columns.map((column) => el("th", { scope: "col", role: "columnheader", "data-column": column.name, class: column.kind },
			el("button", { type: "button", class: "sort", onclick: () => this.sortBy(column) }, column.label)));

		// In a narrow window rows are shown as cards; the roles say that it is a table there, too.
		this.heads = head.slice();
		if (this.actions)
			head.push(el("td", { role: "cell" }));
		this.body = el("tbody", { role: "rowgroup" });
		return this.table = el("table", { role: "table" }, el("caption", { class: "unseen" }, caption),
			el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)), this.body);
	}

	makePager() {
		this.back = button("page-back", "Previous", () => this.turn(this.page - 1));
		this.forth = button("page-forth", "Next", () => this.turn(this.page + 1));
		this.where = el("span");
		this.pager = el("div", { class: "pager" }, this.back, this.where, this.forth);
		return this.pager;
	}

	turn(page) {
		this.page = page;
		this.update();
	}

	sortBy(column) {
		this.down = this.sorted === column.name && !this.down;
		this.sorted = column.name;
		this.turn(0);
	}

	textOf(row) {
		let text = this.texts.get(row);

		if (text === undefined)
			this.texts.set(row, text = this.search(row));
		return text;
	}

	chosen() {
		const words = this.field ? this.field.value.trim().toLowerCase().split(/\s+/).filter(Boolean) : [];
		let rows = this.rows();

		this.total = rows.length;
		this.filters.forEach((filter, i) => {
			if (this.values[i] !== "")
				rows = rows.filter((row) => filter.test(row, this.values[i]));
		});
		if (words.length)
			rows = rows.filter((row) => words.every((word) => this.textOf(row).includes(word)));
		return this.inOrder(rows);
	}

	inOrder(rows) {
		const column = this.columns.find(({ name }) => name === this.sorted);
		const by = column?.by ?? ((row) => {
			const shown = column.cell(row);

			return typeof shown === "object" ? shown.text : shown;
		});

		if (!column)
			return rows;
		return rows.map((row) => [by(row), row]).sort((a, b) => compare(a[0], b[0], this.down)).map(([, row]) => row);
	}

	// With what is known now.
	update() {
		this.selects.forEach((select, i) => this.fillSelect(select, i));
		const rows = this.chosen();
		const pages = Math.max(Math.ceil(rows.length / PAGE), 1);
		this.page = Math.min(Math.max(this.page, 0), pages - 1);
		const from = this.page * PAGE;

		this.showRows(rows.slice(from, from + PAGE));
		for (const th of this.heads)
			setAttribute(th, "aria-sort", th.dataset.column === this.sorted ? (this.down ? "descending" : "ascending") : null);
		const all = plural(this.total, this.many.replace(/s$/, ""), this.many);
		setText(this.said, !this.total ? this.empty : rows.length === this.total ? all : `${count(rows.length)} of ${all}`);
		this.table.hidden = !rows.length;
		this.pager.hidden = pages === 1;
		this.back.disabled = this.page === 0;
		this.forth.disabled = this.page === pages - 1;
		setText(this.where, `${count(from + 1)}–${count(Math.min(from + PAGE, rows.length))} of ${count(rows.length)}`);
	}

	fillSelect(select, i) {
		const options = [["", this.filters[i].label], ...this.filters[i].options()];
		const now = JSON.stringify(options);

		if (select.dataset.now === now)
			return;
		select.dataset.now = now;
		select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
		select.value = this.values[i];
		if (select.selectedIndex < 0) { // what was chosen is not there any more
			select.value = this.values[i] = "";
		}
	}

	makeRow(row, key) {
		const cells = this.columns.map(({ label, kind }, i) => el(i ? "td" : "th",
			{ "data-label": label, class: kind, role: i ? "cell" : "rowheader", scope: i ? null : "row" }));

		if (this.actions)
			cells.push(el("td", { class: "actions", role: "cell" }, this.actions(row)));
		return el("tr", { "data-key": key, role: "row" }, cells);
	}

	showRows(rows) {
		const before = this.kept;
		let place = this.body.firstElementChild;

		this.kept = new Map();
		for (const row of rows) {
			const key = this.key(row);
			const tr = before.get(key) ?? this.makeRow(row, key);

			this.columns.forEach((column, i) => fillCell(tr.cells[i], column.cell(row)));
			this.kept.set(key, tr);
			if (tr === place)
				place = place.nextElementSibling;
			else
				this.body.insertBefore(tr, place);
		}
		for (const [key, tr] of before) {
			if (this.kept.has(key))
				continue;
			if (tr.contains(document.activeElement)) // what it was on has gone
				this.field?.focus();
			tr.remove();
		}
	}
}
