// SPDX-License-Identifier: GPL-2.0-or-later
//
// The page: who is signed in, which view is shown, and how fresh what it shows is.

import { announce, byId, setAttribute, setText } from "./dom.js";
import { forgetToken, get, keepToken, Refused, signedIn, whenUnknown } from "./api.js";
import { forget, hurry, known, linkNow, mayChange, rest, start, stop, whenChanged } from "./state.js";
import { count } from "./text.js";
import * as devices from "./devices.js";
import * as history from "./history.js";
import * as hosts from "./hosts.js";
import * as overview from "./overview.js";
import * as site from "./site.js";
import * as sites from "./sites.js";
import * as tokens from "./tokens.js";

const views = { overview, sites, site, hosts, devices, history, tokens };
const main = byId("main");
let view = null; // the one shown: {name, argument, update}

// --- views ---------------------------------------------------------------------------------

function wanted() {
	const [name, argument = ""] = location.hash.replace(/^#\//, "").split("/");
	const isView = Object.hasOwn(views, name) && (name !== "tokens" || mayChange());

	try {
		return isView ? { name, argument: decodeURIComponent(argument) } : { name: "overview", argument: "" };
	} catch { // not what we would have put there
		return { name: "overview", argument: "" };
	}
}

function markLinks() {
	for (const link of document.querySelectorAll("nav a")) {
		const name = link.hash.slice(2);

		setAttribute(link, "aria-current", name === view.name || (name === "sites" && view.name === "site") ? "page" : null);
		link.hidden = name === "tokens" && !mayChange();
	}
}

function showView() {
	const { name, argument } = wanted();

	for (const dialog of document.querySelectorAll("dialog"))
		dialog.close();
	main.dataset.view = name;
	view = { name, argument, ...views[name].show(main, argument) };
	document.title = `${argument || views[name].title} · ${known.header.mesh_name} · wm`;
	markLinks();
	// Who came by a link, or by signing in, goes on at the beginning of what it led to.
	main.querySelector("h1").focus();
	scrollTo(0, 0);
}

function showLink() {
	const { state, text, since } = linkNow();
	const at = new Date(since).toLocaleTimeString();
	const said = {
		live: `${text} · generation ${count(known.header?.generation ?? 0)}`,
		old: `${text}${known.header ? ` · as of ${at}` : ""}`,
		away: `Not up to date: ${text}. This is as of ${at}; trying again`,
	};

	setAttribute(byId("link"), "data-state", state);
	setText(byId("link"), said[state]);
	main.classList.toggle("stale", state === "away");
}

function changed(news) {
	showLink();
	if (!known.header)
		return;
	setText(byId("mesh"), known.header.mesh_name);
	if (view)
		view.update();
	else
		showView();
	if (news)
		announce(news);
}

// --- who it is -------------------------------------------------------------------------------

function useInstead({ role, name }) {
	return `This is the token of ${role} ${name}, which speaks for that machine. Here an admin's or reader's token is needed: ` +
		"wm token create NAME --role read";
}

function whyNot(error, token) {
	if (error.status === 403 && token.startsWith("wme_"))
		return "This is an enrolment, with which a gateway or device joins: 'wm-gateway install' or the line of 'wm add-device' takes it. " +
			"Here an admin's or reader's token is needed: wm token create NAME --role read";
	if (error.status === 401)
		return "The registry does not accept this token: it is mistyped, revoked or of another registry.";
	return error.message;
}

function showSignIn(why = "") {
	stop();
	forget();
	view = null;
	for (const dialog of document.querySelectorAll("dialog"))
		dialog.close();
	main.replaceChildren();
	document.title = "Sign in · wm";
	for (const [id, hidden] of [["top", true], ["main", true], ["skip", true], ["signin", false]])
		byId(id).hidden = hidden;
	byId("plain").hidden = location.protocol === "https:" || /^(127\.|localhost$|\[::1\]$)/.test(location.hostname);
	setText(byId("signin-error"), why);
	byId("token").value = "";
	byId("token").focus();
}

function signOut(why) {
	forgetToken();
	showSignIn(why);
}

function enter(who) {
	known.who = who;
	byId("token").value = "";
	setText(byId("who"), who.role === "admin" ? `admin ${who.name}` : `${who.name} (may look, not change)`);
	setText(byId("mesh"), who.mesh_name);
	for (const [id, hidden] of [["top", false], ["main", false], ["skip", false], ["signin", true]])
		byId(id).hidden = hidden;
	main.dataset.view = wanted().name;
	showLink();
	start();
}

async function signIn(token) {
	if (!/^[\x21-\x7e]+$/.test(token)) {
		setText(byId("signin-error"), "That is no token: it has blanks or other characters in it that no token has.");
		return;
	}
	let why;

	keepToken(token);
	try {
		const who = await get("v1/whoami");

		if (who.role === "admin" || who.role === "read") {
			enter(who);
			return;
		}
		why = useInstead(who);
	} catch (error) {
		why = whyNot(error, token);
	}
	forgetToken();
	setText(byId("signin-error"), why);
	byId("token").select();
}

// A tab that was loaded again.
async function resume() {
	try {
		enter(await get("v1/whoami"));
	} catch (error) {
		if (error instanceof Refused && error.status !== 503) {
			signOut(whyNot(error, ""));
			return;
		}
		if (byId("signin").hidden)
			showSignIn();
		setText(byId("signin-error"), `${error.message}; trying again`); // and a token being typed stays
		setTimeout(() => !known.who && signedIn() && resume(), 3000);
	}
}

// --- begin ---------------------------------------------------------------------------------------

whenChanged(changed);
whenUnknown(() => known.who && signOut("The registry does not accept the token any more: it was revoked, or has ended. Sign in with another."));
addEventListener("hashchange", () => known.header && showView());
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => known.who && (document.hidden ? rest() : start()));
byId("skip").addEventListener("click", () => main.focus());
document.querySelector("[data-do=signout]").addEventListener("click", () => signOut(""));
byId("signin").addEventListener("submit", async (event) => {
	event.preventDefault();
	byId("signin-go").disabled = true;
	setText(byId("signin-error"), "");
	await signIn(byId("token").value.trim());
	byId("signin-go").disabled = false;
});
if (signedIn())
	resume();
else
	showSignIn();
