# The programs of bpf/ compiled for this machine, with sanitizers and coverage, and the rows of tests/packets on them.
# Everything by clang: bpf/ needs its coverage, and one program has one sanitizer runtime.
ifndef NATIVE_PLANE
NATIVE_SAN := -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all -fno-omit-frame-pointer
NATIVE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -MMD -MP -Wall -Wextra -Wno-missing-field-initializers \
		 -Wno-initializer-overrides $(if $(WERROR),-Werror) -Itests/native/shim -Itests -Ibpf -I$(B)/see/tests $(NATIVE_SAN)
# -O0 for what is measured: an optimized && has no branch.
NATIVE_COV := -O0 -fprofile-instr-generate -fcoverage-mapping -fsanitize-coverage=edge,inline-8bit-counters

$(B)/native/rows/bpf/%.o: NATIVE_EXTRA := $(NATIVE_COV)
$(B)/native/rows/%.o: %.c $(B)/see/tests/$(SEEN) $(wildcard bpf/*) tests/native/native.mk
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(NATIVE_CFLAGS) $(NATIVE_EXTRA) -c -o $@ $<

NATIVE_PLANE := bpf/wm_tc.bpf.c bpf/wm_xdp.bpf.c userspace/kernel/bpf_plan.c userspace/kernel/bpf_shape.c \
		$(addprefix tests/native/,progs.c helpers.c maps.c world.c lan.c stack.c reassembly.c dataplane.c) \
		$(addprefix tests/packets/,groups.c plane.c frame.c build.c expect.c) $(sort $(wildcard tests/packets/cases_*.c))
NATIVE_ROWS  := $(NATIVE_PLANE) $(addprefix tests/native/,main.c faults.c alone.c table.c rig.c paths.c) $(addprefix tests/packets/,run.c run_count.c verify.c describe.c)

$(B)/native/test_rows: $(NATIVE_ROWS:%.c=$(B)/native/rows/%.o) $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(NATIVE_SAN) -fprofile-instr-generate -o $@ $^ -lsodium
-include $(NATIVE_ROWS:%.c=$(B)/native/rows/%.d)


# The same beside the kernel's programs.
NATIVE_LOADED := $(NATIVE_PLANE) $(addprefix tests/native/,prog_run.c loaded.c rig.c paths.c) tests/kernel/netns.c \
		 $(addprefix tests/packets/,flows.c run.c run_count.c verify.c describe.c)
$(B)/native/test_prog_run: $(NATIVE_LOADED:%.c=$(B)/native/rows/%.o) $(B)/libkernel.a $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(NATIVE_SAN) -fprofile-instr-generate -o $@ $^ -lbpf -lelf -lz -lnftnl -lmnl -lsodium -lcmocka
-include $(NATIVE_LOADED:%.c=$(B)/native/rows/%.d)

test-programs: $(if $(SAN),,$(B)/native/test_rows $(B)/native/test_prog_run)
TEST_PROGRAMS += tests/native/rows tests/native/prog_run
endif
