// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Weeks of listeners and connects on a clock of its own, with a restart each night: the policy that is learnt from
 * seven days of them allows what was seen in those days, and nothing that was seen before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "user/conf/conf.h"
#include "user/policy/sock_learn.h"
#include "user/policy/sock_rules.h"
#include "user/store/store.h"

enum { DAYS = 30, HOURS = 24, HOUR_SEC = 3600, CLIENT_FIRST = 32768, CLIENT_LAST = 60999, SCANNED = 2000, WEB = 33 };
#define WEEK_SEC (7ll * 24 * HOUR_SEC)

struct days {
	struct sw_clock clock;
	struct sw_store *store;
	struct sw_seen_memory *memory;
	char dir[64];
	size_t saves;
};

static void on_drop(const struct sw_seen_who *who, void *arg)
{
	assert_int_equal(sw_store_delete_seen(((struct days *)arg)->store, who), 0);
}

static int load_one(const struct sw_seen *s, void *arg)
{
	return sw_seen_load(arg, s);
}

static int save_one(const struct sw_seen *s, void *arg)
{
	struct days *d = arg;

	d->saves++;
	return sw_store_put_seen(d->store, s);
}

static void wake(struct days *d)
{
	assert_int_equal(sw_seen_new(&d->clock, on_drop, d, &d->memory), 0);
	assert_int_equal(sw_store_each_seen(d->store, load_one, d->memory), 0);
}

static void save(struct days *d)
{
	assert_int_equal(sw_store_begin(d->store), 0);
	assert_int_equal(sw_seen_each_unsaved(d->memory, save_one, d), 0);
	assert_int_equal(sw_store_commit(d->store), 0);
	assert_false(sw_seen_has_unsaved(d->memory));
}

static void rest(struct days *d)
{
	save(d);
	sw_seen_free(TAKE_PTR(d->memory));
}

static int set_up(void **state)
{
	struct days *d = calloc(1, sizeof(*d));
	struct sw_store_opened opened;

	assert_non_null(d);
	*state = d;
	d->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = 1000 * SW_SEC_NS,
		.manual_wall_ns = 1790000000ll * (int64_t)SW_SEC_NS};
	strcpy(d->dir, "/tmp/sw-test-learn-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_int_equal(sw_store_open(d->dir, &d->clock, 64, &d->store, &opened), 0);
	wake(d);
	return 0;
}

static int tear_down(void **state)
{
	struct days *d = *state;
	char command[96];

	sw_seen_free(d->memory);
	sw_store_close(d->store);
	snprintf(command, sizeof(command), "rm -r %s", d->dir);
	assert_int_equal(system(command), 0);
	free(d);
	return 0;
}

static void see(struct days *d, enum sw_sock_way way, uint8_t protocol, uint32_t uid, const char *path, uint16_t port)
{
	struct sw_seen_who who;

	assert_int_equal(sw_seen_who(way, protocol, false, uid, path, &who), 0);
	assert_int_equal(sw_seen_note(d->memory, &who, port), 0);
}

static const char *name_of(uint32_t uid, void *arg)
{
	return uid == 0 ? "root" : uid == WEB ? "www-data" : NULL;
}

static void learn(struct days *d, int64_t sec, struct sw_strbuf *out, struct sw_learn *l)
{
	*l = (struct sw_learn){.since_wall_sec = sw_clock_wall_sec(&d->clock) - sec,
		.client_first = CLIENT_FIRST,
		.client_last = CLIENT_LAST,
		.user_name = name_of};
	assert_int_equal(sw_sock_learn(l, d->memory, out), 0);
}

/* As the user would: the text is a configuration. */
static void read_policy(const struct sw_strbuf *text, struct sw_config *ret)
{
	_strbuf_ struct sw_strbuf errors = {};

	sw_conf_defaults(ret);
	if (sw_conf_parse("learnt", sw_strbuf_get(text), text->len, ret, &errors) < 0)
		fail_msg("%s in\n%s", sw_strbuf_get(&errors), sw_strbuf_get(text));
}

static bool allows(const struct sw_config *c, enum sw_sock_way way, uint8_t protocol, uint32_t uid, const char *user,
	const char *path, uint16_t port)
{
	const struct sw_sock_facts facts = {
		.executable = path, .user = user, .container = "", .uid = uid, .protocol = protocol, .port = port};
	struct sw_sock_rules *rules = NULL;
	uint32_t action;
	int rule;

	assert_int_equal(
		sw_sock_rules_new(way ? &c->policy_connect : &c->policy_listen, c->policy_default, &rules), 0);
	action = sw_sock_rules_judge(rules, &facts, &rule);
	sw_sock_rules_free(rules);
	return action == SW_SOCK_ALLOW;
}

/* What goes on in an hour of a day. */
static void hour(struct days *d, int day, int at)
{
	see(d, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "/usr/sbin/sshd", 22);
	see(d, SW_SOCK_LISTEN, IPPROTO_TCP, WEB, "/usr/sbin/nginx", 80);
	see(d, SW_SOCK_LISTEN, IPPROTO_TCP, WEB, "/usr/sbin/nginx", 443);
	see(d, SW_SOCK_CONNECT, IPPROTO_UDP, 0, "/usr/sbin/chronyd", 123);
	if (at == 4) /* once a day, for a moment */
		see(d, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "/usr/bin/[apt]", 443);
	if (day == DAYS - 9) /* gone for more than a week */
		see(d, SW_SOCK_LISTEN, IPPROTO_TCP, 1000, "/opt/u/old-server", 8080);
	if (day == DAYS - 6 && at == 12) /* once, six days ago, by a user without a name */
		see(d, SW_SOCK_LISTEN, IPPROTO_TCP, 1000, "/opt/u/new-server", 8081);
	if (day == DAYS - 2)
		see(d, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "/usr/sbin/rpc.statd", SW_SEEN_CHOSEN);
	for (int i = 0; day == DAYS - 1 && i < SCANNED; i++)
		see(d, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "/usr/bin/nmap", (uint16_t)(1 + i));
}

static void live(struct days *d)
{
	for (int day = 0; day < DAYS; day++) {
		for (int at = 0; at < HOURS; at++) {
			hour(d, day, at);
			sw_clock_advance(&d->clock, HOUR_SEC * SW_SEC_NS);
		}
		rest(d);
		wake(d);
	}
}

static void seven_days_of_a_month_are_the_policy(void **state)
{
	struct days *d = *state;
	_strbuf_ struct sw_strbuf text = {};
	struct sw_config *c = calloc(1, sizeof(*c));
	struct sw_learn l;

	assert_non_null(c);
	live(d);
	learn(d, WEEK_SEC, &text, &l);
	read_policy(&text, c);
	assert_int_equal(c->policy_default, SW_SOCK_OBSERVE);
	assert_int_equal(c->policy_listen.n, 4);
	assert_int_equal(c->policy_connect.n, 3);
	assert_int_equal(l.rules, 7);
	assert_int_equal(l.left_out, 0);
	assert_true(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "root", "/usr/sbin/sshd", 22));
	assert_false(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "root", "/usr/sbin/sshd", 2222));
	assert_false(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, WEB, "www-data", "/usr/sbin/sshd", 22));
	assert_false(allows(c, SW_SOCK_LISTEN, IPPROTO_UDP, 0, "root", "/usr/sbin/sshd", 22));
	assert_true(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, WEB, "www-data", "/usr/sbin/nginx", 443));
	assert_false(allows(c, SW_SOCK_CONNECT, IPPROTO_TCP, WEB, "www-data", "/usr/sbin/nginx", 443));
	assert_true(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 1000, "", "/opt/u/new-server", 8081));
	assert_false(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 1000, "", "/opt/u/old-server", 8080));
	assert_true(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "root", "/usr/sbin/rpc.statd", CLIENT_LAST));
	assert_false(allows(c, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "root", "/usr/sbin/rpc.statd", CLIENT_LAST + 1));
	assert_true(allows(c, SW_SOCK_CONNECT, IPPROTO_UDP, 0, "root", "/usr/sbin/chronyd", 123));
	/* a path is no pattern */
	assert_true(allows(c, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "root", "/usr/bin/[apt]", 443));
	assert_false(allows(c, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "root", "/usr/bin/a", 443));
	/* who used more ports than are kept may use any, and has pushed nobody aside */
	assert_true(allows(c, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "root", "/usr/bin/nmap", SCANNED + 1));
	free(c);
}

static void a_longer_time_has_more_and_a_shorter_less(void **state)
{
	struct days *d = *state;
	_strbuf_ struct sw_strbuf month = {}, day = {};
	struct sw_learn l;

	live(d);
	learn(d, DAYS * HOURS * HOUR_SEC, &month, &l);
	assert_non_null(strstr(sw_strbuf_get(&month), "/opt/u/old-server"));
	learn(d, 36 * HOUR_SEC, &day, &l);
	assert_null(strstr(sw_strbuf_get(&day), "new-server"));
	assert_non_null(strstr(sw_strbuf_get(&day), "/usr/sbin/sshd"));
}

static void what_goes_on_is_written_once_an_hour_and_not_more_often(void **state)
{
	struct days *d = *state;

	for (int second = 0; second < 3 * HOUR_SEC; second++) {
		see(d, SW_SOCK_CONNECT, IPPROTO_TCP, 0, "/usr/bin/curl", 443);
		save(d);
		sw_clock_advance(&d->clock, SW_SEC_NS);
	}
	assert_int_equal(d->saves, 3);
}

static void beyond_the_bound_who_was_not_seen_for_longest_goes(void **state)
{
	struct days *d = *state;
	_strbuf_ struct sw_strbuf text = {};
	struct sw_learn l;
	char path[64];

	for (int i = 0; i < SW_SEEN_PROGRAMS_MAX + 10; i++) {
		snprintf(path, sizeof(path), "/opt/job-%04d", i);
		see(d, SW_SOCK_CONNECT, IPPROTO_TCP, 0, path, 443);
		see(d, SW_SOCK_LISTEN, IPPROTO_TCP, 0, "/usr/sbin/sshd", 22);
		sw_clock_advance(&d->clock, HOUR_SEC * SW_SEC_NS);
	}
	rest(d);
	wake(d);
	assert_int_equal(sw_seen_count(d->memory), SW_SEEN_PROGRAMS_MAX);
	learn(d, 10000ll * HOUR_SEC, &text, &l);
	assert_non_null(strstr(sw_strbuf_get(&text), "/usr/sbin/sshd"));
	assert_null(strstr(sw_strbuf_get(&text), "/opt/job-0010\n"));
	assert_non_null(strstr(sw_strbuf_get(&text), "/opt/job-0011\n"));
	/* a list of the configuration holds so many; the rest is told */
	assert_int_equal(l.rules, 1 + SW_CONFIG_SOCK_RULES_MAX);
	assert_int_equal(l.left_out, SW_SEEN_PROGRAMS_MAX - l.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(seven_days_of_a_month_are_the_policy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_longer_time_has_more_and_a_shorter_less, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_goes_on_is_written_once_an_hour_and_not_more_often, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			beyond_the_bound_who_was_not_seen_for_longest_goes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
