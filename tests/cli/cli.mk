$(foreach t,test_client test_client_stream,$(eval $(call test_program,cli/$(t),tests/cli/$(t).c tests/cli/http_rig.c,http core,-lcurl -ljansson -lsodium -lpthread)))
TEST_PROGRAMS += tests/cli/documented
