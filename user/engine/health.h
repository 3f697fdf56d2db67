/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What health.c gives to the engine's own files; what every part may call is in engine.h. */
#pragma once

#include "user/engine/engine.h"

int sw_health_new(struct sw_health **ret);
void sw_health_free(struct sw_health *h);
/* The array "degraded" into an open object. */
void sw_degraded_json(const struct sw_engine *e, struct sw_json *j);
/* The next sw_engine_guard_status asks anew. */
void sw_health_forget_status(struct sw_engine *e);
