// SPDX-License-Identifier: GPL-3.0-or-later
/* Static trails: from a directory to a list and back to a set, and from the set to its file and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "user/trail/directory.h"

#define NAME "set.swsc"
enum { KEY = 42 };

struct world {
	char dir[64];
	int dirfd;
	struct sw_static *set; /* by way of a list */
};

static void put(struct world *w, const char *name, const char *text)
{
	assert_int_equal(sw_write_file_atomic(w->dirfd, name, text, strlen(text), 0644), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct sw_trail_rules rules = {};
	struct sw_trail_parser *p = NULL;
	struct sw_trail_list *l = NULL;
	char first[SW_TRAIL_BAD_TEXT_MAX], want[SW_TRAIL_BAD_TEXT_MAX];
	const char *why = "";
	int fd;

	assert_non_null(w);
	strcpy(w->dir, "/tmp/sw-static-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(w, "ua.txt", "curl/[0-9]+ # a note\n");
	put(w, "names.txt",
		"# Reference: https://a.example/\nevil.example\n192.0.2.0/24\n2001:db8::1\n[2001:db8::2]:53\n"
		"# Reference: https://b.example/\nhttp://url.example\n/shell.php\n^(bad|worse)\\.example$\n"
		"e7d705a3286e19ea42f587b344ee6865\nt13d1516h2_8daaf6152771_02713d6af862\n"
		"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12\n");
	put(w, "table.csv",
		"trail,info,reference\none.example,first,r1\ntwo.example,second,r2\nthree.example,first,r1\n192.0.2.300,,\n");
	put(w, "later.txt", "four.example\nnot a trail\n");
	assert_int_equal(sw_trail_directory_read(w->dir, &rules, &p), 0);
	fd = sw_trail_list_build(p, "here", "imported", SW_TRAIL_DROP, 0);
	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &l, &why), 0);
	assert_int_equal(l->view.n4, 1);
	assert_int_equal(l->view.n6, 1);
	assert_int_equal(l->view.n_ports, 1);
	/* what is no trail is kept with its place, so that who asks tomorrow is told: a name cannot end in a number */
	assert_int_equal(sw_trail_list_bad(l, first), 2);
	snprintf(want, sizeof(want), "%s/later.txt line 2: 'not a trail'", w->dir);
	assert_string_equal(first, want);
	assert_int_equal(sw_static_new(&w->set), 0);
	assert_int_equal(sw_static_add_list(w->set, &l->view, 7, "here", "imported", false, 0), 0);
	assert_int_equal(sw_static_seal(w->set), 0);
	sw_trail_list_free(l);
	sw_trail_parser_free(p);
	close(fd);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	sw_static_free(w->set);
	sw_close(w->dirfd);
	snprintf(command, sizeof(command), "rm -r '%s'", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* "kind line info citation" of what is asked as a trail, "none". */
static void ask(struct sw_static *s, const char *text, bool is_agent, char *out, size_t size)
{
	struct sw_static_about about;
	struct sw_static_hit hit;
	struct sw_static_line l;
	const char *suffix;
	struct sw_net net;
	bool is_hit;

	sw_static_line_read(text, strlen(text), is_agent, &l);
	switch (l.kind) {
	case SW_STATIC_IP:
	case SW_STATIC_IP_PORT:
		is_hit = sw_static_addr(s, l.net.family, l.net.addr, l.port, &hit, &net);
		break;
	case SW_STATIC_DOMAIN:
		is_hit = sw_static_domain(s, l.text, l.len, &hit, &suffix) ||
			sw_static_pattern(s, SW_STATIC_REGEX, l.text, l.len, &hit);
		break;
	case SW_STATIC_AGENT:
		is_hit = sw_static_pattern(s, SW_STATIC_AGENT, text, strlen(text), &hit);
		break;
	default:
		is_hit = sw_static_text(s, l.kind, l.text, l.len, &hit);
	}
	if (!is_hit) {
		snprintf(out, size, "none");
		return;
	}
	about = sw_static_about(s, &hit);
	snprintf(out, size, "%s %u %s %s %u", sw_static_kind_word(hit.kind), about.line, about.info,
		*about.citation ? about.citation : "-", about.list);
}

static void expect_all(struct sw_static *s)
{
	static const struct {
		const char *text;
		bool is_agent;
		const char *want;
	} rows[] = {
		{"x.evil.example", false, "domain 2 names https://a.example/ 7"},
		{"192.0.2.200", false, "cidr 3 names https://a.example/ 7"},
		{"2001:DB8:0::1", false, "ip 4 names https://a.example/ 7"},
		{"[2001:db8::2]:53", false, "ip-port 5 names https://a.example/ 7"},
		{"2001:db8::2", false, "none"},
		{"http://url.example", false, "url 7 names https://b.example/ 7"},
		{"/shell.php", false, "path 8 names https://b.example/ 7"},
		{"worse.example", false, "regex 9 names https://b.example/ 7"},
		{"E7D705A3286E19EA42F587B344EE6865", false, "ja3 10 names https://b.example/ 7"},
		{"t13d1516h2_8daaf6152771_02713d6af862", false,
			"ja4 11 names https://b.example/ 7"},
		{"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", false,
			"certificate 12 names https://b.example/ 7"},
		{"one.example", false, "domain 2 first - 7"},
		{"two.example", false, "domain 3 second - 7"},
		{"three.example", false, "domain 4 first - 7"},
		{"curl/7", true, "user-agent 1 ua - 7"},
		{"wget/7", true, "none"},
		{"good.example", false, "none"},
		{"192.0.3.1", false, "none"},
	};
	char got[256];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		ask(s, rows[i].text, rows[i].is_agent, got, sizeof(got));
		if (!sw_streq(got, rows[i].want))
			fail_msg("%s: '%s', expected '%s'", rows[i].text, got, rows[i].want);
	}
}

static void a_directory_by_way_of_a_list_keeps_every_kind_with_its_line(void **state)
{
	struct world *w = *state;

	expect_all(w->set);
}

static void the_file_answers_as_the_set_does(void **state)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	struct world *w = *state;

	assert_int_equal(sw_static_save(w->set, KEY, w->dirfd, NAME), 0);
	assert_int_equal(sw_static_load(w->dirfd, NAME, KEY, &s), 0);
	expect_all(s);
	assert_memory_equal(
		sw_static_stats(s), sw_static_stats(w->set), sizeof(*sw_static_stats(s)));
}

static void a_file_of_something_else_or_with_any_byte_changed_is_not_taken(void **state)
{
	struct world *w = *state;
	_close_ int fd = -1;
	struct sw_static *s = NULL;
	struct stat st;
	unsigned char b;

	assert_int_equal(sw_static_load(w->dirfd, NAME, KEY, &s), -ENOENT);
	assert_int_equal(sw_static_save(w->set, KEY, w->dirfd, NAME), 0);
	assert_int_equal(sw_static_load(w->dirfd, NAME, KEY + 1, &s), -ESTALE);
	fd = openat(w->dirfd, NAME, O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = st.st_size - 1; at >= 0; at -= 97) {
		assert_int_equal(pread(fd, &b, 1, at), 1);
		b ^= 1;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		if (sw_static_load(w->dirfd, NAME, KEY, &s) == 0)
			fail_msg("byte %lld changed, and the file is taken", (long long)at);
		b ^= 1;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
	}
	assert_int_equal(ftruncate(fd, st.st_size - 8), 0);
	assert_int_equal(sw_static_load(w->dirfd, NAME, KEY, &s), -EBADMSG);
	assert_null(s);
}

static void add_trail(struct sw_static *s, const char *text, uint32_t line)
{
	int64_t group = sw_static_group(s, "a.txt", "a", "", "");
	struct sw_static_line l;

	assert_true(group >= 0);
	sw_static_line_read(text, strlen(text), false, &l);
	(void)sw_static_add(s, &l, (uint32_t)group, line);
}

static void expect_exceptions(struct sw_static *s)
{
	static const char *const hits[] = {"bad.example", "x.bad.example", "deep.fine.bad.example",
		"a.deep.fine.bad.example", "woorse.example", "192.0.2.7", "bad.example/panel.php"};
	static const char *const none[] = {"fine.bad.example", "x.fine.bad.example", "shared.example",
		"192.0.2.130", "shared.example/gate.php"};
	struct sw_static_name n;
	char got[256];

	for (size_t i = 0; i < SW_ARRAY_SIZE(hits); i++) {
		ask(s, hits[i], false, got, sizeof(got));
		if (sw_streq(got, "none"))
			fail_msg("%s is excepted", hits[i]);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(none); i++) {
		ask(s, none[i], false, got, sizeof(got));
		if (!sw_streq(got, "none"))
			fail_msg("%s is a hit: %s", none[i], got);
	}
	sw_static_expect_name(s, "www.fine.bad.example", 20, &n);
	assert_true(sw_static_is_excepted(s, &n));
	sw_static_expect_name(s, "deep.fine.bad.example", 21, &n);
	assert_false(sw_static_is_excepted(s, &n));
	sw_static_expect_name(s, "elsewhere.example", 17, &n);
	assert_false(sw_static_is_excepted(s, &n));
}

static void an_exception_is_no_hit_where_it_is_longer_or_the_same(void **state)
{
	static const char *const trails[] = {"bad.example", "deep.fine.bad.example", "shared.example",
		"192.0.2.0/24", "http://bad.example/panel.php", "http://shared.example/gate.php", "^wo+rse\\.example$"};
	static const char *const exceptions[] = {"fine.bad.example", "shared.example", "192.0.2.128/25",
		"http://shared.example/gate.php", "^worse\\.example$"};
	_cleanup_(sw_static_freep) struct sw_static *s = NULL, *loaded = NULL;
	struct world *w = *state;

	assert_int_equal(sw_static_new(&s), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(trails); i++)
		add_trail(s, trails[i], (uint32_t)i);
	sw_static_set_list(s, 1, true);
	for (size_t i = 0; i < SW_ARRAY_SIZE(exceptions); i++)
		add_trail(s, exceptions[i], (uint32_t)i);
	assert_int_equal(sw_static_seal(s), 0);
	expect_exceptions(s);
	assert_int_equal(sw_static_save(s, KEY, w->dirfd, NAME), 0);
	assert_int_equal(sw_static_load(w->dirfd, NAME, KEY, &loaded), 0);
	expect_exceptions(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_directory_by_way_of_a_list_keeps_every_kind_with_its_line, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_file_answers_as_the_set_does, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_of_something_else_or_with_any_byte_changed_is_not_taken, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			an_exception_is_no_hit_where_it_is_longer_or_the_same, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
