# What is given to others. How each is tried: tests/package. What it is: docs/packages.md.
#
#   make deb          Debian packages, built from a copy of the sources -> $(B)/deb
#   make image        a container image of wm-registry -> $(B)/wm-registry-VERSION.tar
#   make release KEY=SECRET [OUT=release] [DAYS=60]    all of that, sources, programs, and what wm-agent reads, signed

.PHONY: deb
deb:
	@scripts/deps.sh build package
	@packaging/deb $(B)/deb

.PHONY: image
image: deps-build
	@scripts/deps.sh package
	@$(MAKE) --no-print-directory $(B)/wm-registry
	@packaging/image $(B)/wm-registry-$(VERSION).tar

.PHONY: release
release:
	@[ -n "$(KEY)" ] || { echo "release: make release KEY=SECRET [OUT=release] [DAYS=60]; minisign -G makes a key" >&2; exit 2; }
	@$(MAKE) --no-print-directory all
	@scripts/deps.sh package
	@packaging/release --key "$(KEY)" --out "$(or $(OUT),release)" --days "$(or $(DAYS),60)"
