# What needs no packet; bench.bats runs the program itself.
$(eval $(call test_program,bench/test_bench,tests/bench/test_bench.c tests/unit/unit.c,bench core,$(UNIT_LIBS) -lm))
