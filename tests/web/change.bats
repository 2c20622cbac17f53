#!/usr/bin/env bats
# What is changed by the dashboard's forms is so in the registry afterwards; what is refused is said where it is wrong.
# time limit: 300 s

load rig

# Signed in, the form of a new host is open with what has to be in it.
begin_printer() {
	sign_in
	go hosts
	button add-host
	field name printer
	pick domain b
	field local_ip 192.168.1.40
}

@test "a host is added, changed and removed" {
	begin_printer
	pick type isolated
	field mac 02:00:00:00:00:40
	submit
	closed
	row printer.b 192.168.1.40 isolated
	in_api /v1/hosts/printer.b '"\(.local_ip) \(.type) \(.mac)"' '192.168.1.40 isolated 02:00:00:00:00:40'

	of_row printer.b edit-host
	now '$("dialog[open] [name=local_ip]").value === "192.168.1.40"'
	field local_ip 192.168.1.41
	pick type standard
	field mac ''
	submit
	closed
	row printer.b 192.168.1.41 standard
	in_api /v1/hosts/printer.b '"\(.local_ip) \(.type) \(.mac)"' '192.168.1.41 standard null'

	of_row printer.b remove-host
	sees 'dialog[open]' printer.b
	submit
	closed
	no_row printer.b
	api GET /v1/hosts/printer.b
	code 404
	quiet
}

@test "what was not confirmed is not done" {
	sign_in
	go hosts
	of_row nas.b remove-host
	sees 'dialog[open]' nas.b
	press Escape
	closed
	row nas.b
	in_api /v1/hosts/nas.b .name nas
}

@test "what the registry refuses is said at its field, and what was typed stays" {
	sign_in
	go hosts
	button add-host
	field name printer
	pick domain b
	field local_ip 192.168.1.10
	submit
	sees 'dialog[open] [data-error-for=local_ip]' 192.168.1.10
	now '$("dialog[open] [name=name]").value === "printer"'
	now '$("dialog[open] [name=local_ip]").getAttribute("aria-invalid") === "true"'
	field name nas
	field local_ip 192.168.1.40
	submit
	sees 'dialog[open] [data-error-for=name]' nas
	now '!$("dialog[open] [data-error-for=local_ip]")?.innerText.trim()'
	field name other
	submit
	closed
	row other.b
	quiet 'SEVERE network: .* 40[09] .*'
}

@test "what somebody else has changed meanwhile is not overwritten unseen" {
	sign_in
	go hosts
	of_row nas.b edit-host
	field local_ip 192.168.1.50
	ok PATCH /v1/hosts/nas.b '{"mac":"02:00:00:00:00:99"}'
	submit
	sees 'dialog[open]' 'Somebody else' 02:00:00:00:00:99
	now '$("dialog[open] [name=local_ip]").value === "192.168.1.50"'
	in_api /v1/hosts/nas.b .local_ip 192.168.1.10
	submit # seen now
	closed
	row nas.b 192.168.1.50
	in_api /v1/hosts/nas.b '"\(.local_ip) \(.mac)"' '192.168.1.50 02:00:00:00:00:99'
	quiet 'SEVERE network: .* 412 .*'
}

@test "what cannot be sent, for the registry is away, is said and kept until it can" {
	begin_printer
	stop
	submit
	sees 'dialog[open]' 'cannot be reached'
	now '$("dialog[open] [name=local_ip]").value === "192.168.1.40"'
	start --listen "${URL#http://}"
	sees '#link[data-state=live]'
	submit
	closed
	row printer.b
	quiet 'SEVERE network: .*'
}

@test "a device's and a site's other members are changed, and what sets them up is what wm prints" {
	connected
	sign_in
	go devices
	of_row laptop edit-device
	pick type isolated
	submit
	closed
	row laptop isolated
	in_api /v1/devices/laptop .type isolated
	of_row laptop enrol-device
	submit
	sees '[data-secret]' curl
	secret_text >"$D/page"
	button done
	operator device-setup laptop | grep -o 'curl .*' | without_secret >"$D/cli"
	diff "$D/cli" "$D/page"

	visit "$URL/#/site/b"
	sees 'main[data-view=site]'
	button edit-site
	field endpoint 'not an address'
	submit
	sees 'dialog[open] [data-error-for=endpoint]' endpoint
	field endpoint 198.51.100.9:4500
	submit
	closed
	sees 'main[data-view=site]' 198.51.100.9:4500
	in_api /v1/sites/b .endpoint 198.51.100.9:4500
	button enrol-site
	submit
	sees '[data-secret]' SITE_DOMAIN=b
	secret_text | grep -v '^#' >"$D/page"
	button done
	operator enrol b | grep -v '^#' | without_secret >"$D/cli"
	diff "$D/cli" "$D/page"
	quiet 'SEVERE network: .* 400 .*'
}
secret_text() { js 'return document.querySelector("[data-secret]").textContent' && without_secret <<<"$VALUE"; }
without_secret() { sed 's/wme_[A-Za-z0-9_-]*/TOKEN/g'; }

@test "a device is added with an enrolment that works, shown once, and removed" {
	local secret
	sign_in
	go devices
	button add-device
	field name phone
	pick type isolated
	submit
	sees '[data-secret]' wme_
	now '$("[data-secret]").innerText.includes("/setup") || document.querySelector("dialog[open]").innerText.includes("/setup")'
	js 'return document.querySelector("[data-secret]").innerText.match(/wme_[\w-]+/)[0]'
	secret=$VALUE
	button done
	closed
	now '!document.documentElement.outerHTML.includes(arguments[0])' "$secret"
	row phone isolated
	TOKEN=$secret ok POST /v1/enrol "{\"public_key\":\"$(key 45)\"}"
	is .name phone
	of_row phone remove-device
	submit
	closed
	no_row phone
	api GET /v1/devices/phone
	code 404
	quiet
}

@test "a site is added with what its gateway needs, changed, and removed with what goes with it" {
	local secret
	sign_in
	go sites
	button add-site
	field domain cellar
	click 'dialog[open] [name=is_hub]'
	submit
	sees 'dialog[open] [data-error-for=is_hub]' hub
	click 'dialog[open] [name=is_hub]'
	submit
	sees '[data-secret]' wme_ SITE_DOMAIN=cellar 'IS_HUB=false'
	js 'return document.querySelector("[data-secret]").innerText.match(/wme_[\w-]+/)[0]'
	secret=$VALUE
	button done
	closed
	row cellar 172.30.3.0/24
	TOKEN=$secret ok POST /v1/enrol "{\"public_key\":\"$(key 46)\"}"
	is '"\(.role) \(.name)"' 'gateway cellar'
	visit "$URL/#/site/b"
	sees 'main[data-view=site]' nas
	button remove-site
	sees 'dialog[open]' '1 host'
	submit
	closed
	sees 'main[data-view=sites]'
	api GET /v1/sites/b
	code 404
	api GET /v1/hosts/nas.b
	code 404
	go sites
	no_row b
	row cellar
	quiet 'SEVERE network: .* 409 .*'
}

@test "history: what was before and after, and the last change is taken back when it was seen what that does" {
	ok PATCH /v1/hosts/nas.b '{"local_ip":"192.168.1.99"}'
	sign_in
	go history
	sees 'tr[data-key]' 192.168.1.10 192.168.1.99
	button undo
	sees 'dialog[open]' nas
	in_api /v1/hosts/nas.b .local_ip 192.168.1.99
	submit
	closed
	in_api /v1/hosts/nas.b .local_ip 192.168.1.10
	sees 'tr[data-key]' undo
	quiet
}

@test "history: what is older comes when it is asked for" {
	local n
	ok POST '/v1/import?keep=1' "$(jq -n '{hosts: [range(120) | {name: "h\(.)", domain: "b", local_ip: "192.168.2.\(. + 1)"}]}')"
	sign_in
	go history
	page '$$("tr[data-key]").length >= 20'
	for n in 1 2 3 4 5; do
		js 'return !!document.querySelector("tr[data-key=\"1\"]")'
		[ "$VALUE" != true ] || break
		js 'window.shown = document.querySelectorAll("tr[data-key]").length'
		click 'button[data-do=older]'
		page 'document.querySelectorAll("tr[data-key]").length > window.shown'
	done
	row 1
	quiet
}

@test "a token is made, shown once, works, and is revoked" {
	local secret id
	sign_in
	go tokens
	button create-token
	pick role read
	field name eyes
	submit
	sees '[data-secret]' wmr_
	js 'return document.querySelector("[data-secret]").innerText.match(/wmr_[\w-]+/)[0]'
	secret=$VALUE
	TOKEN=$secret in_api /v1/whoami .role read
	press Escape # not by mistake
	sees '[data-secret]' "$secret"
	button done
	closed
	now '!document.documentElement.outerHTML.includes(arguments[0])' "$secret"
	ok GET /v1/tokens
	id=$(jq '.tokens[] | select(.name == "eyes").id' <<<"$BODY")
	row "$id" eyes read
	of_row "$id" revoke-token
	sees 'dialog[open]' eyes
	submit
	closed
	no_row "$id"
	TOKEN=$secret api GET /v1/whoami
	code 401
	quiet
}

@test "an enrolment that nobody has used is ended" {
	ok POST /v1/enrolments '{"kind":"device","name":"laptop"}'
	local join
	join=$(jq -r .token <<<"$BODY")
	sign_in
	go tokens
	row 'device laptop'
	of_row 'device laptop' end-enrolment
	sees 'dialog[open]' laptop
	submit
	closed
	no_row 'device laptop'
	TOKEN=$join api POST /v1/enrol "{\"public_key\":\"$(key 47)\"}"
	code 401
	quiet
}
