# Packets against the loaded BPF programs, at their real hooks.
PACKETS_SRC := $(addprefix tests/packets/,main.c groups.c run.c run_count.c rig.c net.c plane.c age.c flows.c flows_nft.c frame.c build.c expect.c verify.c describe.c) \
	       $(sort $(wildcard tests/packets/cases_*.c))
$(eval $(call test_program,packets/test_rows,$(PACKETS_SRC),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# Rows again, each packet traced before it is sent.
$(eval $(call test_program,packets/trace,$(PACKETS_SRC:tests/packets/main.c=tests/packets/trace.c),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# LAN ingress by prog_run, on the rig of the loader's tests.
$(eval $(call test_program,packets/prog_run,tests/packets/prog_run.c tests/kernel/bpf_rig.c tests/kernel/netns.c,kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
# Random packets through both back ends. `make oracle PACKETS=10000000 SEED=$RANDOM` before a release.
ORACLE_SRC := $(addprefix tests/packets/,oracle.c oracle_count.c oracle_rules.c oracle_differences.c rules.c isolation.c random.c twist.c rig.c net.c \
	      plane.c age.c flows.c flows_nft.c frame.c build.c expect.c verify.c describe.c)
$(eval $(call test_program,packets/oracle,$(ORACLE_SRC),kernel core,-lbpf -lelf -lz -lnftnl -lmnl -lsodium))
.PHONY: oracle mutants
oracle: $(B)/tests/packets/oracle
	@$< $(or $(PACKETS),1000000) $(or $(SEED),1)
# Faults made on purpose, which oracle or rows must find: some minutes, before a release.
mutants:
	@B=$(B) tests/packets/mutants
