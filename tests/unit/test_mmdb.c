// SPDX-License-Identifier: GPL-3.0-or-later
/* Databases of countries: the walk of their tree. They are made by tests/lib/mmdb.py. */
#include "tests/unit/trail_lists.h"
#include "user/base/country.h"
#include "user/trail/mmdb.h"

enum { KP = SW_COUNTRY('K', 'P') };

/* expression: what makes the database, with the names of mmdb.py. */
static int make(const char *expression, char path[static 32])
{
	char command[4096];
	int fd;

	sw_strcpy(path, 32, "/tmp/sw-mmdb-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command),
		"PYTHONPATH=tests/lib PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c \"from mmdb import *; import sys; "
		"open('%s', 'wb').write(%s)\"",
		path, expression);
	return system(command);
}

static int open_made(const char *expression, struct sw_mmdb **ret)
{
	char path[32];
	const char *why = "";
	int r;

	assert_int_equal(make(expression, path), 0);
	r = sw_mmdb_open(path, ret, &why);
	unlink(path);
	return r;
}

static void check_walk(const char *expression, enum sw_mmdb_kind kind, uint32_t value, const char *want)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	_cleanup_(sw_trail_list_freep) struct sw_trail_list *l = NULL;
	_cleanup_(sw_mmdb_freep) struct sw_mmdb *m = NULL;
	const struct sw_trail_rules rules = {.min_plen4 = 1, .min_plen6 = 1};
	_strbuf_ struct sw_strbuf got = {};
	_close_ int fd = -1;
	char net[SW_NET_TEXT_MAX];
	const char *why = "";
	int64_t n;

	assert_int_equal(open_made(expression, &m), 0);
	assert_int_equal(sw_trail_parser_new(&rules, &p), 0);
	n = sw_mmdb_walk(m, kind, value, p, &why);
	if (n < 0) {
		assert_string_equal(why, want);
		return;
	}
	fd = sw_trail_list_build(p, "country:KP", "/a/file", SW_TRAIL_DROP, 1700000000);
	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &l, &why), 0);
	assert_int_equal(n, sw_trail_list_count(l));
	for (size_t i = 0; i < sw_trail_list_count(l); i++)
		sw_strbuf_printf(&got, "%s%s", i ? " " : "", sw_cidr_format(net, &l->view.entries4[i].net));
	assert_string_equal(sw_strbuf_get(&got), want);
}

static void networks_of_a_value_are_found_and_no_others(void **state)
{
	static const struct {
		const char *made;
		enum sw_mmdb_kind kind;
		uint32_t value;
		const char *want;
	} rows[] = {
		{"database([('192.0.2.0/24', country('KP', '')), ('198.51.100.0/25', country('NO', ''))], 4)",
			SW_MMDB_COUNTRY, KP, "192.0.2.0/24"},
		{"database([('192.0.2.0/24', {'country_code': 'KP'}), ('2001:db8::/33', {'country': 'KP'}), ('2001:db9::1/128', {'country': 'NO'})])",
			SW_MMDB_COUNTRY, KP, "192.0.2.0/24 2001:db8::/33"},
		/* a longer one inside a wider one of another country */
		{"database([('192.0.2.0/30', country('KP', '')), ('192.0.2.1/32', country('NO', ''))], 4)",
			SW_MMDB_COUNTRY, KP, "192.0.2.0 192.0.2.2/31"},
		/* IPv4 by its other names is taken once */
		{"database([('192.0.2.0/24', country('KP', ''))], link=['::ffff:0:0/96', '2002::/16', '2001::/32'])",
			SW_MMDB_COUNTRY, KP, "192.0.2.0/24"},
		{"database([('128.0.0.0/1', country('KP', ''))], 4)", SW_MMDB_COUNTRY, KP, "128.0.0.0/1"},
		{"database([('192.0.2.1/32', asn(64500, 'a')), ('192.0.2.2/32', {'asn': 'AS64500'}), ('192.0.2.3/32', asn(64501, ''))], 4)",
			SW_MMDB_ASN, 64500, "192.0.2.1 192.0.2.2"},
		{"database([('192.0.2.0/24', country('NO', ''))], 4)", SW_MMDB_COUNTRY, KP, ""},
		/* a tree that leads back into itself ends all the same */
		{"database([('192.0.2.0/24', country('KP', ''))], 4, alter=lambda n: n[5].__setitem__(slice(None), [1, 1]))",
			SW_MMDB_COUNTRY, KP, "a broken database: a node of its tree is reached twice"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		check_walk(rows[i].made, rows[i].kind, rows[i].value, rows[i].want);
}

static void what_is_no_whole_database_is_refused(void **state)
{
	struct sw_mmdb *m = NULL;

	assert_int_equal(open_made("b''", &m), -EINVAL);
	assert_int_equal(open_made("b'192.0.2.1'", &m), -EBADMSG);
	assert_int_equal(open_made("database([('192.0.2.0/24', country('KP', ''))])[:300]", &m), -EBADMSG);
	assert_null(m);
}

static void an_address_is_told_with_its_name(void **state)
{
	_cleanup_(sw_mmdb_freep) struct sw_mmdb *m = NULL;
	struct sw_mmdb_about about;
	struct sw_net net;

	assert_int_equal(open_made("database([('192.0.2.0/24', country('KP', 'North Korea')), ('198.51.100.1/32', {})])", &m), 0);
	assert_int_equal(sw_cidr_parse("192.0.2.77", SIZE_MAX, &net), 0);
	assert_true(sw_mmdb_find(m, SW_MMDB_COUNTRY, &net, &about));
	assert_int_equal(about.value, KP);
	assert_string_equal(about.name, "North Korea");
	assert_false(sw_mmdb_find(m, SW_MMDB_ASN, &net, &about));
	assert_int_equal(sw_cidr_parse("198.51.100.1", SIZE_MAX, &net), 0);
	assert_false(sw_mmdb_find(m, SW_MMDB_COUNTRY, &net, &about));
	assert_int_equal(sw_cidr_parse("2001:db8::1", SIZE_MAX, &net), 0);
	assert_false(sw_mmdb_find(m, SW_MMDB_COUNTRY, &net, &about));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_of_a_value_are_found_and_no_others),
		cmocka_unit_test(what_is_no_whole_database_is_refused),
		cmocka_unit_test(an_address_is_told_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
