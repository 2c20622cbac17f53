# The gateway's path beside everything that a user could run instead. What it measures and how: docs/performance.md.
#
#   make bench          some minutes on a quiet machine, as root; writes $(B)/bench/. ARGS='--full' and other options
#   make bench-quick    the ratios that matter, in less than three
#   make bench-control  what a gateway and the registry spend on a start, on nothing and on one changed host
#   make bench-publish  puts what the last make bench has written into docs/
see_bench := core kernel bench
dir_bench := bench
inc_bench := -Itests -Ibpf -I$(B)/gen
gen_bench := $(B)/gen/bench.skel.h $(B)/gen/tunnel_floor.skel.h
$(eval $(call see_rule,bench))

$(B)/bpf/bench.bpf.o: bench/bpf/bench.bpf.c bench/wire.h Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Ibench -c -o $@ $<

include bench/tunnel.mk
include bench/registry.mk
include bench/propagation.mk

# Devices are made as in the tests of packets.
$(B)/wm-bench: $(B)/libbench.a $(B)/obj/tests/packets/net.o $(B)/libkernel.a $(B)/libcore.a | $(B)/wm-bpf
	$(call link,$(B)/obj/bench/main.o,$^,-lbpf -lelf -lz -lnftnl -lmnl -lsodium -lsmartcols -lm)

# tests/bench runs it, without looking at a time.
test-programs: $(if $(SAN),,$(B)/wm-bench)

.PHONY: bench bench-quick bench-control bench-publish
bench bench-quick: deps-build
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory -j$(shell nproc) $(B)/wm-bench
	@$(B)/wm-bench $(if $(filter bench-quick,$@),--quick,--out $(B)/bench) $(ARGS)

bench-control: all
	@scripts/deps.sh test bench
	@bench/control --out $(B)/bench $(ARGS)

# What the last make bench has found becomes docs/performance.md's.
bench-publish:
	@bench/publish $(B)/bench
