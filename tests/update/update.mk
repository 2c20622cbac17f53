# wm-agent's updates: stub.c is what update.bats makes its releases of.
$(B)/tests/update/stub: $(B)/obj/tests/update/stub.o $(B)/libagent.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call link,,$^,-lsodium)
-include $(B)/obj/tests/update/stub.d
test-programs: $(if $(SAN),,$(B)/tests/update/stub)

# Killed at every step, not only at some: some minutes.
.PHONY: soak-update
soak-update: $(B)/tests/update/stub binaries
	@WM_SOAK=1 B=$(B) bats tests/update/killed.bats

# Every system call of a sync fails once, and is the last one once: half an hour.
.PHONY: soak-faults
soak-faults: binaries
	@WM_FAULTS=100000 B=$(B) bats tests/e2e/faults.bats tests/e2e/faults_nft.bats

# All that make test does only a part of, for who has three hours.
.PHONY: soak
soak: soak-update soak-faults soak-preshared soak-kills soak-outages soak-upgrades hitless
