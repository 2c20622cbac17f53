/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A fetcher whose answers are what the url of a request says: "config", "half, then gone" and so on. For the
 * test program itself, when it is started under the name wm-fetch.
 */
#pragma once

int fetcher_main(void); /* an exit code */
