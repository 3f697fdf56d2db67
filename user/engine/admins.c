// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The peers of administrators: an established TCP connection held by an sshd whose login session is
 * open (loginuid set). Merely being connected protects nobody, else every guesser of passwords would
 * be. The kernel tells who accepted, not who holds the connection after the fork, so the owners of a
 * young connection are asked for again until the time to log in is over.
 */
#include <netinet/in.h>

#include "user/engine/bans.h"
#include "user/engine/watch.h"

enum {
	LOOK_SEC = 5,
	ASK_SEC = 15,	      /* between two questions for owners */
	LOGIN_GRACE_SEC = 150, /* sshd_config(5) LoginGraceTime is 120 s by default */
	ADMINS_MAX = 64,
	LISTENERS_MAX = 16,
	TCP_IS_ESTABLISHED = 1,
};

#define NO_SESSION UINT32_MAX

struct sw_admins {
	struct sw_source *timer;
	uint64_t asked_ns; /* boot time of the last question for owners */
};

struct look {
	struct sw_engine *e;
	uint32_t daemon_sessions[LISTENERS_MAX]; /* a daemon started by hand has its starter's session */
	size_t n_daemons;
	struct sw_net admins[ADMINS_MAX];
	size_t n_admins;
	bool is_anybody_young;
};

static uint32_t read_number(uint32_t pid, const char *file)
{
	char path[64], text[32];
	unsigned long n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	if (sw_read_file(path, text, sizeof(text)) <= 0)
		return NO_SESSION;
	n = strtoul(text, NULL, 10);
	return n < NO_SESSION ? (uint32_t)n : NO_SESSION;
}

static bool is_sshd(const struct sw_proc_info *p)
{
	return strncmp(p->comm, "sshd", 4) == 0 && !p->is_gone;
}

static bool is_daemon_session(const struct look *l, uint32_t session)
{
	for (size_t i = 0; i < l->n_daemons; i++) {
		if (l->daemon_sessions[i] == session)
			return true;
	}
	return false;
}

static int note_daemon(const struct sw_sock *s, void *arg)
{
	struct look *l = arg;

	if (s->protocol != IPPROTO_TCP || !sw_sock_is_listener(s))
		return 0;
	for (size_t i = 0; i < s->n_owners && l->n_daemons < LISTENERS_MAX; i++) {
		struct sw_proc_info p;

		sw_procs_info(l->e->watch->procs, s->owners[i].proc, false, &p);
		if (is_sshd(&p))
			l->daemon_sessions[l->n_daemons++] = read_number(p.key.tgid, "sessionid");
	}
	return 0;
}

static int note_session(const struct sw_sock *s, void *arg)
{
	struct look *l = arg;
	uint64_t now_ns = sw_clock_boot_ns(&l->e->clock);
	bool is_ssh = false, is_logged_in = false;

	if (s->protocol != IPPROTO_TCP || s->state != TCP_IS_ESTABLISHED || !s->rport ||
		*sw_inventory_netns_name(l->e->watch->inv, s->netns))
		return 0;
	for (size_t i = 0; i < s->n_owners && !is_logged_in; i++) {
		struct sw_proc_info p;

		sw_procs_info(l->e->watch->procs, s->owners[i].proc, false, &p);
		if (!is_sshd(&p))
			continue;
		is_ssh = true;
		is_logged_in = read_number(p.key.tgid, "loginuid") != NO_SESSION &&
			       !is_daemon_session(l, read_number(p.key.tgid, "sessionid"));
	}
	if (is_logged_in && l->n_admins < ADMINS_MAX)
		l->admins[l->n_admins++] = sw_sock_peer(s);
	else if (is_ssh && now_ns - SW_MIN(s->event_ns, now_ns) < LOGIN_GRACE_SEC * SW_SEC_NS)
		l->is_anybody_young = true;
	return 0;
}

static int by_net(const void *a, const void *b)
{
	return sw_net_cmp(a, b);
}

static int on_look(struct sw_source *src, void *arg)
{
	struct sw_engine *e = arg;
	struct look l = {.e = e};
	uint64_t now_ns = sw_clock_boot_ns(&e->clock);

	if (!e->watch || !e->watch->is_settled)
		return 0;
	(void)sw_inventory_each(e->watch->inv, note_daemon, &l);
	if (!l.n_daemons) {
		sw_engine_set_admins(e, NULL, 0);
		return 0;
	}
	(void)sw_inventory_each(e->watch->inv, note_session, &l);
	qsort(l.admins, l.n_admins, sizeof(l.admins[0]), by_net);
	sw_engine_set_admins(e, l.admins, l.n_admins);
	if (l.is_anybody_young && now_ns - e->admins->asked_ns > ASK_SEC * SW_SEC_NS) {
		e->admins->asked_ns = now_ns;
		sw_watch_want(e);
	}
	return 0;
}

static int init(struct sw_engine *e)
{
	e->admins = calloc(1, sizeof(*e->admins));
	if (!e->admins)
		return -ENOMEM;
	return sw_loop_add_timer(e->loop, LOOK_SEC * SW_SEC_NS, LOOK_SEC * SW_SEC_NS, on_look, e, &e->admins->timer);
}

static void done(struct sw_engine *e)
{
	if (e->admins && e->admins->timer)
		sw_source_free(e->admins->timer);
	free(TAKE_PTR(e->admins));
}

const struct sw_engine_part sw_part_admins = {.name = "admins", .init = init, .done = done};
