# How the tests are built and run. Unit tests are tests/unit/*.c (cmocka), each
# built plain and with sanitizers; everything else is an executable or a .bats
# file that speaks TAP. tests/run knows how to start each kind.
