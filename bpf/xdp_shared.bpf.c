// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate as xdp-loader(8) takes it, to stand beside other XDP programs under the dispatcher of libxdp: the same
 * programs over the same maps, which are found by their pins.
 */
#define SW_PINS_ITSELF
#include "xdp_gate.bpf.c"
