/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names in other scripts as they are asked for: "bücher.example" is "xn--bcher-kva.example". Pure. */
#pragma once

#include "user/base/util.h"

/* True when a name needs it: it has a byte above 0x7f. */
bool sw_idna_is_needed(const char *name, size_t len);
/*
 * UTF-8 to its ASCII form, lower case, in out with a NUL; its length. -EINVAL: no name that can be one,
 * -ENOSPC: it does not fit. Source: RFC 5891, UTS 46 non-transitional, by libidn2.
 */
int sw_idna_to_ascii(const char *name, size_t len, char *out, size_t size);
