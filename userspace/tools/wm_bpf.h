/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wm-bpf: looks into the data plane of an instance, whichever back end it is.
 * The same program file as wm-gateway, so that versions never differ.
 */
#pragma once

int wm_bpf_main(int argc, char **argv);
