# What is done to a gateway under load, and every packet accounted for. What it does and found: docs/performance.md.
#
#   make hitless        with 10,000 hosts, 1,000 reconfigurations, 100 of the rest: some minutes; ARGS='--only upgrades'
HITLESS_SRC := $(sort $(wildcard tests/hitless/*.c)) tests/packets/net.c
HITLESS_OBJ := $(HITLESS_SRC:tests/%.c=$(B)/obj/tests/%.o)

$(B)/bpf/hitless.bpf.o: tests/hitless/bpf/hitless.bpf.c tests/hitless/proof.h bench/wire.h Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Ibench -Itests/hitless -c -o $@ $<
$(HITLESS_OBJ): $(B)/gen/hitless.skel.h
$(B)/obj/tests/hitless/%.o: inc_tests += -Ibench -I$(B)/gen

# The places to be in are the benchmark's.
$(B)/wm-hitless: $(HITLESS_OBJ) $(B)/libbench.a $(B)/libkernel.a $(B)/libcore.a
	$(call link,,$^,-lbpf -lelf -lz -lnftnl -lmnl -lsodium)
-include $(HITLESS_OBJ:.o=.d)

# tests/hitless/bounded runs it, once: not with sanitizers.
test-programs: $(if $(SAN),,$(B)/wm-hitless)
TEST_PROGRAMS += tests/hitless/bounded

.PHONY: hitless
hitless: deps-build
	@$(MAKE) --no-print-directory -j$(shell nproc) $(B)/wm-hitless
	@$(B)/wm-hitless --whole $(ARGS)
