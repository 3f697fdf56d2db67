// SPDX-License-Identifier: GPL-3.0-or-later
/* Trails of every kind in the engine: directories that are followed, lists of names, and what is found of them. */
#include "trails_world.h"

static void put_file(struct world *w, const char *dir, const char *name, const char *text)
{
	char path[128];
	_close_ int dirfd = -1;

	snprintf(path, sizeof(path), "%s/%s", w->dir, dir);
	if (mkdir(path, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(sw_write_file_atomic(dirfd, name, text, strlen(text), 0644), 0);
}

/* "trail|kind|list|line|info|citation" of the first hit, "" when there is none. */
static void expect_hit(struct world *w, const char *text, const char *want)
{
	static const char *const keys[] = {"net", "kind", "list", "info", "citation"};
	_strbuf_ struct sw_strbuf got = {};
	char args[128];
	json_t *reply, *hit;

	snprintf(args, sizeof(args), "{\"text\":\"%s\"}", text);
	reply = call(w, "trails.search", args, -1);
	hit = json_array_get(json_object_get(json_object_get(reply, "data"), "hits"), 0);
	for (size_t i = 0; hit && i < SW_ARRAY_SIZE(keys); i++)
		sw_strbuf_printf(&got, "%s|", json_string_value(json_object_get(hit, keys[i])));
	if (hit)
		sw_strbuf_printf(&got, "%lld", json_integer_value(json_object_get(hit, "line")));
	if (!sw_streq(sw_strbuf_get(&got), want))
		fail_msg("%s: '%s', expected '%s'", text, sw_strbuf_get(&got), want);
	json_decref(reply);
}

static bool has_compiled(struct world *w)
{
	return is_quiet(w) && sw_trails_compile_key(w->e.trails) == w->e.trails->compiled_key;
}

static bool has_other_domain(struct world *w)
{
	struct sw_static *s = sw_trails_static(&w->e);
	struct sw_static_hit hit;
	const char *suffix;

	return has_compiled(w) && s && sw_static_domain(s, "other.example", 13, &hit, &suffix);
}

static void a_directory_of_trails_of_every_kind_is_followed(void **state)
{
	struct world *w = *state;
	const char *mine = "mal x (malware)";
	char want[256];

	put_file(w, "d", "ua.txt", "^zgrab/\\d\n");
	put_file(w, "d/malware", "mal_x.txt",
		"# Reference: https://report.example/1\nevil.example\n"
		"http://drop.example/a.php\n192.0.2.7\n192.0.2.8:443\n198.51.100.0/24\n");
	w->config.n_trail_dirs = 1;
	snprintf(w->config.trail_dirs[0], sizeof(w->config.trail_dirs[0]), "%s/d", w->dir);
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, has_compiled, "the directory is read");
	assert_int_equal(count(w, "d"), 2);
	assert_int_equal(slot(w, "d")->kind, SW_TRAIL_KIND_DIRECTORY);
	assert_int_equal(w->g.n4, 2);
	assert_int_equal(w->g.first.action, SW_TRAIL_OBSERVE);
	snprintf(want, sizeof(want), "evil.example|domain|d|%s|https://report.example/1|2", mine);
	expect_hit(w, "a.b.evil.example", want);
	snprintf(
		want, sizeof(want), "drop.example/a.php|url|d|%s|https://report.example/1|3", mine);
	expect_hit(w, "http://drop.example/a.php", want);
	snprintf(want, sizeof(want), "192.0.2.8:443|ip-port|d|%s|https://report.example/1|5", mine);
	expect_hit(w, "192.0.2.8:443", want);
	expect_hit(w, "zgrab/0", "^zgrab/\\d|user-agent|d|ua||1");
	expect_hit(w, "good.example", "");
	/* what was compiled comes back from its file, and is not read again */
	engine_restart(w);
	turn_until(w, has_compiled, "the compiled trails are mapped");
	expect_hit(w, "zgrab/0", "^zgrab/\\d|user-agent|d|ua||1");
	/* a new folder, and a file that comes into it */
	put_file(w, "d/malicious", "more.txt", "other.example\n");
	put_file(w, "d", "touch.txt", "# nothing\n");
	turn_until(w, has_other_domain, "the new file is read");
	/* taken out of the configuration: nothing is left of it */
	w->config.n_trail_dirs = 0;
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, has_compiled, "the directory goes");
	assert_null(sw_trails_static(&w->e));
	assert_int_equal(w->g.n4, 0);
}

static bool has_evil(struct world *w)
{
	struct sw_static_hit hit;
	const char *suffix;

	return has_compiled(w) && sw_trails_static(&w->e) &&
		sw_static_domain(sw_trails_static(&w->e), "evil.example", 12, &hit, &suffix);
}

static void trails_d_beside_the_configuration_is_read_and_followed_where_none_is_named(void **state)
{
	struct world *w = *state;
	char config[128];

	snprintf(config, sizeof(config), "%s/sockwarden.yaml", w->dir);
	w->e.paths.config_file = config;
	put_file(w, "trails.d", "mine.txt", "# Reference: ticket 7\nevil.example\n192.0.2.7\n");
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, has_evil, "trails.d is read");
	assert_int_equal(slot(w, "trails.d")->kind, SW_TRAIL_KIND_DIRECTORY);
	expect_hit(w, "evil.example", "evil.example|domain|trails.d|mine|ticket 7|2");
	put_file(w, "trails.d", "more.txt", "other.example\n");
	turn_until(w, has_other_domain, "a new file is seen");
	w->config.n_trail_dirs = 1; /* another is named: this one goes */
	snprintf(w->config.trail_dirs[0], sizeof(w->config.trail_dirs[0]), "%s/d", w->dir);
	put_file(w, "d", "a.txt", "named.example\n");
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, has_compiled, "the named directory is read");
	assert_null(slot(w, "trails.d"));
	w->e.paths.config_file = NULL;
}

static void a_list_of_domains_alone_is_a_list(void **state)
{
	struct world *w = *state;

	import_ok(w, "names", "drop", "evil.example\n0.0.0.0 ads.example\n*.wild.example\n");
	turn_until(w, has_compiled, "it is compiled");
	expect_hit(w, "x.ads.example", "ads.example|domain|names|names||2");
	expect_hit(w, "wild.example", "wild.example|domain|names|names||3");
	json_decref(call(w, "trails.remove", "{\"name\":\"names\"}", -1));
	turn_until(w, has_compiled, "it is removed");
	assert_null(sw_trails_static(&w->e));
}

/* "list action line file-end info citation decides; ..." of the chain, in its order. */
static void expect_why(struct world *w, const char *text, enum sw_listed is, const char *want)
{
	_strbuf_ struct sw_strbuf b = {}, got = {}, because = {};
	struct sw_net net;
	bool is_net = sw_cidr_parse(text, SIZE_MAX, &net) == 0;
	struct sw_json j;
	json_t *chain, *o;
	size_t i;

	sw_json_init(&j, &b);
	sw_json_array_begin(&j, NULL);
	sw_part_trails.why(&w->e, text, is_net ? &net : NULL, &j);
	sw_json_array_end(&j);
	chain = json_loads(sw_strbuf_get(&b), 0, NULL);
	assert_non_null(chain);
	json_array_foreach(chain, i, o)
	{
		const char *origin = json_string_value(json_object_get(o, "origin")), *base = strrchr(origin, '/');

		if (!strncmp(origin, "imported by", 11))
			origin = "import";
		sw_strbuf_printf(&got, "%s%s %s %s %lld %s '%s' '%s'%s", got.len ? "; " : "",
			json_string_value(json_object_get(o, "net")), json_string_value(json_object_get(o, "list")),
			json_string_value(json_object_get(o, "action")), json_integer_value(json_object_get(o, "line")),
			base ? base + 1 : origin, json_string_value(json_object_get(o, "info")),
			json_string_value(json_object_get(o, "citation")),
			json_is_true(json_object_get(o, "decides")) ? " decides" : "");
	}
	json_decref(chain);
	if (!sw_streq(sw_strbuf_get(&got), want))
		fail_msg("%s: '%s', expected '%s'", text, sw_strbuf_get(&got), want);
	assert_int_equal(sw_part_trails.listed(&w->e, text, is_net ? &net : NULL, &because), is);
	assert_int_equal(because.len > 0, is != SW_LISTED_NONE);
}

static void every_list_that_holds_a_trail_is_told_with_its_line_and_the_one_that_decides(void **state)
{
	static const char *const evil =
		"evil.example d observe 2 mal_x.txt 'mal x (malware)' 'https://report.example/1' decides; "
		"evil.example d observe 1 odd.txt 'odd (suspicious)' ''; "
		"evil.example two observe 2 import 'two' ''; evil.example one drop 1 import 'one' ''";
	struct world *w = *state;

	put_file(w, "d", "ua.txt", "^zgrab/\\d\n");
	put_file(w, "d/malware", "mal_x.txt",
		"# Reference: https://report.example/1\nevil.example\n192.0.2.7\n198.51.100.0/24\n");
	put_file(w, "d/suspicious", "odd.txt", "evil.example\n");
	w->config.n_trail_dirs = 1;
	snprintf(w->config.trail_dirs[0], sizeof(w->config.trail_dirs[0]), "%s/d", w->dir);
	sw_part_trails.configured(&w->e, &w->config);
	import_ok(w, "one", "drop", "evil.example\n192.0.2.0/24\n203.0.113.5:443\n");
	import_ok(w, "two", "observe", "x.example\nevil.example\nhttp://evil.example/a.php\n192.0.2.0/24\n");
	turn_until(w, has_compiled, "all is compiled");
	expect_why(w, "a.evil.example", SW_LISTED_TRAIL, evil);
	engine_restart(w);
	turn_until(w, has_compiled, "what was compiled is mapped");
	assert_true(w->e.trails->is_mapped);
	expect_why(w, "a.evil.example", SW_LISTED_TRAIL, evil);
	expect_why(w, "192.0.2.7", SW_LISTED_TRAIL,
		"192.0.2.0/24 one drop 2 import '' '' decides; "
		"192.0.2.7 d observe 3 mal_x.txt 'mal x (malware)' 'https://report.example/1'; 192.0.2.0/24 two observe 4 import '' ''");
	expect_why(w, "198.51.100.9", SW_LISTED_TRAIL,
		"198.51.100.0/24 d observe 4 mal_x.txt 'mal x (malware)' 'https://report.example/1' decides");
	expect_why(w, "http://www.evil.example/a.php?x=1", SW_LISTED_TRAIL,
		"evil.example/a.php two observe 3 import 'two' '' decides; "
		"evil.example d observe 2 mal_x.txt 'mal x (malware)' 'https://report.example/1' decides; "
		"evil.example d observe 1 odd.txt 'odd (suspicious)' ''; "
		"evil.example two observe 2 import 'two' ''; evil.example one drop 1 import 'one' ''");
	expect_why(w, "203.0.113.5:443", SW_LISTED_TRAIL, "203.0.113.5:443 one drop 3 import 'one' '' decides");
	expect_why(w, "203.0.113.5:444", SW_LISTED_NONE, "");
	expect_why(w, "203.0.113.5", SW_LISTED_NONE, "203.0.113.5:443 one drop 3 import 'one' ''");
	expect_why(w, "good.example", SW_LISTED_NONE, "");
}

static void an_exception_for_a_domain_counts_by_the_longest_match(void **state)
{
	struct world *w = *state;
	struct sw_static_hit hit;
	const char *suffix;

	import_ok(w, "bad", "drop", "evil.example\nworse.fine.evil.example\n203.0.113.5:443\n");
	import_ok(w, "good", "except", "fine.evil.example\n203.0.113.5\n");
	turn_until(w, has_compiled, "it is compiled");
	assert_true(sw_static_domain(sw_trails_static(&w->e), "a.evil.example", 14, &hit, &suffix));
	assert_false(sw_static_domain(sw_trails_static(&w->e), "a.fine.evil.example", 19, &hit, &suffix));
	assert_true(sw_static_domain(sw_trails_static(&w->e), "worse.fine.evil.example", 23, &hit, &suffix));
	expect_why(w, "fine.evil.example", SW_LISTED_EXCEPT,
		"fine.evil.example good except 1 import 'good' '' decides; evil.example bad drop 1 import 'bad' ''");
	expect_why(w, "203.0.113.5:443", SW_LISTED_EXCEPT,
		"203.0.113.5:443 bad drop 3 import 'bad' ''; 203.0.113.5 good except 2 import '' '' decides");
	json_decref(call(w, "trails.remove", "{\"name\":\"good\"}", -1));
	turn_until(w, has_compiled, "the exception is gone");
	assert_true(sw_static_domain(sw_trails_static(&w->e), "a.fine.evil.example", 19, &hit, &suffix));
}

/* A member of the first hit of a search that lies in the list; freed by the caller. */
static char *member_of(struct world *w, const char *text, const char *key)
{
	char args[128], *ret;
	json_t *reply;

	snprintf(args, sizeof(args), "{\"text\":\"%s\"}", text);
	reply = call(w, "trails.search", args, -1);
	ret = strdup(json_string_value(json_object_get(
		json_array_get(json_object_get(json_object_get(reply, "data"), "hits"), 0), key))
			?: "none");
	json_decref(reply);
	return ret;
}

static void expect_seen(struct world *w, const char *text, const char *first, const char *last)
{
	_free_ char *got_first = member_of(w, text, "first_seen"), *got_last = member_of(w, text, "last_seen");

	if (strncmp(got_first, first, strlen(first)) != 0 || strncmp(got_last, last, strlen(last)) != 0)
		fail_msg("%s: %s to %s, expected %s to %s", text, got_first, got_last, first, last);
}

static void a_trail_keeps_the_time_when_it_came_over_updates_and_restarts(void **state)
{
	struct world *w = *state;

	w->e.clock = (struct sw_clock){true, 1000 * SW_SEC_NS, 1700000000ll * (int64_t)SW_SEC_NS}; /* 2023-11-14 */
	import_ok(w, "mine", "drop", "192.0.2.1\n192.0.2.3:443\nevil.example\n");
	sw_clock_advance(&w->e.clock, 10 * 86400 * SW_SEC_NS);
	import_ok(w, "mine", "drop", "192.0.2.2\nx.example\n192.0.2.1\nevil.example\n192.0.2.3:443\nhttp://u.example/p\n");
	turn_until(w, has_compiled, "it is compiled");
	for (unsigned int i = 0; i < 2; i++) {
		expect_seen(w, "192.0.2.1", "2023-11-14T22:1", "2023-11-24T22:13:20");
		expect_seen(w, "192.0.2.3:443", "2023-11-14T22:1", "2023-11-24T22:13:20");
		expect_seen(w, "a.evil.example", "2023-11-14T22:1", "2023-11-24T22:13:20");
		expect_seen(w, "192.0.2.2", "2023-11-24T22:1", "2023-11-24T22:13:20");
		expect_seen(w, "http://u.example/p", "2023-11-24T22:1", "2023-11-24T22:13:20");
		engine_restart(w);
		turn_until(w, has_compiled, "it is there again");
	}
	json_decref(call(w, "trails.remove", "{\"name\":\"mine\"}", -1));
	import_ok(w, "mine", "drop", "192.0.2.1\n");
	expect_seen(w, "192.0.2.1", "2023-11-24T22:1", "2023-11-24T22:13:20");
}

static void hits_are_counted_by_list_and_by_trail(void **state)
{
	const struct sw_net one = {.family = SW_AF_IP4, .plen = 32, .addr = {192, 0, 2, 1}};
	const struct sw_net other = {.family = SW_AF_IP4, .plen = 32, .addr = {192, 0, 2, 130}};
	struct world *w = *state;
	struct sw_net many = {.family = SW_AF_IP4, .plen = 32, .addr = {10}};
	json_t *reply, *top;
	__u32 set;

	import_ok(w, "mine", "drop", "192.0.2.1\n192.0.2.128/25\n");
	set = (__u32)(slot(w, "mine") - w->e.trails->slots);
	sw_trails_hit(&w->e, set, &one, 3);
	sw_trails_hit(&w->e, set, &other, 40);
	sw_trails_hit(&w->e, set, &one, 4);
	reply = call(w, "trails.stats", "{}", -1);
	top = json_object_get(json_object_get(reply, "data"), "top");
	assert_int_equal(json_array_size(top), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(top, 0), "net")), "192.0.2.128/25");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(top, 1), "hits")), 7);
	assert_true(json_is_true(json_object_get(json_object_get(reply, "data"), "top_is_exact")));
	assert_int_equal(slot(w, "mine")->hits, 47);
	json_decref(reply);
	for (unsigned int i = 0; i < SW_TRAIL_TOP_MAX; i++) {
		many.addr[2] = (__u8)(i >> 8);
		many.addr[3] = (__u8)i;
		sw_trails_hit(&w->e, set, &many, 1);
	}
	reply = call(w, "trails.stats", "{}", -1);
	top = json_object_get(json_object_get(reply, "data"), "top");
	assert_int_equal(json_array_size(top), 20);
	assert_string_equal(json_string_value(json_object_get(json_array_get(top, 1), "net")), "192.0.2.1");
	assert_false(json_is_true(json_object_get(json_object_get(reply, "data"), "top_is_exact")));
	json_decref(reply);
	json_decref(call(w, "trails.remove", "{\"name\":\"mine\"}", -1));
	reply = call(w, "trails.stats", "{}", -1);
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "data"), "top")), 0);
	json_decref(reply);
}

enum { NOON = 1798718400 }; /* 2026-12-31T12:00:00Z */

static void move_clock(struct world *w, int64_t wall_sec)
{
	w->e.clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = sw_clock_boot_ns(&w->e.clock),
		.manual_wall_ns = wall_sec * (int64_t)SW_SEC_NS};
	sw_trails_end_due(&w->e);
	turn_until(w, is_swapped, "what is over has left the set");
	turn_until(w, has_compiled, "and what is compiled");
}

static bool finds_name(struct world *w, const char *name)
{
	struct sw_static_hit hit;
	const char *suffix;

	return sw_trails_static(&w->e) && sw_static_domain(sw_trails_static(&w->e), name, strlen(name), &hit, &suffix);
}

static void trails_of_every_kind_end(void **state)
{
	struct world *w = *state;
	struct sw_static_hit hit;
	struct stat st;

	put_file(w, "d", "all.txt",
		"evil.example # until: 2026-12-31T12:00:00Z\nother.example\n"
		"http://drop.example/a # until: 2026-12-31T12:00:00Z\n192.0.2.8:443 # until: 2026-12-31T12:00:00Z\n");
	put_file(w, "d", "ua.txt", "^zgrab # until: 2026-12-31T12:00:00Z\n");
	w->config.n_trail_dirs = 1;
	snprintf(w->config.trail_dirs[0], sizeof(w->config.trail_dirs[0]), "%s/d", w->dir);
	move_clock(w, NOON - 60);
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, has_compiled, "the directory is read");
	assert_true(finds_name(w, "a.evil.example"));
	expect_hit(w, "http://drop.example/a", "drop.example/a|url|d|all||3");
	expect_hit(w, "192.0.2.8:443", "192.0.2.8:443|ip-port|d|all||4");
	assert_true(sw_static_pattern(sw_trails_static(&w->e), SW_STATIC_AGENT, "zgrab/0", 7, &hit));
	assert_int_equal(fstat(sw_trails_domains(&w->e), &st), 0);
	move_clock(w, NOON);
	assert_false(finds_name(w, "a.evil.example"));
	assert_true(finds_name(w, "other.example"));
	expect_hit(w, "evil.example", "");
	expect_hit(w, "http://drop.example/a", "");
	expect_hit(w, "192.0.2.8:443", "");
	assert_false(sw_static_pattern(sw_trails_static(&w->e), SW_STATIC_AGENT, "zgrab/0", 7, &hit));
	/* mapped at the next start, it is what it was */
	engine_restart(w);
	turn_until(w, has_compiled, "the compiled trails are mapped");
	assert_true(w->e.trails->is_mapped);
	assert_false(finds_name(w, "evil.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			trails_d_beside_the_configuration_is_read_and_followed_where_none_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(trails_of_every_kind_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_trail_keeps_the_time_when_it_came_over_updates_and_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(hits_are_counted_by_list_and_by_trail, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_list_that_holds_a_trail_is_told_with_its_line_and_the_one_that_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_exception_for_a_domain_counts_by_the_longest_match, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_of_trails_of_every_kind_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_of_domains_alone_is_a_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
