#!/usr/bin/env bats
# Traffic that is on no list, with the BPF back end: traceroute and tracepath,
# datagrams of all sizes, small MTUs, lines that lose packets or keep no order,
# and what wm-bpf tells of it. (Hostile traffic is in escape.bats.)
# time limit: 300 s

load lib/mesh
load lib/wild

setup_file() { wild_begin w bpf; }
teardown_file() { demo down; }
setup() { use_demo; }

@test "wm-bpf flows tells who may answer whom" { flows_are_named; }
@test "wm-bpf stats ranks hosts, as text, JSON and OpenMetrics" { stats_are_ranked; }
@test "wm-bpf stats --watch tells what happens in a second" { stats_are_watched; }
@test "wm-bpf drops tells who was dropped, to whom and why" { drops_are_named; }
@test "wm-bpf drops -f tells it as it happens" { drops_are_followed; }
@test "wm-bpf trace tells what becomes of a packet, and changes nothing" { trace_tells; }
@test "wm-bpf maps shows what there is" { maps_are_listed hosts; }
@test "traceroute by ICMP, UDP and TCP names every hop" { traceroutes; }
@test "tracepath finds the tunnel's MTU" { tracepaths; }
@test "a packet too big for the tunnel is answered, not lost" { too_big_is_said; }
@test "datagrams of many sizes pass whole" { fragments_pass; }
@test "TCP passes to a host with a smaller MTU" { black_hole; }
@test "TCP passes over a line that loses packets" { bad_line; }
@test "TCP passes over a line that keeps no order" { unruly_line; }
