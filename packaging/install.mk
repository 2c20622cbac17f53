# make install [DESTDIR=/tmp/root] [PREFIX=/usr/local] [UNITDIR=...]: programs, manual pages, completions, units. Nothing is
# enabled or started. make uninstall, with the same settings, takes these files away again; settings, keys and data, which
# install has not made, stay. Manual pages are made by scdoc: wm(1) from what `wm manual` says, the others from docs/man.

PREFIX ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
into    = $(DESTDIR)$(PREFIX)
MAN8   := $(patsubst docs/man/%.scd,%,$(wildcard docs/man/*.8.scd))
MAN    := $(B)/man/wm.1 $(MAN8:%=$(B)/man/%)

$(B)/man/wm.1: $(B)/wm
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)$(B)/wm manual | scdoc >$@.tmp && mv $@.tmp $@
$(B)/man/%.8: docs/man/%.8.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)scdoc <$< >$@.tmp && mv $@.tmp $@

.PHONY: man
man: $(MAN)

install: binaries man
	install -d $(into)/bin $(into)/libexec/wm $(into)/share/man/man1 $(into)/share/man/man8 $(DESTDIR)$(UNITDIR) \
		$(into)/share/bash-completion/completions $(into)/share/zsh/vendor-completions \
		$(into)/share/fish/vendor_completions.d $(into)/lib/sysusers.d $(into)/share/wm/openrc
	install -m 755 $(B)/wm $(B)/wm-registry $(B)/wm-gateway $(B)/wm-agent $(into)/bin
	ln -sf wm-gateway $(into)/bin/wm-bpf
	install -m 755 $(B)/wm-fetch $(into)/libexec/wm
	install -m 644 $(B)/man/wm.1 $(into)/share/man/man1
	install -m 644 $(MAN8:%=$(B)/man/%) $(into)/share/man/man8
	ln -sf wm-gateway.8 $(into)/share/man/man8/wm-agent.8
	$(B)/wm completion bash >$(into)/share/bash-completion/completions/wm
	$(B)/wm completion zsh >$(into)/share/zsh/vendor-completions/_wm
	$(B)/wm completion fish >$(into)/share/fish/vendor_completions.d/wm.fish
	for unit in packaging/systemd/*; do \
		sed 's#/usr/bin/#$(PREFIX)/bin/#' $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/} || exit 1; \
	done
	install -m 644 packaging/sysusers.d/wm.conf $(into)/lib/sysusers.d
	sed 's#/usr/bin/#$(PREFIX)/bin/#' packaging/openrc/wm-gateway >$(into)/share/wm/openrc/wm-gateway
	chmod 755 $(into)/share/wm/openrc/wm-gateway

# tests/package holds it against what install has made.
.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(into)/bin/,wm wm-registry wm-gateway wm-agent wm-bpf) $(into)/libexec/wm/wm-fetch \
		$(into)/share/man/man1/wm.1 $(addprefix $(into)/share/man/man8/,$(MAN8) wm-agent.8) \
		$(into)/share/bash-completion/completions/wm $(into)/share/zsh/vendor-completions/_wm \
		$(into)/share/fish/vendor_completions.d/wm.fish $(into)/lib/sysusers.d/wm.conf $(into)/share/wm/openrc/wm-gateway \
		$(patsubst packaging/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(wildcard packaging/systemd/*))
	for directory in $(into)/libexec/wm $(into)/share/wm/openrc $(into)/share/wm; do \
		[ ! -d $$directory ] || rmdir --ignore-fail-on-non-empty $$directory || exit 1; \
	done
