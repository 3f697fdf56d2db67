// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Weeks of attackers in seconds: the real counts, lengths, policy and database on a virtual clock. Each kind of
 * attacker does as it does, and what becomes of it is checked day by day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "user/policy/offend.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

struct world {
	char dir[64];
	struct sw_clock clock;
	struct sw_store *store;
	struct sw_policy *policy;
	struct sw_counts *counts;
	struct sw_offend_config config;
	struct sw_count_rule rule;
	struct sw_escalation escalation;
	bool is_proven;
	unsigned int bans, refused; /* by the rule */
	unsigned int forgiven;
	struct sw_offend_result last;
};

static int save(void *arg, const struct sw_store_ban *row)
{
	return sw_store_put_ban(((struct world *)arg)->store, row);
}

static int end(void *arg, uint64_t id, enum sw_ban_end how, const char *by)
{
	return sw_store_end_ban(((struct world *)arg)->store, id, how, by);
}

static void put(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
}

static void take_out(void *arg, const struct sw_net *net)
{
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

static const struct sw_policy_ops policy_ops = {.save = save,
	.end = end,
	.put = put,
	.remove = take_out,
	.allow = allow,
	.save_allow = save_allow,
	.delete_allow = delete_allow};

static int do_ban(void *arg, const struct sw_ban_request *q, enum sw_refusal *refusal, struct sw_refusal_text *text)
{
	struct world *w = arg;

	return sw_policy_ban(w->policy, q, sw_store_next_id(w->store), NULL, NULL, refusal, text);
}

static bool is_banned(void *arg, const struct sw_net *net, const char *origin)
{
	const struct sw_ban *b = sw_policy_find_ban(((struct world *)arg)->policy, net);

	for (const struct sw_ban_part *part = b ? b->parts : NULL; part; part = part->next) {
		if (sw_streq(part->origin, origin))
			return true;
	}
	return false;
}

static int count_bans(void *arg, const struct sw_net *net, const char *origin, int64_t since_wall_sec)
{
	return sw_store_count_bans(((struct world *)arg)->store, net, origin, since_wall_sec);
}

static const struct sw_offend_ops ops = {.ban = do_ban, .is_banned = is_banned, .count_bans = count_bans};

static struct sw_net net_of(const char *text)
{
	struct sw_net n;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &n), 0);
	return n;
}

static bool drops(const struct world *w, const struct sw_net *net)
{
	return sw_policy_covering_ban(w->policy, net, NULL) != NULL;
}

/* One wrong password for a user, 0: for nobody; who is banned does not get that far. */
static void try_user(struct world *w, const struct sw_net *net, uint64_t user)
{
	const struct sw_count_hit hit = {
		.key = {.rule = 1, .net = *net}, .who = user, .time_sec = sw_clock_wall_sec(&w->clock)};
	struct sw_offence o = {.rule = "sshd",
		.net = *net,
		.escalation = w->escalation,
		.has_own_length = true,
		.is_proven = w->is_proven,
		.reason = "tries",
		.now_sec = hit.time_sec};
	struct sw_count_due due;

	if (drops(w, net) || sw_counts_add(w->counts, &w->rule, &hit, hit.time_sec, &due) != SW_COUNT_DUE)
		return;
	sw_offend(&w->config, w->counts, &ops, w, &o, &w->last);
	w->bans += w->last.outcome == SW_OFFEND_BANNED;
	w->refused += w->last.outcome == SW_OFFEND_REFUSED;
}

static void try_once(struct world *w, const struct sw_net *net)
{
	try_user(w, net, 0);
}

/* The right password. */
static void log_in(struct world *w, const struct sw_net *net, uint64_t user)
{
	const struct sw_count_key key = {.rule = 1, .net = *net};

	if (!drops(w, net))
		w->forgiven += sw_counts_forgive(w->counts, &key, user);
}

static void pass(struct world *w, uint64_t sec)
{
	sw_clock_advance(&w->clock, sec * SW_SEC_NS);
	while (sw_policy_expire(w->policy, 1000))
		;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sw_store_opened opened;
	const struct sw_policy_limits limits = {
		.min_plen4 = 16, .min_plen6 = 32, .max_per_minute = 1000, .max_total = 10000};

	strcpy(w->dir, "/tmp/sockwarden-offend-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	w->clock = (struct sw_clock){
		.is_manual = true, .manual_boot_ns = SW_SEC_NS, .manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS};
	w->config = (struct sw_offend_config){.default_sec = DAY,
		.remember_sec = 30 * DAY,
		.recidive_count = 5,
		.recidive_window_sec = DAY,
		.recidive_sec = 7 * DAY,
		.aggregate_window_sec = HOUR,
		.aggregate_plen4 = 24,
		.aggregate_plen6 = 48};
	w->rule = (struct sw_count_rule){.count = 5, .window_sec = 600};
	w->escalation = (struct sw_escalation){.base_sec = 600};
	w->is_proven = true;
	if (sw_store_open(w->dir, &w->clock, 64, &w->store, &opened) < 0 ||
		sw_policy_new(&w->clock, "boot", &policy_ops, w, &w->policy) < 0 ||
		sw_counts_new(SW_COUNT_BYTES_MAX, 5, &w->counts) < 0)
		return -1;
	sw_policy_set_limits(w->policy, &limits);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	DIR *d = opendir(w->dir);
	char path[512];

	sw_counts_free(w->counts);
	sw_policy_free(w->policy);
	sw_store_close(w->store);
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(w->dir);
	free(w);
	return 0;
}

static uint32_t draw(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

/* Three weeks, a try each ten seconds: ten-minute bans, after the fifth of a day a week. */
static void who_never_stops_is_banned_for_weeks(void **state)
{
	struct world *w = *state;
	struct sw_net net = net_of("198.18.0.66");
	uint64_t open_sec = 0, total = 21ull * DAY;

	for (uint64_t t = 0; t < total; t += 10) {
		open_sec += drops(w, &net) ? 0 : 10;
		try_once(w, &net);
		pass(w, 10);
	}
	assert_true(w->bans >= 15 && w->bans <= 20); /* five, then a week, three times */
	assert_true(open_sec < 20 * 60);
}

/* A person who mistypes now and then, for a month, and an attacker who knows how slow is slow enough. */
static void who_is_slow_is_never_banned(void **state)
{
	struct world *w = *state;
	struct sw_net net = net_of("198.18.0.10"), slow = net_of("198.18.0.11");

	for (int t = 0; t < 30 * DAY; t += 150) {
		if (t % (6 * HOUR) < 450)
			try_once(w, &net);
		try_once(w, &slow);
		pass(w, 150);
	}
	assert_int_equal(w->bans, 0);
}

/* Whoever mistypes behind the NAT: once or twice, and within two minutes rightly; one in twenty gives up. */
struct nat {
	struct sw_net net;
	uint64_t due[4]; /* who logs in in so many minutes */
	uint64_t last_user, failures;
};

static void live_behind_nat(struct world *w, struct nat *nat, uint64_t *random, uint32_t chance_of_10000)
{
	if (nat->due[0])
		log_in(w, &nat->net, nat->due[0]);
	memmove(nat->due, nat->due + 1, sizeof(nat->due) - sizeof(nat->due[0]));
	nat->due[3] = 0;
	if (draw(random) % 10000 >= chance_of_10000)
		return;
	nat->last_user++;
	for (uint32_t n = 1 + (draw(random) % 4 == 0); n; n--, nat->failures++)
		try_user(w, &nat->net, nat->last_user);
	if (draw(random) % 20)
		nat->due[draw(random) % 2] = nat->last_user;
}

/*
 * Thirty days of a busy server, at the default of five in ten minutes, by minutes. Assumed:
 * - 2,000 people who log in from an address of their own mistype twice a day each, twelve hours apart, and one in fifty
 *   of those times it is three times within the minute;
 * - 5,000 people behind one NAT, 60 of whom log in with a password and wrongly each day (75 wrong passwords), a third
 *   of them between 8 and 10; all but one in twenty are logged in two minutes later;
 * - a monitor knows a service only by a failed login, and tries each five minutes;
 * - a cron job of the owner's network has a stale password and tries each minute; that network is allowed.
 * Where logins are not known (is_known false, as before there was "success"), the NAT of the same days is banned.
 */
static unsigned int live_thirty_days(struct world *w, bool is_known)
{
	struct sw_net owners = net_of("192.0.2.0/24"), cron = net_of("192.0.2.7"), monitor = net_of("198.18.200.2");
	struct nat nat = {.net = net_of("198.18.200.1")};
	uint64_t random = 7, failures = 0;

	assert_int_equal(sw_policy_allow(w->policy, &owners, SW_ALLOW_OPERATOR, "root", "the office"), 0);
	for (int minute = 0; minute < 30 * 24 * 60; minute++) {
		bool is_morning = minute / 60 % 24 >= 8 && minute / 60 % 24 < 10;

		for (uint32_t i = (uint32_t)minute % 720; i < 2000; i += 720) {
			struct sw_net who = sw_net_from4(htobe32(0xc6120000u + i));
			unsigned int n = draw(&random) % 50 ? 1 : 3;

			failures += n;
			while (n--)
				try_once(w, &who);
		}
		if (!is_known)
			memset(nat.due, 0, sizeof(nat.due));
		live_behind_nat(w, &nat, &random, is_morning ? 1667 : 303);
		if (minute % 5 == 0)
			try_once(w, &monitor);
		try_once(w, &cron);
		pass(w, 60);
	}
	assert_true(failures > 100000 && nat.failures > 2000);
	assert_true(w->refused > 0); /* the cron job, each time it was due */
	return w->bans;
}

static void nobody_innocent_is_banned_in_thirty_days(void **state)
{
	struct world *w = *state;
	struct sw_net attacker = net_of("203.0.113.66");

	assert_int_equal(live_thirty_days(w, true), 0);
	assert_int_equal(sw_policy_n_bans(w->policy), 0);
	assert_true(w->forgiven > 1800);
	for (int i = 0; i < 5; i++)
		try_once(w, &attacker);
	assert_int_equal(w->bans, 1); /* and whoever guesses still is */
}

static void without_their_logins_the_same_people_would_be_banned(void **state)
{
	assert_true(live_thirty_days(*state, false) >= 5);
}

/* He logs in with the one password he knows before each guess at another's; banned as soon as if he knew none. */
static void one_known_password_buys_no_tries_at_others(void **state)
{
	struct world *w = *state;
	struct sw_net net = net_of("203.0.113.66");
	int tries = 0;

	for (uint64_t user = 2; !w->bans && tries < 100; user++, tries++) {
		try_user(w, &net, 1);
		log_in(w, &net, 1);
		try_user(w, &net, user);
		pass(w, 5);
	}
	assert_int_equal(tries, 5);
	assert_int_equal(w->forgiven, 4); /* his own slip before the fifth guess is forgiven no more: he is banned */
}

static void bans_that_grow_double_and_are_forgotten(void **state)
{
	struct world *w = *state;
	struct sw_net net = net_of("198.18.0.66");
	uint64_t want = 600;

	w->escalation = (struct sw_escalation){.base_sec = 600, .is_on = true, .max_sec = 2 * DAY};
	w->config.recidive_count = 0;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 5; i++)
			try_once(w, &net);
		assert_int_equal(w->last.outcome, SW_OFFEND_BANNED);
		assert_int_equal(w->last.before, round);
		assert_int_equal(w->last.for_sec, want);
		want = SW_MIN(want * 2, 2ull * DAY);
		pass(w, w->last.for_sec + 1);
		assert_false(drops(w, &net));
	}
	pass(w, 31 * DAY);
	for (int i = 0; i < 5; i++)
		try_once(w, &net);
	assert_int_equal(w->last.for_sec, 600);
}

/* Each origin counts apart: the network's end leaves the address banned, and the other way round. */
static void a_network_goes_with_many_of_its_addresses(void **state)
{
	struct world *w = *state;
	struct sw_net wide = net_of("203.0.113.0/24"), other = net_of("203.0.113.200"), far = net_of("203.0.114.1");
	char text[32];

	w->config.aggregate_count = 8;
	for (int i = 1; i <= 8; i++) {
		struct sw_net net;

		assert_false(drops(w, &other));
		snprintf(text, sizeof(text), "203.0.113.%d", i);
		net = net_of(text);
		for (int k = 0; k < 5; k++)
			try_once(w, &net);
	}
	assert_true(w->last.is_aggregated);
	assert_true(drops(w, &other) && !drops(w, &far));
	assert_int_equal(sw_policy_withdraw(w->policy, &wide, "aggregate", "root"), 1);
	assert_false(drops(w, &other));
	wide = net_of("203.0.113.8");
	assert_true(drops(w, &wide));
}

static void no_network_wider_than_the_floor_and_none_with_an_owner_in_it(void **state)
{
	struct world *w = *state;
	struct sw_net owner = net_of("203.0.113.99"), other = net_of("203.0.200.1");
	char text[32];

	assert_int_equal(sw_policy_allow(w->policy, &owner, SW_ALLOW_ADMIN, "policy", "logged in"), 0);
	w->config.aggregate_count = 2;
	for (unsigned int plen = 24; plen >= 12; plen -= 12) {
		w->config.aggregate_plen4 = plen;
		for (int i = 1; i <= 2; i++) {
			struct sw_net net;

			snprintf(text, sizeof(text), "203.0.113.%u", plen + (unsigned int)i);
			net = net_of(text);
			for (int k = 0; k < 5; k++)
				try_once(w, &net);
			assert_int_equal(w->last.outcome, SW_OFFEND_BANNED);
		}
		assert_false(w->last.is_aggregated);
	}
	for (int k = 0; k < 5; k++)
		try_once(w, &owner);
	assert_int_equal(w->last.outcome, SW_OFFEND_REFUSED);
	assert_int_equal(w->last.refusal, SW_REFUSED_PROTECTED);
	assert_true(!drops(w, &owner) && !drops(w, &other));
}

/* Forged lines of a million sources: nobody is banned; where the operator says so, for ten minutes. */
static void what_can_be_forged_bans_nobody_or_briefly(void **state)
{
	struct world *w = *state;

	w->is_proven = false;
	w->rule.count = 1;
	w->escalation.base_sec = 0; /* for ever */
	w->config.aggregate_count = 2;
	for (uint32_t i = 0; i < 2000; i++) {
		struct sw_net net = sw_net_from4(htobe32(0xc6120000u + i));

		try_once(w, &net);
		assert_int_equal(w->last.outcome, SW_OFFEND_UNPROVEN);
	}
	assert_int_equal(sw_policy_n_bans(w->policy), 0);
	w->config.unproven_sec = 600;
	for (uint32_t i = 0; i < 2000; i++) {
		struct sw_net net = sw_net_from4(htobe32(0xc6120000u + i));

		try_once(w, &net);
		assert_true(w->last.for_sec == 600 && !w->last.is_recidive && !w->last.is_aggregated);
	}
	assert_int_equal(w->bans, 1000); /* the cap of a minute */
	assert_int_equal(w->refused, 1000);
	pass(w, 601);
	assert_int_equal(sw_policy_n_bans(w->policy), 0);
}

/* The person's word stands: what he lifts begins anew, what he bans outlives the rule's. */
static void the_persons_word_stands(void **state)
{
	struct world *w = *state;
	struct sw_net net = net_of("198.18.0.66");
	const struct sw_ban_request q = {
		.net = net, .for_sec = 2 * HOUR, .origin = "operator", .by = "uid 0 (root)", .reason = "by hand"};
	struct sw_refusal_text text;
	enum sw_refusal refusal;

	w->escalation.is_on = true;
	for (int i = 0; i < 5; i++)
		try_once(w, &net);
	assert_int_equal(sw_policy_withdraw(w->policy, &net, NULL, "uid 0 (root)"), 1);
	assert_int_equal(sw_counts_forget(w->counts, &net), 1);
	for (int i = 0; i < 5; i++)
		try_once(w, &net);
	assert_int_equal(w->last.before, 0); /* one that was lifted does not count against him */
	assert_int_equal(do_ban(w, &q, &refusal, &text), 0);
	pass(w, 601);
	assert_true(drops(w, &net));
	pass(w, 2 * HOUR);
	assert_false(drops(w, &net));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(who_never_stops_is_banned_for_weeks),
		T(who_is_slow_is_never_banned),
		T(nobody_innocent_is_banned_in_thirty_days),
		T(without_their_logins_the_same_people_would_be_banned),
		T(one_known_password_buys_no_tries_at_others),
		T(bans_that_grow_double_and_are_forgotten),
		T(a_network_goes_with_many_of_its_addresses),
		T(no_network_wider_than_the_floor_and_none_with_an_owner_in_it),
		T(what_can_be_forged_bans_nobody_or_briefly),
		T(the_persons_word_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
