# The nftables back end and the names for dnsmasq (userspace/kernel/nft*.c, hosts.c).
NFT_LIBS := -lnftnl -lmnl -lsodium
# What test_nft watches between the back end and the kernel.
NFT_WRAP := $(addprefix -Xlinker --wrap=,getsockopt sendmsg wm_nl_dump)
$(eval $(call test_program,kernel/test_nft_packets,$(addprefix tests/kernel/,test_nft_packets.c nft_rig.c netns.c),kernel core,$(NFT_LIBS)))
$(eval $(call test_program,kernel/test_nft,$(addprefix tests/kernel/,test_nft.c nft_rig.c netns.c),kernel core,$(NFT_LIBS) $(NFT_WRAP)))
$(eval $(call test_program,kernel/test_hosts,$(addprefix tests/kernel/,test_hosts.c netns.c),kernel core,-lsodium))
