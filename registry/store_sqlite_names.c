/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Databases in a directory that is somebody else's. SQLite opens by path and
 * follows a link that has a database's name (not those beside it); whoever owns
 * the directory could lead root anywhere so, and change it at any moment. With
 * the names of that directory taken from where the process stands, the open
 * system call itself decides, which is told to follow none.
 */
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "registry/store_file.h"

static char here[PATH_MAX]; /* what the working directory is called; "": no database lies there */
static sqlite3_vfs *plain;  /* SQLite's own way to files */
static sqlite3_vfs standing;

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	size_t len = strlen(here);

	(void)vfs;
	if (!len || strncmp(name, here, len) || name[len] != '/' || strchr(name + len + 1, '/'))
		return plain->xFullPathname(plain, name, size, ret);
	return wm_copy(ret, (size_t)size, name + len + 1) ? SQLITE_CANTOPEN : SQLITE_OK;
}

int store_file_stand(int dir, const char *name)
{
	int rc = wm_copy(here, sizeof(here), name);

	if (rc || fchdir(dir))
		return rc ? rc : -errno;
	if (plain)
		return 0;
	plain = sqlite3_vfs_find(NULL);
	if (!plain)
		return -ENOSYS;
	standing = *plain;
	standing.pNext = NULL;
	standing.zName = "standing";
	standing.xFullPathname = full_name;
	return sqlite3_vfs_register(&standing, 1) == SQLITE_OK ? 0 : -ENOMEM;
}
