# Packages and what else is given to others; *.bats besides.
TEST_PROGRAMS += tests/package/compiles
