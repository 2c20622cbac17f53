/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every command and every option, as rows.
 */
#include "cli/cli.h"
#include "core/util.h"

const struct option_row option_rows[OPT_COUNT] = {
	[OPT_MESH] = {"mesh", 0, "SLUG-OR-NAME", "the mesh to work on, when several are configured"},
	[OPT_JSON] = {"json", 'j', NULL, "JSON instead of text"},
	[OPT_YES] = {"yes", 'y', NULL, "do not ask"},
	[OPT_HELP] = {"help", 'h', NULL, "this help; with a command, that command's"},
	[OPT_VERSION] = {"version", 'V', NULL, "print the version"},
	[OPT_TOKEN_FILE] = {"token-file", 0, "FILE", "take the token from FILE"},
	[OPT_CONFIG_DIR] = {"config-dir", 0, "DIR", "where meshes are kept (WM_CONFIG_DIR, ~/.config/wm)"},
	[OPT_NAME] = {"name", 0, "NAME", "call the mesh NAME here, also in its file name"},
	[OPT_CA] = {"ca", 0, "FILE", "trust this CA too, PEM (WM_REGISTRY_CA)"},
	[OPT_ALLOW_HTTP] = {"allow-http", 0, NULL, "send the token over plain http, where the path is protected otherwise"},
	[OPT_SUBNET] = {"subnet", 0, "PREFIX", "the site's overlay subnet; default: the next free /24"},
	[OPT_HUB] = {"hub", 0, NULL, "this site is the hub, where devices connect"},
	[OPT_ENDPOINT] = {"endpoint", 0, "ADDRESS:PORT", "where its gateway is reached from outside (UDP)"},
	[OPT_CASCADE] = {"cascade", 0, NULL, "its hosts and devices go too"},
	[OPT_DEVICE] = {"device", 0, NULL, "the name is a device's, not a site's"},
	[OPT_LOCAL_IP] = {"local-ip", 0, "ADDRESS", "its address on the LAN"},
	[OPT_WG_IP] = {"wg-ip", 0, "ADDRESS", "its overlay address; default: the next free one"},
	[OPT_TYPE] = {"type", 0, "TYPE", "standard or isolated (host), roaming or isolated (device)"},
	[OPT_MAC] = {"mac", 0, "MAC", "its frames must come from this MAC address; \"none\" lifts that (set)"},
	[OPT_CONF] = {"conf", 0, "FILE", "make the key here and write a WireGuard config"},
	[OPT_FORCE] = {"force", 0, NULL, "replace FILE when it exists"},
};

const struct command command_rows[] = {
	{"mesh add", "URL [TOKEN]", 1, 2, OPT(NAME) | OPT(CA) | OPT(ALLOW_HTTP), cmd_mesh_add,
	 "connect to a registry",
	 "The token is verified before anything is written. It comes from the argument, --token-file,\n"
	 "WM_REGISTRY_TOKEN, or is asked for; an argument may be seen by other users of this machine."},
	{"mesh list", "", 0, 0, 0, cmd_mesh_list, "configured meshes", NULL},
	{"mesh remove", "SLUG-OR-NAME", 1, 1, 0, cmd_mesh_remove, "forget a mesh (the mesh itself stays)", NULL},
	{"list", "", 0, 0, 0, cmd_list, "everything, in one table a mesh", NULL},
	{"list-sites", "", 0, 0, 0, cmd_list_sites, "sites and what their gateways report", NULL},
	{"list-hosts", "", 0, 0, 0, cmd_list_hosts, "hosts", NULL},
	{"list-devices", "", 0, 0, 0, cmd_list_devices, "devices", NULL},
	{"health", "", 0, 0, 0, cmd_health, "is each registry up, and does it take our token", NULL},
	{"show-config", "", 0, 0, 0, cmd_show_config, "the whole config as the registry gives it, JSON", NULL},
	{"add-site", "DOMAIN [--subnet PREFIX] [--hub] [--endpoint ADDRESS:PORT]", 1, 1,
	 OPT(SUBNET) | OPT(HUB) | OPT(ENDPOINT), cmd_add_site, "create a site; prints its gateway's enrolment",
	 "What is printed is the gateway's /etc/wm/gateway.env. Its token is a one-time enrolment."},
	{"enrol", "DOMAIN | --device NAME", 1, 1, OPT(DEVICE), cmd_enrol, "a new one-time enrolment",
	 "For when the first one expired or its gateway or device is set up anew. An older unused one ends."},
	{"remove-site", "DOMAIN [--cascade]", 1, 1, OPT(CASCADE), cmd_remove_site, "remove a site",
	 "Refused while the site has hosts (or is the hub and there are devices), unless --cascade."},
	{"add-host", "NAME.DOMAIN --local-ip ADDRESS [--wg-ip ADDRESS] [--type TYPE] [--mac MAC]", 1, 1,
	 OPT(LOCAL_IP) | OPT(WG_IP) | OPT(TYPE) | OPT(MAC), cmd_add_host, "register a machine on a site's LAN", NULL},
	{"add-device", "NAME [--type TYPE] [--wg-ip ADDRESS] [--conf FILE [--force]]", 1, 1,
	 OPT(TYPE) | OPT(WG_IP) | OPT(CONF) | OPT(FORCE), cmd_add_device, "register a laptop, phone or sensor",
	 "With --conf, the device's key is made here and FILE is a complete config for wg-quick and the\n"
	 "WireGuard apps. Without it, a one-time enrolment is printed."},
	{"set", "NAME.DOMAIN | DEVICE [--type TYPE] [--local-ip ADDRESS] [--wg-ip ADDRESS] [--mac MAC|none]", 1, 1,
	 OPT(TYPE) | OPT(LOCAL_IP) | OPT(WG_IP) | OPT(MAC), cmd_set, "change a host or device", NULL},
	{"remove", "NAME.DOMAIN | DEVICE", 1, 1, 0, cmd_remove, "remove a host or device", NULL},
};
const size_t command_count = WM_ARRAY_LEN(command_rows);
