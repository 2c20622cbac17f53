# The registry: its pure parts here, the server itself in *.bats.
TEST_PROGRAMS += tests/registry/on_postgresql
$(foreach t,alloc guard peers throttle timers,$(eval $(call test_program,registry/test_$(t),tests/registry/test_$(t).c,registry core,-lsodium)))
$(foreach t,document news stream,$(eval $(call test_program,registry/test_$(t),tests/registry/test_$(t).c tests/unit/unit.c,registry core,-ljansson -lsodium)))
$(eval $(call test_program,registry/test_store,tests/registry/test_store.c tests/unit/unit.c,registry core,-ljansson -lsqlite3 -lpq -lsodium))

# Many clients at once, for *.bats and bench/registry.
$(B)/tests/registry/crowd: $(B)/obj/tests/registry/crowd.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(call link,,$^,-lsodium)
-include $(B)/obj/tests/registry/crowd.d
test-programs: $(if $(SAN),,$(B)/tests/registry/crowd)

# Lists the table of routes too, for roles.bats and openapi.bats.
$(eval $(call test_program,registry/test_routes,tests/registry/test_routes.c,registry core,-lmicrohttpd -ljansson -lsqlite3 -lpq -lsodium -lpthread))

# The registry with other scripts in it than setup/ has: embedded/.
$(B)/obj/tests/registry/embedded.o: registry/embedded.c $(wildcard tests/registry/embedded/*.inc tests/registry/embedded/*/*.sh) \
		docs/openapi.yaml $(B)/gen/web.inc $(web_files) registry/web/index.html $(B)/see/registry/$(SEEN)
	@mkdir -p $(@D)
	$(call say,CC,$< (embedded/))
	$(Q)$(CC) $(ALLCFLAGS) -I$(B)/see/registry -Itests/registry/embedded -I$(B)/gen -DSETUP_DIR='"tests/registry/embedded/setup/"' -Wa,-I$(CURDIR) -c -o $@ $<
$(B)/tests/registry/embedded: $(B)/obj/tests/registry/embedded.o $(B)/libregistry.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call link,$(B)/obj/registry/main.o,$^,-lmicrohttpd -ljansson -lsqlite3 -lpq -lsodium -lpthread)
-include $(B)/obj/tests/registry/embedded.d
test-programs: $(if $(SAN),,$(B)/tests/registry/embedded)
