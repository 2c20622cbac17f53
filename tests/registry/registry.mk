# The registry: its pure parts here, the server itself in *.bats.
$(foreach t,alloc guard throttle timers,$(eval $(call test_program,registry/test_$(t),tests/registry/test_$(t).c,registry core,-lsodium)))
$(eval $(call test_program,registry/test_stream,tests/registry/test_stream.c tests/unit/unit.c,registry core,-ljansson -lsodium))
