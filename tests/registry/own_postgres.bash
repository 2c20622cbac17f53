# A PostgreSQL server for the tests of one file. To be loaded before registry.bash.

. tests/registry/postgres.bash

setup_file() { pg_start; }
teardown_file() { pg_stop; }
