// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/sock_policy.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <uthash.h>

#include "user/base/cidr.h"
#include "user/base/ports.h"
#include "user/base/words.h"
#include "user/io/msg.h"
#include "user/policy/sock_rules.h"
#include "user/policy/sock_table.h"
#include "user/sockets/names.h"

enum {
	TOLD_MAX = 2048, /* offences remembered; the oldest makes room */
	NEW_PER_MINUTE = 120, /* new findings; what comes beyond is counted */
	STATE_CONNECTED = 1,
	ACTED_MAX = 64, /* processes that something was done to lately: once is enough */
};
#define AGAIN_NS (3600 * SW_SEC_NS) /* the same within an hour counts up its finding */
#define COUNT_NS SW_SEC_NS /* ... whose row is written this often at most */

enum way { LISTEN, CONNECT, WAYS };
static const char *const way_words[WAYS] = {"listen", "connect"};
static const char *const action_words[] = {"allow", "observe", "deny"};
/* By enum sw_sock_then, and as enum sw_act_verb has them. */
static const char *const then_words[] = {"nothing", "freeze", "kill", "isolate", "release"};
static const char *const protocol_words[] = {"any", "tcp", "udp", "raw", "packet"};

struct offence {
	uint64_t finding, told_ns, written_ns, count;
	char id[384];
	UT_hash_handle hh;
};

struct sw_sock_policy {
	struct sw_sock_rules *rules[WAYS];
	struct offence *offences;
	uint64_t hits[WAYS][SW_CONFIG_SOCK_RULES_MAX], unnamed[WAYS], untold;
	uint64_t minute_ns;
	unsigned int n_new;
	char own_dir[256]; /* of our programs, with the slash; "" when unknown */
	struct sw_proc_key acted[ACTED_MAX];
	unsigned int n_acted;
	struct sw_sock_table table; /* as the kernel has it, or is about to */
};

bool sw_sock_is_own(const struct sw_engine *e, uint32_t pid, const char *executable)
{
	size_t n = strlen(e->sock_policy->own_dir);

	if (pid && (pid == (uint32_t)getpid() || pid == (uint32_t)sw_guard_client_pid(e->guard)))
		return true;
	return n && !strncmp(executable, e->sock_policy->own_dir, n) &&
		!strncmp(executable + n, "sockwarden", 10);
}

/* A number that passwd(5) does not have names nobody. */
static const char *user_name(struct sw_engine *e, uint32_t uid)
{
	const char *name = sw_users_name(e->watch->users, uid);

	return name ? name : "";
}

static bool is_new_admitted(struct sw_sock_policy *p, uint64_t now)
{
	if (now - p->minute_ns >= 60 * SW_SEC_NS) {
		p->minute_ns = now;
		p->n_new = 0;
	}
	if (p->n_new++ < NEW_PER_MINUTE)
		return true;
	p->untold++;
	return false;
}

static struct offence *offence_of(
	struct sw_sock_policy *p, const struct sw_sock_offence *o, uint64_t now)
{
	char id[sizeof(((struct offence *)0)->id)] = "", address[SW_NET_TEXT_MAX] = "";
	struct offence *t, *oldest = p->offences;

	if (o->address.family)
		sw_cidr_format(address, &o->address);
	snprintf(id, sizeof(id), "%d %u %s %u %u %s %s", o->is_connect + 2 * o->is_raw + 4 * o->is_packet,
		o->uid, address, o->protocol, o->is_chosen ? 0 : o->port, o->container, o->executable);
	HASH_FIND_STR(p->offences, id, t);
	if (t || !is_new_admitted(p, now))
		return t;
	if (HASH_COUNT(p->offences) >= TOLD_MAX) {
		HASH_DEL(p->offences, oldest); /* in order of their making */
		free(oldest);
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy(t->id, id, sizeof(id));
	HASH_ADD_STR(p->offences, id, t);
	return t;
}

static void tell(struct sw_engine *e, const struct sw_sock_offence *o)
{
	uint64_t now = sw_clock_boot_ns(&e->clock);
	struct offence *t = offence_of(e->sock_policy, o, now);
	struct sw_finding f;

	if (!t)
		return;
	if (t->finding && now - t->told_ns < AGAIN_NS) {
		t->count++;
		if (now - t->written_ns < COUNT_NS)
			return;
	} else {
		t->finding = 0;
		t->count = 1;
		t->told_ns = now;
	}
	t->written_ns = now;
	sw_detect_sock_policy(o, &f);
	f.id = t->finding;
	f.count = t->count;
	t->finding = sw_engine_find(e, &f);
}

/* What the rules say of it; *ret_rule as of sw_sock_rules_judge(). */
static uint32_t ask_rules(const struct sw_sock_policy *p, const struct sw_sock_offence *o, int *ret_rule)
{
	struct sw_sock_facts facts = {.executable = o->executable,
		.user = o->user,
		.container = o->container,
		.uid = o->uid,
		.protocol = o->protocol,
		.port = o->port,
		.address = o->address,
		.kind = o->is_raw ? SW_SOCK_KIND_RAW : o->is_packet ? SW_SOCK_KIND_PACKET : SW_SOCK_KIND_USUAL,
		.is_chosen = o->is_chosen};

	return sw_sock_rules_judge(p->rules[o->is_connect], &facts, ret_rule);
}

static bool is_enforcing(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	return s && s->is_enforcing;
}

/* Who watches hears of a raw socket before it is refused: the refusal comes next, and is what is told. */
static bool is_about_to_be_refused(struct sw_engine *e, const struct sw_sock_offence *o)
{
	return o->is_raw && o->rule >= 0 && !e->sock_policy->table.why[LISTEN][o->rule] && is_enforcing(e);
}

/* Of what is there all the same: no hook could refuse it. */
static bool is_to_be_closed(struct sw_engine *e, const struct sw_sock_offence *o)
{
	return is_enforcing(e) && o->is_chosen && o->rule >= 0 &&
	       sw_sock_rules_names_chosen(e->sock_policy->rules[LISTEN], (unsigned int)o->rule);
}

/* True: it is to be closed. */
static bool judge(struct sw_engine *e, struct sw_sock_offence *o)
{
	struct sw_sock_policy *p = e->sock_policy;
	uint32_t action = SW_SOCK_DENY;

	if (sw_sock_is_own(e, o->pid, o->executable))
		return false;
	/* what the kernel refused was judged by it: a rule that changed since then is not what refused */
	if (!o->is_refused)
		action = ask_rules(p, o, &o->rule);
	if (!o->is_refused && action == SW_SOCK_DENY && is_about_to_be_refused(e, o))
		return false;
	o->is_closed = !o->is_refused && action == SW_SOCK_DENY && is_to_be_closed(e, o);
	if (action != SW_SOCK_ALLOW)
		tell(e, o);
	if (o->rule >= 0)
		p->hits[o->is_connect][o->rule]++;
	else
		p->unnamed[o->is_connect]++;
	return o->is_closed;
}

static bool is_judged(const struct sw_engine *e, enum way way)
{
	return e->sock_policy && e->watch && sw_sock_rules_count(e->sock_policy->rules[way]);
}

bool sw_sock_listener_facts(struct sw_engine *e, const struct sw_sock *s, struct sw_baseline_row *row,
	struct sw_sock_offence *ret)
{
	struct sw_watch *w = e->watch;
	struct sw_proc *owner = sw_sock_owner(s);
	struct sw_proc_info info = {.name = ""};

	if ((s->family != AF_INET && s->family != AF_INET6) || !s->lport ||
		!sw_sock_is_listener(s) ||
		sw_baseline_row_of(w->inv, s, w->range, sw_clock_wall_ns(&e->clock),
			sw_clock_boot_ns(&e->clock), row) != 1 ||
		(row->is_ephemeral && row->sock_type == SOCK_DGRAM))
		return false;
	if (owner)
		sw_procs_info(w->procs, owner, false, &info);
	*ret = (struct sw_sock_offence){.is_chosen = !!(s->options & SW_OPT_CHOSEN),
		.pid = info.key.tgid,
		.uid = row->uid,
		.port = s->lport,
		.protocol = (uint8_t)row->protocol,
		.address = row->address,
		.process = info.name,
		.executable = row->executable,
		.user = user_name(e, row->uid),
		.container = row->container,
		.unit = row->unit};
	return true;
}

/* ---- what is done with who was refused */

struct act {
	struct sw_engine *e;
	struct sw_finding finding;
	__u32 verb;
};

static void on_acted(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	static const char *const done[] = {"", "frozen", "killed", "isolated"};
	_free_ struct act *a = arg;
	struct sw_finding *f = &a->finding;

	if (reply->result == -ECONNRESET)
		return;
	snprintf(f->rule, sizeof(f->rule), "policy-%s", then_words[a->verb]);
	if (reply->result < 0)
		snprintf(f->title, sizeof(f->title), "%.32s[%u] could not be %s: %.100s", f->process, f->pid,
			done[a->verb], reply->text);
	else
		snprintf(f->title, sizeof(f->title), "%.32s[%u]%s was %s by the socket policy", f->process, f->pid,
			*f->container ? " with its container" : "", done[a->verb]);
	(void)sw_engine_find(a->e, f);
}

static bool is_acted(struct sw_sock_policy *p, const struct sw_proc_key *key)
{
	for (unsigned int i = 0; i < ACTED_MAX; i++) {
		if (!memcmp(&p->acted[i], key, sizeof(*key)))
			return true;
	}
	p->acted[p->n_acted++ % ACTED_MAX] = *key;
	return false;
}

static uint32_t then_of(const struct sw_engine *e, const struct sw_sock_offence *o)
{
	const struct sw_config_sock_rules *rules =
		o->is_connect ? &e->config->policy_connect : &e->config->policy_listen;

	if (o->rule < 0)
		return e->config->policy_then;
	return (unsigned int)o->rule < rules->n ? rules->at[o->rule].then : SW_SOCK_THEN_NOTHING;
}

static void act_on(struct sw_engine *e, const struct sw_sock_offence *o, const struct sw_proc_key *key)
{
	struct sw_guard_request req = {.op = SW_GUARD_ACT, .n = 1};
	uint32_t then = then_of(e, o);
	struct act *a;

	if (!then || sw_sock_is_own(e, o->pid, o->executable) || is_acted(e->sock_policy, key))
		return;
	a = calloc(1, sizeof(*a));
	if (!a)
		return;
	a->e = e;
	a->verb = then;
	sw_detect_sock_policy(o, &a->finding);
	a->finding.severity = SW_SEV_HIGH;
	req.act = (struct sw_guard_act){.verb = then, .pid = key->tgid, .start_ns = key->start_ns};
	sw_strcpy(req.act.container, sizeof(req.act.container), o->container);
	if (sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.act), -1, on_acted, a) < 0)
		free(a);
}

/* ---- what listens */

static void packet_of(struct sw_engine *e, const struct sw_sock *s, const struct sw_proc_info *info,
	struct sw_sock_offence *ret)
{
	*ret = (struct sw_sock_offence){.is_packet = true,
		.pid = info->key.tgid,
		.uid = info->uid,
		.process = info->name,
		.executable = info->executable,
		.user = user_name(e, info->uid),
		.container = info->container,
		.unit = info->unit};
}

static int settle_packet(const struct sw_sock *s, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_proc *owner = s->family == AF_PACKET ? sw_sock_owner(s) : NULL;
	struct sw_proc_info info;
	struct sw_sock_offence o;

	if (!owner)
		return 0;
	sw_procs_info(e->watch->procs, owner, true, &info);
	packet_of(e, s, &info, &o);
	(void)judge(e, &o);
	if (is_enforcing(e) && o.rule >= 0 && e->config->policy_listen.at[o.rule].action == SW_SOCK_DENY)
		act_on(e, &o, &info.key);
	return 0;
}

static void on_closed(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	if (reply->result < 0)
		sw_log_warning(reply->result, "a listener that the socket policy denies is not closed, ignoring");
}

static void close_listener(struct sw_engine *e, const struct sw_sock *s, const struct sw_sock_offence *o)
{
	struct sw_guard_request req = {.op = SW_GUARD_CUT, .n = 1};

	req.cuts[0] = (struct sw_guard_cut){.local = o->address,
		.peer = {.family = o->address.family},
		.lport = o->port,
		.protocol = o->protocol,
		.is_listener = 1,
		.cookie = s->cookie};
	(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.cuts[0]), -1, on_closed, e);
}

void sw_sock_policy_listener(struct sw_engine *e, const struct sw_sock *s)
{
	struct sw_proc *owner = sw_sock_owner(s);
	struct sw_sock_offence o;
	struct sw_baseline_row row;
	struct sw_proc_info info;

	if (!is_judged(e, LISTEN) || !sw_sock_listener_facts(e, s, &row, &o) || !judge(e, &o))
		return;
	close_listener(e, s, &o);
	if (!owner)
		return;
	sw_procs_info(e->watch->procs, owner, false, &info);
	act_on(e, &o, &info.key);
}

static int settle_one(const struct sw_sock *s, void *arg)
{
	sw_sock_policy_listener(arg, s);
	return 0;
}

void sw_sock_policy_settled(struct sw_engine *e)
{
	if (is_judged(e, LISTEN))
		sw_inventory_each(e->watch->inv, settle_one, e);
}

void sw_sock_policy_snapshot(struct sw_engine *e)
{
	if (is_judged(e, LISTEN) && sw_sock_rules_names_packets(e->sock_policy->rules[LISTEN]))
		sw_inventory_each(e->watch->inv, settle_packet, e);
}

/* The address that a refused bind asked for. */
static struct sw_net bound_address(const struct sw_sock_event *ev)
{
	__u32 v4;

	if (ev->family == AF_INET6)
		return sw_net_from6(ev->laddr);
	memcpy(&v4, ev->laddr, sizeof(v4));
	return sw_net_from4(v4);
}

void sw_sock_policy_event(struct sw_engine *e, const struct sw_event *event)
{
	struct sw_proc_info info = {.name = "", .executable = "", .container = "", .unit = ""};
	const struct sw_sock_event *ev = event->sock;
	bool is_connect, is_refused;
	struct sw_sock_offence o;
	struct sw_proc_key key;
	struct sw_proc *proc;
	bool is_raw;

	if (event->kind != SW_EVENT_SOCK || (ev->family != AF_INET && ev->family != AF_INET6))
		return;
	is_connect = ev->head.type == SW_EV_CONNECT && ev->rport;
	is_refused = ev->policy_rule != 0;
	is_raw = ev->head.type == SW_EV_BIND && ev->type == SOCK_RAW;
	if ((!is_connect && !is_raw && !(ev->head.type == SW_EV_BIND && is_refused)) ||
		!is_judged(e, is_connect ? CONNECT : LISTEN))
		return;
	proc = ev->owner.tgid ? sw_procs_hold(e->watch->procs, &ev->owner) : NULL;
	if (proc)
		sw_procs_info(e->watch->procs, proc, true, &info);
	o = (struct sw_sock_offence){.is_connect = is_connect,
		.is_refused = is_refused,
		.is_raw = is_raw,
		.rule = ev->policy_rule == SW_SOCK_BY_DEFAULT ? SW_SOCK_NO_RULE : ev->policy_rule - 1,
		.pid = ev->owner.tgid,
		.uid = ev->owner.uid,
		.port = is_connect ? ev->rport : ev->lport,
		.protocol = (uint8_t)ev->protocol,
		.address = is_connect ? sw_event_peer(ev) : bound_address(ev),
		.process = info.name,
		.executable = info.executable,
		.user = user_name(e, ev->owner.uid),
		.container = info.container,
		.unit = info.unit};
	(void)judge(e, &o);
	key = sw_proc_key_of(&ev->owner);
	if (is_refused)
		act_on(e, &o, &key);
	if (proc)
		sw_procs_release(e->watch->procs, proc);
}

/* ---- what the kernel refuses by itself */

static int find_user(const char *name, uint32_t *ret_uid, void *arg)
{
	struct sw_engine *e = arg;

	return e->watch ? sw_users_find(e->watch->users, name, ret_uid) : -ENOENT;
}

/* Hierarchies of v1 by which runtimes name containers (user/sockets/names.c). */
static bool is_hybrid(void)
{
	char text[4096] = "";

	(void)sw_read_file("/proc/self/cgroup", text, sizeof(text));
	return strstr(text, ":pids:") || strstr(text, ":name=systemd:");
}

static void on_taken(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;

	if (reply->result >= 0)
		sw_degraded_clear(e, "socket-policy");
	else if (reply->result != -ECONNRESET)
		sw_degraded_set(e, "socket-policy", SW_SEV_HIGH, "the socket policy is not in force: %s", reply->text);
}

/* The guard has it from us after each HELLO: what an earlier one left in the kernel holds until then. */
static void send_table(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	const struct sw_sock_table_host host = {.find_user = find_user,
		.arg = e,
		.own_dir = e->sock_policy->own_dir,
		.is_hybrid = is_hybrid(),
		.can_read_kernel = !s || !strstr(s->hooks, "-read_kernel")};
	struct sw_guard_request req = {.op = SW_GUARD_SOCK_POLICY};
	struct sw_sock_table *t = &e->sock_policy->table;
	_close_ int fd = -1;
	int r = sw_sock_table_make(e->config, &host, t);

	if (r >= 0)
		r = fd = sw_memfd_sealed("sw-sock-policy", &t->image, sizeof(t->image));
	if (r >= 0)
		r = sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, fd, on_taken, e);
	if (r < 0)
		sw_log_warning(r, "the socket policy cannot be handed to the kernel, ignoring");
}

static int connected(struct sw_engine *e)
{
	send_table(e);
	return 0;
}

/* ---- verbs */

static void write_rules(struct sw_engine *e, struct sw_json *j, enum way way)
{
	const struct sw_config_sock_rules *rules =
		way ? &e->config->policy_connect : &e->config->policy_listen;

	for (unsigned int i = 0; i < rules->n; i++) {
		const struct sw_config_sock_rule *r = &rules->at[i];

		sw_json_object_begin(j, NULL);
		sw_json_string(j, "list", way_words[way]);
		sw_json_uint(j, "rule", i + 1);
		sw_json_string(j, "executable", r->executable);
		sw_json_string(j, "user", r->user);
		sw_json_string(j, "container", r->container);
		sw_json_string(j, "ports", r->ports);
		sw_json_string(j, "networks", r->networks);
		sw_json_string(j, "protocol", protocol_words[r->protocol]);
		sw_json_string(j, "action", action_words[r->action]);
		sw_json_string(j, "then", then_words[r->then]);
		sw_json_bool(j, "kernel", !e->sock_policy->table.why[way][i]);
		sw_json_string(j, "why", e->sock_policy->table.why[way][i]);
		sw_json_uint(j, "hits", e->sock_policy->hits[way][i]);
		sw_json_object_end(j);
	}
}

static void verb_show(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_string(j, "default", action_words[e->config->policy_default]);
	sw_json_uint(j, "unnamed_listen", e->sock_policy->unnamed[LISTEN]);
	sw_json_uint(j, "unnamed_connect", e->sock_policy->unnamed[CONNECT]);
	sw_json_uint(j, "findings_not_told", e->sock_policy->untold);
	sw_json_array_begin(j, "rules");
	write_rules(e, j, LISTEN);
	write_rules(e, j, CONNECT);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

struct walk {
	struct sw_engine *e;
	struct sw_json *j;
	__u8 listening[65536 / 8]; /* TCP ports: a connection to one of them was not begun here */
};

static void write_socket(struct walk *w, const struct sw_sock_offence *o, bool is_ephemeral)
{
	char text[SW_NET_TEXT_MAX];
	uint32_t action;
	int rule;

	if (sw_sock_is_own(w->e, o->pid, o->executable))
		return;
	action = ask_rules(w->e->sock_policy, o, &rule);
	sw_json_object_begin(w->j, NULL);
	sw_json_string(w->j, "list", way_words[o->is_connect]);
	sw_json_string(w->j, "action", action_words[action]);
	if (rule >= 0)
		sw_json_uint(w->j, "rule", (uint64_t)rule + 1);
	else
		sw_json_null(w->j, "rule");
	sw_json_string(w->j, "protocol", sw_transport_word(o->protocol));
	sw_json_string(w->j, "address", sw_cidr_format(text, &o->address));
	sw_json_uint(w->j, "port", o->port);
	sw_json_bool(w->j, "ephemeral", is_ephemeral);
	sw_json_uint(w->j, "pid", o->pid);
	sw_json_string(w->j, "process", o->process);
	sw_json_string(w->j, "executable", o->executable);
	sw_json_string(w->j, "user", o->user);
	sw_json_uint(w->j, "uid", o->uid);
	sw_json_string(w->j, "container", o->container);
	sw_json_object_end(w->j);
}

static int walk_listener(const struct sw_sock *s, void *arg)
{
	struct walk *w = arg;
	struct sw_sock_offence o;
	struct sw_baseline_row row;

	if (!sw_sock_listener_facts(w->e, s, &row, &o))
		return 0;
	if (s->protocol == IPPROTO_TCP)
		sw_ports_set(w->listening, s->lport, s->lport);
	write_socket(w, &o, row.is_ephemeral);
	return 0;
}

bool sw_sock_connection_facts(struct sw_engine *e, const struct sw_sock *s, struct sw_proc_info *info,
	struct sw_sock_offence *ret)
{
	struct sw_proc *owner = sw_sock_owner(s);

	if (s->protocol != IPPROTO_TCP || s->state != STATE_CONNECTED || !s->rport || !owner)
		return false;
	sw_procs_info(e->watch->procs, owner, true, info);
	*ret = (struct sw_sock_offence){.is_connect = true,
		.pid = info->key.tgid,
		.uid = info->uid,
		.port = s->rport,
		.protocol = (uint8_t)s->protocol,
		.address = sw_sock_peer(s),
		.process = info->name,
		.executable = info->executable,
		.user = user_name(e, info->uid),
		.container = info->container,
		.unit = info->unit};
	return true;
}

static int walk_connection(const struct sw_sock *s, void *arg)
{
	struct walk *w = arg;
	struct sw_proc_info info;
	struct sw_sock_offence o;

	if (sw_ports_has(w->listening, s->lport) || !sw_sock_connection_facts(w->e, s, &info, &o))
		return 0;
	write_socket(w, &o, false);
	return 0;
}

static void verb_sockets(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	_free_ struct walk *w = calloc(1, sizeof(*w));

	if (!w || !e->watch) {
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "there is no memory");
		return;
	}
	w->e = e;
	w->j = sw_ctl_reply_begin(q);
	sw_json_array_begin(w->j, "sockets");
	sw_inventory_each(e->watch->inv, walk_listener, w);
	sw_inventory_each(e->watch->inv, walk_connection, w);
	sw_json_array_end(w->j);
	sw_ctl_reply_end(q);
}

/* Of the process that has the number now. */
static bool read_container(struct sw_engine *e, uint32_t pid, char *ret, size_t size)
{
	struct sw_proc_reader *rd = &e->watch->reader;
	struct sw_names names;
	char text[8192];

	if (rd->read(rd->arg, pid, "cgroup", text, sizeof(text)) <= 0)
		return false;
	sw_names_from_cgroup(text, &names);
	return *names.container && sw_strcpy(ret, size, names.container);
}

static void verb_act(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_guard_request req = {.op = SW_GUARD_ACT, .n = 1};
	struct sw_guard_reply reply = {.text = "the guard is away"};
	const char *word;
	char pid_text[16];
	bool is_whole;
	uint64_t pid;
	int verb, r;

	if (!sw_ctl_arg_string(q, args, "verb", "", &word) || !sw_ctl_arg_uint(q, args, "pid", 0, &pid) ||
		!sw_ctl_arg_bool(q, args, "container", false, &is_whole))
		return;
	for (verb = SW_ACT_RELEASE; verb && !sw_streq(word, then_words[verb]);)
		verb--;
	if (!verb || !pid || pid > INT32_MAX)
		return sw_ctl_fail(q, SW_CERR_USAGE, NULL, "wants freeze, kill, isolate or release, and a process");
	req.act = (struct sw_guard_act){.verb = (__u32)verb, .pid = (__u32)pid};
	if (is_whole && !read_container(e, (uint32_t)pid, req.act.container, sizeof(req.act.container)))
		return sw_ctl_fail(q, SW_CERR_NOT_FOUND, NULL, "process %u is in no container", (unsigned int)pid);
	r = sw_guard_call(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.act), &reply);
	snprintf(pid_text, sizeof(pid_text), "%u", (unsigned int)pid);
	(void)sw_store_audit(e->store, sw_ctl_request_by(q), word, pid_text, r < 0 ? reply.text : "");
	if (r < 0)
		return sw_ctl_fail(q, r == -ENOENT || r == -ESRCH ? SW_CERR_NOT_FOUND : SW_CERR_REFUSED, NULL,
			"process %s: %s", pid_text, reply.text);
	(void)sw_ctl_reply_begin(q);
	sw_ctl_reply_end(q);
}

static void verb_held(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_guard_request req = {.op = SW_GUARD_HELD};
	_free_ struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	int r = reply ? sw_guard_call(e->guard, &req, SW_GUARD_REQUEST_HEAD, reply) : -ENOMEM;
	struct sw_json *j;

	if (r < 0)
		return sw_ctl_fail(q, SW_CERR_DEGRADED, NULL, "the guard does not say whom it holds: %s", strerror(-r));
	j = sw_ctl_reply_begin(q);
	sw_json_array_begin(j, "held");
	for (__u32 i = 0; i < SW_MIN(reply->held.n, (__u32)SW_GUARD_HELD_MAX); i++) {
		const struct sw_guard_held_row *row = &reply->held.at[i];

		sw_json_object_begin(j, NULL);
		sw_json_uint(j, "pid", row->pid);
		sw_json_string(j, "verb", then_words[row->verb]);
		sw_json_bool(j, "whole", row->is_whole || row->verb == SW_ACT_ISOLATE);
		sw_json_stringn(j, "cgroup", row->cgroup, strnlen(row->cgroup, sizeof(row->cgroup)));
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"policy.act", SW_CTL_CHANGE, verb_act},
	{"policy.held", SW_CTL_READ, verb_held},
	{"policy.show", SW_CTL_READ, verb_show},
	{"policy.sockets", SW_CTL_READ, verb_sockets},
	{},
};

/* ---- the part */

static int make_rules(const struct sw_config *c, struct sw_sock_rules *ret[static WAYS])
{
	int r = sw_sock_rules_new(&c->policy_listen, c->policy_default, &ret[LISTEN]);

	return r < 0 ? r : sw_sock_rules_new(&c->policy_connect, c->policy_default, &ret[CONNECT]);
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	struct sw_sock_policy *p = e->sock_policy;
	struct sw_sock_rules *rules[WAYS] = {};
	int r = make_rules(e->config, rules);

	if (r < 0) {
		sw_sock_rules_free(rules[LISTEN]);
		sw_log_err(r, "the socket policy cannot be taken; the one before stays in force");
		return;
	}
	for (int way = 0; way < WAYS; way++) {
		sw_sock_rules_free(p->rules[way]);
		p->rules[way] = rules[way];
	}
	memset(p->hits, 0, sizeof(p->hits)); /* of other rules */
	memset(p->unnamed, 0, sizeof(p->unnamed));
	send_table(e);
	if (e->watch && e->watch->is_settled)
		sw_sock_policy_settled(e);
}

static void done(struct sw_engine *e)
{
	struct sw_sock_policy *p = TAKE_PTR(e->sock_policy);
	struct offence *t, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->offences, t, next) {
		HASH_DEL(p->offences, t);
		free(t);
	}
	for (int way = 0; way < WAYS; way++)
		sw_sock_rules_free(p->rules[way]);
	free(p);
}

static int init(struct sw_engine *e)
{
	struct sw_sock_policy *p = e->sock_policy = calloc(1, sizeof(*p));
	char *slash;
	ssize_t n;

	if (!p)
		return -ENOMEM;
	n = readlink("/proc/self/exe", p->own_dir, sizeof(p->own_dir) - 1);
	slash = n > 0 ? strrchr(p->own_dir, '/') : NULL;
	if (slash)
		slash[1] = '\0';
	return make_rules(e->config, p->rules);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	sw_json_object_begin(j, "policy");
	sw_json_string(j, "default", action_words[e->config->policy_default]);
	sw_json_uint(j, "listen_rules", sw_sock_rules_count(e->sock_policy->rules[LISTEN]));
	sw_json_uint(j, "connect_rules", sw_sock_rules_count(e->sock_policy->rules[CONNECT]));
	sw_json_uint(j, "findings_not_told", e->sock_policy->untold);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_sock_policy = {
	.name = "policy",
	.verbs = verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.configured = configured,
	.status = status,
};
