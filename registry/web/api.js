// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests to the registry that this page came from, with the token of the person before it; and that token.

import { setClock } from "./text.js";

const KEPT = "wm-token"; // in sessionStorage: this tab's alone, and gone with it

let unknown = () => {}; // told when the token is not accepted

// What the registry says when it does not do something: a problem document (RFC 9457).
export class Refused extends Error {
	constructor(status, problem) {
		super(problem.detail ?? `the registry, or a proxy before it, answered ${status}`);
		this.status = status;
		this.field = problem.field ?? null;
	}
}

// No answer at all.
export class Away extends Error {}

export function signedIn() {
	return sessionStorage.getItem(KEPT) !== null;
}

export function keepToken(token) {
	sessionStorage.setItem(KEPT, token);
}

export function forgetToken() {
	sessionStorage.removeItem(KEPT);
}

export function whenUnknown(tell) {
	unknown = tell;
}

async function refusal(response) {
	let problem = {};

	try {
		problem = await response.json();
	} catch {
		// not of the registry: the status has to do
	}
	return new Refused(response.status, problem ?? {});
}

// path: relative to the page, without a slash in front, so that a proxy may put all of it under a prefix.
// tag: of the mesh that the change is meant for (If-Match).
export async function ask(method, path, { body, tag, signal } = {}) {
	const token = sessionStorage.getItem(KEPT);
	const headers = { Authorization: `Bearer ${token}` };
	let response;

	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	if (tag)
		headers["If-Match"] = tag;
	try {
		response = await fetch(path, {
			method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
			cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
		});
	} catch (error) {
		throw signal?.aborted && signal.reason?.name === "AbortError" ? error : new Away("the registry cannot be reached");
	}
	setClock(response.headers.get("Date"));
	if (response.ok)
		return response;
	const refused = await refusal(response);
	// Not of a request that another token sent, before.
	if (refused.status === 401 && token === sessionStorage.getItem(KEPT))
		unknown(refused);
	throw refused;
}

export async function get(path, signal) {
	const response = await ask("GET", path, { signal });

	try {
		return await response.json();
	} catch {
		signal?.throwIfAborted();
		throw new Away("the registry's answer broke off");
	}
}

// null: it has answered without a body.
export async function send(method, path, body, tag) {
	const response = await ask(method, path, { body, tag });

	return response.status === 204 ? null : response.json();
}

// The lines of an answer, as many at a time as have come.
export async function* lines(response, signal) {
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";

	for (;;) {
		let piece;

		try {
			piece = await reader.read();
		} catch {
			signal?.throwIfAborted();
			throw new Away("the registry's answer broke off");
		}
		if (piece.done)
			return;
		const found = (rest + piece.value).split("\n");
		rest = found.pop();
		yield found.map((line) => JSON.parse(line));
	}
}

// Where others reach the registry, if it does not know better itself; without a slash at its end.
export function ownAddress() {
	return new URL(".", document.baseURI).href.replace(/\/$/, "");
}
