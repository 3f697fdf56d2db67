/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MD5 (RFC 1321), for the fingerprints that are defined by it and for nothing else. */
#pragma once

#include "user/base/util.h"

void sw_md5(const void *data, size_t len, uint8_t ret[static 16]);
