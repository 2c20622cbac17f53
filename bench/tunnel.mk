# The same path with a real tunnel. What it measures and found: docs/performance-tunnel.md.
#
#   make bench-tunnel               with wireguard-go, here; writes $(B)/bench/tunnel.{txt,json}
#   make bench-tunnel KERNEL=6.1    with the kernel's WireGuard, in a VM (5.10 or 6.1); writes $(B)/bench/tunnel-6.1.{txt,json}
#   make bench-tunnel-publish       puts both tables into docs/
$(B)/bpf/tunnel_floor.bpf.o: bench/bpf/tunnel_floor.bpf.c Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/wm-bench-tunnel: $(B)/libbench.a $(B)/obj/tests/packets/net.o $(B)/libkernel.a $(B)/libcore.a
	$(call link,$(B)/obj/bench/tunnel_main.o,$^,-lbpf -lelf -lz -lnftnl -lmnl -lsodium -lsmartcols -lm)

test-programs: $(if $(SAN),,$(B)/wm-bench-tunnel)

.PHONY: bench-tunnel
bench-tunnel: deps-build
	@scripts/deps.sh bench $(if $(KERNEL),test vm,test)
	@$(MAKE) --no-print-directory -j$(shell nproc) $(B)/wm-bench-tunnel
	@$(if $(KERNEL),B=$(B) vmtests/bench $(KERNEL),$(B)/wm-bench-tunnel --out $(B)/bench) $(ARGS)

# What both have found becomes docs/performance-tunnel.md's.
.PHONY: bench-tunnel-publish
bench-tunnel-publish:
	@bench/publish_tunnel $(B)/bench
