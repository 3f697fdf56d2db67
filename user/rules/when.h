/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days and hours, as text and as rules hold them. Pure. */
#pragma once

#include "sockwarden/rpc/rules.h"
#include "user/base/strbuf.h"

/* "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00". 0 or -EINVAL. */
int sw_when_parse(const char *text, struct sw_rules_when *ret);
void sw_when_format(struct sw_strbuf *out, const struct sw_rules_when *w);
