# The BPF data plane's loader (userspace/kernel/bpf*.c).
bpf_rig := tests/kernel/bpf_rig.c tests/kernel/netns.c
$(eval $(call test_program,kernel/test_bpf,tests/kernel/test_bpf.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_bpf_part,tests/kernel/test_bpf_part.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_bpf_heal,tests/kernel/test_bpf_heal.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_bpf_kill,tests/kernel/test_bpf_kill.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_bpf_traffic,tests/kernel/test_bpf_traffic.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_bpf_drops,tests/kernel/test_bpf_drops.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_flows_hand,tests/kernel/test_flows_hand.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# Processors whose numbers have gaps.
$(eval $(call test_program,kernel/test_bpf_cpus,tests/kernel/test_bpf_cpus.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# Installed, and then no longer permitted.
$(eval $(call test_program,kernel/test_bpf_forbidden,tests/kernel/test_bpf_forbidden.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# The shield: what it does to frames, and where it is.
xdp_rig := $(bpf_rig) tests/kernel/xdp_rig.c
$(eval $(call test_program,kernel/test_xdp,tests/kernel/test_xdp.c $(xdp_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_xdp_place,tests/kernel/test_xdp_place.c $(xdp_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# The same traffic as test_bpf_traffic, through the shield.
$(eval $(call test_program,kernel/test_xdp_traffic,tests/kernel/test_bpf_traffic.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# In tcx lists, for which a name with tcx asks; what is there besides, and the same kills and traffic.
$(eval $(call test_program,kernel/test_tcx,tests/kernel/test_tcx.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_tcx_kill,tests/kernel/test_bpf_kill.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_tcx_traffic,tests/kernel/test_bpf_traffic.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(eval $(call test_program,kernel/test_tcx_forbidden,tests/kernel/test_bpf_forbidden.c $(bpf_rig),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# What programs cost the verifier, against docs/verifier.md.
$(eval $(call test_program,kernel/test_verifier,tests/kernel/test_verifier.c,kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
