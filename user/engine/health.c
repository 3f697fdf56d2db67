// SPDX-License-Identifier: GPL-3.0-or-later
/* What is wrong now, the sums of the kernel's counters, and the guard's status. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>

#include "user/engine/health.h"

enum { STATUS_FRESH_NS = 1000000000 };

struct degraded {
	char key[48];
	char text[256];
	enum sw_severity severity;
	int64_t since_wall_ns;
	UT_hash_handle hh;
};

struct sw_health {
	struct degraded *degraded;
	int n_cpus;
	uint64_t status_boot_ns; /* 0: there is none */
	struct sw_guard_status status;
};

int sw_health_new(struct sw_health **ret)
{
	struct sw_health *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->n_cpus = libbpf_num_possible_cpus();
	if (h->n_cpus < 1 || h->n_cpus > SW_MAX_CPUS)
		h->n_cpus = SW_MAX_CPUS;
	*ret = h;
	return 0;
}

void sw_health_free(struct sw_health *h)
{
	struct degraded *d, *next;

	if (!h)
		return;
	HASH_ITER(hh, h->degraded, d, next) {
		HASH_DEL(h->degraded, d);
		free(d);
	}
	free(h);
}

static void say_degraded(struct sw_engine *e, const struct degraded *d)
{
	struct sw_finding f = {.kind = SW_FINDING_SYSTEM, .severity = d->severity, .count = 1};

	sw_log_warning(0, "%s", d->text);
	snprintf(f.rule, sizeof(f.rule), "system-%.40s", d->key);
	(void)sw_strcpy(f.title, sizeof(f.title), d->text);
	sw_engine_find(e, &f);
}

void sw_degraded_set(struct sw_engine *e, const char *key, enum sw_severity severity, const char *fmt, ...)
{
	struct degraded *d;
	bool is_new = false;
	va_list ap;

	HASH_FIND_STR(e->health->degraded, key, d);
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return;
		(void)sw_strcpy(d->key, sizeof(d->key), key);
		d->since_wall_ns = sw_clock_wall_ns(&e->clock);
		HASH_ADD_STR(e->health->degraded, key, d);
		is_new = true;
	}
	d->severity = severity;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	if (is_new)
		say_degraded(e, d);
}

void sw_degraded_clear(struct sw_engine *e, const char *key)
{
	struct degraded *d;
	struct sw_json *j;

	HASH_FIND_STR(e->health->degraded, key, d);
	if (!d)
		return;
	sw_log_notice("over: %s", d->text);
	j = sw_event_begin(e->events, SW_EVK_SYSTEM, "over: %s", d->text);
	sw_json_string(j, "key", d->key);
	sw_event_end(e->events);
	HASH_DEL(e->health->degraded, d);
	free(d);
}

unsigned int sw_degraded_count(const struct sw_engine *e)
{
	return HASH_COUNT(e->health->degraded);
}

void sw_degraded_json(const struct sw_engine *e, struct sw_json *j)
{
	sw_json_array_begin(j, "degraded");
	for (const struct degraded *d = e->health->degraded; d; d = d->hh.next) {
		_strbuf_ struct sw_strbuf safe = {};

		sw_strbuf_safe(&safe, d->text, strlen(d->text));
		sw_json_string(j, NULL, sw_strbuf_get(&safe));
	}
	sw_json_array_end(j);
}

int sw_engine_counter(struct sw_engine *e, enum sw_guard_fd fd, __u32 key, struct sw_counter *ret)
{
	_free_ struct sw_counter *each = calloc((size_t)e->health->n_cpus, sizeof(*each));
	int r;

	*ret = (struct sw_counter){};
	if (e->fds[fd] < 0)
		return -ENOTCONN;
	if (!each)
		return -ENOMEM;
	r = bpf_map_lookup_elem(e->fds[fd], &key, each);
	for (int cpu = 0; r >= 0 && cpu < e->health->n_cpus; cpu++) {
		ret->packets += each[cpu].packets;
		ret->bytes += each[cpu].bytes;
		ret->dropped += each[cpu].dropped;
	}
	return r;
}

int sw_engine_counters(struct sw_engine *e, struct sw_counter ret[static SW_R_COUNT])
{
	int r = 0;

	memset(ret, 0, sizeof(*ret) * SW_R_COUNT);
	for (__u32 reason = 0; reason < SW_R_COUNT && r >= 0; reason++)
		r = sw_engine_counter(e, SW_FD_COUNTERS, reason, &ret[reason]);
	return r < 0 ? r : 0;
}

int sw_engine_stats(struct sw_engine *e, uint64_t ret[static SW_STAT_COUNT])
{
	_free_ uint64_t *each = calloc((size_t)e->health->n_cpus, sizeof(*each));

	memset(ret, 0, sizeof(*ret) * SW_STAT_COUNT);
	if (e->fds[SW_FD_STATS] < 0)
		return -ENOTCONN;
	if (!each)
		return -ENOMEM;
	for (__u32 stat = 0; stat < SW_STAT_COUNT; stat++) {
		int r = bpf_map_lookup_elem(e->fds[SW_FD_STATS], &stat, each);

		if (r < 0)
			return r;
		for (int cpu = 0; cpu < e->health->n_cpus; cpu++)
			ret[stat] += each[cpu];
	}
	return 0;
}

void sw_health_forget_status(struct sw_engine *e)
{
	e->health->status_boot_ns = 0;
}

const struct sw_guard_status *sw_engine_guard_status(struct sw_engine *e)
{
	struct sw_health *h = e->health;
	uint64_t now_ns = sw_clock_boot_ns(&e->clock);
	struct sw_guard_request req = {.op = SW_GUARD_STATUS};
	struct sw_guard_reply reply;

	if (!sw_guard_client_is_connected(e->guard))
		return NULL;
	if (h->status_boot_ns && now_ns - h->status_boot_ns < STATUS_FRESH_NS)
		return &h->status;
	if (sw_guard_call(e->guard, &req, SW_GUARD_REQUEST_HEAD, &reply) < 0)
		return NULL;
	h->status = reply.status;
	h->status.n_ifaces = SW_MIN(h->status.n_ifaces, (__u32)SW_GUARD_IFACES_MAX);
	h->status.hooks[sizeof(h->status.hooks) - 1] = '\0';
	h->status_boot_ns = now_ns;
	return &h->status;
}
