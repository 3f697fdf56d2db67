// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Weeks of bans, expiries, restarts, suspends, reboots and clocks set back, in milliseconds: the real
 * policy and the real database against a model of the kernel and a plain list of what is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "user/policy/policy.h"

enum { NETS = 40, STEPS = 6000, SLACK_SEC = 2 };

/* What should be: by the true time, which no clock of the host shows. */
struct truth {
	bool is_banned;
	uint64_t until_true_sec; /* 0: for ever */
};

struct kernel_entry {
	bool is_there;
	uint64_t until_boot_ns;
};

struct world {
	char dir[64];
	struct sw_clock clock;
	struct sw_store *store;
	struct sw_policy *policy;
	struct kernel_entry kernel[NETS];
	struct truth truth[NETS];
	uint64_t true_sec;
	unsigned int boot;
	uint32_t seed;
	int64_t last_seen;
	bool is_disk_full;
	unsigned int expired, restarts, reboots;
};

static uint32_t chance(struct world *w, uint32_t n)
{
	w->seed = w->seed * 1664525 + 1013904223;
	return (w->seed >> 8) % n;
}

static struct sw_net net_of(unsigned int i)
{
	struct sw_net n = {.family = i % 2 ? SW_AF_IP6 : SW_AF_IP4,
		.plen = i % 2 ? 64 : 32,
		.addr = {198, 18, 1, (__u8)i}};

	return n;
}

static struct kernel_entry *entry_of(struct world *w, const struct sw_net *net)
{
	return &w->kernel[net->addr[3]];
}

static int save(void *arg, const struct sw_store_ban *row)
{
	struct world *w = arg;

	return w->is_disk_full ? -ENOSPC : sw_store_put_ban(w->store, row);
}

static int end(void *arg, uint64_t id, enum sw_ban_end how, const char *by)
{
	struct world *w = arg;

	return w->is_disk_full ? -ENOSPC : sw_store_end_ban(w->store, id, how, by);
}

static void put(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	*entry_of(arg, net) = (struct kernel_entry){.is_there = true, .until_boot_ns = until_boot_ns};
}

static void take_out(void *arg, const struct sw_net *net)
{
	entry_of(arg, net)->is_there = false;
}

static void allow(void *arg, const struct sw_net *net, uint32_t origins)
{
}

static int save_allow(void *arg, const struct sw_allow *a)
{
	return 0;
}

static int delete_allow(void *arg, const struct sw_net *net)
{
	return 0;
}

static const struct sw_policy_ops ops = {
	.save = save,
	.end = end,
	.put = put,
	.remove = take_out,
	.allow = allow,
	.save_allow = save_allow,
	.delete_allow = delete_allow,
};

/* Time as it really passes; suspend and sleep are the same to boot time. */
static void pass(struct world *w, uint64_t sec)
{
	w->true_sec += sec;
	sw_clock_advance(&w->clock, sec * SW_SEC_NS);
	for (unsigned int i = 0; i < NETS; i++) {
		if (w->truth[i].until_true_sec && w->truth[i].until_true_sec <= w->true_sec)
			w->truth[i] = (struct truth){};
	}
}

/* Drops as BPF does: the end is checked there. */
static bool drops(const struct world *w, unsigned int i)
{
	const struct kernel_entry *k = &w->kernel[i];

	return k->is_there && (!k->until_boot_ns || k->until_boot_ns > w->clock.manual_boot_ns);
}

static void check(struct world *w, const char *when)
{
	for (unsigned int i = 0; i < NETS; i++) {
		const struct truth *t = &w->truth[i];
		bool is_near = t->until_true_sec && t->until_true_sec <= w->true_sec + SLACK_SEC;

		if (drops(w, i) == t->is_banned || is_near)
			continue;
		if (!t->is_banned && w->kernel[i].is_there &&
			w->kernel[i].until_boot_ns <=
				w->clock.manual_boot_ns + SLACK_SEC * SW_SEC_NS &&
			w->kernel[i].until_boot_ns)
			continue;
		fail_msg("%s, true second %llu: net %u is %s, and should be %s", when, (unsigned long long)w->true_sec, i,
			drops(w, i) ? "dropped" : "passed", t->is_banned ? "dropped" : "passed");
	}
}

static int restore_row(const struct sw_store_ban *row, void *arg)
{
	struct world *w = arg;

	assert_true(sw_policy_restore(w->policy, row, w->last_seen) >= 0);
	return 0;
}

static void put_all(void *arg, const struct sw_ban *b)
{
	put(arg, &b->net, sw_ban_longest(b)->until_boot_ns, 0);
}

static void start(struct world *w)
{
	struct sw_store_opened opened;
	char boot_id[16];

	snprintf(boot_id, sizeof(boot_id), "boot-%u", w->boot);
	assert_int_equal(sw_store_open(w->dir, &w->clock, 64, &w->store, &opened), 0);
	assert_int_equal(opened.error, 0);
	assert_false(opened.was_corrupt);
	assert_int_equal(sw_policy_new(&w->clock, boot_id, &ops, w, &w->policy), 0);
	assert_int_equal(sw_store_each_open_ban(w->store, restore_row, w), 0);
	(void)sw_policy_save_unsaved(w->policy, UINT32_MAX);
	/* reconciliation: the kernel gets what the policy says, nothing else */
	memset(w->kernel, 0, sizeof(w->kernel));
	sw_policy_each_ban(w->policy, put_all, w);
}

static void stop(struct world *w)
{
	/* what the full disk held back is stored at the end, as the engine's own retry would have done before */
	w->is_disk_full = false;
	assert_int_equal(sw_policy_save_unsaved(w->policy, UINT32_MAX), 0);
	w->last_seen = SW_MAX(w->last_seen, sw_clock_wall_sec(&w->clock));
	sw_policy_free(TAKE_PTR(w->policy));
	sw_store_close(TAKE_PTR(w->store));
}

static void do_ban(struct world *w)
{
	static const uint64_t lengths[] = {5, 60, 600, 3600, 86400, 7 * 86400, 0};
	unsigned int i = chance(w, NETS);
	struct sw_ban_request q = {.net = net_of(i),
		.for_sec = lengths[chance(w, SW_ARRAY_SIZE(lengths))],
		.origin = "operator",
		.by = "sim",
		.reason = ""};
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	assert_int_equal(sw_policy_ban(w->policy, &q, sw_store_next_id(w->store), NULL, NULL, &refusal, &why), 0);
	w->truth[i] = (struct truth){.is_banned = true, .until_true_sec = q.for_sec ? w->true_sec + q.for_sec : 0};
}

static void do_unban(struct world *w)
{
	unsigned int i = chance(w, NETS);
	struct sw_net n = net_of(i);

	(void)sw_policy_withdraw(w->policy, &n, NULL, "sim");
	w->truth[i] = (struct truth){};
}

static void do_restart(struct world *w)
{
	uint64_t away = chance(w, 600);

	stop(w);
	pass(w, away);
	check(w, "with the engine away");
	start(w);
	w->restarts++;
}

/* The kernel forgets all; the wall clock may come up unset and be put right later. */
static void do_reboot(struct world *w)
{
	bool is_unset = chance(w, 3) == 0;
	uint64_t away = chance(w, 300);
	int64_t right_ns;

	stop(w);
	memset(w->kernel, 0, sizeof(w->kernel));
	pass(w, away);
	w->boot++;
	w->reboots++;
	w->clock.manual_boot_ns = 20 * SW_SEC_NS;
	right_ns = w->clock.manual_wall_ns;
	if (is_unset)
		w->clock.manual_wall_ns = 86400 * (int64_t)SW_SEC_NS;
	start(w);
	if (is_unset) {
		for (unsigned int i = 0; i < NETS; i++) {
			if (w->truth[i].is_banned && !drops(w, i) && w->truth[i].until_true_sec != 0 &&
				w->truth[i].until_true_sec > w->true_sec + SLACK_SEC)
				fail_msg("an unset clock shortened the ban of net %u", i);
		}
		w->clock.manual_wall_ns = right_ns;
		(void)sw_policy_clock_was_set(w->policy);
	}
}

static void step(struct world *w)
{
	switch (chance(w, 40)) {
	case 0:
		do_restart(w);
		break;
	case 1:
		if (chance(w, 4) == 0)
			do_reboot(w);
		break;
	case 2: /* the clock is set back or forth by up to an hour; bans of this boot do not care */
		if (chance(w, 8) == 0) {
			int64_t shift_ns = ((int64_t)chance(w, 7200) - 3600) * (int64_t)SW_SEC_NS;

			w->clock.manual_wall_ns += shift_ns;
			do_restart(w);
			w->clock.manual_wall_ns -= shift_ns;
		}
		break;
	case 3:
		w->is_disk_full = !w->is_disk_full;
		break;
	case 4:
		pass(w, chance(w, 8 * 3600)); /* suspended */
		break;
	case 5 ... 9:
		do_unban(w);
		break;
	default:
		do_ban(w);
	}
	pass(w, chance(w, 400));
	check(w, "before the engine woke");
	w->expired += sw_policy_expire(w->policy, UINT32_MAX);
	if (!w->is_disk_full)
		(void)sw_policy_save_unsaved(w->policy, UINT32_MAX);
	w->last_seen = SW_MAX(w->last_seen, sw_clock_wall_sec(&w->clock));
	check(w, "after a step");
}

static void remove_dir(const char *dir)
{
	char path[512];
	DIR *d = opendir(dir);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

static void weeks_of_bans_end_when_they_should(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t began;

	assert_non_null(w);
	(void)sw_strcpy(w->dir, sizeof(w->dir), "/tmp/sockwarden-sim-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->seed = 20261122;
	w->true_sec = began = 1795000000;
	w->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = 20 * SW_SEC_NS,
		.manual_wall_ns = (int64_t)w->true_sec * (int64_t)SW_SEC_NS};
	start(w);
	for (unsigned int i = 0; i < STEPS; i++)
		step(w);
	stop(w);
	assert_true(w->true_sec - began > 14 * 86400);
	assert_true(w->expired > 500 && w->restarts > 50 && w->reboots > 10);
	remove_dir(w->dir);
	free(w);
}

/* A hundred thousand bans that end in one second: each is ended once, in turns, and none too early. */
static void a_hundred_thousand_bans_end_together(void **state)
{
	enum { MANY = 100000 };
	struct world w = {.is_disk_full = true};
	unsigned int n = 0, turns = 0;
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	w.clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = SW_SEC_NS,
		.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS};
	assert_int_equal(sw_policy_new(&w.clock, "boot", &ops, &w, &w.policy), 0);
	for (unsigned int i = 0; i < MANY; i++) {
		struct sw_ban_request q = {.net = {.family = SW_AF_IP4, .plen = 32, },
			.for_sec = 3600, .origin = "operator", .by = "sim", .reason = ""};

		q.net.addr[1] = (__u8)(i >> 16);
		q.net.addr[2] = (__u8)(i >> 8);
		q.net.addr[0] = (__u8)i;
		assert_int_equal(sw_policy_ban(w.policy, &q, i + 1, NULL, NULL, &refusal, &why), 0);
	}
	assert_int_equal(sw_policy_n_bans(w.policy), MANY);
	sw_clock_advance(&w.clock, 3599 * SW_SEC_NS);
	assert_int_equal(sw_policy_expire(w.policy, UINT32_MAX), 0);
	sw_clock_advance(&w.clock, SW_SEC_NS);
	for (unsigned int got; (got = sw_policy_expire(w.policy, 4096)); turns++)
		n += got;
	assert_int_equal(n, MANY);
	assert_true(turns >= MANY / 4096);
	assert_int_equal(sw_policy_n_bans(w.policy), 0);
	assert_int_equal(sw_policy_next_expiry(w.policy), 0);
	sw_policy_free(w.policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weeks_of_bans_end_when_they_should),
		cmocka_unit_test(a_hundred_thousand_bans_end_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
