# What the tests of the dashboard share: a registry of each test's own, in the browser's network, and a tab to look at it.

load ../registry/registry
load browser

WM=$PWD/${B:-build}/wm

setup_file() { browser_up; }
teardown_file() { browser_down; }
setup() {
	WITH=(nsenter -t "$BROWSER" -n --) # with registry.bash's start
	start
	scene
	tab_up
	echo "$TALKER" >>"$D/pids" # which teardown ends
}

# Sites hub and b, whose gateways have enrolled; hosts web.hub and nas.b, device laptop.
# The same as mesh of registry.bash, in one request.
scene() {
	ok POST /v1/import "$(jq -n --arg hub "$(key 1)" --arg b "$(key 2)" --arg laptop "$(key 9)" '{version: 1,
		sites: [{domain: "hub", is_hub: true, endpoint: "198.51.100.1:51820", public_key: $hub, subnet: "172.30.1.0/24"},
			{domain: "b", endpoint: "198.51.100.2:51820", public_key: $b, subnet: "172.30.2.0/24"}],
		hosts: [{name: "nas", domain: "b", local_ip: "192.168.1.10", mac: "02:00:00:00:00:10"},
			{name: "web", domain: "hub", local_ip: "10.0.0.5", mac: "02:00:00:00:00:11"}],
		devices: [{name: "laptop", public_key: $laptop}]}')"
}
enrolled() { ok PATCH "/v1/sites/$1" "{\"public_key\":\"$(key "$2")\"}"; } # DOMAIN N

# report DOMAIN [MEMBERS]: as its gateway would, that all is well, but what MEMBERS say
report() {
	local token
	token=$(new_token gateway "$1")
	ok GET /v1/whoami
	local all
	all=$(jq -c --argjson more "{${2-}}" '{generation, instance, dataplane: "bpf", dataplane_note: null, problem: "", version: "1.2.3",
		applied_ms: 7, listen_port: 51820, uptime: 3600, peers: [], hosts: []} + $more' <<<"$BODY")
	TOKEN=$token ok PUT "/v1/sites/$1/status" "$all"
}
ago() { date -u -d "-$1 seconds" +%Y-%m-%dT%H:%M:%SZ; }

# sign_in [TOKEN]: and the first view is there
sign_in() {
	visit "$URL/"
	token "${1-$ADMIN}"
	sees 'main[data-view=overview]'
}
token() { # TOKEN: into the form
	enter '#token' "$1"
	click '#signin-go'
}

# go VIEW: by the link of the navigation
go() {
	click "nav a[href=\"#/$1\"]"
	sees "main[data-view=$1]"
}
row() { sees "tr[data-key=\"$1\"]" "${@:2}"; } # KEY [TEXT]...
no_row() { misses "tr[data-key=\"$1\"]"; }

button() { click "button[data-do=\"$1\"]"; }                                      # of a view
of_row() { click "tr[data-key=\"$1\"] button[data-do=\"$2\"]"; }                  # KEY BUTTON
field() { enter "dialog[open] [name=\"$1\"]" "$2"; }                              # NAME TEXT
pick() { choose "dialog[open] [name=\"$1\"]" "$2"; }                                # NAME VALUE
submit() { click 'dialog[open] button[type=submit]'; }
closed() { misses 'dialog[open]'; }

in_api() { # PATH FILTER VALUE
	ok GET "$1"
	is "$2" "$3"
}

# What holds for every view, whatever is in it.
healthy() {
	now 'document.documentElement.scrollWidth <= innerWidth'
	now '$$("input, select, textarea").every(e => e.labels?.length || e.ariaLabel || e.getAttribute("aria-labelledby"))'
	now '$$("button, a").every(e => (e.ariaLabel || e.innerText).trim())'
	now '!document.querySelector("script:not([src]), style, [style], [onclick], [onerror], [onload]")'
	now '$$("a").every(a => a.getAttribute("href").startsWith("#"))'
	now '$$("h1").length === 1 && $$("th").every(th => th.scope) && $$("table").every(t => t.caption)'
	now 'new Set(ids()).size === ids().length && described().every(id => ids().includes(id))'
	now '$$("tr[data-key]").every(r => new Set(named(r)).size === named(r).length)'
}

# wm as an operator of this registry has it
operator() { inside env WM_CONFIG_DIR="$D/config" HOME="$D" "$WM" "$@"; }
connected() { operator mesh add "$URL" "$ADMIN" >"$D/connected"; }
