/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The verb "metrics": Prometheus text, exposition format 0.0.4. Base units, counters end in _total,
 * never an address, a port or a PID as a label: what an attacker chooses does not make series.
 */
#pragma once

#include "user/base/strbuf.h"
#include "user/engine/engine.h"

/* Appends the whole page. */
void sw_metrics_write(struct sw_engine *e, struct sw_strbuf *out);
