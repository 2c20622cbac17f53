# What the registry can take. What it measures and found: docs/performance-registry.md.
#
#   make bench-registry            some minutes, as root or not; writes $(B)/bench/registry.{txt,json}. ARGS='--hosts 10'
#   make bench-registry-publish    puts that into docs/
$(B)/wm-bench-hammer: $(B)/obj/bench/registry.d/hammer.o $(B)/libcore.a
	$(call link,,$^,-lsodium)
-include $(B)/obj/bench/registry.d/hammer.d

test-programs: $(if $(SAN),,$(B)/wm-bench-hammer)

.PHONY: bench-registry bench-registry-publish
bench-registry: all
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory $(B)/wm-bench-hammer $(B)/wm-bench-spread $(B)/tests/registry/crowd
	@B=$(B) bench/registry --out $(B)/bench $(ARGS)
bench-registry-publish:
	@bench/publish $(B)/bench registry
