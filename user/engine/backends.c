// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/backends.h"

#include "user/engine/events.h"
#include "user/engine/health.h"

/* how soon it is said what the guard put back, or could not; and that it took nftables as a last resort */
enum { LOOK_SEC = 5, LOOK_FOR_ANY_SEC = 30 };

const char *const sw_backend_names[SW_BACKEND_COUNT] = {
	[SW_BACKEND_XDP] = "xdp",
	[SW_BACKEND_NFTABLES] = "nftables",
	[SW_BACKEND_HOSTS_DENY] = "hosts.deny",
	[SW_BACKEND_EXEC] = "exec",
};

struct sw_backends_part {
	struct sw_source *look;
	__u32 repairs[SW_BACKEND_COUNT];
	uint64_t guard_started_ns; /* the guard that these were counted by */
};

static void say_repaired(
	struct sw_engine *e, enum sw_backend_id id, const struct sw_guard_backend *b)
{
	struct sw_finding f = {.kind = SW_FINDING_SYSTEM,
		.severity = SW_SEV_MEDIUM,
		.count = 1,
		.rule = "backend-repaired"};

	snprintf(f.title, sizeof(f.title), "%s: %.*s", sw_backend_names[id],
		(int)strnlen(b->why, sizeof(b->why)), b->why);
	sw_engine_find(e, &f);
}

static void look(struct sw_engine *e, const struct sw_guard_status *s)
{
	struct sw_backends_part *p = e->backends;
	bool is_new = p->guard_started_ns != s->started_boot_ns;

	for (unsigned int i = SW_BACKEND_XDP + 1; i < SW_BACKEND_COUNT; i++) {
		const struct sw_guard_backend *b = &s->backends[i];
		char key[24];

		snprintf(key, sizeof(key), "backend-%s", sw_backend_names[i]);
		if (b->is_on && b->error)
			sw_degraded_set(e, key, SW_SEV_HIGH, "bans are not in force by %s: %.*s",
				sw_backend_names[i], (int)strnlen(b->why, sizeof(b->why)), b->why);
		else
			sw_degraded_clear(e, key);
		if (b->repairs > (is_new ? 0 : p->repairs[i]))
			say_repaired(e, (enum sw_backend_id)i, b);
		p->repairs[i] = b->repairs;
	}
	p->guard_started_ns = s->started_boot_ns;
}

static bool has_any(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	bool has = e->config->ban_backends & ~(1U << SW_BACKEND_XDP);

	for (unsigned int i = SW_BACKEND_XDP + 1; s && i < SW_BACKEND_COUNT; i++)
		has |= s->backends[i].is_on;
	return has;
}

static void watch(struct sw_engine *e)
{
	uint64_t after_ns = (has_any(e) ? LOOK_SEC : LOOK_FOR_ANY_SEC) * SW_SEC_NS;

	(void)sw_source_set_timer(e->backends->look, after_ns, 0);
}

static int on_look(struct sw_source *src, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	if (s)
		look(e, s);
	watch(e);
	return 0;
}

bool sw_backends_reach_clients(const struct sw_config *c)
{
	bool is_on = c->ban_backends & 1U << SW_BACKEND_EXEC;

	for (__u32 i = 0; is_on && i < SW_MIN(c->n_actions, (__u32)SW_CONFIG_ACTIONS_MAX); i++) {
		const struct sw_config_action *a = &c->actions[i];

		if (a->ban[0] || (a->file[0] && a->format != SW_FORMAT_HOSTS_DENY))
			return true;
	}
	return false;
}

void sw_engine_verdicts(
	struct sw_engine *e, const struct sw_net *nets, size_t n, struct sw_guard_verdict *ret)
{
	memset(ret, 0, n * sizeof(*ret));
	for (size_t at = 0; has_any(e) && at < n; at += SW_GUARD_VERDICTS_MAX) {
		struct sw_guard_request req;
		struct sw_guard_reply reply = {};

		memset(&req, 0, SW_GUARD_REQUEST_HEAD);
		req.op = SW_GUARD_VERDICTS;
		req.n = (__u32)SW_MIN(n - at, (size_t)SW_GUARD_VERDICTS_MAX);
		for (__u32 i = 0; i < req.n; i++)
			req.bans[i] = (struct sw_guard_ban){.net = nets[at + i]};
		if (sw_guard_call(e->guard, &req,
			    SW_GUARD_REQUEST_HEAD + req.n * sizeof(req.bans[0]), &reply) < 0)
			return;
		memcpy(ret + at, reply.verdicts, req.n * sizeof(*ret));
	}
}

const struct sw_guard_nft *sw_backends_nft(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	return s && s->backends[SW_BACKEND_NFTABLES].is_on ? &s->nft : NULL;
}

static void write_hits(struct sw_json *j, const char *name, const struct sw_guard_hits *hits)
{
	sw_json_object_begin(j, name);
	sw_json_uint(j, "packets", hits->packets);
	sw_json_uint(j, "bytes", hits->bytes);
	sw_json_object_end(j);
}

void sw_backends_write_nft(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_nft *n = sw_backends_nft(e);

	if (!n) {
		sw_json_null(j, "nftables");
		return;
	}
	sw_json_object_begin(j, "nftables");
	sw_json_bool(j, "is_fallback", n->is_fallback);
	sw_json_bool(j, "is_loading", n->is_loading);
	sw_json_uint(j, "trails_held", n->trails_held);
	sw_json_uint(j, "trails_left_out", n->trails_left_out);
	write_hits(j, "dropped_by_source", &n->trails_in);
	write_hits(j, "dropped_by_destination", &n->trails_out);
	sw_json_object_end(j);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	sw_json_array_begin(j, "backends");
	for (unsigned int i = 0; s && i < SW_BACKEND_COUNT; i++) {
		const struct sw_guard_backend *b = &s->backends[i];

		if (!b->is_on)
			continue;
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "name", sw_backend_names[i]);
		sw_json_string(j, "state", b->error ? "failed" : "installed");
		sw_json_uint(j, "bans", i == SW_BACKEND_XDP ? sw_engine_n_bans(e) : b->entries);
		sw_json_uint(j, "repairs", b->repairs);
		sw_json_stringn(j, "text", b->why, strnlen(b->why, sizeof(b->why)));
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_backends_write_nft(e, j);
}

static int init(struct sw_engine *e)
{
	e->backends = calloc(1, sizeof(*e->backends));
	if (!e->backends)
		return -ENOMEM;
	return sw_loop_add_timer(e->loop, 0, 0, on_look, e, &e->backends->look);
}

static void done(struct sw_engine *e)
{
	free(TAKE_PTR(e->backends));
}

static int connected(struct sw_engine *e)
{
	watch(e);
	return 0;
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	sw_health_forget_status(e);
	watch(e);
}

const struct sw_engine_part sw_part_backends = {
	.name = "backends",
	.init = init,
	.done = done,
	.connected = connected,
	.configured = configured,
	.status = status,
};
