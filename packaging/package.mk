# What is given to others. How each is tried: tests/package. What it is: docs/packages.md.
#
#   make deb          Debian packages, built from a copy of the sources -> $(B)/deb

.PHONY: deb
deb:
	@scripts/deps.sh build package
	@packaging/deb $(B)/deb
