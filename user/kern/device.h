/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network devices: what one is (rtnetlink, ethtool), and which packet hook suits it, with a sentence
 * why. Reading needs no privilege, so `doctor --plan` uses it too. Values only; nothing is kept.
 */
#pragma once

#include <net/if.h>

#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

enum sw_attach {
	SW_ATTACH_NONE,
	SW_ATTACH_NATIVE,
	SW_ATTACH_TCX,
	SW_ATTACH_CLSACT,
	SW_ATTACH_GENERIC,
	SW_ATTACH_DISPATCHER, /* XDP beside others: kern/dispatch.h */
	SW_ATTACH_COUNT
};

struct sw_device {
	char name[IFNAMSIZ];
	__u32 ifindex, mtu;
	char driver[24]; /* ethtool's, else the link kind, else "" */
	char kind[16]; /* rtnetlink's: "veth", "vlan", "bond", "wireguard"; "" for hardware */
	__u32 rx_queues, tx_queues;
	bool is_up, has_carrier, is_loopback;
	bool is_layer3; /* packets begin with the IP header: no Ethernet */
	bool has_default4, has_default6; /* a default route leaves here */
	bool has_gro, has_lro, has_tso;
	__u32 xdp_prog_id; /* a program that is attached now, 0 for none */
	char xdp_prog_name[16]; /* "" when it may not be asked, and so the tag */
	char xdp_prog_tag[20]; /* digits of the kernel's hash over its instructions */
	__u32 xdp_prog_uid; /* who loaded it */
};

/* What the choice depends on beside the device. */
struct sw_device_host {
	bool has_tcx; /* kernel 6.6 and newer */
};

struct sw_hook_choice {
	enum sw_attach hook; /* NONE: why says what stands against it */
	char why[100]; /* one sentence */
	char risk[100]; /* of attaching: link reset, queues, MTU; "none known" */
};

/* One device by name. 0, -ENODEV, -errno. */
int sw_device_find(const char *name, struct sw_device *ret);
/* All devices of this network namespace, the caller's to free. Their number or -errno. */
int sw_device_list(struct sw_device **ret);
/* Pure: by the table of drivers. want is the configured hook; xdp_own: a program there is ours. */
void sw_device_choose(const struct sw_device *d, enum sw_hook want,
	const struct sw_device_host *host, bool xdp_own, struct sw_hook_choice *ret);
/*
 * True when the device is among those to watch: it fits a pattern (fnmatch(3)), or with none given
 * it holds a default route and is not the loopback.
 */
bool sw_device_is_wanted(const struct sw_device *d, const struct sw_config_iface *patterns,
	size_t n, const struct sw_config_iface **ret_row);
/* "native", "tcx", "clsact", "generic", "dispatcher", "none". */
const char *sw_attach_word(enum sw_attach a);
/* Somebody's XDP program that calls others: there is room beside it. */
bool sw_device_has_dispatcher(const struct sw_device *d);
/* Kernel at least major.minor, by uname(2); tcx: 6.6. For what a probe would disturb. */
bool sw_kernel_is(unsigned int major, unsigned int minor);
