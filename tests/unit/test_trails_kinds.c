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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_directory_of_trails_of_every_kind_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_of_domains_alone_is_a_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
