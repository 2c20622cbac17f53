# The BPF data plane's loader (userspace/kernel/bpf*.c).
bpf_rig := tests/kernel/bpf_rig.c tests/kernel/netns.c
# $(call bpf_test,name[,file, if it is another one's][,rig])
bpf_test = $(eval $(call test_program,kernel/$(1),tests/kernel/$(or $(2),$(1)).c $(or $(3),$(bpf_rig)),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
$(call bpf_test,test_bpf)
$(call bpf_test,test_bpf_part)
# How much memory a look at all takes.
$(call bpf_test,test_bpf_memory)
$(call bpf_test,test_bpf_heal)
$(call bpf_test,test_bpf_refused)
$(call bpf_test,test_bpf_kill)
$(call bpf_test,test_bpf_traffic)
$(call bpf_test,test_bpf_drops)
$(call bpf_test,test_flows_hand)
# Processors whose numbers have gaps.
$(call bpf_test,test_bpf_cpus)
# Installed, and then no longer permitted.
$(call bpf_test,test_bpf_forbidden)
# The shield: what it does to frames, and where it is.
xdp_rig := $(bpf_rig) tests/kernel/xdp_rig.c
$(call bpf_test,test_xdp,,$(xdp_rig))
$(call bpf_test,test_xdp_place,,$(xdp_rig))
# The same traffic as test_bpf_traffic, through the shield.
$(call bpf_test,test_xdp_traffic,test_bpf_traffic)
# In tcx lists, for which a name with tcx asks; what is there besides, and the same kills and traffic.
$(call bpf_test,test_tcx)
$(call bpf_test,test_tcx_kill,test_bpf_kill)
$(call bpf_test,test_tcx_traffic,test_bpf_traffic)
$(call bpf_test,test_tcx_forbidden,test_bpf_forbidden)
# What programs cost the verifier, against docs/verifier.md.
$(eval $(call test_program,kernel/test_verifier,tests/kernel/test_verifier.c,kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
