// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The engine's trail part with a guard that the test plays: what a person imports, what files of the
 * configuration become, what feeds bring; and that whatever fails leaves the old set in force.
 */
#include "trails_world.h"

/* ---- tests */

static void an_imported_list_is_in_force_and_saved(void **state)
{
	struct world *w = *state;
	json_t *reply = import(w, "mine", "drop",
		       "192.0.2.1\n192.0.2.1\n2001:db8::/32\nevil.example\nbad\n"),
	       *data, *l;
	struct stat st;

	data = json_object_get(reply, "data");
	l = json_object_get(data, "list");
	assert_string_equal(json_string_value(json_object_get(l, "name")), "mine");
	assert_int_equal(json_integer_value(json_object_get(l, "entries4")), 1);
	assert_int_equal(json_integer_value(json_object_get(l, "entries6")), 1);
	assert_int_equal(json_integer_value(json_object_get(l, "others")), 1);
	assert_int_equal(json_integer_value(json_object_get(l, "first_bad_line")), 5);
	assert_true(json_is_true(json_object_get(data, "in_force")));
	assert_true(json_is_number(json_object_get(data, "swapped_ms")));
	json_decref(reply);
	assert_int_equal(w->g.n4, 1);
	assert_int_equal(w->g.n6, 1);
	assert_int_equal(w->g.first.action, SW_TRAIL_DROP);
	assert_string_equal(sw_trails_name(&w->e, w->g.first.set), "mine");
	snprintf(w->path, sizeof(w->path), "%s/trails/mine.swtl", w->state);
	assert_int_equal(stat(w->path, &st), 0);
}

static void a_refused_text_changes_nothing(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.1\n0.0.0.0/0\n", "line 2: 0.0.0.0/0 is wider than /8"},
		{"<html>\n<body>\n", "line 1: '<html>' is not an address"},
		{"", "no trail in"},
		{"# nothing\n", "no trail in"},
	};
	struct world *w = *state;
	unsigned int swaps;

	import_ok(w, "mine", "drop", "192.0.2.1\n192.0.2.2\n");
	swaps = w->g.swaps;
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		expect_refusal(import(w, "mine", "drop", rows[i][0]), rows[i][1]);
		expect_refusal(import(w, "other", "drop", rows[i][0]), rows[i][1]);
	}
	assert_int_equal(w->g.swaps, swaps);
	assert_int_equal(count(w, "mine"), 2);
	assert_null(slot(w, "other"));
	engine_restart(w);
	assert_int_equal(count(w, "mine"), 2);
}

static void what_the_guard_refuses_is_not_taken(void **state)
{
	struct world *w = *state;

	import_ok(w, "mine", "drop", "192.0.2.1\n");
	w->g.refuse = -ENOSPC;
	expect_refusal(import(w, "mine", "drop", "192.0.2.1\n192.0.2.2\n"),
		"the guard refused it: no room");
	expect_refusal(import(w, "new", "drop", "192.0.2.3\n"), "no room");
	w->g.refuse = 0;
	assert_int_equal(count(w, "mine"), 1);
	assert_null(slot(w, "new"));
	engine_restart(w);
	assert_int_equal(count(w, "mine"), 1);
	assert_int_equal(w->g.n4, 1);
}

static void a_busy_guard_is_asked_again(void **state)
{
	struct world *w = *state;

	import_ok(w, "mine", "drop", "192.0.2.1\n");
	w->g.n4 = 0;
	w->g.refuse = -EBUSY;
	engine_restart(w);
	turn_until(w, is_quiet, "the swap is refused");
	assert_true(w->e.trails->needs_swap);
	assert_int_equal(sw_degraded_count(&w->e), 1);
	w->g.refuse = 0;
	turn_until(w, is_swapped, "the guard is asked again");
	assert_int_equal(w->g.n4, 1);
	assert_int_equal(sw_degraded_count(&w->e), 0);
}

static bool is_swapping(struct world *w)
{
	return w->e.trails->running && w->e.trails->running->posted_ns;
}

static void other_requests_do_not_wait_for_a_swap(void **state)
{
	struct world *w = *state;
	struct sw_guard_request req = {.op = SW_GUARD_STATUS};
	_close_ int fd = sw_memfd_sealed("text", "192.0.2.1\n", 10);
	json_t *reply = NULL;

	w->g.is_slow = true;
	assert_true(sw_ctl_client_send(w->client, "trails.import", "{\"name\":\"slow\"}", fd) >= 0);
	turn_until(w, is_swapping, "the image is with the guard");
	assert_int_equal(count(w, "slow"), 0);
	assert_int_equal(sw_guard_call(w->e.guard, &req, SW_GUARD_REQUEST_HEAD, NULL), 0);
	w->g.is_slow = false;
	turn_until(w, is_swapped, "the swap is answered later");
	assert_int_equal(count(w, "slow"), 1);
	while (!sw_ctl_client_next(w->client, 0, &reply))
		sw_loop_once(w->e.loop, TURN_MS);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
}

static void bad_requests_are_refused(void **state)
{
	struct world *w = *state;
	int pipes[2];

	expect_refusal(call(w, "trails.import", "{\"name\":\"a\"}", -1), "no descriptor");
	expect_refusal(import(w, "", "drop", "192.0.2.1\n"), "needs a name");
	expect_refusal(import(w, "a", "burn", "192.0.2.1\n"), "unknown action");
	expect_refusal(call(w, "trails.remove", "{\"name\":\"a\"}", -1), "there is no list 'a'");
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	expect_refusal(
		call(w, "trails.import", "{\"name\":\"a\"}", pipes[0]), "not a regular file");
	close(pipes[0]);
	close(pipes[1]);
	assert_null(slot(w, "a"));
}

static void a_name_is_made_fit_for_a_file(void **state)
{
	struct world *w = *state;
	json_t *reply;

	import_ok(w, "../../Bad Hosts", "drop", "192.0.2.1\n");
	assert_int_equal(count(w, "bad-hosts"), 1);
	reply = call(w, "trails.remove", "{\"name\":\"Bad Hosts\"}", -1);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	assert_null(slot(w, "bad-hosts"));
}

static void lists_come_back_after_a_restart_and_are_swapped_in(void **state)
{
	struct world *w = *state;

	import_ok(w, "one", "drop", "192.0.2.1\n");
	import_ok(w, "two", "except", "192.0.2.0/31\n");
	w->g.n4 = 0;
	engine_restart(w);
	turn_until(w, is_connected, "the guard is there");
	turn_until(w, is_swapped, "the swap");
	assert_int_equal(w->g.n4, 2);
	assert_int_equal(slot(w, "two")->action, SW_TRAIL_EXCEPT);
	assert_int_equal(slot(w, "two")->kind, SW_TRAIL_KIND_IMPORT);
}

static void a_removed_list_is_gone_for_good(void **state)
{
	struct world *w = *state;
	json_t *reply;

	import_ok(w, "one", "drop", "192.0.2.1\n");
	import_ok(w, "two", "drop", "192.0.2.2\n");
	reply = call(w, "trails.remove", "{\"name\":\"one\"}", -1);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	assert_int_equal(w->g.n4, 1);
	engine_restart(w);
	assert_null(slot(w, "one"));
	assert_int_equal(count(w, "two"), 1);
}

static void without_the_guard_a_list_is_kept_and_swapped_in_later(void **state)
{
	struct world *w = *state;
	json_t *reply;

	guard_stop(w);
	reply = import(w, "mine", "drop", "192.0.2.1\n");
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_true(json_is_false(json_object_get(json_object_get(reply, "data"), "in_force")));
	json_decref(reply);
	assert_true(w->e.trails->needs_swap);
	guard_start(w);
	turn_until(w, is_swapped, "the swap when the guard is back");
	assert_int_equal(w->g.n4, 1);
}

static void configure(struct world *w)
{
	w->config.n_trail_files = 1;
	sw_strcpy(w->config.trail_files[0], sizeof(w->config.trail_files[0]), w->file);
	sw_part_trails.configured(&w->e, &w->config);
}

static bool has_two(struct world *w)
{
	return is_quiet(w) && count(w, "bad-hosts") == 2;
}

static bool has_one(struct world *w)
{
	return is_swapped(w) && w->g.n4 == 1;
}

static bool has_error(struct world *w)
{
	const struct sw_trail_slot *s = slot(w, "bad-hosts");

	return is_quiet(w) && s && s->error[0];
}

static bool is_healed(struct world *w)
{
	return is_quiet(w) && !slot(w, "bad-hosts")->error[0];
}

static void a_file_of_the_configuration_is_followed(void **state)
{
	struct world *w = *state;

	write_file(w, "192.0.2.1\n");
	configure(w);
	turn_until(w, is_swapped, "the file is read");
	assert_int_equal(count(w, "bad-hosts"), 1);
	assert_int_equal(slot(w, "bad-hosts")->kind, SW_TRAIL_KIND_FILE);
	write_file(w, "192.0.2.1\n192.0.2.2\n");
	turn_until(w, has_two, "the changed file is read");
	assert_int_equal(w->g.n4, 2);
	/* absurd: by its line, and the old set stays */
	write_file(w, "192.0.2.1\n0.0.0.0/0\n");
	turn_until(w, has_error, "the absurd file is refused");
	assert_non_null(strstr(slot(w, "bad-hosts")->error, "line 2: 0.0.0.0/0"));
	assert_int_equal(count(w, "bad-hosts"), 2);
	assert_int_equal(w->g.n4, 2);
	assert_int_equal(sw_degraded_count(&w->e), 1);
	/* gone: likewise, also after a restart */
	assert_int_equal(unlink(w->file), 0);
	engine_restart(w);
	turn_until(w, has_error, "the file that is gone is told");
	assert_int_equal(count(w, "bad-hosts"), 2);
	assert_int_equal(w->g.n4, 2);
	write_file(w, "192.0.2.7\n192.0.2.8\n");
	turn_until(w, is_healed, "the new file is read");
	assert_int_equal(sw_degraded_count(&w->e), 0);
	/* taken out of the configuration */
	w->config.n_trail_files = 0;
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, is_swapped, "the list goes");
	assert_null(slot(w, "bad-hosts"));
	assert_int_equal(w->g.n4, 0);
}

static void a_name_belongs_to_one_kind_of_list(void **state)
{
	struct world *w = *state;

	write_file(w, "192.0.2.1\n");
	configure(w);
	turn_until(w, is_swapped, "the file is read");
	expect_refusal(import(w, "bad-hosts", "drop", "192.0.2.9\n"), "another kind");
	expect_refusal(call(w, "trails.remove", "{\"name\":\"bad-hosts\"}", -1),
		"comes from the configuration");
	assert_int_equal(count(w, "bad-hosts"), 1);
}

/* A feed brings n hosts. */
static void bring(struct world *w, unsigned int n, enum sw_trail_action action)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	struct sw_net_msg msg = {.feed = "feed"};
	_strbuf_ struct sw_strbuf b = {};
	_close_ int fd = -1;
	char why[256] = "";

	for (unsigned int i = 0; i < n; i++)
		sw_strbuf_printf(&b, "198.18.%u.%u\n", i / 256, i % 256);
	assert_int_equal(
		sw_trail_parse_mem(&(struct sw_trail_rules){}, sw_strbuf_get(&b), b.len, &p), 0);
	fd = sw_trail_list_build(p, "feed", "https://feed.example/list", action, 0);
	assert_int_equal(sw_trails_take_feed(&w->e, &msg, fd, why, sizeof(why)), 0);
	turn_until(w, is_quiet, "the feed is taken or not");
}

/* A feed that allows brings a text. */
static const char *bring_allowed(struct world *w, const char *text)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	struct sw_net_msg msg = {.feed = "feed"};
	_close_ int fd = -1;
	char why[256] = "";

	assert_int_equal(sw_trail_parse_mem(&(struct sw_trail_rules){}, text, strlen(text), &p), 0);
	fd = sw_trail_list_build(p, "feed", "https://feed.example/list", SW_TRAIL_EXCEPT, 0);
	assert_int_equal(sw_trails_take_feed(&w->e, &msg, fd, why, sizeof(why)), 0);
	turn_until(w, is_quiet, "the feed is taken or not");
	return slot(w, "feed")->error;
}

static void a_feed_that_allows_is_held_to_more(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"198.18.0.0/20\n2001:db8::/48\n", ""},
		{"198.18.0.0/19\n", "line 1: 198.18.0.0/19 is wider than /20, which no feed may allow"},
		{"198.18.0.0/20\n2001:db8::/47\n", "line 2: 2001:db8::/47 is wider than /48"},
		{"198.18.0.0/20\n10.1.2.0/24\n", "10.1.2.0/24 is no address of the Internet"},
		{"198.18.0.0/20\nfd00:1::/64\n", "is no address of the Internet"},
		{"198.18.0.0/20\ncrawl.example\n", "it holds more than networks"},
		{"198.18.0.0/20\n198.18.16.1:80\n", "it holds more than networks"},
		{"203.0.113.0/24\n", "--accept"},
		{"198.18.0.0/20\n2001:db8::/48\n198.18.16.0/27\n", ""},
	};
	_strbuf_ struct sw_strbuf b = {};
	struct world *w = *state;

	w->config.n_feeds = 1;
	w->config.feeds[0] = (struct sw_config_feed){.name = "feed", .is_enabled = 1, .action = SW_FEED_ALLOW};
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		const char *got = bring_allowed(w, rows[i].text);

		if (*rows[i].error ? !strstr(got, rows[i].error) : *got)
			fail_msg("'%s': expected '%s', got '%s'", rows[i].text, rows[i].error, got);
	}
	assert_int_equal(count(w, "feed"), 3);
	assert_string_equal(sw_feeds_action_word(&w->e, slot(w, "feed")), "allow");
	/* sixteen and one more at once wait for a word, however small the list; and so much is never allowed */
	for (unsigned int i = 0; i < 17; i++)
		sw_strbuf_printf(&b, "198.18.17.%u\n", i);
	sw_strbuf_puts(&b, "198.18.0.0/20\n2001:db8::/48\n198.18.16.0/27\n");
	assert_non_null(strstr(bring_allowed(w, sw_strbuf_get(&b)), "(17 came"));
	sw_strbuf_reset(&b);
	for (unsigned int i = 0; i < 33; i++)
		sw_strbuf_printf(&b, "11.%u.0.0/20\n", i);
	assert_non_null(strstr(bring_allowed(w, sw_strbuf_get(&b)), "135168 IPv4 addresses, and one feed may allow 131072"));
	sw_strbuf_reset(&b);
	for (unsigned int i = 0; i < 4097; i++)
		sw_strbuf_printf(&b, "11.0.%u.%u\n", i / 256, i % 256);
	assert_non_null(strstr(bring_allowed(w, sw_strbuf_get(&b)), "4097 networks, and one feed may allow 4096"));
	assert_int_equal(count(w, "feed"), 3);
}

static void a_feed_whose_action_changes_is_not_fetched_again(void **state)
{
	struct world *w = *state;

	w->config.n_feeds = 1;
	w->config.feeds[0] = (struct sw_config_feed){.name = "feed", .is_enabled = 1, .action = SW_TRAIL_DROP};
	bring(w, 10, SW_TRAIL_DROP);
	assert_int_equal(w->g.first.action, SW_TRAIL_DROP);
	w->config.feeds[0].action = SW_TRAIL_OBSERVE;
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, is_swapped, "it observes");
	assert_int_equal(w->g.first.action, SW_TRAIL_OBSERVE);
	assert_int_equal(slot(w, "feed")->action, SW_TRAIL_OBSERVE);
	assert_string_equal(slot(w, "feed")->origin, "https://feed.example/list");
	assert_int_equal(w->g.n4, 10);
	engine_restart(w);
	turn_until(w, is_swapped, "it is saved so");
	assert_int_equal(slot(w, "feed")->action, SW_TRAIL_OBSERVE);
	w->config.feeds[0].action = SW_FEED_ALLOW;
	sw_part_trails.configured(&w->e, &w->config);
	turn_until(w, is_swapped, "it is an exception");
	assert_int_equal(slot(w, "feed")->action, SW_TRAIL_EXCEPT);
	assert_int_equal(count(w, "feed"), 10);
}

static void a_feed_that_shrinks_or_misbehaves_is_kept_as_it_was(void **state)
{
	struct world *w = *state;
	struct sw_config_feed *f = &w->config.feeds[0];

	w->config.n_feeds = 1;
	*f = (struct sw_config_feed){.name = "feed",
		.is_enabled = 1,
		.action = SW_TRAIL_DROP,
		.max_entries = 200,
		.min_entries = 1};
	bring(w, 100, SW_TRAIL_DROP);
	assert_int_equal(count(w, "feed"), 100);
	assert_string_equal(slot(w, "feed")->origin, "https://feed.example/list");
	bring(w, 69, SW_TRAIL_DROP);
	assert_int_equal(count(w, "feed"), 100);
	assert_non_null(strstr(slot(w, "feed")->error, "shrank from 100 entries to 69"));
	bring(w, 201, SW_TRAIL_DROP);
	assert_non_null(strstr(slot(w, "feed")->error, "201 entries"));
	bring(w, 100, SW_TRAIL_EXCEPT);
	assert_non_null(strstr(slot(w, "feed")->error, "another action"));
	assert_int_equal(count(w, "feed"), 100);
	assert_int_equal(w->g.n4, 100);
	bring(w, 70, SW_TRAIL_DROP);
	assert_int_equal(count(w, "feed"), 70);
	assert_string_equal(slot(w, "feed")->error, "");
	assert_int_equal(w->g.n4, 70);
}

/* Brings what feed is in force already, or again; then moves the clock on and lets what is too old go. */
static void later(struct world *w, uint64_t sec)
{
	sw_clock_advance(&w->e.clock, sec * SW_SEC_NS);
	sw_feeds_decay(&w->e);
	turn_until(w, is_quiet, "what is too old has gone");
}

static void a_feed_that_is_not_renewed_or_always_the_same_leaves(void **state)
{
	struct world *w = *state;

	w->e.clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = sw_clock_boot_ns(&w->e.clock),
		.manual_wall_ns = sw_clock_wall_ns(&w->e.clock)};
	w->config.n_feeds = 1;
	w->config.feeds[0] = (struct sw_config_feed){.name = "feed",
		.is_enabled = 1,
		.action = SW_TRAIL_DROP,
		.max_age_sec = 7 * 86400,
		.max_frozen_sec = 30 * 86400};
	assert_int_equal(sw_part_feeds.init(&w->e), 0);
	bring(w, 10, SW_TRAIL_DROP);
	later(w, 6 * 86400);
	assert_int_equal(count(w, "feed"), 10);
	later(w, 2 * 86400);
	assert_null(slot(w, "feed"));
	assert_int_equal(sw_degraded_count(&w->e), 1);
	/* it is back, and renewed each day with the same content, until that is too old too */
	bring(w, 10, SW_TRAIL_DROP);
	for (int day = 0; day < 29; day++) {
		sw_feeds_renewed(&w->e, "feed");
		later(w, 86400);
		assert_int_equal(count(w, "feed"), 10);
	}
	sw_feeds_renewed(&w->e, "feed");
	later(w, 2 * 86400);
	assert_null(slot(w, "feed"));
	bring(w, 10, SW_TRAIL_DROP); /* the same again is not taken */
	assert_int_equal(w->g.n4, 0);
	bring(w, 11, SW_TRAIL_DROP);
	assert_int_equal(count(w, "feed"), 11);
	sw_part_feeds.done(&w->e);
}

enum { NOON = 1798718400 }; /* 2026-12-31T12:00:00Z */

static void set_clock(struct world *w, int64_t wall_sec)
{
	w->e.clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = sw_clock_boot_ns(&w->e.clock),
		.manual_wall_ns = wall_sec * (int64_t)SW_SEC_NS};
	sw_trails_end_due(&w->e);
	turn_until(w, is_swapped, "what is over has left the set");
}

static void expect_expiry(struct world *w, const char *trail, const char *key, const char *want)
{
	char args[128];
	json_t *reply, *hit;
	const char *got;

	snprintf(args, sizeof(args), "{\"text\":\"%s\"}", trail);
	reply = call(w, "trails.search", args, -1);
	hit = json_array_get(json_object_get(json_object_get(reply, "data"), "hits"), 0);
	got = json_string_value(json_object_get(hit, key));
	if (!got != !want || (want && strncmp(got, want, strlen(want)) != 0))
		fail_msg("%s of %s: %s, wanted %s", key, trail, got ? got : "none", want ? want : "none");
	json_decref(reply);
}

static const char ending[] = "192.0.2.1\n"
			     "192.0.2.2 # until: 2026-12-31T12:00:00Z\n"
			     "192.0.2.3 # first: 2026-01-01 last: 2026-11-01 until: 2026-12-31T14:00:00Z\n";

static void a_trail_leaves_the_kernels_set_when_it_is_over(void **state)
{
	struct world *w = *state;
	const struct sw_net over = {.family = SW_AF_IP4, .plen = 32, .addr = {192, 0, 2, 2}};
	unsigned int swaps;
	json_t *reply, *row;

	set_clock(w, NOON - 60);
	import_ok(w, "mine", "drop", ending);
	assert_int_equal(w->g.n4, 3);
	expect_expiry(w, "192.0.2.2", "expires", "2026-12-31T12:00:00");
	expect_expiry(w, "192.0.2.3", "first_seen", "2026-01-01T00:00:00");
	expect_expiry(w, "192.0.2.3", "last_seen", "2026-11-01T00:00:00");
	expect_expiry(w, "192.0.2.1", "expires", NULL);
	swaps = w->g.swaps;
	set_clock(w, NOON - 1);
	assert_int_equal(w->g.swaps, swaps);
	assert_int_equal(sw_part_trails.listed(&w->e, "", &over, NULL), SW_LISTED_TRAIL);
	set_clock(w, NOON);
	assert_int_equal(w->g.swaps, swaps + 1);
	assert_int_equal(w->g.n4, 2);
	assert_int_equal(sw_part_trails.listed(&w->e, "", &over, NULL), SW_LISTED_NONE);
	expect_expiry(w, "192.0.2.2", "net", NULL);
	reply = call(w, "trails.list", "{}", -1);
	row = json_array_get(json_object_get(json_object_get(reply, "data"), "lists"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "over")), 1);
	assert_int_equal(strncmp(json_string_value(json_object_get(row, "next_end")), "2026-12-31T14:00:00", 19), 0);
	json_decref(reply);
	/* after a restart it stays out, and the other ends at its time */
	engine_restart(w);
	turn_until(w, is_connected, "the guard is there");
	turn_until(w, is_swapped, "the set is in force again");
	assert_int_equal(w->g.n4, 2);
	expect_expiry(w, "192.0.2.3", "expires", "2026-12-31T14:00:00");
	set_clock(w, NOON + 7200);
	assert_int_equal(w->g.n4, 1);
	/* a clock that was wrong has ended nothing for good */
	set_clock(w, NOON - 60);
	assert_int_equal(w->g.n4, 3);
}

static void an_end_comes_by_itself(void **state)
{
	struct world *w = *state;
	int64_t now = sw_clock_wall_sec(&w->e.clock);
	char text[128], at[SW_TIME_TEXT_MAX];

	/* the loop's own clock: two seconds, of which the timer takes the second */
	snprintf(text, sizeof(text), "192.0.2.1\n192.0.2.2 # until: %.19sZ\n",
		sw_time_format(at, (now + 2) * (int64_t)SW_SEC_NS));
	import_ok(w, "mine", "drop", text);
	turn_until(w, has_one, "the trail has left the set");
}

static void a_file_with_a_time_that_is_none_changes_nothing(void **state)
{
	struct world *w = *state;

	write_file(w, "192.0.2.1\n192.0.2.2\n");
	configure(w);
	turn_until(w, has_two, "the file is read");
	write_file(w, "192.0.2.1\n192.0.2.2\n192.0.2.3 # until: 2026-02-30\n");
	turn_until(w, has_error, "the file is refused");
	assert_non_null(strstr(slot(w, "bad-hosts")->error, "line 3: until: '2026-02-30' is no time"));
	assert_non_null(strstr(slot(w, "bad-hosts")->origin, "Bad Hosts.txt"));
	assert_int_equal(w->g.n4, 2);
}

static void search_why_and_check_answer_from_the_lists(void **state)
{
	struct world *w = *state;
	const struct sw_net in = {.family = SW_AF_IP4, .plen = 32, .addr = {192, 0, 2, 9}};
	const struct sw_net out = {.family = SW_AF_IP4, .plen = 32, .addr = {192, 0, 2, 1}};
	_strbuf_ struct sw_strbuf b = {};
	struct sw_json j;
	json_t *reply, *hits;

	import_ok(w, "mine", "drop", "# x\n192.0.2.0/24\n");
	import_ok(w, "fine", "except", "192.0.2.1\n");
	assert_int_equal(sw_part_trails.listed(&w->e, "", &in, NULL), SW_LISTED_TRAIL);
	assert_int_equal(sw_part_trails.listed(&w->e, "", &out, NULL), SW_LISTED_EXCEPT);
	reply = call(w, "trails.search", "{\"net\":\"192.0.2.1\"}", -1);
	hits = json_object_get(json_object_get(reply, "data"), "hits");
	assert_int_equal(json_array_size(hits), 2);
	json_decref(reply);
	reply = call(w, "trails.search", "{\"text\":\"min\"}", -1);
	hits = json_object_get(json_object_get(reply, "data"), "hits");
	assert_int_equal(json_array_size(hits), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(hits, 0), "line")), 2);
	json_decref(reply);
	sw_json_init(&j, &b);
	sw_json_array_begin(&j, NULL);
	sw_part_trails.why(&w->e, "192.0.2.9", &in, &j);
	sw_json_array_end(&j);
	assert_non_null(strstr(sw_strbuf_get(&b), "list mine (drop), line 2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_feed_that_is_not_renewed_or_always_the_same_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_imported_list_is_in_force_and_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_text_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_the_guard_refuses_is_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_busy_guard_is_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			other_requests_do_not_wait_for_a_swap, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_is_made_fit_for_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lists_come_back_after_a_restart_and_are_swapped_in, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removed_list_is_gone_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_the_guard_a_list_is_kept_and_swapped_in_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_of_the_configuration_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_name_belongs_to_one_kind_of_list, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_trail_leaves_the_kernels_set_when_it_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_comes_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_with_a_time_that_is_none_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_feed_that_shrinks_or_misbehaves_is_kept_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(a_feed_that_allows_is_held_to_more, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_feed_whose_action_changes_is_not_fetched_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			search_why_and_check_answer_from_the_lists, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
