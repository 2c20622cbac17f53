// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes elements. What comes from the registry is only ever text or an attribute's value here, never markup.

// attributes: onNAME a listener; true an attribute without a value; null, undefined and false none.
export function el(name, attributes, ...children) {
	const node = document.createElement(name);

	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (typeof value === "function")
			node.addEventListener(key.slice(2), value);
		else if (value != null && value !== false)
			node.setAttribute(key, value === true ? "" : value);
	}
	node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
	return node;
}

export function byId(id) {
	return document.getElementById(id);
}

// Only what differs is written: what a person has selected or is reading aloud stays as it is.
export function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

export function setAttribute(node, name, value) {
	if (value == null || value === false)
		node.removeAttribute(name);
	else if (node.getAttribute(name) !== String(value))
		node.setAttribute(name, value);
}

// For who does not see the page: the last one counts.
export function announce(text) {
	setText(byId("news"), text);
}

export function button(what, label, press, attributes) {
	return el("button", { type: "button", "data-do": what, onclick: press, ...attributes }, label);
}

// A list of terms: [term, text or node]; without what is null.
export function facts(pairs) {
	return el("dl", { class: "facts" }, pairs.filter(([, value]) => value != null && value !== "")
		.map(([term, value]) => el("div", null, el("dt", null, term), el("dd", null, value))));
}
