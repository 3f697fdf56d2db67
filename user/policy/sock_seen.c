// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/sock_seen.h"

#include <uthash.h>

enum {
	HOUR_SEC = 3600, /* how exact a time is, so that who is seen all the time is not saved all the time */
	PORTS_FIRST = 4, /* room for what most programs use */
};

struct program {
	struct sw_seen_who who;
	uint32_t any_sec, last_sec;
	bool is_unsaved;
	uint32_t n, room;
	struct sw_seen_port *ports;
	UT_hash_handle hh;
};

struct sw_seen_memory {
	const struct sw_clock *clock;
	sw_seen_drop_fn drop;
	void *arg;
	struct program *programs;
	size_t n_unsaved;
};

int sw_seen_new(const struct sw_clock *clock, sw_seen_drop_fn drop, void *arg, struct sw_seen_memory **ret)
{
	struct sw_seen_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->clock = clock;
	m->drop = drop;
	m->arg = arg;
	*ret = m;
	return 0;
}

static void forget(struct sw_seen_memory *m, struct program *p)
{
	HASH_DEL(m->programs, p);
	m->n_unsaved -= p->is_unsaved;
	free(p->ports);
	free(p);
}

void sw_seen_free(struct sw_seen_memory *m)
{
	struct program *p, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->programs, p, next)
		forget(m, p);
	free(m);
}

int sw_seen_who(enum sw_sock_way way, uint8_t protocol, bool is_contained, uint32_t uid, const char *executable,
	struct sw_seen_who *ret)
{
	struct sw_seen_who who = {.way = (__u8)way, .protocol = protocol, .is_contained = is_contained, .uid = uid};

	if (!*executable || !sw_strcpy(who.executable, sizeof(who.executable), executable))
		return -EINVAL;
	*ret = who;
	return 0;
}

static void make_room(struct sw_seen_memory *m)
{
	struct program *p, *next, *oldest = NULL;

	if (HASH_COUNT(m->programs) < SW_SEEN_PROGRAMS_MAX)
		return;
	HASH_ITER(hh, m->programs, p, next) {
		if (!oldest || p->last_sec < oldest->last_sec)
			oldest = p;
	}
	if (m->drop)
		m->drop(&oldest->who, m->arg);
	forget(m, oldest);
}

static struct program *program_of(struct sw_seen_memory *m, const struct sw_seen_who *who)
{
	struct program *p;

	HASH_FIND(hh, m->programs, who, sizeof(*who), p);
	if (p)
		return p;
	make_room(m);
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->who = *who;
	HASH_ADD(hh, m->programs, who, sizeof(p->who), p);
	return p;
}

static int add_port(struct program *p, uint16_t port, uint32_t sec)
{
	if (p->n == p->room) {
		uint32_t room = p->room ? 2 * p->room : PORTS_FIRST;
		struct sw_seen_port *ports = realloc(p->ports, room * sizeof(*ports));

		if (!ports)
			return -ENOMEM;
		p->ports = ports;
		p->room = room;
	}
	p->ports[p->n++] = (struct sw_seen_port){.port = port, .last_sec = sec};
	return 0;
}

static uint32_t *time_of(struct program *p, uint16_t port)
{
	if (p->any_sec)
		return &p->any_sec;
	for (uint32_t i = 0; i < p->n; i++) {
		if (p->ports[i].port == port)
			return &p->ports[i].last_sec;
	}
	return NULL;
}

/* 1: something is new in it, to the hour. */
static int put(struct program *p, uint16_t port, uint32_t sec)
{
	uint32_t *last = time_of(p, port);
	bool is_news = !last || sec >= *last + HOUR_SEC;
	int r = 0;

	p->last_sec = SW_MAX(p->last_sec, sec);
	if (!is_news)
		return 0;
	if (last) {
		*last = sec;
	} else if (p->n < SW_SEEN_PORTS_MAX) {
		r = add_port(p, port, sec);
	} else {
		p->any_sec = sec;
		p->n = p->room = 0;
		free(TAKE_PTR(p->ports));
	}
	return r < 0 ? r : 1;
}

int sw_seen_note(struct sw_seen_memory *m, const struct sw_seen_who *who, uint16_t port)
{
	int64_t now = sw_clock_wall_sec(m->clock);
	struct program *p = program_of(m, who);
	int r;

	if (!p)
		return -ENOMEM;
	r = put(p, port, (uint32_t)SW_MIN(SW_MAX(now, 1), UINT32_MAX));
	if (r > 0 && !p->is_unsaved) {
		p->is_unsaved = true;
		m->n_unsaved++;
	}
	return SW_MIN(r, 0);
}

int sw_seen_load(struct sw_seen_memory *m, const struct sw_seen *s)
{
	struct program *p;
	int r = 0;

	if (!memchr(s->who.executable, 0, sizeof(s->who.executable)) || s->n > SW_SEEN_PORTS_MAX ||
		s->who.way >= SW_SOCK_WAYS)
		return -EINVAL;
	p = program_of(m, &s->who);
	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n && r >= 0; i++)
		r = put(p, s->ports[i].port, s->ports[i].last_sec);
	if (s->any_sec) {
		p->any_sec = SW_MAX(p->any_sec, s->any_sec);
		p->last_sec = SW_MAX(p->last_sec, s->any_sec);
		p->n = p->room = 0;
		free(TAKE_PTR(p->ports));
	}
	return SW_MIN(r, 0);
}

int sw_seen_each(struct sw_seen_memory *m, int64_t since_wall_sec, sw_seen_fn fn, void *arg)
{
	struct sw_seen_port ports[SW_SEEN_PORTS_MAX];
	struct program *p, *next;
	int r = 0;

	HASH_ITER(hh, m->programs, p, next) {
		struct sw_seen s = {.who = p->who, .ports = ports};

		for (uint32_t i = 0; i < p->n; i++) {
			if (p->ports[i].last_sec >= since_wall_sec)
				ports[s.n++] = p->ports[i];
		}
		s.any_sec = p->any_sec >= since_wall_sec ? p->any_sec : 0;
		if (s.n || s.any_sec)
			r = fn(&s, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

bool sw_seen_has_unsaved(const struct sw_seen_memory *m)
{
	return m->n_unsaved > 0;
}

int sw_seen_each_unsaved(struct sw_seen_memory *m, sw_seen_fn fn, void *arg)
{
	struct program *p, *next;

	HASH_ITER(hh, m->programs, p, next) {
		struct sw_seen s = {.who = p->who, .any_sec = p->any_sec, .n = p->n, .ports = p->ports};
		int r = p->is_unsaved ? fn(&s, arg) : 0;

		if (r < 0)
			return r;
		m->n_unsaved -= p->is_unsaved;
		p->is_unsaved = false;
	}
	return 0;
}

size_t sw_seen_count(const struct sw_seen_memory *m)
{
	return HASH_COUNT(m->programs);
}
