// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is shown once: a secret with a button that copies it, and what a gateway or device is set up with, as `wm add-site`
// and `wm add-device` print it.

import { announce, button, el, setText } from "./dom.js";
import { ownAddress, send } from "./api.js";
import { known } from "./state.js";
import { until } from "./text.js";

const DEFAULT_PORT = "51820"; // of a gateway

// A registry says it, and it goes into a shell.
function checkedAddress() {
	const url = known.who.url ?? ownAddress();

	return /^https?:\/\/[A-Za-z0-9._~:/[\]%@-]+$/.test(url) ? url : null;
}

function isLoopback(url) {
	return /:\/\/(127\.|localhost|\[::1\])/.test(url);
}

export function enrol(kind, name) {
	return send("POST", "v1/enrolments", { kind, name });
}

// text: what is to be copied, the secret with it. note: below it.
export function shownOnce(intro, text, note) {
	const copied = el("span", { role: "status", class: "hint" });
	const secret = el("pre", { "data-secret": true, tabindex: "0" }, text);
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(text);
			setText(copied, "Copied.");
		} catch { // over plain http there is no clipboard
			getSelection().selectAllChildren(secret);
			setText(copied, "It is selected: copy it with the keyboard.");
		}
	};

	announce("It is shown this once");
	return el("div", null, el("p", null, intro), secret, el("p", null, button("copy", "Copy", copy), " ", copied),
		note && el("p", { class: "hint" }, note));
}

// endpoint: an address with a port, a name in DNS, or null.
export function gatewayEnv(site, enrolment, endpoint) {
	const url = checkedAddress();
	const port = /:(\d+)$/.exec(endpoint ?? "")?.[1] ?? DEFAULT_PORT;
	const lines = [
		`# Site ${site.domain}: subnet ${site.subnet}, gateway ${site.gateway}. This is its gateway's /etc/wm/gateway.env.`,
		"# 'wm-gateway install --env FILE' there takes it, with LXC_IFACES=ADDRESS: its address on the LAN.",
		`# The token works once, until ${enrolment.expires}.`,
		`SITE_DOMAIN=${site.domain}`,
		`SITE_SUBNET=${site.subnet}`,
		`IS_HUB=${site.is_hub}`,
	];

	if (endpoint)
		lines.push(`PUBLIC_IP=${endpoint}`);
	if (endpoint && port !== DEFAULT_PORT)
		lines.push("# another number where a router forwards the port to a different one:", `WM_LISTEN_PORT=${port}`);
	if (!url || isLoopback(url))
		lines.push("# a gateway elsewhere needs the registry's public address here:");
	lines.push(`WM_REGISTRY_URL=${url ?? ""}`, `WM_REGISTRY_TOKEN=${enrolment.token}`);
	if (url?.startsWith("http:") && !isLoopback(url))
		lines.push("# over plain http tokens can be read on the way; who wants that all the same:", "# WM_REGISTRY_ALLOW_HTTP=true");
	return lines.join("\n");
}

export function showGateway(site, enrolment, endpoint) {
	return shownOnce(`This is what the gateway of ${site.domain} is set up with. It is shown this once.`,
		gatewayEnv(site, enrolment, endpoint),
		["As root on the gateway, with this in the file gateway.env: ", el("code", null, "wm-gateway install --env gateway.env"), "."]);
}

function deviceLine(device, enrolment, url) {
	return url && `curl -fsSL '${url}/setup' | sudo sh -s -- --token ${enrolment.token} --registry '${url}' --name ${device.name} --type ${device.type}`;
}

export function showDevice(device, enrolment) {
	const { text, title } = until(enrolment.expires);
	const url = checkedAddress();

	return shownOnce(`This line sets ${device.name} up (${device.wg_ip}, ${device.type}). It is shown this once.`,
		deviceLine(device, enrolment, url) ?? enrolment.token,
		[el("span", { title }, `It works once, and ends ${text}. `),
			isLoopback(url ?? "") && `A machine elsewhere needs the registry's public address in place of ${url}. `, "For a phone, or what runs no scripts: ",
			el("code", null, `wm device-setup ${device.name} --qr`), "."]);
}
