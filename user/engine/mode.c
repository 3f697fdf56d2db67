// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The verb mode: off, observe, enforce, with the roll-back that BPF does by itself when nobody
 * confirms. What an operator chose for good is stored and comes back after a reboot; what was changed
 * past the engine (sockwarden off) is noticed and stored too.
 */
#include "user/base/words.h"
#include "user/engine/bans.h"
#include "user/engine/health.h"

enum {
	CONFIRM_MAX_SEC = 86400,
	LOOK_SEC = 10, /* how soon a change made at the guard is noticed */
};

struct sw_mode_part {
	struct sw_source *deadline, *look;
	uint32_t known; /* the guard's mode as last seen */
	bool is_known, is_on_trial;
};

static void store_choice(struct sw_engine *e, uint32_t mode)
{
	(void)sw_store_set(e->store, "mode", sw_mode_word(mode));
	(void)sw_store_set(e->store, "mode_config", sw_mode_word(e->config->mode));
}

static void say_mode(struct sw_engine *e, uint32_t mode, uint64_t trial_sec, const char *text)
{
	struct sw_json *j = sw_event_begin(e->events, SW_EVK_MODE, "%s", text);

	sw_json_string(j, "mode", sw_mode_word(mode));
	if (trial_sec)
		sw_json_uint(j, "enforce_left_sec", trial_sec);
	sw_event_end(e->events);
	sw_log_notice("%s", text);
}

static int ask_guard(struct sw_engine *e, uint32_t mode, uint32_t confirm_sec, struct sw_guard_reply *ret)
{
	struct sw_guard_request req = {.op = SW_GUARD_MODE, .mode = mode, .confirm_sec = confirm_sec};
	int r = sw_guard_call(e->guard, &req, SW_GUARD_REQUEST_HEAD, ret);

	sw_health_forget_status(e);
	if (r >= 0) {
		e->mode->known = mode;
		e->mode->is_known = true;
	}
	return r;
}

static void roll_back(struct sw_engine *e)
{
	struct sw_finding f = {.kind = SW_FINDING_SYSTEM, .severity = SW_SEV_MEDIUM, .count = 1,
		.rule = "mode-rolled-back",
		.title = "nobody confirmed in time: enforcement ended by itself, observing again"};
	struct sw_guard_reply reply = {};

	e->mode->is_on_trial = false;
	(void)ask_guard(e, SW_MODE_OBSERVE, 0, &reply);
	(void)sw_store_audit(e->store, "policy", "mode", "observe", "not confirmed in time");
	say_mode(e, SW_MODE_OBSERVE, 0, f.title);
	sw_engine_find(e, &f);
}

static int on_deadline(struct sw_source *src, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_guard_status *s;

	if (!e->mode->is_on_trial)
		return 0;
	sw_health_forget_status(e);
	s = sw_engine_guard_status(e);
	if (!s) /* BPF looks at the deadline itself: nothing is enforced; it is tidied up when the guard is back */
		return sw_source_set_timer(src, SW_SEC_NS, 0);
	if (s->is_enforcing && s->enforce_until_ns)
		return sw_source_set_timer(src, SW_SEC_NS / 10, 0);
	if (s->is_enforcing)
		e->mode->is_on_trial = false;
	else
		roll_back(e);
	return 0;
}

void sw_mode_json(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	uint64_t now_ns = sw_clock_boot_ns(&e->clock);

	sw_json_string(j, "mode", s ? sw_mode_word(s->mode) : "unknown");
	sw_json_bool(j, "enforcing", s && s->is_enforcing);
	if (s && s->is_enforcing && s->enforce_until_ns > now_ns)
		sw_json_uint(j, "enforce_left_sec", (s->enforce_until_ns - now_ns + SW_SEC_NS - 1) / SW_SEC_NS);
	else
		sw_json_null(j, "enforce_left_sec");
}

static void reply_mode(struct sw_engine *e, struct sw_ctl_request *q)
{
	sw_mode_json(e, sw_ctl_reply_begin(q));
	sw_ctl_reply_end(q);
}

static void protect_client(struct sw_engine *e, const char *ssh_client)
{
	struct sw_net net;

	if (sw_cidr_parse(ssh_client, strcspn(ssh_client, " "), &net) >= 0 && sw_net_is_host(&net))
		sw_engine_add_admin(e, &net);
}

static void applied(struct sw_engine *e, struct sw_ctl_request *q, uint32_t mode, uint64_t confirm_sec)
{
	char text[200];

	e->mode->is_on_trial = mode == SW_MODE_ENFORCE && confirm_sec;
	(void)sw_source_set_timer(
		e->mode->deadline, e->mode->is_on_trial ? confirm_sec * SW_SEC_NS + SW_SEC_NS / 10 : 0, 0);
	if (!e->mode->is_on_trial)
		store_choice(e, mode);
	(void)sw_store_audit(e->store, sw_ctl_request_by(q), "mode", sw_mode_word(mode),
		e->mode->is_on_trial ? "to be confirmed" : "for good");
	if (e->mode->is_on_trial)
		snprintf(text, sizeof(text), "enforcing, for %llu s unless confirmed, by %s", (unsigned long long)confirm_sec,
			sw_ctl_request_by(q));
	else
		snprintf(text, sizeof(text), "the mode is %s, set by %s", sw_mode_word(mode), sw_ctl_request_by(q));
	say_mode(e, mode, e->mode->is_on_trial ? confirm_sec : 0, text);
}

static void verb_mode(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_guard_reply reply = {};
	const char *word, *ssh_client;
	uint64_t confirm_sec;
	int mode, r;

	if (!sw_ctl_arg_string(q, args, "mode", NULL, &word) || !sw_ctl_arg_uint(q, args, "confirm", 0, &confirm_sec) ||
		!sw_ctl_arg_string(q, args, "ssh_client", "", &ssh_client))
		return;
	mode = word ? sw_mode_parse(word) : -EINVAL;
	if (mode < 0)
		return sw_ctl_fail(q, SW_CERR_USAGE, "modes are off, observe, enforce", "no such mode: %s", word ? word : "(missing)");
	if (confirm_sec > CONFIRM_MAX_SEC)
		return sw_ctl_fail(q, SW_CERR_USAGE, NULL, "at most a day to confirm");
	if (*ssh_client)
		protect_client(e, ssh_client);
	r = ask_guard(e, (uint32_t)mode, mode == SW_MODE_ENFORCE ? (uint32_t)confirm_sec : 0, &reply);
	if (r < 0)
		return sw_ctl_fail(q, SW_CERR_DEGRADED, "see: sockwarden status", "the guard did not set the mode: %s",
			*reply.text ? reply.text : strerror(-r));
	applied(e, q, (uint32_t)mode, confirm_sec);
	reply_mode(e, q);
}

/* ---- what was chosen, over restarts */

static bool is_other_guard(struct sw_engine *e, const struct sw_guard_status *s)
{
	char now[64], then[64] = "", boot_id[40] = "";

	(void)sw_read_file("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	snprintf(now, sizeof(now), "%.36s %llu", boot_id, (unsigned long long)s->started_boot_ns);
	(void)sw_store_get(e->store, "guard", then, sizeof(then));
	if (sw_streq(now, then))
		return false;
	(void)sw_store_set(e->store, "guard", now);
	return true;
}

/* The stored choice counts unless the configuration was changed since it was made. */
static bool stored_choice(struct sw_engine *e, uint32_t *ret)
{
	char mode[16], config[16];
	int parsed;

	if (sw_store_get(e->store, "mode", mode, sizeof(mode)) < 0 ||
		sw_store_get(e->store, "mode_config", config, sizeof(config)) < 0 ||
		!sw_streq(config, sw_mode_word(e->config->mode)))
		return false;
	parsed = sw_mode_parse(mode);
	if (parsed < 0)
		return false;
	*ret = (uint32_t)parsed;
	return true;
}

static int connected(struct sw_engine *e)
{
	struct sw_guard_reply reply = {};
	const struct sw_guard_status *s;
	uint32_t chosen;

	sw_health_forget_status(e);
	s = sw_engine_guard_status(e);
	if (!s)
		return 0;
	if (is_other_guard(e, s) && !s->has_adopted && stored_choice(e, &chosen) && chosen != s->mode) {
		if (ask_guard(e, chosen, 0, &reply) >= 0)
			say_mode(e, chosen, 0, "the mode that was chosen before is in force again");
		return 0;
	}
	e->mode->known = s->mode;
	e->mode->is_known = true;
	if (s->is_enforcing && s->enforce_until_ns && !e->mode->is_on_trial) {
		e->mode->is_on_trial = true; /* an engine before this one was asked for it */
		return sw_source_set_timer(e->mode->deadline, SW_SEC_NS, 0);
	}
	return 0;
}

static int on_look(struct sw_source *src, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	char text[96];

	if (!s || !e->mode->is_known || s->mode == e->mode->known)
		return 0;
	snprintf(text, sizeof(text), "the mode is %s: it was set at the guard", sw_mode_word(s->mode));
	e->mode->known = s->mode;
	e->mode->is_on_trial = s->is_enforcing && s->enforce_until_ns;
	if (!e->mode->is_on_trial)
		store_choice(e, s->mode);
	else
		(void)sw_source_set_timer(e->mode->deadline, SW_SEC_NS, 0);
	say_mode(e, s->mode, 0, text);
	return 0;
}

static int init(struct sw_engine *e)
{
	int r;

	e->mode = calloc(1, sizeof(*e->mode));
	if (!e->mode)
		return -ENOMEM;
	r = sw_loop_add_timer(e->loop, 0, 0, on_deadline, e, &e->mode->deadline);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, LOOK_SEC * SW_SEC_NS, LOOK_SEC * SW_SEC_NS, on_look, e, &e->mode->look);
	return r;
}

static void done(struct sw_engine *e)
{
	free(TAKE_PTR(e->mode));
}

static const struct sw_ctl_verb verbs[] = {
	{"mode", SW_CTL_CHANGE, verb_mode},
	{},
};

const struct sw_engine_part sw_part_mode = {
	.name = "mode", .verbs = verbs, .init = init, .done = done, .connected = connected};
