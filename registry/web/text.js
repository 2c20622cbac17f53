// SPDX-License-Identifier: GPL-2.0-or-later
//
// How times, amounts, addresses and differences are written; as the command line writes them.

let skew = 0; // milliseconds that the registry's clock is ahead of this machine's

// Ages are of the registry's times: a browser whose clock is wrong would see all gateways silent.
export function setClock(date) {
	const theirs = Date.parse(date);

	if (!Number.isNaN(theirs) && Math.abs(theirs - Date.now()) > 2000)
		skew = theirs - Date.now();
}

// Seconds since then; null: there is no such time.
export function ageOf(time) {
	const then = Date.parse(time ?? "");

	return Number.isNaN(then) ? null : Math.max(Math.floor((Date.now() + skew - then) / 1000), 0);
}

export function ageText(seconds) {
	const [, unit, name] = [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "days"]]
		.find(([upto]) => seconds < upto);

	return `${Math.floor(seconds / unit)} ${name}`;
}

// A cell: how long ago, with the time itself in its title.
export function ago(time, never = "-") {
	const age = ageOf(time);

	return age === null ? { text: never } : { text: `${ageText(age)} ago`, title: absolute(time) };
}

export function absolute(time) {
	const at = new Date(time);

	return Number.isNaN(at.getTime()) ? String(time ?? "") :
		`${at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} (${at.toISOString().replace(".000", "")})`;
}

// A cell: until when.
export function until(time) {
	const left = Math.floor((Date.parse(time) - Date.now() - skew) / 1000);

	return { text: left > 0 ? `in ${ageText(left)}` : "over", title: absolute(time) };
}

export function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let i = 0;

	for (; n >= 1000 && i + 1 < units.length; i++)
		n /= 1024;
	return `${n.toFixed(i && n < 10 ? 1 : 0)} ${units[i]}`;
}

export function count(n) {
	return n.toLocaleString("en");
}

export function plural(n, one, many = `${one}s`) {
	return `${count(n)} ${n === 1 ? one : many}`;
}

// By which addresses and prefixes are sorted; what is none comes last.
export function addressNumber(text) {
	const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)/.exec(text ?? "");

	return parts ? parts.slice(1).reduce((sum, part) => sum * 256 + Number(part), 0) : Infinity;
}

function valueText(value) {
	return value === null || value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);
}

// What differs between two states of an object, each of which may be null: [{key, from, to}], undefined where there was
// no object. Its name is said elsewhere, the gateway follows from the subnet, and a site that has come or gone has no gateway to
// speak of preshared keys.
export function difference(before, after) {
	const told = new Set(["name", "domain", "gateway"]);
	const keys = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
	const found = [];

	for (const key of keys) {
		const from = before?.[key], to = after?.[key];

		if (told.has(key) || (key === "preshared" && !(before && after)) ||
			(before && after ? valueText(from) === valueText(to) : (from ?? to ?? null) === null))
			continue;
		found.push({ key, from: before ? valueText(from) : undefined, to: after ? valueText(to) : undefined });
	}
	return found;
}

export function differenceText(before, after) {
	return difference(before, after)
		.map(({ key, from, to }) => `${key} ${[from, to].filter((value) => value !== undefined).join(" → ")}`).join(", ");
}
