# What make install puts in place, a layer of the machines that run it.
$(B)/real/.installed: $(BINARIES:%=$(B)/%) $(wildcard packaging/systemd/* packaging/openrc/* packaging/sysusers.d/* docs/man/*) packaging/install.mk
	@rm -rf $(B)/real/installed
	@$(MAKE) --no-print-directory -s install DESTDIR=$(abspath $(B))/real/installed PREFIX=/usr
	@touch $@
test-programs: $(if $(SAN),,$(B)/real/.installed)
