$(eval $(call test_program,cli/test_client,tests/cli/test_client.c,http core,-lcurl -ljansson -lsodium -lpthread))
