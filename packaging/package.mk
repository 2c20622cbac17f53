# What is given to others. How each is tried: tests/package. What it is: docs/packages.md.
#
#   make deb          Debian packages, built from a copy of the sources -> $(B)/deb
#   make image        a container image of wm-registry -> $(B)/wm-registry-VERSION.tar

.PHONY: deb
deb:
	@scripts/deps.sh build package
	@packaging/deb $(B)/deb

.PHONY: image
image: deps-build
	@scripts/deps.sh package
	@$(MAKE) --no-print-directory $(B)/wm-registry
	@packaging/image $(B)/wm-registry-$(VERSION).tar
