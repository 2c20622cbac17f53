# How the tests are built and run.
#
#   make test                 everything, in order: packages, build, unit tests plain and sanitized, all the rest, VM
#   make test ONLY=pattern    the tests whose path matches the (Perl) pattern
#   make check                the same without the VMs
#   make soak                 what make test does a part of, whole: kills, failing system calls, reconfigurations under load
#   make vmtest [KERNEL=6.12] the VMs alone, everything in each; or one of them
#
# A test is an executable that speaks TAP, or a .bats file; tests/run runs them
# from here with B=<build directory> in the environment. A folder of tests says
# in tests/<folder>/*.mk what it adds:
#   $(eval $(call test_program,packets/test_rig,tests/packets/test_rig.c tests/packets/tun.c,kernel core,-lbpf -lelf -lz))
#       builds $(B)/tests/packets/test_rig from these sources, archives and libraries and adds it to TEST_PROGRAMS
#   TEST_PROGRAMS += tests/packets/table
#       adds a script; .bats files are found by themselves
# What is built into $(B)/ is built and run a second time with sanitizers.

TEST_PROGRAMS :=

see_tests := $(FOLDERS) bench
inc_tests := -Itests -Ibpf
dir_tests := tests
$(eval $(call see_rule,tests))
$(B)/see/tests/$(SEEN): tests/tests.mk

define test_program
$(B)/tests/$(1): $$(patsubst tests/%.c,$(B)/obj/tests/%.o,$(2)) $$(patsubst %,$(B)/lib%.a,$(3))
	@mkdir -p $$(@D)
	$$(call link,,$$^,-lcmocka $(4))
TEST_PROGRAMS += $(B)/tests/$(1)
-include $$(patsubst tests/%.c,$(B)/obj/tests/%.d,$(2))
endef

# tests/unit/test_<module>.c links its module from libcore.a; what one needs besides is said here.
UNIT_RIG   := tests/unit/unit.c tests/unit/mesh.c
archives_test_ctl      := agent
archives_test_workable := agent
archives_test_identity := agent
archives_test_fetcher  := agent
archives_test_preshared := agent
archives_test_fetch_report := fetch
archives_test_confine   := fetch
libs_test_confine       := -lseccomp
archives_test_differences := kernel
archives_test_carried  := kernel
archives_test_names    := tools
archives_test_stats    := tools
sources_test_fetcher   := tests/unit/fetcher_stub.c
sources_test_psk       := tests/unit/psk_pair.c
sources_test_psk_life  := tests/unit/psk_pair.c
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_LIBS  := -Xlinker --as-needed -lsodium -ljansson -lsmartcols
$(foreach t,$(UNIT_TESTS),$(eval $(call test_program,unit/$(t),tests/unit/$(t).c $(sources_$(t)) $(UNIT_RIG),$(archives_$(t)) core,$(UNIT_LIBS) $(libs_$(t)))))

include $(wildcard tests/*/*.mk)

TEST_BUILT   := $(filter $(B)/%,$(TEST_PROGRAMS))
TEST_SCRIPTS := $(filter-out $(B)/%,$(TEST_PROGRAMS)) tests/unit/include_rules $(sort $(shell find tests -name '*.bats'))

.PHONY: test-programs test-plain test-build
test-programs: $(TEST_BUILT)

test-plain:
	@scripts/deps.sh
	@$(MAKE) --no-print-directory -j$(shell nproc) WERROR=1 binaries test-programs
test-build: test-plain
	@$(MAKE) --no-print-directory -j$(shell nproc) WERROR=1 SAN=1 B=$(B)/asan test-programs

# What the VM repeats on a real kernel: all that meets the kernel. Not what is about words and traces, not what waits for
# slow lines, sends tens of thousands of packets or loads the programs dozens of times: emulation is slow.
NOT_IN_VM := %/bad_input.bats %/follow.bats %/repair.bats %/operator.bats %/wild.bats %/wild_nft.bats %/demo_down.bats %/update.bats %/faults.bats %/test_bpf_kill %/test_bpf_traffic \
	     %/test_xdp_traffic %/test_tcx_kill %/test_tcx_traffic %/test_tcx_forbidden %/packets/trace
# What takes minutes there is left to vmtest; so is the mesh on nftables, whose packets are in the rows.
VMTEST_ONLY := %/nft.bats %/paths.bats %/surroundings.bats %/escape.bats %/foreign.bats %/test_bpf_heal %/test_bpf_refused
VM_TESTS  := $(filter-out $(NOT_IN_VM),$(filter tests/e2e/% tests/kernel/% tests/packets/% $(B)/tests/kernel/% $(B)/tests/packets/%,$(TEST_SCRIPTS) $(TEST_BUILT)))
VMS       := $(patsubst %,vmtests/kernel-%,$(or $(KERNEL),6.12 6.1 5.10))
# What a VM runs is in $(B)/vm/tests-<kernel>.
vm_list    = mkdir -p $(B)/vm; printf '%s\n' $(2) >$(B)/vm/tests-$(1)

# The VMs come first because they take longest, each with a processor to itself; a third at a time is for those that wait. Hostile traffic meets one of them, in the time of the demo's proof.
test: test-build
	@$(call vm_list,6.1,$(filter-out $(VMTEST_ONLY),$(VM_TESTS)))
	@$(call vm_list,5.10,$(filter-out $(VMTEST_ONLY) %/demo.bats,$(VM_TESTS)) tests/e2e/escape.bats)
	@WM_VM_NEEDED=1 WM_ROOTS_NEEDED=1 B=$(B) tests/run -j 3 vmtests/kernel-6.1 vmtests/kernel-5.10 $(TEST_SCRIPTS) $(TEST_BUILT) $(TEST_BUILT:$(B)/%=$(B)/asan/%)
check: test-build
	@B=$(B) tests/run $(TEST_SCRIPTS) $(TEST_BUILT) $(TEST_BUILT:$(B)/%=$(B)/asan/%)
vmtest: test-plain
	@$(foreach v,$(VMS:vmtests/kernel-%=%),$(call vm_list,$(v),$(VM_TESTS));)
	@B=$(B) tests/run $(VMS)

export ONLY
