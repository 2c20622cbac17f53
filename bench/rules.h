/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rulesets that do a gateway's work with nft or iptables: translate both ways,
 * let only registered hosts pass, count for each host. The text, as somebody
 * who knows the tool would write it.
 */
#pragma once

#include <stdio.h>

#include "bench/rival.h"

int rules_ct_maps(const struct rig *rig, enum scope scope, FILE *f);
int rules_stateless(const struct rig *rig, enum scope scope, FILE *f);
int rules_ingress(const struct rig *rig, enum scope scope, FILE *f);
int rules_per_host(const struct rig *rig, enum scope scope, FILE *f);
int rules_iptables(const struct rig *rig, enum scope scope, FILE *f);
