/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/migrations.h"

#include "core/util.h"

/* The assembler finds the files: it is given -I<registry>. */
#define MIGRATION(symbol, file)                                          \
	__asm__(".pushsection .rodata.migrations,\"a\"\n" #symbol ":\n"  \
		".incbin \"migrations/" file "\"\n.byte 0\n"             \
		".popsection\n");                                        \
	extern const char symbol[] __attribute__((visibility("hidden")))

MIGRATION(migration_0001, "0001_mesh.sql");
MIGRATION(migration_0002, "0002_changes.sql");
MIGRATION(migration_0003, "0003_marks.sql");
MIGRATION(migration_0004, "0004_audit.sql");
MIGRATION(migration_0005, "0005_preshared.sql");

const char *const migrations[] = {
	migration_0001,
	migration_0002,
	migration_0003,
	migration_0004,
	migration_0005,
};
const size_t nmigrations = WM_ARRAY_LEN(migrations);

MIGRATION(postgresql_0001, "postgresql/0001_mesh.sql");
MIGRATION(postgresql_0002, "postgresql/0002_marks.sql");
MIGRATION(postgresql_0003, "postgresql/0003_audit.sql");
MIGRATION(postgresql_0004, "postgresql/0004_reports.sql");
MIGRATION(postgresql_0005, "postgresql/0005_preshared.sql");

const char *const migrations_postgresql[] = {
	postgresql_0001,
	postgresql_0002,
	postgresql_0003,
	postgresql_0004,
	postgresql_0005,
};
const size_t nmigrations_postgresql = WM_ARRAY_LEN(migrations_postgresql);
