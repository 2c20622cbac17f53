# The BPF data plane's loader (userspace/kernel/bpf*.c).
BPF_LIBS := -lbpf -lelf -lz -lmnl -lsodium
$(eval $(call test_program,kernel/test_bpf,tests/kernel/test_bpf.c tests/kernel/bpf_rig.c tests/kernel/netns.c,kernel core,$(BPF_LIBS)))
