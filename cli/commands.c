/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every command and every option, as rows.
 */
#include "cli/cli.h"
#include "core/util.h"

const struct option_row option_rows[OPT_COUNT] = {
	[OPT_MESH] = {"mesh", 0, "SLUG-OR-NAME", WORDS_MESH, "the mesh to work on, when several are configured"},
	[OPT_JSON] = {"json", 'j', NULL, WORDS_NONE, "JSON instead of text"},
	[OPT_YES] = {"yes", 'y', NULL, WORDS_NONE, "do not ask"},
	[OPT_HELP] = {"help", 'h', NULL, WORDS_NONE, "this help; with a command, that command's"},
	[OPT_VERSION] = {"version", 'V', NULL, WORDS_NONE, "print the version"},
	[OPT_TOKEN_FILE] = {"token-file", 0, "FILE", WORDS_FILE, "take the token from FILE"},
	[OPT_CONFIG_DIR] = {"config-dir", 0, "DIR", WORDS_FILE, "where meshes are kept (WM_CONFIG_DIR, ~/.config/wm)"},
	[OPT_OUTPUT] = {"output", 'o', "FORMAT", WORDS_FORMAT, "text, wide (more columns, nothing cut) or json"},
	[OPT_DRY_RUN] = {"dry-run", 0, NULL, WORDS_NONE, "say what would be done, and do nothing"},
	[OPT_NAME] = {"name", 0, "NAME", WORDS_NONE, "call the mesh NAME here, also in its file name"},
	[OPT_CA] = {"ca", 0, "FILE", WORDS_FILE, "trust this CA too, PEM (WM_REGISTRY_CA)"},
	[OPT_ALLOW_HTTP] = {"allow-http", 0, NULL, WORDS_NONE,
			    "send the token over plain http, where the path is protected otherwise"},
	[OPT_SUBNET] = {"subnet", 0, "PREFIX", WORDS_NONE, "the site's overlay subnet; default: the next free /24"},
	[OPT_HUB] = {"hub", 0, NULL, WORDS_NONE, "this site is the hub, where devices connect"},
	[OPT_ENDPOINT] = {"endpoint", 0, "ADDRESS:PORT", WORDS_NONE, "where its gateway is reached from outside (UDP); also NAME[:PORT], a name in DNS"},
	[OPT_CASCADE] = {"cascade", 0, NULL, WORDS_NONE, "its hosts and devices go too"},
	[OPT_END] = {"end", 0, NULL, WORDS_NONE, "end the one that nobody has used, and make none"},
	[OPT_DEVICE] = {"device", 0, NULL, WORDS_NONE, "the name is a device's, not a site's"},
	[OPT_LOCAL_IP] = {"local-ip", 0, "ADDRESS", WORDS_NONE, "its address on the LAN"},
	[OPT_WG_IP] = {"wg-ip", 0, "ADDRESS", WORDS_NONE, "its overlay address; default: the next free one"},
	[OPT_TYPE] = {"type", 0, "TYPE", WORDS_TYPE, "standard or isolated (host), roaming or isolated (device)"},
	[OPT_MAC] = {"mac", 0, "MAC", WORDS_NONE, "its frames must come from this MAC address; \"none\" lifts that (set)"},
	[OPT_CONF] = {"conf", 0, "FILE", WORDS_FILE, "make the key here and write a WireGuard config"},
	[OPT_FORCE] = {"force", 0, NULL, WORDS_NONE, "replace FILE when it exists"},
	[OPT_QR] = {"qr", 0, NULL, WORDS_NONE, "make the key here and draw its config as a QR code, for phones"},
	[OPT_ROLE] = {"role", 0, "ROLE", WORDS_ROLE, "admin, read, gateway or device"},
	[OPT_LIMIT] = {"limit", 0, "N", WORDS_NONE, "at most N of them; default 50"},
	[OPT_BEFORE] = {"before", 0, "SEQ", WORDS_NONE, "only what is older than this row"},
	[OPT_KEEP] = {"keep", 0, NULL, WORDS_NONE, "what is not in the file stays"},
	[OPT_SYNCED] = {"synced", 0, NULL, WORDS_NONE, "until every gateway has applied the mesh as it is now"},
	[OPT_TIMEOUT] = {"timeout", 0, "SECONDS", WORDS_NONE, "give up after so long; default 60"},
};

const char *const section_names[SECTION_COUNT] = {
	[SECTION_MESH] = "Meshes",
	[SECTION_LOOK] = "Looking",
	[SECTION_CHANGE] = "Changing",
	[SECTION_HISTORY] = "History, tokens, files",
	[SECTION_SETUP] = "Setting up",
};

const struct command command_rows[] = {
	{SECTION_MESH, "mesh add", "URL [TOKEN]", 1, 2, WORDS_NONE, OPT(DRY_RUN) | OPT(NAME) | OPT(CA) | OPT(ALLOW_HTTP), cmd_mesh_add,
	 "connect to a registry",
	 "The token, an admin's, a reader's or a roaming device's, is verified before anything is written.\n"
	 "It comes from the argument, --token-file, WM_REGISTRY_TOKEN, or is asked for; an argument may be\n"
	 "seen by other users of this machine.", 0},
	{SECTION_MESH, "mesh list", "", 0, 0, WORDS_NONE, 0, cmd_mesh_list, "configured meshes", NULL, 0},
	{SECTION_MESH, "mesh remove", "SLUG-OR-NAME", 1, 1, WORDS_MESH, OPT(DRY_RUN), cmd_mesh_remove,
	 "forget a mesh (the mesh itself stays)", NULL, 0},

	{SECTION_LOOK, "list", "", 0, 0, WORDS_NONE, OPT(OUTPUT), cmd_list, "everything, in one table a mesh",
	 "With -o wide also the peers' last handshake and the traffic, as the gateways report them,\n"
	 "and nothing is cut to fit the terminal.", 0},
	{SECTION_LOOK, "list-sites", "", 0, 0, WORDS_NONE, OPT(OUTPUT), cmd_list_sites,
	 "sites and what their gateways report", NULL, 0},
	{SECTION_LOOK, "list-hosts", "", 0, 0, WORDS_NONE, OPT(OUTPUT), cmd_list_hosts, "hosts", NULL, 0},
	{SECTION_LOOK, "list-devices", "", 0, 0, WORDS_NONE, OPT(OUTPUT), cmd_list_devices, "devices", NULL, 0},
	{SECTION_LOOK, "health", "", 0, 0, WORDS_NONE, 0, cmd_health,
	 "is each registry up, and does it take our token", NULL, 0},
	{SECTION_LOOK, "check", "", 0, 0, WORDS_NONE, 0, cmd_check, "what is wrong in the mesh, and what to do",
	 "A line for each thing: the registry, every gateway, handshakes, endpoints (a byte is sent to each),\n"
	 "names, duplicates. Exit code 1 when something is wrong.", 0},
	{SECTION_LOOK, "deepcheck", "[NAME...]", 0, ARGS_MAX, WORDS_NAME, 0, cmd_deepcheck,
	 "the mesh as seen from this machine: who answers, where it breaks",
	 "Resolves every name, reaches every gateway, host and device by overlay address, finds how large\n"
	 "a packet may be. NAME: only this site, host or device. Exit code 1 when something is wrong.", 0},
	{SECTION_LOOK, "info", "", 0, 0, WORDS_NONE, 0, cmd_info, "each mesh, and this machine's place in it", NULL, 0},
	{SECTION_LOOK, "show-config", "", 0, 0, WORDS_NONE, 0, cmd_show_config,
	 "the whole config as the registry gives it, JSON", NULL, 0},

	{SECTION_CHANGE, "add-site", "DOMAIN [--subnet PREFIX] [--hub] [--endpoint ADDRESS:PORT]", 1, 1, WORDS_NONE,
	 OPT(DRY_RUN) | OPT(SUBNET) | OPT(HUB) | OPT(ENDPOINT), cmd_add_site, "create a site; prints its gateway's enrolment",
	 "What is printed is the gateway's /etc/wm/gateway.env. Its token is a one-time enrolment. A name given as\n"
	 "--endpoint is looked up by the gateway itself, every two minutes; others get the address it leads to.", 0},
	{SECTION_CHANGE, "enrol", "DOMAIN | --device NAME [--end]", 1, 1, WORDS_SITE, OPT(DRY_RUN) | OPT(DEVICE) | OPT(END), cmd_enrol,
	 "a new one-time enrolment",
	 "For when the first one expired or its gateway or device is set up anew. An older unused one ends;\n"
	 "with --end nothing else is done. 'wm token list' shows those that can still be used.", 0},
	{SECTION_CHANGE, "remove-site", "DOMAIN [--cascade]", 1, 1, WORDS_SITE, OPT(DRY_RUN) | OPT(CASCADE), cmd_remove_site,
	 "remove a site",
	 "Refused while the site has hosts (or is the hub and there are devices), unless --cascade.", 0},
	{SECTION_CHANGE, "add-host", "[NAME.DOMAIN --local-ip ADDRESS] [--wg-ip ADDRESS] [--type TYPE] [--mac MAC]", 0, 1,
	 WORDS_NONE, OPT(DRY_RUN) | OPT(LOCAL_IP) | OPT(WG_IP) | OPT(TYPE) | OPT(MAC), cmd_add_host,
	 "register a machine on a site's LAN", "Without arguments it asks, on a terminal.", 0},
	{SECTION_CHANGE, "add-device", "NAME [--type TYPE] [--wg-ip ADDRESS] [--conf FILE [--force]] [--qr]", 1, 1, WORDS_NONE,
	 OPT(DRY_RUN) | OPT(TYPE) | OPT(WG_IP) | OPT(CONF) | OPT(FORCE) | OPT(QR), cmd_add_device,
	 "register a laptop, phone or sensor",
	 "With --conf, the device's key is made here and FILE is a complete config for wg-quick and the\n"
	 "WireGuard apps; --qr draws it for a phone. Without them, a one-time enrolment is printed, and\n"
	 "the command that uses it where the registry serves one.", 0},
	{SECTION_CHANGE, "device-setup", "NAME [--conf FILE [--force]] [--qr]", 1, 1, WORDS_DEVICE,
	 OPT(DRY_RUN) | OPT(CONF) | OPT(FORCE) | OPT(QR), cmd_device_setup, "set a device up again",
	 "As add-device does, for one that is there: a new one-time enrolment, or with --conf or --qr a\n"
	 "new key and config, which ends the present one.", 0},
	{SECTION_CHANGE, "set", "NAME.DOMAIN | DEVICE [--type TYPE] [--local-ip ADDRESS] [--wg-ip ADDRESS] [--mac MAC|none]",
	 1, 1, WORDS_TARGET, OPT(DRY_RUN) | OPT(TYPE) | OPT(LOCAL_IP) | OPT(WG_IP) | OPT(MAC), cmd_set,
	 "change a host or device", NULL, 0},
	{SECTION_CHANGE, "remove", "NAME.DOMAIN | DEVICE", 1, 1, WORDS_TARGET, OPT(DRY_RUN), cmd_remove, "remove a host or device",
	 NULL, 0},

	{SECTION_HISTORY, "audit", "[--limit N] [--before SEQ]", 0, 0, WORDS_NONE, OPT(LIMIT) | OPT(BEFORE) | OPT(OUTPUT),
	 cmd_audit, "who did what, and when: the newest first", NULL, 0},
	{SECTION_HISTORY, "undo", "", 0, 0, WORDS_NONE, OPT(DRY_RUN), cmd_undo, "take the last change back",
	 "Shows what that means and asks. All that was done in one change is taken back in one; to undo\n"
	 "an undo does it again. Tokens and enrolments that ended with an object do not come back.", 0},
	{SECTION_HISTORY, "wait", "[--synced] [--timeout SECONDS]", 0, 0, WORDS_NONE, OPT(SYNCED) | OPT(TIMEOUT), cmd_wait,
	 "until the mesh changes, or is in force everywhere",
	 "Without --synced: until the next change. With it: until every gateway that has enrolled has\n"
	 "reported that it applied the mesh as it is now. Exit code 1 when that is not in time.", 0},
	{SECTION_HISTORY, "export", "[FILE]", 0, 1, WORDS_FILE, 0, cmd_export, "the whole mesh as a file to keep and compare",
	 "JSON, one object a line, sorted, the same for the same mesh. Without FILE to stdout.\n"
	 "There are no tokens in it.", 0},
	{SECTION_HISTORY, "import", "FILE [--keep]", 1, 1, WORDS_FILE, OPT(KEEP) | OPT(DRY_RUN), cmd_import,
	 "make the mesh what a file says",
	 "FILE (- is stdin) is what export wrote, or a registry's /config. Shows what would be added (+),\n"
	 "changed (~) and removed (-), asks, and does all of it or, when the mesh has changed since, nothing.", 0},
	{SECTION_HISTORY, "token list", "", 0, 0, WORDS_NONE, 0, cmd_token_list, "tokens and enrolments, without their secrets", NULL, 0},
	{SECTION_HISTORY, "token create", "NAME --role ROLE", 1, 1, WORDS_NONE, OPT(DRY_RUN) | OPT(ROLE), cmd_token_create,
	 "a new token, shown once",
	 "ROLE is admin or read, and NAME a label; or gateway or device, and NAME the site or device.", 0},
	{SECTION_HISTORY, "token revoke", "NUMBER | NAME", 1, 1, WORDS_NONE, OPT(DRY_RUN), cmd_token_revoke,
	 "end a token, at once", NULL, 0},

	{SECTION_SETUP, "host-setup", "[GATEWAY-ADDRESS]", 0, 1, WORDS_NONE, 0, cmd_host_setup,
	 "a script that brings this machine into the mesh",
	 "GATEWAY-ADDRESS is the LAN address of the gateway at this machine's site; without it the gateways\n"
	 "are listed. The script goes to stdout: wm host-setup 192.168.1.250 | sudo sh", 0},
	{SECTION_SETUP, "openwrt-setup", "GATEWAY-ADDRESS", 1, 1, WORDS_NONE, 0, cmd_openwrt_setup,
	 "a script that brings an OpenWrt router's LAN into the mesh",
	 "The script goes to stdout: wm openwrt-setup 192.168.1.250 | ssh root@router 'sh -s'", 0},
	{SECTION_SETUP, "netplan-setup", "[GATEWAY-ADDRESS]", 0, 1, WORDS_NONE, 0, cmd_netplan_setup,
	 "the old name of host-setup", NULL, 0},
	{SECTION_SETUP, "completion", "bash | zsh | fish", 1, 1, WORDS_SHELL, 0, cmd_completion,
	 "a script that makes a shell complete wm's words",
	 "Where make install did not: wm completion bash >~/.local/share/bash-completion/completions/wm", 0},
	{SECTION_SETUP, "complete", "WORD...", 0, 0, WORDS_NONE, 0, cmd_complete, "what may stand where the last word stands", NULL,
	 COMMAND_HIDDEN | COMMAND_RAW},
	{SECTION_SETUP, "manual", "", 0, 0, WORDS_NONE, 0, cmd_manual, "the manual page, for scdoc", NULL, COMMAND_HIDDEN},
};
const size_t command_count = WM_ARRAY_LEN(command_rows);
