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

# A thousand kills, a hundred outages, a hundred upgrades of the real programs, each under 100,000 packets or more.
.PHONY: soak-kills soak-outages soak-upgrades
soak-kills: binaries
	@WM_KILLS=1000 WM_PACKETS=100000 B=$(B) bats tests/e2e/survive.bats --filter 'whoever is killed'
soak-outages: binaries
	@WM_OUTAGES=100 WM_PACKETS=100000 B=$(B) bats tests/e2e/survive.bats --filter 'registry goes away'
soak-upgrades: binaries
	@WM_UPGRADES=100 WM_PACKETS=100000 B=$(B) bats tests/e2e/survive.bats --filter 'newer release in force'
