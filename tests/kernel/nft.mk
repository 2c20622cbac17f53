# The nftables back end and the names for dnsmasq (userspace/kernel/nft*.c, hosts.c).
NFT_LIBS := -lnftnl -lmnl -lsodium
NFT_RIG  := $(addprefix tests/kernel/,nft_rig.c nft_packet.c netns.c)
# What stands between the back end and the kernel in these tests.
nft_wrap = $(addprefix -Xlinker --wrap=,$(1))
$(eval $(call test_program,kernel/test_nft,tests/kernel/test_nft.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS) $(call nft_wrap,sendmsg wm_nl_dump)))
$(eval $(call test_program,kernel/test_nft_others,tests/kernel/test_nft_others.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft_many,tests/kernel/test_nft_many.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS) $(call nft_wrap,getsockopt sendmsg)))
$(eval $(call test_program,kernel/test_nft_packets,tests/kernel/test_nft_packets.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft_filter,tests/kernel/test_nft_filter.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft_fast,tests/kernel/test_nft_fast.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft_old,tests/kernel/test_nft_old.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS) $(call nft_wrap,wm_nft_batch_send)))
$(eval $(call test_program,kernel/test_nft_busy,tests/kernel/test_nft_old.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS) $(call nft_wrap,wm_nft_batch_send)))
$(eval $(call test_program,kernel/test_nft_counters,tests/kernel/test_nft_counters.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft_drops,tests/kernel/test_nft_drops.c tests/kernel/nft_setup.c $(NFT_RIG),kernel core,$(NFT_LIBS)))
$(foreach t,test_hosts test_dnsmasq,$(eval $(call test_program,kernel/$(t),tests/kernel/$(t).c tests/kernel/hosts_rig.c tests/kernel/netns.c,kernel core,-lsodium)))
