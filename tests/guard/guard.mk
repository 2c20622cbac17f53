# What runs under callgrind: hot, the paths of userspace; packets, the programs of bpf/ compiled for this machine.
# Neither is built with sanitizers, which would be counted.
GUARD_HOT := $(addprefix tests/guard/,guard.c hot.c hot_mesh.c hot_config.c hot_stream.c hot_kernel.c hot_stats.c)
$(B)/guard/hot: $(GUARD_HOT:%.c=$(B)/obj/%.o) $(B)/libtools.a $(addprefix $(B)/obj/registry/,stream.o pieces.o text.o objects.o) $(B)/libkernel.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call link,,$^,-lbpf -lelf -lz -lnftnl -lmnl -ljansson -lsodium -lsmartcols)
-include $(GUARD_HOT:%.c=$(B)/obj/%.d)

test-programs: $(if $(SAN),,$(B)/guard/hot)

# -O2 as for the kernel, without what would be in the way; DWARF 4 because valgrind 3.19 does not read 5 of clang.
GUARD_CFLAGS  := -std=gnu11 -D_GNU_SOURCE -O2 -gdwarf-4 -MMD -MP -Wall -Wextra -Wno-missing-field-initializers \
		 -Wno-initializer-overrides $(if $(WERROR),-Werror) -Itests/native/shim -Itests -Ibpf -I$(B)/see/tests
GUARD_PACKETS := bpf/wm_tc.bpf.c bpf/wm_xdp.bpf.c userspace/kernel/bpf_plan.c userspace/kernel/bpf_shape.c \
		 $(addprefix tests/native/,progs.c helpers.c maps.c world.c lan.c stack.c reassembly.c dataplane.c) \
		 $(addprefix tests/packets/,plane.c frame.c build.c expect.c) tests/guard/guard.c tests/guard/packets.c
$(B)/guard/native/%.o: %.c $(B)/see/tests/$(SEEN) $(wildcard bpf/*) tests/guard/guard.mk
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(GUARD_CFLAGS) -c -o $@ $<
$(B)/guard/packets: $(GUARD_PACKETS:%.c=$(B)/guard/native/%.o) $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) -o $@ $^ -lsodium
-include $(GUARD_PACKETS:%.c=$(B)/guard/native/%.d)

test-programs: $(if $(SAN),,$(B)/guard/packets)
TEST_PROGRAMS += tests/guard/guard

# What stands in tests/guard/figures anew, and what has changed.
.PHONY: guard-update
guard-update: deps
	@$(MAKE) --no-print-directory -j$(shell nproc) $(B)/guard/hot $(B)/guard/packets
	@B=$(B) tests/guard/guard --update
