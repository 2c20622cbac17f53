/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files that know SQLite share. For store_sqlite*.c only.
 */
#pragma once

#define SQLITE_APPLICATION_ID 0x574d5247 /* "WMRG" */

int sqlite_errno(int rc); /* of SQLite's result: 0 or -errno */
