/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard gives every map its pin as it loads an object. One object is loaded by a program that is not ours
 * (xdp_shared, for the dispatcher of libxdp): there the maps ask for their pins themselves.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#ifdef SW_PINS_ITSELF
#define SW_PIN __uint(pinning, LIBBPF_PIN_BY_NAME);
#else
#define SW_PIN
#endif
