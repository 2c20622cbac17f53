# How fast a change spreads. What it measures and found: docs/performance-propagation.md.
#
#   make bench-propagation           some minutes, as root; writes $(B)/bench/propagation.{txt,json}. ARGS='--gateways 50'
#   make bench-propagation-publish   puts that into docs/
$(B)/wm-bench-spread: $(B)/obj/bench/propagation.d/spread.o $(B)/libcore.a
	$(call link,,$^,-lsodium)
-include $(B)/obj/bench/propagation.d/spread.d

test-programs: $(if $(SAN),,$(B)/wm-bench-spread)

.PHONY: bench-propagation bench-propagation-publish
bench-propagation: all
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory $(B)/wm-bench-spread
	@B=$(B) bench/propagation --out $(B)/bench $(ARGS)
bench-propagation-publish:
	@bench/publish $(B)/bench propagation
