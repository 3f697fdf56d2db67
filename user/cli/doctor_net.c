// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/cidr.h"
#include "user/cli/doctor.h"
#include "user/cli/table.h"
#include "user/kern/device.h"

/* The status is asked once, for all that follow. */
void sw_doctor_daemon(struct sw_doctor *d)
{
	json_t *p;
	size_t i;
	int r = sw_cli_ask_quietly(d->cli, "status", NULL, -1, &d->status);
	_strbuf_ struct sw_strbuf dead = {};

	if (r == SW_EXIT_NOT_RUNNING) {
		sw_doctor_add(d, SW_DOCTOR_WARN, "daemon", "systemctl start sockwardend, or sockwardend --supervise",
			"not running");
		return;
	}
	if (r) {
		sw_doctor_add(d, SW_DOCTOR_WARN, "daemon", "run doctor as root or in group sockwarden",
			"runs, but did not answer");
		return;
	}
	json_array_foreach(json_object_get(d->status, "processes"), i, p) {
		/* a page that is switched off has no process to miss */
		if (!sw_cli_number(p, "pid") && (d->conf.web_enabled || !sw_streq(sw_cli_text(p, "name"), "web")))
			sw_strbuf_printf(&dead, "%s%s", dead.len ? ", " : "", sw_cli_text(p, "name"));
	}
	if (dead.len)
		sw_doctor_add(d, SW_DOCTOR_FAIL, "daemon", "journalctl -u 'sockwarden*' says why", "not running: %s",
			sw_strbuf_get(&dead));
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "daemon", NULL, "running, mode %s", sw_cli_text(d->status, "mode"));
	json_array_foreach(json_object_get(d->status, "degraded"), i, p)
		sw_doctor_add(d, SW_DOCTOR_WARN, "degraded", "sockwarden status has more", "%s",
			json_is_string(p) ? json_string_value(p) : sw_cli_text(p, "text"));
}

/* "on_exec on_exit -fentry(EPERM)" to the number attached, and those that were not. */
static unsigned int sum_hooks(const char *hooks, struct sw_strbuf *refused)
{
	unsigned int n = 0;

	for (size_t len; *hooks; hooks += len + (hooks[len] == ' ')) {
		len = strcspn(hooks, " ");
		if (*hooks != '-') {
			n += len > 0;
			continue;
		}
		sw_strbuf_puts(refused, refused->len ? ", " : "; not to be had here: ");
		sw_strbuf_add(refused, hooks + 1, len - 1);
	}
	return n;
}

/* Whether nftables holds what the packet program does. */
static bool has_nft(const struct sw_doctor *d)
{
	const json_t *b;
	size_t i;

	json_array_foreach(json_object_get(d->status, "backends"), i, b) {
		if (sw_streq(sw_cli_text(b, "name"), "nftables"))
			return sw_streq(sw_cli_text(b, "state"), "installed");
	}
	return false;
}

void sw_doctor_hooks(struct sw_doctor *d)
{
	_strbuf_ struct sw_strbuf refused = {};
	const char *tier, *hooks;
	unsigned int n;
	json_t *iface;
	size_t i;

	if (!d->status)
		return;
	tier = sw_cli_text(d->status, "tier");
	hooks = sw_cli_text(d->status, "hooks");
	n = sum_hooks(hooks, &refused);
	if (*tier >= 'A' && *tier <= 'C')
		sw_doctor_add(d, SW_DOCTOR_OK, "sockets", NULL, "tier %s: %u programs attached%s", tier, n,
			sw_strbuf_get(&refused));
	else
		sw_doctor_add(d, SW_DOCTOR_FAIL, "sockets", "the daemon's log says which hooks were refused and why",
			"no socket hook is attached: %s", hooks);
	json_array_foreach(json_object_get(d->status, "interfaces"), i, iface) {
		const char *hook = sw_cli_text(iface, "hook");

		if (sw_streq(hook, "none") && has_nft(d))
			sw_doctor_add(d, SW_DOCTOR_WARN, "hook", "sockwarden doctor --plan IFACE",
				"%s: nftables alone drops there, and nothing is told of what it drops: %s",
				sw_cli_text(iface, "name"), sw_cli_text(iface, "why"));
		else if (sw_streq(hook, "none"))
			sw_doctor_add(d, SW_DOCTOR_FAIL, "hook", "sockwarden doctor --plan IFACE", "%s is not protected: %s",
				sw_cli_text(iface, "name"), sw_cli_text(iface, "why"));
		else
			sw_doctor_add(d, SW_DOCTOR_OK, "hook", NULL, "%s: %s: %s", sw_cli_text(iface, "name"), hook,
				sw_cli_text(iface, "why"));
	}
}

/* A program of ours has a name that begins so; somebody else's is worth a word. */
static bool is_ours(const struct sw_device *dev)
{
	return !strncmp(dev->xdp_prog_name, "xdp_gate", 8) || !strncmp(dev->xdp_prog_name, "sw_", 3);
}

static struct sw_hook_choice plan(const struct sw_doctor *d, const struct sw_device *dev)
{
	const struct sw_device_host host = {.has_tcx = sw_kernel_is(6, 6)};
	const struct sw_config_iface *row = NULL;
	struct sw_hook_choice choice = {};

	(void)sw_device_is_wanted(dev, d->conf.ifaces, d->conf.n_ifaces, &row);
	sw_device_choose(dev, (enum sw_hook)(row ? row->hook : d->conf.hook), &host, is_ours(dev), &choice);
	return choice;
}

void sw_doctor_devices(struct sw_doctor *d)
{
	_free_ struct sw_device *devices = NULL;
	int n = sw_device_list(&devices), wanted = 0;

	for (int i = 0; i < n; i++) {
		const struct sw_device *dev = &devices[i];
		const struct sw_config_iface *row;
		struct sw_hook_choice choice;

		if (!sw_device_is_wanted(dev, d->conf.ifaces, d->conf.n_ifaces, &row))
			continue;
		wanted++;
		choice = plan(d, dev);
		if (dev->xdp_prog_id && !is_ours(dev))
			sw_doctor_add(d, SW_DOCTOR_WARN, "device",
				"hook: tcx in the configuration lives beside it, or take the other program off",
				"%s carries somebody else's XDP program, number %u%s%s", dev->name, dev->xdp_prog_id,
				dev->xdp_prog_name[0] ? ", " : "", dev->xdp_prog_name);
		else
			sw_doctor_add(d, choice.hook == SW_ATTACH_NONE ? SW_DOCTOR_WARN : SW_DOCTOR_OK, "device",
				"sockwarden doctor --plan IFACE", "%s (%s): %s: %s", dev->name,
				dev->driver[0] ? dev->driver : "no driver named",
				sw_attach_word(choice.hook), choice.why);
	}
	if (n < 0)
		sw_doctor_add(d, SW_DOCTOR_WARN, "device", NULL, "the devices cannot be asked for: %s", strerror(-n));
	else if (!wanted)
		sw_doctor_add(d, SW_DOCTOR_WARN, "device", "name them: interfaces in the configuration",
			"%s", d->conf.n_ifaces ? "no device is like those that the configuration names" :
					   "no device has a default route, so none would be protected");
}

/* True when the allow list of the daemon, or what would be in it, holds the address. */
static bool is_allowed(struct sw_doctor *d, const char *net)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	bool is_in = false;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "net", net);
	if (sw_cli_ask_quietly(d->cli, "check", sw_cli_args_end(&a), -1, &data) == SW_EXIT_OK)
		is_in = sw_cli_true(data, "allowed");
	sw_strbuf_done(&a.text);
	json_decref(data);
	return is_in;
}

void sw_doctor_administrator(struct sw_doctor *d)
{
	const char *env = getenv("SSH_CONNECTION");
	char net[SW_NET_TEXT_MAX], fix[SW_NET_TEXT_MAX + 64];
	struct sw_net peer;

	env = env ? env : getenv("SSH_CLIENT");
	if (!env || sw_cidr_parse(env, strcspn(env, " "), &peer) < 0) {
		sw_doctor_add(d, SW_DOCTOR_OK, "administrator", NULL, "not here by SSH: nothing to lock out");
		return;
	}
	sw_cidr_format(net, &peer);
	snprintf(fix, sizeof(fix), "sockwarden allow add %s --reason 'my SSH session'", net);
	if (!d->status)
		sw_doctor_add(d, SW_DOCTOR_WARN, "administrator", fix, "%s: whether it is allowed, a running daemon knows", net);
	else if (is_allowed(d, net))
		sw_doctor_add(d, SW_DOCTOR_OK, "administrator", NULL, "%s is allowed", net);
	else
		sw_doctor_add(d, SW_DOCTOR_FAIL, "administrator", fix, "%s, where you come from, is not on the allow list", net);
}

static json_t *device_json(const struct sw_device *dev, const struct sw_hook_choice *choice)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:b, s:i, s:s, s:s, s:s, s:s}", "schema_version", 1,
		"name", dev->name, "driver", dev->driver, "kind", dev->kind, "mtu", (int)dev->mtu, "rx_queues",
		(int)dev->rx_queues, "tx_queues", (int)dev->tx_queues, "up", dev->is_up, "carrier", dev->has_carrier,
		"default_route", dev->has_default4 || dev->has_default6, "xdp_program", (int)dev->xdp_prog_id,
		"xdp_program_name", dev->xdp_prog_name, "hook", sw_attach_word(choice->hook), "why", choice->why, "risk",
		choice->risk);
}

static void print_plan(const struct sw_cli *c, const struct sw_device *dev, const struct sw_hook_choice *choice)
{
	sw_cli_put(c, "1", dev->name);
	printf(": %s%s%s, MTU %u, %u receive and %u transmit queues, %s%s\n", dev->driver[0] ? dev->driver : "no driver named",
		dev->kind[0] ? ", " : "", dev->kind, dev->mtu, dev->rx_queues, dev->tx_queues,
		dev->has_carrier ? "carrier" : "no carrier",
		dev->has_default4 || dev->has_default6 ? ", holds a default route" : "");
	if (dev->xdp_prog_id)
		printf("  on it now   XDP program %u %s\n", dev->xdp_prog_id, dev->xdp_prog_name);
	printf("  hook        ");
	sw_cli_put(c, choice->hook == SW_ATTACH_NONE ? "31" : "32", sw_attach_word(choice->hook));
	printf(": %s\n  risk        %s\n", choice->why, choice->risk[0] ? choice->risk : "none known");
	printf("  nothing was attached; when it is, losing carrier or the default route within 10 s takes it off again\n");
}

int sw_doctor_plan(struct sw_doctor *d, const char *name)
{
	_strbuf_ struct sw_strbuf errors = {};
	struct sw_cli *c = d->cli;
	struct sw_device dev;
	struct sw_hook_choice choice;
	int r = sw_device_find(name, &dev);
	json_t *data;

	if (r == -ENODEV || r == -ENOENT)
		return sw_cli_error(SW_EXIT_NEGATIVE, "see: ip link", "there is no device %s", name);
	if (r < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "%s: %s", name, strerror(-r));
	(void)sw_doctor_configuration(d, &errors); /* one that cannot be read is another question's */
	choice = plan(d, &dev);
	data = device_json(&dev, &choice);
	if (!data || !sw_cli_print_json(c, data))
		print_plan(c, &dev, &choice);
	json_decref(data);
	return choice.hook == SW_ATTACH_NONE ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
}

void sw_doctor_crowdsec(struct sw_doctor *d)
{
	const json_t *state = d->status ? json_object_get(d->status, "crowdsec") : NULL;
	const char *error = sw_cli_text(state, "error"), *good = sw_cli_text(state, "last_good_at");

	if (d->conf.crowdsec_url[0] && !d->conf.crowdsec_key_file[0])
		sw_doctor_add(d, SW_DOCTOR_WARN, "crowdsec", "cscli bouncers add sockwarden -o raw > FILE, and crowdsec.key_file: FILE",
			"crowdsec.url is set, but crowdsec.key_file is not");
	else if (*error)
		sw_doctor_add(d, SW_DOCTOR_WARN, "crowdsec", "see that its local API runs (cscli lapi status) and knows the key (cscli bouncers list)",
			"%s; last good answer %s; its bans stay until their end", error, *good ? good : "none yet");
	else if (state)
		sw_doctor_add(d, SW_DOCTOR_OK, "crowdsec", NULL, "%lld decisions, %lld bans; last answer %s",
			sw_cli_number(state, "decisions"), sw_cli_number(state, "bans"), *good ? good : "none yet");
}

void sw_doctor_crowdsec_reports(struct sw_doctor *d)
{
	const json_t *state = d->status ? json_object_get(json_object_get(d->status, "crowdsec"), "reports") : NULL;
	const char *error = sw_cli_text(state, "error"), *good = sw_cli_text(state, "last_good_at");

	if (*error)
		sw_doctor_add(d, SW_DOCTOR_WARN, "crowdsec-reports",
			"see that its local API runs (cscli lapi status) and knows the machine (cscli machines list)",
			"%s; %lld waiting, last good answer %s", error, sw_cli_number(state, "waiting"),
			*good ? good : "none yet");
	else if (state)
		sw_doctor_add(d, SW_DOCTOR_OK, "crowdsec-reports", NULL,
			"%lld bans reported, %lld withdrawn, %lld waiting", sw_cli_number(state, "reported"),
			sw_cli_number(state, "withdrawn"), sw_cli_number(state, "waiting"));
}

static void add_nft(struct sw_doctor *d, const json_t *b, const json_t *nft)
{
	long long left_out = sw_cli_number(nft, "trails_left_out");

	if (left_out)
		sw_doctor_add(d, SW_DOCTOR_WARN, "nftables",
			"a device with the packet program holds all: see doctor --plan IFACE; or fewer and wider networks in the lists",
			"%lld bans and %lld addresses and networks of trails are in force by it; %lld do not fit",
			sw_cli_number(b, "bans"), sw_cli_number(nft, "trails_held"), left_out);
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "nftables", NULL,
			"%lld bans and %lld addresses and networks of trails are in force by it", sw_cli_number(b, "bans"),
			sw_cli_number(nft, "trails_held"));
}

/* Where bans are put in force beside the packet program, as the daemon has it. */
void sw_doctor_backends(struct sw_doctor *d)
{
	const json_t *b;
	size_t i;

	json_array_foreach(d->status ? json_object_get(d->status, "backends") : NULL, i, b) {
		const char *name = sw_cli_text(b, "name");

		if (sw_streq(name, "xdp"))
			continue;
		if (sw_streq(name, "nftables") && sw_streq(sw_cli_text(b, "state"), "installed"))
			add_nft(d, b, json_object_get(d->status, "nftables"));
		else if (sw_streq(sw_cli_text(b, "state"), "installed"))
			sw_doctor_add(d, SW_DOCTOR_OK, name, NULL, "%lld bans are in force by it",
				 sw_cli_number(b, "bans"));
		else
			sw_doctor_add(d, SW_DOCTOR_WARN, name, "take it out of bans.backends, or mend what it says",
				"%s", sw_cli_text(b, "text"));
	}
}
