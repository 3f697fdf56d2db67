// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/strbuf.h"
#include "user/policy/neverban.h"
#include "user/policy/policy.h"

struct fixture {
	struct sw_clock clock;
	struct sw_policy *policy;
	int save_result;
	unsigned int saves, ends, puts, removes, overs;
	enum sw_ban_end last_end;
	uint64_t last_until_ns, last_put_id;
	uint32_t last_origins;
	uint64_t next_id;
};

static int save(void *arg, const struct sw_store_ban *row)
{
	struct fixture *f = arg;

	f->saves++;
	return f->save_result;
}

static int end(void *arg, uint64_t id, enum sw_ban_end how, const char *by)
{
	struct fixture *f = arg;

	f->ends++;
	f->last_end = how;
	return f->save_result;
}

static void put(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	struct fixture *f = arg;

	f->puts++;
	f->last_until_ns = until_boot_ns;
	f->last_put_id = id;
}

static void take_out(void *arg, const struct sw_net *net)
{
	struct fixture *f = arg;

	f->removes++;
}

static void allow(void *arg, const struct sw_net *net, uint32_t origins)
{
	struct fixture *f = arg;

	f->last_origins = origins;
}

static void over(void *arg, const struct sw_ban *ban, const struct sw_ban_part *part,
	enum sw_ban_end how, const char *by)
{
	struct fixture *f = arg;

	f->overs++;
}

static int save_allow(void *arg, const struct sw_allow *a)
{
	return ((struct fixture *)arg)->save_result;
}

static int delete_allow(void *arg, const struct sw_net *net)
{
	return ((struct fixture *)arg)->save_result;
}

static const struct sw_policy_ops ops = {
	.save = save,
	.end = end,
	.put = put,
	.remove = take_out,
	.allow = allow,
	.over = over,
	.save_allow = save_allow,
	.delete_allow = delete_allow,
};

static const struct sw_policy_limits limits = {.min_plen4 = 16, .min_plen6 = 32, .max_per_minute = 10, .max_total = 50};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = 1000 * SW_SEC_NS,
		.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS};
	assert_int_equal(sw_policy_new(&f->clock, "boot-a", &ops, f, &f->policy), 0);
	sw_policy_set_limits(f->policy, &limits);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sw_policy_free(f->policy);
	free(f);
	return 0;
}

static struct sw_net net(const char *text)
{
	struct sw_net n;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &n), 0);
	return n;
}

static int ban_as(struct fixture *f, const char *text, uint64_t for_sec, const char *origin, enum sw_refusal *refusal,
	struct sw_refusal_text *why)
{
	struct sw_ban_request q = {.net = net(text),
		.for_sec = for_sec,
		.origin = origin,
		.by = "test",
		.reason = "why"};

	return sw_policy_ban(f->policy, &q, ++f->next_id, NULL, NULL, refusal, why);
}

static int ban(struct fixture *f, const char *text, uint64_t for_sec)
{
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	return ban_as(f, text, for_sec, "operator", &refusal, &why);
}

static bool is_banned(struct fixture *f, const char *text)
{
	struct sw_net n = net(text);

	return sw_policy_covering_ban(f->policy, &n, NULL);
}

static void allow_net(struct fixture *f, const char *text, enum sw_allow_origin origin)
{
	struct sw_net n = net(text);

	assert_true(sw_policy_allow(f->policy, &n, origin, "test", "why") >= 0);
}

static void a_ban_that_touches_a_protected_address_is_refused_and_says_which(void **state)
{
	static const struct {
		const char *held;
		enum sw_allow_origin origin;
		const char *banned, *says;
	} rows[] = {
		{"198.18.0.1", SW_ALLOW_OWN, "198.18.0.1", "198.18.0.1 is protected (own)"},
		{"198.18.0.1", SW_ALLOW_GATEWAY, "198.18.0.0/24", "covers 198.18.0.1"},
		{"198.18.0.0/24", SW_ALLOW_OPERATOR, "198.18.0.9", "lies in 198.18.0.0/24"},
		{"2001:db8::53", SW_ALLOW_RESOLVER, "2001:db8::/64", "covers 2001:db8::53"},
		{"0.0.0.0/0", SW_ALLOW_CONFIG, "198.18.0.9", "lies in 0.0.0.0/0"},
		{"198.18.5.5", SW_ALLOW_ADMIN, "0.0.0.0/0", "covers 198.18.5.5"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_refusal_text why = {};
		enum sw_refusal refusal;
		struct fixture *f;

		set_up(state);
		f = *state;
		allow_net(f, rows[i].held, rows[i].origin);
		assert_int_equal(ban_as(f, rows[i].banned, 60, "operator", &refusal, &why), -EPERM);
		assert_int_equal(refusal, SW_REFUSED_PROTECTED);
		if (!strstr(why.message, rows[i].says))
			fail_msg("row %zu: got '%s', expected '%s' in it", i, why.message, rows[i].says);
		assert_true(*why.hint);
		assert_int_equal(f->puts + f->saves, 0);
		tear_down(state);
	}
}

static void a_network_wider_than_the_floor_needs_the_word(void **state)
{
	struct fixture *f = *state;
	struct sw_ban_request q = {.net = net("198.0.0.0/8"),
		.for_sec = 60,
		.origin = "operator",
		.by = "x",
		.reason = ""};
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	assert_int_equal(sw_policy_ban(f->policy, &q, 1, NULL, NULL, &refusal, &why), -EPERM);
	assert_int_equal(refusal, SW_REFUSED_FLOOR);
	q.is_wide = true;
	assert_int_equal(sw_policy_ban(f->policy, &q, 1, NULL, NULL, &refusal, &why), 0);
	q = (struct sw_ban_request){.net = net("2001::/16"), .origin = "operator", .by = "x", .reason = ""};
	assert_int_equal(sw_policy_ban(f->policy, &q, 2, NULL, NULL, &refusal, &why), -EPERM);
	assert_int_equal(refusal, SW_REFUSED_FLOOR);
}

static void a_cap_holds_for_a_minute_and_then_opens(void **state)
{
	struct fixture *f = *state;
	struct sw_refusal_text why;
	enum sw_refusal refusal;
	char text[32];

	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "198.18.1.%d", i);
		assert_int_equal(ban(f, text, 3600), 0);
		sw_clock_advance(&f->clock, SW_SEC_NS);
	}
	assert_int_equal(ban_as(f, "198.18.2.1", 3600, "operator", &refusal, &why), -EPERM);
	assert_int_equal(refusal, SW_REFUSED_RATE);
	assert_int_equal(ban(f, "198.18.1.3", 7200), 0); /* a longer ban of one that is banned is no new one */
	sw_clock_advance(&f->clock, 51 * SW_SEC_NS);
	assert_int_equal(ban(f, "198.18.2.1", 3600), 0);
	assert_int_equal(ban(f, "198.18.2.2", 3600), 0);
}

static void the_total_has_a_cap(void **state)
{
	struct fixture *f = *state;
	struct sw_refusal_text why;
	enum sw_refusal refusal;
	char text[32];

	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "198.18.1.%d", i);
		assert_int_equal(ban(f, text, 0), 0);
		sw_clock_advance(&f->clock, 10 * SW_SEC_NS);
	}
	assert_int_equal(ban_as(f, "198.18.2.1", 3600, "operator", &refusal, &why), -EPERM);
	assert_int_equal(refusal, SW_REFUSED_TOTAL);
}

static void of_several_origins_the_longest_stays_and_each_goes_alone(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.7");
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	assert_int_equal(ban_as(f, "198.18.0.7", 100, "trail", &refusal, &why), 0);
	assert_int_equal(ban_as(f, "198.18.0.7", 1000, "operator", &refusal, &why), 0);
	assert_int_equal(f->last_until_ns, 2000 * SW_SEC_NS);
	assert_int_equal(sw_policy_withdraw(f->policy, &n, "operator", "test"), 1);
	assert_int_equal(f->last_until_ns, 1100 * SW_SEC_NS);
	assert_int_equal(f->last_put_id, 1);
	assert_int_equal(f->removes, 0);
	assert_int_equal(sw_policy_withdraw(f->policy, &n, NULL, "test"), 1);
	assert_int_equal(f->removes, 1);
	assert_int_equal(f->last_end, SW_BAN_WITHDRAWN);
	assert_int_equal(sw_policy_n_bans(f->policy), 0);
}

static void an_automatic_ban_is_never_shortened_by_a_later_one(void **state)
{
	struct fixture *f = *state;
	struct sw_refusal_text why;
	enum sw_refusal refusal;

	assert_int_equal(ban_as(f, "198.18.0.7", 1000, "trail", &refusal, &why), 0);
	assert_int_equal(ban_as(f, "198.18.0.7", 10, "trail", &refusal, &why), 0);
	assert_int_equal(f->puts, 1);
	assert_int_equal(ban_as(f, "198.18.0.7", 5000, "trail", &refusal, &why), 0);
	assert_int_equal(f->puts, 2);
	assert_int_equal(f->last_end, SW_BAN_REPLACED);
	assert_int_equal(ban(f, "198.18.0.8", 1000), 0);
	assert_int_equal(ban(f, "198.18.0.8", 10), 0); /* an operator means what he says last */
	assert_int_equal(f->last_until_ns, 1010 * SW_SEC_NS);
}

static void an_allow_entry_ends_the_bans_that_lie_in_it(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.0/24");

	assert_int_equal(ban(f, "198.18.0.7", 100), 0);
	assert_int_equal(ban(f, "198.18.0.128/25", 100), 0);
	assert_int_equal(ban(f, "198.18.1.7", 100), 0);
	assert_int_equal(sw_policy_allow(f->policy, &n, SW_ALLOW_OPERATOR, "test", ""), 2);
	assert_int_equal(f->last_end, SW_BAN_ALLOWED);
	assert_false(is_banned(f, "198.18.0.7"));
	assert_true(is_banned(f, "198.18.1.7"));
}

static void note_origin(void *arg, const char *origin)
{
	sw_strbuf_printf(arg, "%s ", origin);
}

static void what_feeds_allow_follows_their_lists_and_names_them(void **state)
{
	struct fixture *f = *state;
	struct sw_allow_listed rows[] = {{net("198.18.1.0/27"), "two"}, {net("198.18.0.0/27"), "one"},
		{net("198.18.1.0/27"), "one"}, {net("2001:db8:1::/64"), "one"}};
	_strbuf_ struct sw_strbuf origins = {};
	struct sw_allow_change c;
	struct sw_refusal_text why;
	enum sw_refusal refusal;
	struct sw_net n = net("198.18.1.0/27");

	/* what lies in it ends, what is wider stays with a hole */
	assert_int_equal(ban(f, "198.18.0.7", 100), 0);
	assert_int_equal(ban(f, "198.18.0.32", 100), 0);
	assert_int_equal(ban(f, "2001:db8:1::/48", 100), 0);
	assert_int_equal(sw_policy_allow_listed(f->policy, rows, SW_ARRAY_SIZE(rows), &c), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.added, 3);
	assert_int_equal(c.ended, 1);
	assert_int_equal(c.holes, 1);
	assert_int_equal(f->last_end, SW_BAN_ALLOWED);
	assert_false(is_banned(f, "198.18.0.7"));
	assert_true(is_banned(f, "198.18.0.32"));
	/* no later ban is taken, and the reason names the feeds */
	assert_int_equal(ban_as(f, "198.18.1.9", 100, "operator", &refusal, &why), -EPERM);
	assert_string_equal(why.message, "198.18.1.9 lies in 198.18.1.0/27, which is protected (feed:one, feed:two)");
	assert_string_equal(why.hint, "its feed allows it; to take that back: sockwarden feeds enable one --action except");
	assert_int_equal(ban_as(f, "198.18.1.0/24", 100, "logs", &refusal, &why), -EPERM);
	assert_string_equal(why.message, "198.18.1.0/24 covers 198.18.1.0/27, which is protected (feed:one, feed:two)");
	assert_int_equal(ban_as(f, "198.18.1.32", 100, "operator", &refusal, &why), 0);
	/* the operator's own entry stays when the feeds' goes */
	allow_net(f, "198.18.1.0/27", SW_ALLOW_OPERATOR);
	sw_allow_each_origin(sw_policy_find_allow(f->policy, &n), note_origin, &origins);
	assert_string_equal(sw_strbuf_get(&origins), "operator feed:one feed:two ");
	assert_int_equal(sw_policy_allow_listed(f->policy, &rows[1], 1, &c), 0);
	assert_int_equal(c.removed, 2);
	assert_int_equal(c.added, 0);
	assert_int_equal(sw_policy_find_allow(f->policy, &n)->origins, SW_ALLOW_OPERATOR);
	assert_int_equal(sw_policy_allow_listed(f->policy, NULL, 0, &c), 0);
	assert_int_equal(sw_policy_n_allow(f->policy), 1);
	assert_int_equal(ban(f, "198.18.0.7", 100), 0);
}

static void an_allow_entry_stays_while_any_origin_holds_it(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.1"), m = net("198.18.0.2");

	allow_net(f, "198.18.0.1", SW_ALLOW_OPERATOR);
	assert_int_equal(sw_policy_allow_set(f->policy, SW_ALLOW_OWN, &n, 1), 1);
	assert_int_equal(f->last_origins, SW_ALLOW_OPERATOR | SW_ALLOW_OWN);
	assert_int_equal(sw_policy_disallow(f->policy, &n, SW_ALLOW_OPERATOR), 1);
	assert_int_equal(sw_policy_disallow(f->policy, &n, SW_ALLOW_OPERATOR), 0);
	assert_non_null(sw_policy_find_allow(f->policy, &n));
	assert_int_equal(sw_policy_allow_set(f->policy, SW_ALLOW_OWN, &m, 1), 2);
	assert_null(sw_policy_find_allow(f->policy, &n));
	assert_non_null(sw_policy_find_allow(f->policy, &m));
	assert_int_equal(sw_policy_allow_set(f->policy, SW_ALLOW_OWN, NULL, 0), 1);
	assert_int_equal(f->last_origins, 0);
}

static void what_the_database_refuses_is_in_force_and_stored_later(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.8");

	f->save_result = -ENOSPC;
	assert_int_equal(ban(f, "198.18.0.7", 100), 0);
	assert_int_equal(ban(f, "198.18.0.8", 100), 0);
	assert_int_equal(f->puts, 2);
	assert_int_equal(sw_policy_n_unsaved(f->policy), 2);
	assert_int_equal(sw_policy_withdraw(f->policy, &n, NULL, "test"), 1);
	allow_net(f, "198.18.9.9", SW_ALLOW_OPERATOR);
	assert_int_equal(sw_policy_n_unsaved(f->policy), 3); /* a ban, an end, an allow entry */
	assert_int_equal(sw_policy_save_unsaved(f->policy, 100), 3);
	f->save_result = 0;
	assert_int_equal(sw_policy_save_unsaved(f->policy, 100), 0);
}

static struct sw_store_ban row(const char *text, const char *boot_id, int64_t until_wall_sec, uint64_t until_boot_ns)
{
	struct sw_store_ban b = {.d = {.id = 77,
					 .net = net(text),
					 .made_wall_sec = 1794990000,
					 .until_wall_sec = until_wall_sec,
					 .origin = "operator",
					 .by = "x"},
		.until_boot_ns = until_boot_ns};

	(void)sw_strcpy(b.boot_id, sizeof(b.boot_id), boot_id);
	return b;
}

/* now: boot 1000 s, wall 1795000000 */
static void a_restored_ban_ends_when_it_would_have(void **state)
{
	static const struct {
		const char *name, *boot_id;
		int64_t wall_offset_sec, until_wall_sec, last_seen_sec;
		uint64_t until_boot_sec, expected_sec; /* 0: over; UINT64_MAX: for ever */
	} rows[] = {
		{"same boot: exact, whatever the wall clock says", "boot-a", 500000, 1795000100, 1795000000, 1100, 1100},
		{"same boot, over", "boot-a", 0, 1795000900, 1795000000, 999, 0},
		{"other boot: from wall time", "boot-b", 0, 1795000100, 1794999000, 5, 1100},
		{"other boot, over", "boot-b", 0, 1794999999, 1794999000, 99999, 0},
		{"unset clock: what was left when it was last right", "boot-b", -1795000000, 1795000100, 1794999900, 5, 1200},
		{"unset clock never shows more than was left", "boot-b", -1795000000, 1794990100, 1794990000, 5, 1100},
		{"for ever", "boot-b", -1795000000, 0, 1795000000, 0, UINT64_MAX},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_store_ban b =
			row("198.18.0.7", rows[i].boot_id, rows[i].until_wall_sec, rows[i].until_boot_sec * SW_SEC_NS);
		const struct sw_ban *found;
		struct fixture *f;
		uint64_t got;

		set_up(state);
		f = *state;
		f->clock.manual_wall_ns += rows[i].wall_offset_sec * (int64_t)SW_SEC_NS;
		assert_int_equal(sw_policy_restore(f->policy, &b, rows[i].last_seen_sec), rows[i].expected_sec != 0);
		found = sw_policy_find_ban(f->policy, &b.d.net);
		got = !found ? 0 : !found->parts->until_boot_ns ? UINT64_MAX : found->parts->until_boot_ns / SW_SEC_NS;
		if (got != rows[i].expected_sec)
			fail_msg("%s: got %llu, expected %llu", rows[i].name, (unsigned long long)got,
				(unsigned long long)rows[i].expected_sec);
		assert_int_equal(f->puts, 0);
		tear_down(state);
	}
}

static void ends_are_put_right_when_the_clock_is_set(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b = row("198.18.0.7", "boot-b", 1795000100, 5);

	f->clock.manual_wall_ns = 100 * (int64_t)SW_SEC_NS;
	assert_int_equal(sw_policy_restore(f->policy, &b, 1794990000), 1);
	assert_false(sw_policy_clock_was_set(f->policy));
	f->clock.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS;
	assert_true(sw_policy_clock_was_set(f->policy));
	assert_int_equal(f->last_until_ns, 1100 * SW_SEC_NS);
	assert_false(sw_policy_clock_was_set(f->policy));
}

static void a_ban_found_in_the_kernel_alone_is_kept(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.7"), gone = net("198.18.0.8");

	assert_int_equal(sw_policy_recover(f->policy, &n, 1500 * SW_SEC_NS, 9), 1);
	assert_int_equal(sw_policy_recover(f->policy, &gone, 999 * SW_SEC_NS, 10), 0);
	assert_int_equal(f->saves, 1);
	assert_string_equal(sw_policy_find_ban(f->policy, &n)->parts->origin, "recovered");
	assert_int_equal(sw_policy_n_bans(f->policy), 1);
}

static void hits_are_counted_on_the_narrowest_ban(void **state)
{
	struct fixture *f = *state;
	struct sw_net host = net("198.18.0.7"), wide = net("198.18.0.0/24"), src = net("198.18.0.7");

	assert_int_equal(ban(f, "198.18.0.0/24", 100), 0);
	assert_int_equal(ban(f, "198.18.0.7", 100), 0);
	sw_policy_hit(f->policy, &src, 5, 42);
	assert_int_equal(sw_policy_find_ban(f->policy, &host)->hits, 5);
	assert_int_equal(sw_policy_find_ban(f->policy, &wide)->hits, 0);
	assert_int_equal(sw_policy_find_ban(f->policy, &host)->last_hit_wall_ns, 42);
}

static void resolvers_are_read_from_resolv_conf(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first;
	} rows[] = {
		{"nameserver 198.18.0.53\n", 1, "198.18.0.53"},
		{"# nameserver 198.18.0.1\nsearch x\n  nameserver\t2001:db8::53 # here\nnameserver 198.18.0.9", 2, "2001:db8::53"},
		{"nameserver fe80::1%eth0\r\n", 1, "fe80::1"},
		{"nameserver\nnameserverx 198.18.0.1\nnameserver 198.18.0.0/24\nnameserver dns.example\n", 0, ""},
		{"", 0, ""},
	};
	struct sw_net nets[4];
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		assert_int_equal(sw_resolvers_parse(rows[i].text, nets, SW_ARRAY_SIZE(nets)), rows[i].n);
		if (rows[i].n)
			assert_string_equal(sw_cidr_format(text, &nets[0]), rows[i].first);
	}
	assert_int_equal(sw_resolvers_parse("nameserver 198.18.0.1\nnameserver 198.18.0.2\n", nets, 1), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_that_touches_a_protected_address_is_refused_and_says_which),
		T(a_network_wider_than_the_floor_needs_the_word),
		T(a_cap_holds_for_a_minute_and_then_opens),
		T(the_total_has_a_cap),
		T(of_several_origins_the_longest_stays_and_each_goes_alone),
		T(an_automatic_ban_is_never_shortened_by_a_later_one),
		T(an_allow_entry_ends_the_bans_that_lie_in_it),
		T(what_feeds_allow_follows_their_lists_and_names_them),
		T(an_allow_entry_stays_while_any_origin_holds_it),
		T(what_the_database_refuses_is_in_force_and_stored_later),
		cmocka_unit_test(a_restored_ban_ends_when_it_would_have),
		T(ends_are_put_right_when_the_clock_is_set),
		T(a_ban_found_in_the_kernel_alone_is_kept),
		T(hits_are_counted_on_the_narrowest_ban),
		cmocka_unit_test(resolvers_are_read_from_resolv_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
