# wm: everything is built into build/. The two commands: make demo, make test. To keep it: make install.
#
# Who may include whom is held here: each folder is compiled with a directory
# of links to the folders it may see, and nothing else is on its include path.
# tests/unit/include_rules checks the rest.

MAKEFLAGS += --no-builtin-rules
# make V=1 shows whole commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')
B       ?= build
CC      ?= gcc
CC      := $(if $(filter cc,$(CC)),gcc,$(CC))
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
	   -Wundef -Wformat=2 -Wno-missing-field-initializers $(if $(WERROR),-Werror)
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS  ?= -O2 -g
ALLCFLAGS = -std=gnu11 -D_GNU_SOURCE -DWM_VERSION='"$(VERSION)"' $(WARN) $(CFLAGS) \
	   $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer,$(HARDEN)) \
	   -ffunction-sections -fdata-sections -MMD -MP
ALLLDFLAGS = $(LDFLAGS) -Wl,--gc-sections -Wl,-z,relro,-z,now \
	   $(if $(SAN),-fsanitize=address$(comma)undefined,-pie)
comma   := ,

BINARIES := wm wm-registry wm-gateway wm-agent wm-fetch

.PHONY: all deps deps-build demo demo-down test check vmtest clean install format
all: deps-build
	@$(MAKE) --no-print-directory -j$(shell nproc) binaries

binaries: $(BINARIES:%=$(B)/%) $(B)/wm-bpf

deps-build:
	@scripts/deps.sh build
deps:
	@scripts/deps.sh

# --- include rules -----------------------------------------------------------
# see_<folder>: the folders whose headers it may include (as "<folder>/x.h").
see_core     := core
see_http     := core http
see_kernel   := core kernel
see_agent    := core kernel tools agent
see_fetch    := core http fetch
see_tools    := core kernel tools
see_registry := core registry
see_cli      := core http cli

dir_core     := userspace/core
dir_http     := userspace/http
dir_kernel   := userspace/kernel
dir_agent    := userspace/agent
dir_fetch    := userspace/fetch
dir_tools    := userspace/tools
dir_registry := registry
dir_cli      := cli
FOLDERS      := core http kernel agent fetch tools registry cli

# $(B)/see/<folder>/<seen> -> the real folder. A checkout that was copied with its build has links to where it was: the stamp's
# name has the place in it, so that they are made anew.
SEEN := .done$(subst /,_,$(CURDIR))
define see_rule
$(B)/see/$(1)/$(SEEN): Makefile
	@mkdir -p $$(@D)
	@$$(foreach s,$$(see_$(1)),ln -sfn $$(CURDIR)/$$(dir_$$(s)) $$(@D)/$$(s);)
	@touch $$@
$(B)/obj/$(1)/%.o: $$(dir_$(1))/%.c $(B)/see/$(1)/$(SEEN) $$(gen_$(1))
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$(ALLCFLAGS) -I$(B)/see/$(1) $$(inc_$(1)) -c -o $$@ $$<
obj_$(1) := $$(patsubst $$(dir_$(1))/%.c,$(B)/obj/$(1)/%.o,$$(sort $$(wildcard $$(dir_$(1))/*.c $$(dir_$(1))/lifecycle/*.c)))
$(B)/lib$(1).a: $$(obj_$(1))
	@rm -f $$@
	@ar rcs $$@ $$^
-include $$(obj_$(1):.o=.d)
endef

# The data plane's contract: core sees the list of reasons, kernel/bpf.c the rest.
inc_core     := -Ibpf
inc_kernel   := -Ibpf -I$(B)/gen
gen_kernel   := $(B)/gen/wm_tc.skel.h $(B)/gen/wm_xdp.skel.h
inc_registry := -Wa,-I$(CURDIR)/registry -I/usr/include/postgresql -Wa,-I$(CURDIR) -I$(B)/gen
gen_registry := $(wildcard registry/migrations/*.sql registry/migrations/*/*.sql) $(B)/gen/setup.inc docs/openapi.yaml
inc_agent    := -Ibpf -Wa,-I$(CURDIR)
inc_tools    := -Ibpf

$(foreach f,$(FOLDERS),$(eval $(call see_rule,$(f))))

# The scripts that the registry serves: whatever there is.
setup_files := $(sort $(wildcard setup/*.sh))
$(B)/gen/setup.inc: setup $(setup_files) Makefile
	@mkdir -p $(@D)
	@{ :; $(foreach s,$(setup_files:setup/%.sh=%),echo 'SETUP($s)';) } >$@
# The dashboard's files, beside its page. Only one object has them in it.
web_files := $(sort $(wildcard registry/web/*.js registry/web/*.css registry/web/*.svg))
$(B)/gen/web.inc: registry/web $(web_files) Makefile
	@mkdir -p $(@D)
	@{ :; $(foreach f,$(notdir $(web_files)),echo 'WEB($(basename $f), $(patsubst .%,%,$(suffix $f)))';) } >$@
$(B)/obj/registry/embedded.o: $(B)/gen/web.inc $(web_files) registry/web/index.html

# --- BPF ----------------------------------------------------------------------
BPF_CFLAGS := -target bpf -mcpu=v2 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	      -I/usr/include/$(shell $(CC) -print-multiarch)

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
$(B)/gen/%.skel.h: $(B)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

# Kept: tests load it and bpftool shows it.
.PRECIOUS: $(B)/bpf/%.bpf.o $(B)/gen/%.skel.h

# --- binaries -----------------------------------------------------------------
# Static archives, so that a program holds only what it uses: wm-gateway links
# neither libcurl nor jansson.
define link
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALLLDFLAGS) -o $@ $(1) -Wl,--start-group $(2) -Wl,--end-group $(3)
endef

$(B)/wm-gateway: $(B)/libagent.a $(B)/libtools.a $(B)/libkernel.a $(B)/libcore.a
	$(call link,$(B)/obj/agent/gateway_main.o,$^,-lbpf -lelf -lz -lnftnl -lmnl -lsodium -lsmartcols)
$(B)/wm-bpf: $(B)/wm-gateway
	@ln -sf wm-gateway $@
$(B)/wm-agent: $(B)/libagent.a $(B)/libcore.a
	$(call link,$(B)/obj/agent/agent_main.o,$^,-lsodium)
$(B)/wm-fetch: $(B)/libfetch.a $(B)/libhttp.a $(B)/libcore.a
	$(call link,$(B)/obj/fetch/fetch_main.o,$^,-lcurl -ljansson -lsodium -lseccomp)
$(B)/wm-registry: $(B)/libregistry.a $(B)/libcore.a
	$(call link,$(B)/obj/registry/main.o,$^,-lmicrohttpd -ljansson -lsqlite3 -lpq -lsodium -lpthread)
$(B)/wm: $(B)/libcli.a $(B)/libhttp.a $(B)/libcore.a
	$(call link,$(B)/obj/cli/main.o,$^,-lcurl -ljansson -lsodium -lsmartcols -lqrencode -lpthread)

# --- tests, demo ----------------------------------------------------------------
include tests/tests.mk
include bench/bench.mk
include packaging/install.mk
include packaging/package.mk

demo: all
	@scripts/deps.sh demo
	@scripts/demo up $(if $(KEEP),--keep)
demo-down:
	@scripts/demo down

clean:
	rm -rf $(B)
