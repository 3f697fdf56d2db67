// SPDX-License-Identifier: GPL-3.0-or-later
/* The choice of a packet hook: pure, from a table of drivers. Declared in user/kern/device.h. */
#include <fnmatch.h>
#include <sys/utsname.h>

#include "user/kern/device.h"

#define RESET "the link resets for a second or so while the driver rebuilds its rings"
#define KEEPS "the driver runs native XDP and keeps its offloads"
#define QUIET "none known: no link reset"

/* Drivers whose name is known, by whether native XDP keeps their offloads. */
static const struct driver_row {
	const char *name;
	bool is_native; /* auto chooses native XDP */
	const char *why;
	const char *risk;
} drivers[] = {
	{"veth", false,
		"native XDP on veth gives up large segments (bulk TCP 7.3 instead of 15.9 Gbit/s)",
		QUIET},
	{"virtio_net", false,
		"native XDP on virtio gives up large segments and needs a spare queue per CPU",
		"native XDP resets the device; tcx does not"},
	{"tun", false, "native XDP on tun/tap gives up large segments", QUIET},
	{"xen_netfront", false,
		"native XDP on Xen reconnects the device and gives up large segments",
		"native XDP reconnects the device; tcx does not"},
	{"vmxnet3", false, "native XDP on vmxnet3 turns large receive off",
		"native XDP resets the device; tcx does not"},
	{"hv_netvsc", false, "native XDP on Hyper-V turns large receive off",
		"native XDP resets the device; tcx does not"},
	{"i40e", true, KEEPS, RESET},
	{"ice", true, KEEPS, RESET},
	{"iavf", false, "the driver has no native XDP", QUIET},
	{"ixgbe", true, KEEPS, RESET},
	{"ixgbevf", true, KEEPS, RESET},
	{"igb", true, KEEPS, RESET},
	{"igc", true, KEEPS, RESET},
	{"mlx5_core", true, KEEPS,
		"channels are rebuilt: packets lost for milliseconds, no link reset"},
	{"mlx4_en", true, KEEPS, RESET},
	{"bnxt_en", true, KEEPS, RESET},
	{"ena", true, KEEPS,
		"queues are rebuilt; half of them must be free and the MTU at most 3498"},
	{"gve", true, KEEPS, "queues are rebuilt; half of them must be free"},
	{"mana", true, KEEPS, RESET},
	{"nfp", true, KEEPS, RESET},
	{"sfc", true, KEEPS, RESET},
	{"qede", true, KEEPS, RESET},
	{"fsl_dpaa2_eth", true, KEEPS, RESET},
	{"fsl_enetc", true, KEEPS, RESET},
	{"mvneta", true, KEEPS, RESET},
	{"mvpp2", true, KEEPS, RESET},
	{"st_gmac", true, KEEPS, RESET},
	{"bonding", false,
		"a bond's members may not all run native XDP; tcx sees what the bond delivers",
		QUIET},
	{"bridge", false, "a bridge has no native XDP", QUIET},
	{"802.1Q VLAN Support", false, "a VLAN device has no native XDP", QUIET},
};

static const struct driver_row unknown = {"", false,
	"it is not known that this driver keeps its offloads under native XDP",
	"none known for tcx; native XDP may reset the link"};

static const char *const attach_words[] = {[SW_ATTACH_NONE] = "none",
	[SW_ATTACH_NATIVE] = "native",
	[SW_ATTACH_TCX] = "tcx",
	[SW_ATTACH_CLSACT] = "clsact",
	[SW_ATTACH_GENERIC] = "generic",
	[SW_ATTACH_DISPATCHER] = "dispatcher"};

const char *sw_attach_word(enum sw_attach a)
{
	return a < SW_ATTACH_COUNT ? attach_words[a] : "?";
}

bool sw_kernel_is(unsigned int major, unsigned int minor)
{
	struct utsname u;
	unsigned int a = 0, b = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &a, &b) != 2)
		return false;
	return a > major || (a == major && b >= minor);
}

static const struct driver_row *find_driver(const struct sw_device *d)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(drivers); i++) {
		if (sw_streq(drivers[i].name, d->driver))
			return &drivers[i];
	}
	return &unknown;
}

static void say(struct sw_hook_choice *ret, enum sw_attach hook, const char *why, const char *risk)
{
	ret->hook = hook;
	sw_strcpy(ret->why, sizeof(ret->why), why);
	sw_strcpy(ret->risk, sizeof(ret->risk), risk);
}

bool sw_device_has_dispatcher(const struct sw_device *d)
{
	return sw_streq(d->xdp_prog_name, "xdp_dispatcher");
}

/* Native and generic XDP take the whole device: somebody else's program there is never replaced. */
static bool refuse_foreign(const struct sw_device *d, bool xdp_own, struct sw_hook_choice *ret)
{
	if (!d->xdp_prog_id || xdp_own)
		return false;
	say(ret, SW_ATTACH_NONE, "", QUIET);
	if (sw_device_has_dispatcher(d)) {
		snprintf(ret->why, sizeof(ret->why),
			"the dispatcher of libxdp is there (program %u); set hook: dispatcher to run beside the others",
			d->xdp_prog_id);
		return true;
	}
	snprintf(ret->why, sizeof(ret->why),
		"XDP program %u%s%s%s of somebody else is there; set hook: tcx to run after it",
		d->xdp_prog_id, d->xdp_prog_name[0] ? " (" : "", d->xdp_prog_name,
		d->xdp_prog_name[0] ? ")" : "");
	return true;
}

static void choose_tc(const struct sw_device_host *host, const char *why, const char *risk,
	struct sw_hook_choice *ret)
{
	say(ret, host->has_tcx ? SW_ATTACH_TCX : SW_ATTACH_CLSACT, why, risk);
}

static void choose_dispatcher(
	const struct sw_device *d, const struct driver_row *row, bool xdp_own, struct sw_hook_choice *ret)
{
	if (d->is_layer3)
		say(ret, SW_ATTACH_NONE, "hook: dispatcher is set, but a layer-3 device has no native XDP", QUIET);
	else if (sw_device_has_dispatcher(d) || !refuse_foreign(d, xdp_own, ret))
		say(ret, SW_ATTACH_DISPATCHER, "set in the configuration", row->risk);
}

void sw_device_choose(const struct sw_device *d, enum sw_hook want,
	const struct sw_device_host *host, bool xdp_own, struct sw_hook_choice *ret)
{
	const struct driver_row *row = find_driver(d);

	if (want == SW_HOOK_NATIVE || want == SW_HOOK_GENERIC) {
		bool is_native = want == SW_HOOK_NATIVE;

		if (is_native && d->is_layer3)
			say(ret, SW_ATTACH_NONE,
				"hook: native is set, but a layer-3 device has no native XDP",
				QUIET);
		else if (!refuse_foreign(d, xdp_own, ret))
			say(ret, is_native ? SW_ATTACH_NATIVE : SW_ATTACH_GENERIC,
				"set in the configuration", is_native ? row->risk : QUIET);
		return;
	}
	if (want == SW_HOOK_DISPATCHER)
		choose_dispatcher(d, row, xdp_own, ret);
	else if (want == SW_HOOK_TCX)
		choose_tc(host, "set in the configuration", QUIET, ret);
	else if (d->is_layer3)
		choose_tc(host, "a layer-3 device has no Ethernet header for XDP to read", QUIET,
			ret);
	else if (!row->is_native)
		choose_tc(host, row->why, row->risk, ret);
	else if (d->xdp_prog_id && !xdp_own) {
		char why[sizeof(ret->why)];

		snprintf(why, sizeof(why),
			"XDP program %u (%s) of somebody else is there, and is left in place",
			d->xdp_prog_id, d->xdp_prog_name[0] ? d->xdp_prog_name : "unnamed");
		choose_tc(host, why, QUIET, ret);
	} else
		say(ret, SW_ATTACH_NATIVE, row->why, row->risk);
}

bool sw_device_is_wanted(const struct sw_device *d, const struct sw_config_iface *patterns,
	size_t n, const struct sw_config_iface **ret_row)
{
	*ret_row = NULL;
	if (!n)
		return !d->is_loopback && (d->has_default4 || d->has_default6);
	for (size_t i = 0; i < n; i++) {
		if (fnmatch(patterns[i].pattern, d->name, 0) == 0) {
			*ret_row = &patterns[i];
			return true;
		}
	}
	return false;
}
