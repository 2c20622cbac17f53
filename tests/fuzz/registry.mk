# libFuzzer on the registry: fuzz_request on all of it, through a socket; fuzz_objects on the JSON of what a mesh consists of.
# `make test` replays the corpora and fuzzes for half a minute; `make fuzz-registry SECONDS=3600` for longer.
FUZZ_REG_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -MMD -MP -Wall -Wextra -Wno-missing-field-initializers $(if $(WERROR),-Werror) \
		   -DWM_VERSION='"$(VERSION)"' -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
		   -Ibpf -I$(B)/see/tests -Itests $(inc_registry)
FUZZ_REG_CORE   := $(wildcard userspace/core/*.c)
FUZZ_REG        := $(filter-out registry/main.c,$(wildcard registry/*.c)) $(FUZZ_REG_CORE)

# Own objects: with coverage, and by clang.
$(B)/fuzz/obj/%.o: %.c $(B)/see/tests/$(SEEN) $(gen_registry) tests/fuzz/registry.mk
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(FUZZ_REG_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<
$(B)/fuzz/fuzz_request: $(FUZZ_REG:%.c=$(B)/fuzz/obj/%.o) $(addprefix $(B)/fuzz/obj/tests/fuzz/,request.o reference.o)
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -lmicrohttpd -ljansson -lsqlite3 -lpq -lsodium -lsmartcols -lpthread
$(B)/fuzz/fuzz_objects: $(B)/fuzz/obj/registry/objects.o $(FUZZ_REG_CORE:%.c=$(B)/fuzz/obj/%.o) $(B)/fuzz/obj/tests/fuzz/objects.o
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -lsodium -lsmartcols
-include $(FUZZ_REG:%.c=$(B)/fuzz/obj/%.d) $(addprefix $(B)/fuzz/obj/tests/fuzz/,request.d reference.d objects.d)

.PHONY: fuzz-registry
test-programs: $(if $(SAN),,$(B)/fuzz/fuzz_request $(B)/fuzz/fuzz_objects)
TEST_PROGRAMS += tests/fuzz/registry

fuzz-registry: $(B)/fuzz/fuzz_request $(B)/fuzz/fuzz_objects
	@SECONDS=$(or $(SECONDS),60) B=$(B) tests/fuzz/registry
