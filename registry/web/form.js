// SPDX-License-Identifier: GPL-2.0-or-later
//
// A question to the person in a dialog: fields, what is wrong with one beside it, one button that does it. What was typed
// stays until it is done.

import { button, el, setText } from "./dom.js";
import { Away, Refused } from "./api.js";
import { newerThan, tag } from "./state.js";
import { differenceText } from "./text.js";

let made = 0; // dialogs so far: ids are not to meet

function makeInput(field, id) {
	const described = `${id}-hint ${id}-error`;
	const common = { id, name: field.name, "aria-describedby": described };

	if (field.options)
		return el("select", common, field.options.map(([value, text]) =>
			el("option", { value, selected: value === field.value }, text)));
	if (field.kind === "checkbox")
		return el("input", { ...common, type: "checkbox", checked: field.value });
	return el("input", { ...common, type: "text", value: field.value, placeholder: field.placeholder, required: field.required,
		autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
}

function makeField(field, prefix) {
	const id = `${prefix}-${field.name}`;
	const input = makeInput(field, id);
	const label = el("label", { for: id }, field.label);

	return el("p", { class: field.kind === "checkbox" ? "field check" : "field" },
		field.kind === "checkbox" ? [input, label] : [label, input],
		el("span", { class: "hint", id: `${id}-hint` }, field.hint),
		el("span", { class: "error", id: `${id}-error`, "data-error-for": field.name, role: "alert" }));
}

// Of what was entered, what is another than in the object: what somebody else has changed meanwhile is not put back.
function changed(values, object) {
	return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== (object[name] ?? null)));
}

// What was entered, by name: true or false, text, or null where a field is empty.
function read(form, fields) {
	return Object.fromEntries(fields.map(({ name, kind }) => {
		const input = form.elements.namedItem(name);

		return [name, kind === "checkbox" ? input.checked : input.value.trim() || null];
	}));
}

class Question {
	constructor({ title, intro, fields = [], submit, danger, send, done, now }) {
		const prefix = `dialog-${++made}`;

		Object.assign(this, { fields, send, done, now });
		this.problem = el("p", { class: "error", role: "alert" });
		this.go = el("button", { type: "submit", class: danger ? "danger" : "main" }, submit);
		this.heading = el("h2", { id: `${prefix}-title`, tabindex: "-1" }, title);
		this.form = el("form", { onsubmit: (event) => this.submit(event), novalidate: true }, this.heading,
			el("div", { class: "intro" }, intro), fields.map((field) => makeField(field, prefix)), this.problem,
			el("p", { class: "buttons" }, button("cancel", "Cancel", () => this.dialog.close()), this.go));
		this.dialog = el("dialog", { "aria-labelledby": `${prefix}-title`, onclose: () => this.leave(),
			// What is shown only once is not closed by mistake.
			oncancel: (event) => this.settled && event.preventDefault() }, this.form);
		this.base = this.was = now?.();
		this.tag = tag();
		document.body.append(this.dialog);
		this.dialog.showModal();
		(this.form.querySelector("input, select") ?? this.heading).focus();
	}

	// The browser gives the focus back to where it was; that may have gone with what was removed.
	leave() {
		this.dialog.remove();
		if (document.activeElement === document.body)
			document.querySelector("main h1")?.focus();
	}

	say(name, text) {
		const place = this.form.querySelector(`[data-error-for="${CSS.escape(name ?? "")}"]`);

		setText(place ?? this.problem, text);
		if (place) {
			const input = this.form.elements.namedItem(name);

			input.setAttribute("aria-invalid", "true");
			input.focus();
		}
	}

	unsay() {
		for (const place of this.form.querySelectorAll(".error"))
			setText(place, "");
		for (const input of this.form.querySelectorAll("[aria-invalid]"))
			input.removeAttribute("aria-invalid");
	}

	async submit(event) {
		event.preventDefault();
		this.unsay();
		const missing = this.fields.find(({ name, required }) => required && !this.form.elements.namedItem(name).value.trim());
		if (missing) {
			this.say(missing.name, `${missing.label} is needed`);
			return;
		}
		const values = read(this.form, this.fields);
		this.go.disabled = true;
		try {
			const result = await this.send(this.base ? changed(values, this.base) : values, this.tag);
			const rest = this.done?.(result);

			if (rest)
				this.showLast(rest);
			else
				this.dialog.close();
		} catch (error) {
			await this.refused(error);
		}
		this.go.disabled = false;
	}

	// The next try is for the mesh as it is then, and the person has been told how that is.
	async refused(error) {
		if (!(error instanceof Refused) || error.status !== 412) {
			this.say(error.field, error instanceof Away ?
				`${error.message}; whether it was done is not known: look before you try again` : error.message);
			return;
		}
		await newerThan(this.tag);
		this.tag = tag();
		const is = this.now?.();
		const differs = this.was && is ? differenceText(this.was, is) : "";
		const what = !this.now ? "Look whether it is still what you want." : !is ? "It was removed." :
			differs ? `It is another now: ${differs}.` : "It is still as it was.";

		this.was = is;
		this.problem.textContent = `Somebody else has changed the mesh meanwhile, so nothing was done. ${what} ` +
			"What you entered is kept: press the button again if you still want it.";
	}

	// What is shown once, instead of the question.
	showLast(node) {
		this.settled = true;
		const close = button("done", "Done", () => this.dialog.close(), { class: "main" });

		this.form.replaceChildren(this.heading, node, el("p", { class: "buttons" }, close));
		this.heading.focus();
	}
}

// title, submit: what the button says. intro: text or nodes. danger: it takes something away.
// fields: {name, label, value, hint, placeholder, required, options: [[value, text]], kind: "checkbox"}; names are the API's.
// send(values, tag): does it, with what was entered, or with now() what was changed of it; a Refused is shown at the field that it names. done(result): what is shown instead of closing.
// now(): the object that it is about, as it is; for who is told that somebody else has changed it.
export function question(what) {
	return new Question(what);
}
