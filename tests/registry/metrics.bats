#!/usr/bin/env bats
# GET /metrics: whatever the mesh is and gateways say, a strict reader of OpenMetrics takes it, and it says what is so.
# time limit: 120 s

load registry

setup() {
	start
	mesh
}

metrics() { # into $D/metrics; SERIES<TAB>VALUE in $D/samples
	ok GET /metrics
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$D/head"
	printf '%s\n' "$BODY" >"$D/metrics"
	"$BATS_TEST_DIRNAME/openmetrics" <"$D/metrics" >"$D/samples"
}

sample() { # SERIES VALUE
	local got
	got=$(awk -F '\t' -v s="$1" '$1 == s { print $2 }' "$D/samples")
	[ "$got" = "$2" ] || { cat "$D/samples" >&2; echo "$1 is '$got', expected '$2'" >&2; return 1; }
}

@test "the reader is strict: each of these is refused" {
	local text
	for text in '' 'x 1\n' '# EOF' '# EOF\n# EOF\n' 'x 1\n# EOF\n' '# TYPE x gauge\n\nx 1\n# EOF\n' '# TYPE x gauge\nx 1\nx 1\n# EOF\n' \
		'# TYPE x counter\nx 1\n# EOF\n' '# TYPE x counter\nx_total -1\n# EOF\n' '# TYPE x gauge\n# UNIT x bytes\nx 1\n# EOF\n' \
		'# TYPE x gauge\n# TYPE x gauge\n# EOF\n' '# TYPE x gauge\nx 1\n# HELP x late\n# EOF\n' '# TYPE x thing\n# EOF\n' \
		'# TYPE x gauge\nx{a="1",a="2"} 1\n# EOF\n' '# TYPE x gauge\nx{a="1",} 1\n# EOF\n' '# TYPE x gauge\nx{a="1\\t"} 1\n# EOF\n' \
		'# TYPE x gauge\nx{a="1} 1\n# EOF\n' '# TYPE x gauge\nx{1a="1"} 1\n# EOF\n' '# TYPE x gauge\nx  1\n# EOF\n' '# TYPE x gauge\nx one\n# EOF\n' \
		'# TYPE x gauge\nx{a="1"} 1\n# TYPE y gauge\ny 1\n# TYPE x gauge\nx 2\n# EOF\n' '# TYPE x gauge\r\nx 1\r\n# EOF\n' \
		'# TYPE x gauge\nx{le="1"} 1\n# EOF\n' '# TYPE x gauge\nx{a="\xff"} 1\n# EOF\n' \
		'# TYPE x histogram\nx_bucket{le="1.0"} 2\nx_bucket{le="+Inf"} 1\nx_count 1\nx_sum 1\n# EOF\n' \
		'# TYPE x histogram\nx_bucket{le="1.0"} 1\nx_count 1\nx_sum 1\n# EOF\n' \
		'# TYPE x histogram\nx_bucket{le="+Inf"} 1\nx_count 2\nx_sum 1\n# EOF\n'; do
		if printf "$text" | "$BATS_TEST_DIRNAME/openmetrics" >"$D/out" 2>&1; then
			echo "taken: $text" >&2
			return 1
		fi
	done
	printf '# TYPE x_s counter\n# UNIT x_s s\n# HELP x_s a \\\\ b\nx_s_total{a="\\\\\\"\\n"} 1.5e3\n# TYPE y histogram\ny_bucket{le="1.0"} 1\ny_bucket{le="+Inf"} 2\ny_count 2\ny_sum 1\n# EOF\n' |
		"$BATS_TEST_DIRNAME/openmetrics"
}

@test "objects, generation, and requests by route and status" {
	api GET /v1/sites/none
	api GET /v1/sites/none
	api GET /nowhere
	TOKEN=wrong api GET /v1/sites/b
	TOKEN= api POST /v1/hosts '{}'
	metrics
	sample 'wm_registry_objects{kind="site"}' 2
	sample 'wm_registry_objects{kind="host"}' 2
	sample 'wm_registry_objects{kind="device"}' 1
	sample 'wm_registry_generation{}' "$(generation)"
	sample 'wm_registry_waiting_clients{}' 0
	sample 'wm_registry_requests_total{method="GET",path="/v1/sites/{}",status="404"}' 2
	sample 'wm_registry_requests_total{method="GET",path="/v1/sites/{}",status="401"}' 1
	sample 'wm_registry_requests_total{method="POST",path="/v1/hosts",status="401"}' 1
	sample 'wm_registry_requests_total{method="POST",path="/v1/hosts",status="201"}' 2
	sample 'wm_registry_requests_total{method="",path="",status="404"}' 1
	grep -q '^wm_registry_info{mesh="home",mesh_instance="[0-9a-f-]*",version="[0-9.]*"}	1$' "$D/samples"
	[ "$(awk -F '\t' '$1 == "wm_registry_handling_seconds_count{what=\"write\"}" { print $2 }' "$D/samples")" -ge 5 ]
	ok POST /v1/hosts '{"name":"cam","domain":"b","local_ip":"192.168.1.11"}'
	metrics
	sample 'wm_registry_objects{kind="host"}' 3
	sample 'wm_registry_requests_total{method="GET",path="/metrics",status="200"}' 1
}

@test "who waits is counted" {
	curl -sS -m "$LIMIT" -H "Authorization: Bearer $ADMIN" -o /dev/null "$URL/v1/config?after=$(generation)&wait=60" 3>&- &
	echo $! >>"$D/pids"
	for ((n = 0; n < LIMIT * 10; n++)); do
		metrics
		! sample 'wm_registry_waiting_clients{}' 1 2>/dev/null || return 0
		sleep 0.1
	done
	sample 'wm_registry_waiting_clients{}' 1
}

@test "what gateways report" {
	metrics
	[ "$(grep -c '^wm_site_' "$D/samples")" = 0 ]
	ok PUT /v1/sites/b/status "{\"generation\":$(generation),\"instance\":\"$(curl -sS -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance)\",
		\"peers\":[{\"kind\":\"site\",\"name\":\"hub\",\"handshake\":\"2026-01-02T03:04:05Z\",\"rx\":5,\"tx\":6}]}"
	ok PUT /v1/sites/hub/status '{"generation":1,"problem":"eth9 is not there","peers":[{"kind":"site","name":"b"},{"kind":"device","name":"laptop","rx":7}]}'
	metrics
	sample 'wm_site_applied{site="b"}' 1
	sample 'wm_site_applied{site="hub"}' 0
	sample 'wm_site_problem{site="b"}' 0
	sample 'wm_site_problem{site="hub"}' 1
	sample 'wm_site_generation{site="hub"}' 1
	sample 'wm_peer_handshake_timestamp_seconds{kind="site",peer="hub",site="b"}' 1767323045
	sample 'wm_peer_handshake_timestamp_seconds{kind="site",peer="b",site="hub"}' ''
	sample 'wm_peer_bytes_total{direction="rx",kind="site",peer="hub",site="b"}' 5
	sample 'wm_peer_bytes_total{direction="tx",kind="site",peer="hub",site="b"}' 6
	sample 'wm_peer_bytes_total{direction="rx",kind="device",peer="laptop",site="hub"}' 7
	sample 'wm_site_delay_milliseconds{site="b"}' ''
	# from a change on it is known how long it took; and it stays what it was when the same is reported again
	ok POST /v1/hosts '{"name":"new","domain":"b","local_ip":"192.168.1.77"}'
	local now instance first
	now=$(generation) instance=$(curl -sS -H "Authorization: Bearer $ADMIN" "$URL/v1/whoami" | jq -r .instance)
	sleep 0.2
	ok PUT /v1/sites/b/status "{\"generation\":$now,\"instance\":\"$instance\",\"delay_ms\":1}"
	api GET /v1/status
	first=$(jq '.sites[] | select(.domain == "b").delay_ms' <<<"$BODY")
	[ "$first" -ge 200 ]
	sleep 0.1
	ok PUT /v1/sites/b/status "{\"generation\":$now,\"instance\":\"$instance\"}"
	metrics
	sample 'wm_site_delay_milliseconds{site="b"}' "$first"
	sample 'wm_site_delay_milliseconds{site="hub"}' ''
	[ "$(awk -F '\t' '$1 == "wm_site_seen_timestamp_seconds{site=\"b\"}" { print $2 }' "$D/samples")" -gt 1700000000 ]
}

@test "a mesh's name is only a label" {
	stop
	start --mesh-name 'a "b" \ {c}, 1'
	metrics
	grep -qF 'mesh="a \"b\" \\ {c}, 1"' "$D/samples"
}
