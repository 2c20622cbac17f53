# What end-to-end tests put into programs that they start.
$(B)/tests/e2e/clock.so: tests/e2e/lib/clock.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -fPIC -shared -o $@ $<
test-programs: $(if $(SAN),,$(B)/tests/e2e/clock.so)

# As long as WireGuard's sessions last: a quarter of an hour.
.PHONY: soak-preshared
soak-preshared: binaries
	@B=$(B) bats tests/e2e/preshared.soak
