/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is typed as wm-gateway or wm-bpf is what the package has installed; what
 * runs may be a newer release. The older hands over to it, so that who looks
 * into the data plane is of the version that made it.
 */
#pragma once

/* Does not return when there is a newer release: it runs with these arguments, under the same name. */
void wm_handover(int argc, char **argv);
