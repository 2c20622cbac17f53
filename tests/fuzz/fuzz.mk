# libFuzzer on the programs of bpf/ in their world (tests/native). `make test` replays the corpus and fuzzes for a
# minute; `make fuzz SECONDS=3600` for longer; `make fuzz-corpus` takes over new rows and what was found.
include tests/native/native.mk
FUZZ_PLANE  := $(NATIVE_PLANE) $(addprefix tests/packets/,verify.c describe.c rules.c isolation.c) $(addprefix tests/fuzz/,plane.c oracle.c)
FUZZ_CORPUS := $(NATIVE_PLANE) tests/native/rig.c tests/native/paths.c tests/fuzz/corpus.c

$(B)/native/fuzz/%.o: %.c $(B)/see/tests/$(SEEN) $(wildcard bpf/*) tests/native/native.mk tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(NATIVE_CFLAGS) -O2 -fsanitize=fuzzer-no-link -c -o $@ $<
$(B)/native/fuzz_plane: $(FUZZ_PLANE:%.c=$(B)/native/fuzz/%.o) $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(NATIVE_SAN) -fsanitize=fuzzer -o $@ $^ -lsodium
$(B)/native/fuzz_corpus: $(FUZZ_CORPUS:%.c=$(B)/native/rows/%.o) $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(NATIVE_SAN) -fprofile-instr-generate -o $@ $^ -lsodium
-include $(FUZZ_PLANE:%.c=$(B)/native/fuzz/%.d) $(B)/native/rows/tests/fuzz/corpus.d

.PHONY: fuzz fuzz-corpus
test-programs: $(if $(SAN),,$(B)/native/fuzz_plane)
TEST_PROGRAMS += tests/fuzz/plane

# SECONDS=3600 for an hour.
fuzz: $(B)/native/fuzz_plane
	@SECONDS=$(or $(SECONDS),60) B=$(B) tests/fuzz/plane

# The corpus anew, from the rows of tests/packets and from all that was found: the least that takes every way that these
# take. Short ones, so that it stays under 500 kB.
fuzz-corpus: $(B)/native/fuzz_plane $(B)/native/fuzz_corpus
	@rm -rf $(B)/fuzz/rows $(B)/fuzz/least
	@mkdir -p $(B)/fuzz/rows $(B)/fuzz/least $(B)/fuzz/new tests/fuzz/corpus
	$(Q)LLVM_PROFILE_FILE=/dev/null $(B)/native/fuzz_corpus $(B)/fuzz/rows
	$(Q)$(B)/native/fuzz_plane -merge=1 -max_len=600 $(B)/fuzz/least $(B)/fuzz/rows tests/fuzz/corpus $(B)/fuzz/new 2>&1 | tail -1
	$(Q)rm -f tests/fuzz/corpus/* && mv $(B)/fuzz/least/* tests/fuzz/corpus/
	@du -sb --apparent-size tests/fuzz/corpus
