# The wg device and WireGuard itself (userspace/kernel/link*.c, wg*.c, nl.c).
$(eval $(call test_program,kernel/test_link,tests/kernel/test_link.c tests/kernel/link_rig.c tests/kernel/netns.c,kernel core,-lmnl -lsodium))
$(eval $(call test_program,kernel/test_link_up,tests/kernel/test_link_up.c tests/kernel/link_rig.c tests/kernel/netns.c,kernel core,-lmnl -lsodium))
$(foreach t,test_wg test_wg_traffic,$(eval $(call test_program,kernel/$(t),tests/kernel/$(t).c tests/kernel/wg_rig.c tests/kernel/netns.c,kernel core,-lmnl -lsodium)))
# The host of a gateway's container (userspace/kernel/link_host.c, nft_forward.c, nft_conntrack.c).
$(eval $(call test_program,kernel/test_host,tests/kernel/test_host.c tests/kernel/netns.c,kernel core,-lnftnl -lmnl -lsodium))
