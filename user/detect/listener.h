/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A difference between a listener and the baseline, as a finding: how grave it is and in which words.
 * Pure; in the engine.
 */
#pragma once

#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/config.h"
#include "user/sockets/baseline.h"

/*
 * Fills *ret (id and times stay 0: the engine's to set). pid and comm of the process, 0 and "" when
 * there is none. is_since_start: the difference arose while we were not watching.
 */
void sw_detect_listener(const struct sw_baseline_change *c, uint32_t pid, const char *comm, bool is_since_start,
	struct sw_finding *ret);

/* r, of a UNIX socket, is worth a finding by what the configuration says. */
bool sw_detect_is_unix_told(const struct sw_config *c, const struct sw_baseline_row *r);
