// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/guard.h"

#include <signal.h>

#include "user/base/log.h"
#include "user/base/words.h"
#include "user/guard/act.h"
#include "user/guard/backends.h"
#include "user/guard/chain.h"
#include "user/guard/decoys.h"
#include "user/guard/follow.h"
#include "user/guard/geo.h"
#include "user/guard/image.h"
#include "user/guard/inspect.h"
#include "user/guard/logs.h"
#include "user/guard/notify.h"
#include "user/guard/plant.h"
#include "user/guard/ports.h"
#include "user/guard/prepare.h"
#include "user/guard/privs.h"
#include "user/guard/sensor.h"
#include "user/guard/serve.h"
#include "user/guard/state.h"
#include "user/guard/supervise.h"
#include "user/kern/bpffs.h"

enum {
	PATH_BYTES = 4096,
	EXIT_CONFIG = 5,
	CONFIRM_MAX_SEC = 86400 /* a day: longer is no trial */
};

struct guard {
	const struct sw_guard_opts *o;
	struct sw_clock clock;
	struct sw_loop *loop;
	int lock_fd;
	struct sw_ids ids;
	struct sw_guard_ids public_ids;
	struct sw_config_image config;
	struct sw_config_iface patterns[SW_CONFIG_IFACES_MAX]; /* of --interfaces */
	size_t n_patterns;
	char pin_dir[SW_PIN_PATH_MAX];
	struct sw_plant plant;
	struct sw_ladder_opts hooks; /* of the socket programs */
	struct sw_marks *marks;
	struct sw_backends *backends;
	struct sw_bans *bans;
	struct sw_swap *swap;
	struct sw_follow *follow;
	struct sw_decoys *decoys;
	struct sw_inspect_guard *inspect;
	struct sw_sensors *sensors;
	struct sw_logs *logs;
	struct sw_ports *ports;
	struct sw_acts *hold;
	struct sw_serve *serve;
	struct sw_supervise *supervise;
	struct sw_source *deadline; /* says when a trial of enforcement ended; BPF ends it */
	uint64_t started_boot_ns;
	bool has_adopted; /* pins of an earlier guard */
	bool has_kept_mode; /* that guard's, with the end of a trial */
	bool has_pinned; /* there is something to take back when the start fails */
};

static int parse_patterns(struct guard *g)
{
	const char *at = g->o->interfaces ? g->o->interfaces : "";

	for (at += strspn(at, " \t"); *at; at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");
		struct sw_config_iface *p = &g->patterns[g->n_patterns];

		if (g->n_patterns >= SW_CONFIG_IFACES_MAX || len >= sizeof(p->pattern))
			return sw_log_err(-EINVAL,
				"--interfaces: at most %d patterns of at most 15 characters",
				SW_CONFIG_IFACES_MAX);
		memcpy(p->pattern, at, len);
		g->n_patterns++;
		at += len;
	}
	return 0;
}

/* ---- configuration */

static int make_config(struct guard *g, struct sw_config_image *ret)
{
	char program[PATH_BYTES], err[256] = "";
	struct sw_config_source s = {.file = g->o->paths.config_file,
		.rules_dir = g->o->paths.rules_dir,
		.program = program,
		.uid = g->ids.config_uid,
		.gid = g->ids.config_gid};
	int r;

	if (!sw_path_join(program, sizeof(program), g->o->libexec, "sockwarden-config"))
		return -ENAMETOOLONG;
	r = sw_config_image_make(&s, ret, err, sizeof(err));
	if (r == -EINVAL)
		sw_log_err(0, "%s", err);
	else if (r < 0)
		sw_log_err(r, "%s", err);
	return r;
}

static struct sw_follow_wish wish_of(const struct guard *g)
{
	const struct sw_config *c = g->config.config;

	return (struct sw_follow_wish){
		.patterns = g->n_patterns ? g->patterns : c->ifaces,
		.n = g->n_patterns ? g->n_patterns : c->n_ifaces,
		.hook = (enum sw_hook)c->hook,
	};
}

static void use_config(struct guard *g)
{
	const struct sw_config *c = g->config.config;
	const struct sw_bans_floor floor = {.min_plen4 = c->ban_min_plen4, .min_plen6 = c->ban_min_plen6};

	if (!g->o->log_level)
		sw_log_set_level((enum sw_log_level)c->log_level);
	if (g->bans)
		sw_bans_set_floor(g->bans, &floor);
}

/* Whatever changed, the mode or the configuration: the backends follow. */
static void use_backends(struct guard *g)
{
	struct sw_gate_ctl c;

	if (sw_maps_ctl_get(&g->plant.maps, &c) >= 0)
		sw_backends_configure(g->backends, g->config.config, &c);
}

/* ---- mode */

static void save_state(struct guard *g)
{
	struct sw_guard_state s = {
		.config_mode = g->config.config->mode, .trails = *sw_swap_facts(g->swap)};
	int r = sw_guard_state_save(g->o->paths.run_dir, &s);

	if (r < 0)
		sw_log_warning(r, "cannot keep guard.state, ignoring");
}

static void watch_deadline(struct guard *g, uint64_t until_ns)
{
	uint64_t now = sw_clock_boot_ns(&g->clock);

	sw_source_set_timer(g->deadline, until_ns > now ? until_ns - now : 0, 0);
}

static int on_deadline(struct sw_source *s, void *arg)
{
	struct guard *g = arg;

	use_backends(g);
	sw_log_notice("the trial is over and was not confirmed: observing again");
	return 0;
}

static int set_mode(__u32 mode, __u32 confirm_sec, const char *by, char *text, size_t size, void *arg)
{
	struct guard *g = arg;
	struct sw_gate_ctl c;
	int r;

	if (mode > SW_MODE_ENFORCE || confirm_sec > CONFIRM_MAX_SEC ||
		(confirm_sec && mode != SW_MODE_ENFORCE)) {
		snprintf(text, size, "no such mode, or a trial longer than a day");
		return -EINVAL;
	}
	r = sw_maps_ctl_get(&g->plant.maps, &c);
	if (r >= 0) {
		c.mode = mode;
		c.enforce_until_ns = confirm_sec ? sw_clock_boot_ns(&g->clock) + confirm_sec * SW_SEC_NS : 0;
		r = sw_maps_ctl_set(&g->plant.maps, &c);
	}
	if (r < 0) {
		snprintf(text, size, "the kernel's control word cannot be written");
		return sw_log_err(r, "%s", text);
	}
	sw_follow_set_active(g->follow, mode != SW_MODE_OFF);
	sw_inspect_guard_configure(g->inspect, g->config.config, mode != SW_MODE_OFF);
	watch_deadline(g, c.enforce_until_ns);
	use_backends(g);
	if (confirm_sec)
		sw_log_notice("mode %s for %u s unless confirmed, by %s", sw_mode_word(mode), confirm_sec, by);
	else
		sw_log_notice("mode %s, by %s", sw_mode_word(mode), by);
	return 0;
}

/* Where the program did not load, status says so among the hooks. */
static void set_egress(struct guard *g)
{
	int r = sw_maps_egress_set(g->pin_dir, g->config.config->egress);

	if (r < 0 && r != -ENOENT)
		sw_log_warning(r, "what is done with outgoing packets cannot be set, ignoring");
}

static void set_rates_and_tag(struct sw_gate_ctl *c, const struct sw_config *config)
{
	c->token_rate = config->event_rate;
	c->token_burst = config->event_burst;
	c->tag_value = config->trail_mark.value;
	c->tag_mask = config->trail_mark.mask;
}

/* Adopted pins keep the mode in force; a configuration that says another than it did wins over them. */
static int begin_mode(struct guard *g, const struct sw_guard_state *before)
{
	const struct sw_config *conf = g->config.config;
	struct sw_gate_ctl c;
	int r = sw_maps_ctl_get(&g->plant.maps, &c);

	if (r < 0)
		return r;
	g->has_kept_mode = g->has_adopted && (!before || before->config_mode == conf->mode);
	if (!g->has_kept_mode) {
		c.mode = conf->mode;
		c.enforce_until_ns = 0;
	}
	if (!sw_maps_has_trails(&g->plant.maps))
		c.engine = (c.engine & ~SW_ENGINE_MASK) | conf->trail_engine;
	set_rates_and_tag(&c, conf);
	set_egress(g);
	return sw_maps_ctl_set(&g->plant.maps, &c);
}

/* ---- what the server asks */

static int config_fd(void *arg)
{
	struct guard *g = arg;

	return g->config.fd;
}

static int rules_fd(void *arg)
{
	struct guard *g = arg;

	return g->config.rules_fd;
}

static void on_swapped(void *arg)
{
	struct guard *g = arg;
	const struct sw_swap_facts *f = sw_swap_facts(g->swap);

	sw_backends_trails(g->backends);
	sw_follow_set_tagging(g->follow, f->n_tagged);
	sw_log_info("trails in force: %llu IPv4, %llu IPv6", (unsigned long long)f->trails4, (unsigned long long)f->trails6);
	save_state(g);
}

static void fill_status(struct sw_guard_status *ret, void *arg)
{
	struct guard *g = arg;
	const struct sw_swap_facts *f = sw_swap_facts(g->swap);
	struct sw_gate_ctl c = {};

	sw_maps_ctl_get(&g->plant.maps, &c);
	*ret = (struct sw_guard_status){
		.mode = c.mode,
		.is_enforcing = c.mode == SW_MODE_ENFORCE &&
			(!c.enforce_until_ns ||
				sw_clock_boot_ns(&g->clock) + c.clock_offset_ns < c.enforce_until_ns),
		.enforce_until_ns = c.enforce_until_ns,
		.started_boot_ns = g->started_boot_ns,
		.trails4 = f->trails4,
		.trails6 = f->trails6,
		.trails_swapped_ns = f->swapped_ns,
		.trail_crc = f->crc,
		.tier = sw_ladder_tier(g->plant.ladder),
		.has_adopted = g->has_adopted,
		.trail_engine = c.engine & SW_ENGINE_MASK,
		.geo = sw_geo_in_force(&g->plant.maps),
	};
	sw_strcpy(ret->hooks, sizeof(ret->hooks), sw_ladder_hooks(g->plant.ladder));
	sw_follow_status(g->follow, ret);
	sw_chain_status(&g->plant, &ret->chain);
	sw_supervise_status(g->supervise, g->serve, ret);
	ret->backends[SW_BACKEND_XDP].is_on = true;
	sw_backends_status(g->backends, ret);
}

static void give_decoys(struct sw_guard_decoys *ret, int *ret_fds, size_t *ret_n, void *arg)
{
	struct guard *g = arg;

	sw_decoys_give(g->decoys, ret, ret_fds, ret_n);
}

static void give_sensors(struct sw_guard_sensors *ret, int *ret_fds, size_t *ret_n, void *arg)
{
	struct guard *g = arg;

	sw_sensors_give(g->sensors, ret, ret_fds, ret_n);
}

static int set_chain(int prog, char *text, size_t size, void *arg)
{
	struct guard *g = arg;

	return sw_chain_set(&g->plant, g->follow, g->pin_dir, prog, text, size);
}

static int take_ports(const struct sw_guard_ports *ports, void *arg)
{
	struct guard *g = arg;

	return sw_ports_listeners(g->ports, ports);
}

/* ---- signals */

static int on_end_signal(struct sw_source *s, int signo, void *arg)
{
	struct guard *g = arg;

	sw_log_notice("%s: ending", signo == SIGINT ? "SIGINT" : "SIGTERM");
	sw_loop_stop(g->loop, 0);
	return 0;
}

/* At start a wrong rule is left out, so that the host has the others; here there is a state to keep. */
static int read_anew(struct guard *g, struct sw_config_image *fresh)
{
	int r;

	sw_config_image_init(fresh);
	r = make_config(g, fresh);
	if (r < 0 || fresh->rules.head->n_left_out <= g->config.rules.head->n_left_out)
		return r;
	sw_config_image_done(fresh);
	return sw_log_err(-EINVAL, "rules over logs are not valid, as said");
}

/* Whether the gate looks at packets. */
static bool set_gate(struct guard *g)
{
	struct sw_gate_ctl c;

	if (sw_maps_ctl_get(&g->plant.maps, &c) < 0)
		return false;
	set_egress(g);
	set_rates_and_tag(&c, g->config.config);
	sw_maps_ctl_set(&g->plant.maps, &c);
	return c.mode != SW_MODE_OFF;
}

/* Every part as the configuration in force has it. */
static void configure_parts(struct guard *g)
{
	const struct sw_config *config = g->config.config;
	bool is_looking = set_gate(g);
	struct sw_follow_wish wish;
	int r;

	use_backends(g);
	wish = wish_of(g);
	r = sw_follow_configure(g->follow, &wish);
	if (r < 0)
		sw_log_warning(r, "cannot list the network devices, ignoring");
	sw_decoys_configure(g->decoys, g->follow, config);
	sw_logs_permit(g->logs, &g->config.rules, config->journal_files);
	sw_inspect_guard_configure(g->inspect, config, is_looking);
	sw_sensors_configure(g->sensors, config);
	sw_ports_configure(g->ports, config);
}

static int on_reload(struct sw_source *s, int signo, void *arg)
{
	struct guard *g = arg;
	struct sw_config_image fresh, old = g->config;
	char text[160] = "";

	if (read_anew(g, &fresh) < 0) {
		sw_log_err(0, "the configuration was not reloaded: the old one stays in force");
		return 0;
	}
	g->config = fresh;
	use_config(g);
	if (fresh.config->mode != old.config->mode)
		set_mode(fresh.config->mode, 0, "the configuration", text, sizeof(text), g);
	configure_parts(g);
	sw_config_image_done(&old);
	sw_serve_hang_up(g->serve);
	save_state(g);
	sw_supervise_reload(g->supervise);
	sw_log_notice("the configuration was reloaded");
	return 0;
}

static int on_watchdog(struct sw_source *s, void *arg)
{
	sw_notify("WATCHDOG=1");
	return 0;
}

/* ---- the start, step by step */

static int step_outside(struct guard *g)
{
	int r = parse_patterns(g);

	if (r >= 0)
		r = sw_prepare_lock(g->o->paths.run_dir);
	if (r < 0)
		return r;
	g->lock_fd = r;
	r = sw_prepare_ids(&g->o->paths, &g->ids);
	if (r < 0)
		return r;
	g->public_ids = (struct sw_guard_ids){
		.engine_uid = g->ids.engine_uid,
		.net_uid = g->ids.net_uid,
		.web_uid = g->ids.web_uid,
		.reader_gid = g->ids.reader_gid,
		.admin_gid = g->ids.admin_gid,
	};
	return 0;
}

static int step_config(struct guard *g)
{
	int r = make_config(g, &g->config);

	if (r >= 0)
		use_config(g);
	return r;
}

static int step_pins(struct guard *g)
{
	char err[256] = "";
	int r = sw_bpffs_prepare(g->o->paths.bpffs_dir, g->pin_dir, sizeof(g->pin_dir), err, sizeof(err));

	if (r < 0)
		return sw_log_err(0, "%s", err), r;
	g->has_adopted = sw_bpffs_has_pins(g->pin_dir);
	g->has_pinned = true;
	return 0;
}

static int step_gate(struct guard *g)
{
	int r = sw_plant_load_gate(&g->plant, g->pin_dir);

	return r < 0 ? sw_log_err(r,
			       "the kernel refuses the packet program (--log-level debug says why)")
		     : 0;
}

static int step_sockets(struct guard *g)
{
	const struct sw_load_report *rep = &g->plant.report;
	int r;

	g->hooks = (struct sw_ladder_opts){.pin_dir = g->pin_dir,
		.cgroup_dir = g->o->paths.cgroup_dir,
		.fake_refuse = g->o->fake_refuse};
	r = sw_plant_load_sockets(&g->plant, &g->hooks);

	if (r < 0)
		return sw_log_err(r, "the maps cannot be set up");
	if (rep->maps_replaced)
		sw_log_warning(0, "pinned maps of another layout were replaced, what they held is gone: %s",
			rep->replaced);
	if (g->has_adopted)
		sw_log_notice("took over %u pinned maps", rep->maps_adopted);
	sw_chain_adopt(&g->plant, g->pin_dir);
	sw_log_info("socket hooks, tier %c: %s", sw_ladder_tier(g->plant.ladder), sw_ladder_hooks(g->plant.ladder));
	return 0;
}

static int step_policy(struct guard *g)
{
	struct sw_guard_state before;
	bool is_known = sw_guard_state_load(g->o->paths.run_dir, &before) >= 0;
	bool is_packed_refused = g->o->fake_refuse && sw_ladder_is_listed(g->o->fake_refuse, "packed");
	int r = sw_marks_new(&g->plant.maps, &g->marks);

	if (r >= 0)
		r = sw_backends_new(g->loop, &g->clock, &g->plant.maps, g->has_adopted, &g->backends);
	if (r >= 0)
		r = sw_bans_new(&g->plant.maps, g->marks, g->backends, &g->bans);
	if (r >= 0)
		r = sw_swap_new(g->loop, &g->clock, &g->plant.maps, g->marks, is_packed_refused, &g->swap);
	if (r < 0)
		return sw_log_err(r, "cannot set the policy up");
	if (is_known)
		sw_swap_adopt(g->swap, &before.trails);
	use_config(g);
	r = begin_mode(g, is_known ? &before : NULL);
	if (r < 0)
		return sw_log_err(r, "the kernel's control word cannot be written");
	save_state(g);
	use_backends(g);
	return 0;
}

/* Without decoys the rest is as good as ever: what fails is said, and the engine says it in status. */
static int step_decoys(struct guard *g)
{
	int r = sw_decoys_new(g->pin_dir, &g->plant, &g->decoys);

	if (r < 0)
		return sw_log_err(r, "cannot set the decoys up");
	sw_decoys_configure(g->decoys, g->follow, g->config.config);
	return 0;
}

static int step_inspect(struct guard *g)
{
	struct sw_gate_ctl c = {};
	int r = sw_inspect_guard_new(g->loop, &g->clock, &g->plant.maps, &g->inspect);

	if (r < 0)
		return sw_log_err(r, "cannot set up what is looked into");
	(void)sw_maps_ctl_get(&g->plant.maps, &c);
	sw_inspect_guard_configure(g->inspect, g->config.config, c.mode != SW_MODE_OFF);
	r = sw_sensors_new(&g->sensors);
	if (r < 0)
		return sw_log_err(r, "cannot set the sensors up");
	sw_sensors_configure(g->sensors, g->config.config);
	return 0;
}

static int step_logs(struct guard *g)
{
	int r = sw_logs_new(&g->logs);

	if (r >= 0)
		sw_logs_permit(g->logs, &g->config.rules, g->config.config->journal_files);
	return r < 0 ? r : sw_act_new(g->o->paths.run_dir, g->pin_dir, g->o->paths.cgroup_dir, &g->hold);
}

static int step_ports(struct guard *g)
{
	bool sees_completed = g->plant.ladder && sw_ladder_is_attached(g->plant.ladder, "on_state");
	int r = sw_ports_new(g->loop, &g->plant.maps, g->config.config, sees_completed, &g->ports);

	return r < 0 ? sw_log_err(r, "cannot set the scan rules up") : 0;
}

static int step_serve(struct guard *g)
{
	const struct sw_serve_host host = {
		.ids = &g->public_ids,
		.maps = &g->plant.maps,
		.bans = g->bans,
		.backends = g->backends,
		.swap = g->swap,
		.logs = g->logs,
		.hold = g->hold,
		.ladder = g->plant.ladder,
		.cgroup_dir = g->o->paths.cgroup_dir,
		.config_fd = config_fd,
		.rules_fd = rules_fd,
		.status = fill_status,
		.set_mode = set_mode,
		.swapped = on_swapped,
		.decoys = give_decoys,
		.inspect = g->inspect,
		.sensors = give_sensors,
		.chain = set_chain,
		.ports = take_ports,
		.plant = &g->plant,
		.hooks = &g->hooks,
		.arg = g,
	};
	const struct sw_supervise_opts sup = {
		.paths = &g->o->paths,
		.ids = &g->ids,
		.clock = &g->clock,
		.libexec = g->o->libexec,
		.has_children = g->o->is_supervising,
		.has_show = g->o->is_following && g->o->is_foreground,
	};
	char path[PATH_BYTES];
	int r;

	if (!sw_path_join(path, sizeof(path), g->o->paths.run_dir, "guard.sock"))
		return -ENAMETOOLONG;
	r = sw_supervise_new(g->loop, &sup, &g->supervise);
	if (r >= 0)
		r = sw_serve_new(g->loop, path, &host, &g->serve);
	return r < 0 ? sw_log_err(r, "cannot listen at %s", path) : 0;
}

static int step_signals(struct guard *g)
{
	uint64_t watchdog = sw_notify_watchdog_ns();
	int r = sw_loop_add_signal(g->loop, SIGINT, on_end_signal, g);

	if (r >= 0)
		r = sw_loop_add_signal(g->loop, SIGTERM, on_end_signal, g);
	if (r >= 0)
		r = sw_loop_add_signal(g->loop, SIGHUP, on_reload, g);
	if (r >= 0)
		r = sw_loop_add_timer(g->loop, 0, 0, on_deadline, g, &g->deadline);
	if (r >= 0 && watchdog)
		r = sw_loop_add_timer(g->loop, watchdog, watchdog, on_watchdog, g, NULL);
	return r < 0 ? sw_log_err(r, "cannot set the loop up") : 0;
}

static int step_devices(struct guard *g)
{
	struct sw_follow_wish wish = wish_of(g);
	struct sw_guard_status s = {};
	struct sw_gate_ctl c;
	int r = sw_maps_ctl_get(&g->plant.maps, &c);

	if (r >= 0)
		r = sw_follow_new(g->loop, &g->clock, g->pin_dir, &g->plant.progs, &g->follow);
	if (r < 0)
		return sw_log_err(r, "cannot follow the network devices");
	sw_follow_set_tagging(g->follow, sw_swap_facts(g->swap)->n_tagged);
	if (c.mode == SW_MODE_OFF)
		sw_follow_set_active(g->follow, false);
	sw_follow_tell(g->follow, sw_backends_bare, g->backends);
	r = sw_follow_configure(g->follow, &wish);
	if (r < 0)
		return sw_log_err(r, "cannot list the network devices");
	watch_deadline(g, c.enforce_until_ns);
	sw_follow_status(g->follow, &s);
	if (!s.n_ifaces)
		sw_log_warning(0, "no device to watch: none %s",
			wish.n ? "has a name that was asked for" : "holds a default route");
	sw_log_notice("mode %s%s", sw_mode_word(c.mode),
		g->has_kept_mode ? ", as an earlier guard left it" : "");
	return 0;
}

static int step_drop(struct guard *g)
{
	int r = sw_privs_drop();

	return r < 0 ? sw_log_err(r, "cannot drop privileges") : 0;
}

static int step_children(struct guard *g)
{
	return sw_supervise_start(g->supervise);
}

static int start(struct guard *g)
{
	static int (*const steps[])(struct guard *) = {
		step_outside,
		step_config,
		step_pins,
		step_gate,
		step_sockets,
		step_policy,
		step_decoys,
		step_inspect,
		step_logs,
		step_ports,
		step_serve,
		step_signals,
		step_devices,
		step_drop,
		step_children,
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(steps); i++) {
		int r;

		if (sw_prepare_is_interrupted())
			return -EINTR;
		r = steps[i](g);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the end */

static void take_off(__u32 ifindex, enum sw_attach hook, void *arg)
{
	struct guard *g = arg;

	sw_detach_packet(ifindex, g->pin_dir);
}

static void remove_all(struct guard *g)
{
	struct sw_guard_status s = {};
	int r;

	if (g->follow) {
		sw_follow_status(g->follow, &s);
		for (size_t i = 0; i < s.n_ifaces; i++) /* a clsact filter has no pin */
			sw_detach_packet(s.ifaces[i].ifindex, g->pin_dir);
	}
	sw_attach_each_pin(g->pin_dir, take_off, g);
	sw_decoys_unpin(g->pin_dir);
	if (g->hold)
		sw_act_release_all(g->hold);
	if (g->backends)
		sw_backends_remove(g->backends);
	r = sw_bpffs_remove(g->o->paths.bpffs_dir);
	if (r < 0)
		sw_log_err(r, "cannot remove all of %s; by hand: rm -rf %s", g->o->paths.bpffs_dir,
			g->o->paths.bpffs_dir);
}

static void leave(struct guard *g)
{
	struct sw_guard_status s = {};
	bool has_clsact = false;

	if (g->config.config->on_exit == SW_ON_EXIT_REMOVE) {
		remove_all(g);
		sw_log_notice("protection was removed (on_exit: remove)");
		return;
	}
	fill_status(&s, g);
	for (size_t i = 0; i < s.n_ifaces; i++)
		has_clsact |= sw_streq(s.ifaces[i].hook, "clsact");
	sw_log_notice(
		"protection stays as it is, mode %s (on_exit: keep); to remove it by hand: rm -rf %s%s%s",
		sw_mode_word(s.mode), g->o->paths.bpffs_dir,
		has_clsact ? "; tc qdisc del dev DEVICE clsact" : "",
		s.backends[SW_BACKEND_NFTABLES].is_on ? "; nft delete table inet sockwarden" : "");
}

static void done(struct guard *g)
{
	sw_serve_free(g->serve);
	sw_decoys_free(g->decoys);
	sw_inspect_guard_free(g->inspect);
	sw_sensors_free(g->sensors);
	sw_logs_free(g->logs);
	sw_ports_free(g->ports);
	sw_act_free(g->hold);
	sw_follow_free(g->follow);
	sw_swap_free(g->swap);
	sw_bans_free(g->bans);
	sw_backends_free(g->backends);
	sw_marks_free(g->marks);
	sw_supervise_free(g->supervise);
	sw_plant_done(&g->plant);
	sw_config_image_done(&g->config);
	sw_loop_free(g->loop);
	sw_close(g->lock_fd);
}

static int fail(struct guard *g, int error)
{
	if (g->supervise)
		sw_supervise_stop(g->supervise);
	if (g->has_pinned && !g->has_adopted)
		remove_all(g);
	if (error == -EINTR)
		sw_log_notice("ended while starting: %s",
			g->has_adopted ? "what an earlier guard left stays" : "nothing was left behind");
	return error == -EINVAL && !g->has_pinned ? EXIT_CONFIG : error == -EINTR ? 0 : 1;
}

int sw_guard_run(const struct sw_guard_opts *o)
{
	struct guard g = {.o = o, .lock_fd = -1};
	int r;

	sw_config_image_init(&g.config);
	sw_plant_init(&g.plant);
	sw_load_quiet();
	g.started_boot_ns = sw_clock_boot_ns(&g.clock);
	r = sw_prepare_signals();
	if (r >= 0)
		r = sw_loop_new(&g.loop);
	if (r >= 0)
		r = start(&g);
	if (r < 0) {
		r = fail(&g, r);
		done(&g);
		return r;
	}
	sw_notify("READY=1");
	sw_log_notice("started");
	r = sw_loop_run(g.loop);
	sw_notify("STOPPING=1");
	sw_supervise_stop(g.supervise);
	leave(&g);
	done(&g);
	return r < 0 ? 1 : 0;
}
