// SPDX-License-Identifier: GPL-3.0-or-later
/* top: rows of what events name, their order, and a screen that nothing on it can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/base/clock.h"
#include "user/cli/table.h"
#include "user/cli/top_screen.h"

static void event(struct sw_top *t, uint64_t sec, const char *fmt, ...)
{
	char text[512];
	json_t *item;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	item = json_loads(text, 0, NULL);
	assert_non_null(item);
	sw_top_event(t, item, sec * SW_SEC_NS);
	json_decref(item);
}

static void packets(struct sw_top *t, uint64_t sec, const char *source, unsigned int n)
{
	event(t, sec,
		"{\"kind\":\"packet\",\"at\":\"2026-11-22T12:34:56.1Z\",\"text\":\"p\","
		"\"reason\":\"ban\","
		"\"source\":\"%s\",\"packets\":%u,\"dropped\":true}",
		source, n);
}

static int setup(void **state)
{
	return sw_top_new((struct sw_top **)state);
}

static int teardown(void **state)
{
	sw_top_free(*state);
	return 0;
}

static void rates_are_of_the_last_interval(void **state)
{
	struct sw_top *t = *state;
	const struct sw_top_row *r[4];

	sw_top_tick(t, 10 * SW_SEC_NS);
	packets(t, 11, "192.0.2.1", 100);
	packets(t, 11, "192.0.2.2", 40);
	sw_top_tick(t, 12 * SW_SEC_NS);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_RATE, "", 4, r), 2);
	assert_string_equal(r[0]->name, "192.0.2.1");
	assert_true(r[0]->rate == 50 && r[1]->rate == 20);
	packets(t, 13, "192.0.2.2", 10);
	sw_top_tick(t, 14 * SW_SEC_NS);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_RATE, "", 4, r), 2);
	assert_string_equal(r[0]->name, "192.0.2.2");
	assert_true(r[0]->rate == 5 && r[0]->hits == 50 && r[1]->rate == 0);
	sw_top_view(t, SW_TOP_BY_HITS, "", 4, r);
	assert_string_equal(r[0]->name, "192.0.2.1");
	sw_top_view(t, SW_TOP_BY_LAST, "", 4, r);
	assert_string_equal(r[0]->name, "192.0.2.2");
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "", 1, r), 1);
	assert_string_equal(r[0]->name, "192.0.2.1");
}

static void a_row_is_of_an_address_however_it_is_written_or_of_a_process(void **state)
{
	struct sw_top *t = *state;
	const struct sw_top_row *r[4];

	packets(t, 1, "2001:db8::1", 1);
	event(t, 2, "{\"kind\":\"ban\",\"net\":\"2001:db8:0::1/128\",\"reason\":\"too much\"}");
	event(t, 3,
		"{\"kind\":\"finding\",\"finding\":\"trail-hit\",\"severity\":\"high\","
		"\"subject\":\"2001:db8::1\",\"rule\":\"x\"}");
	event(t, 4,
		"{\"kind\":\"finding\",\"finding\":\"new-listener\",\"severity\":\"low\",\"process\":\"nc\"}");
	event(t, 4, "{\"kind\":\"finding\",\"finding\":\"system\",\"severity\":\"low\"}");
	event(t, 5,
		"{\"kind\":\"packet\",\"reason\":\"trail-dst\",\"trail\":\"feed\","
		"\"source\":\"192.0.2.9\","
		"\"destination\":\"198.51.100.7\",\"process\":\"curl\",\"packets\":1}");
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "", 4, r), 3);
	assert_string_equal(r[0]->name, "198.51.100.7");
	assert_string_equal(r[0]->process, "curl");
	assert_string_equal(r[0]->what, "trail-dst feed");
	assert_string_equal(r[1]->name, "2001:db8::1");
	assert_true(r[1]->is_banned && r[1]->hits == 1 && r[1]->severity == 4);
	assert_string_equal(r[2]->name, "nc");
	assert_false(r[2]->is_address);
	event(t, 6, "{\"kind\":\"unban\",\"net\":\"2001:db8::1\"}");
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "BANNED", 4, r), 0);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "CURL", 4, r), 1);
}

static void it_holds_so_many_and_keeps_bans_longest(void **state)
{
	struct sw_top *t = *state;
	const struct sw_top_row *r[1];
	char text[32];

	event(t, 1, "{\"kind\":\"ban\",\"net\":\"203.0.113.1\"}");
	for (unsigned int i = 0; i < SW_TOP_ROWS + 100; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i >> 8, i & 255);
		packets(t, 2 + i, text, 1);
	}
	assert_int_equal(t->n, SW_TOP_ROWS);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "203.0.113.1", 1, r), 1);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, "10.1.0.0", 1, r), 0);
	assert_int_equal(sw_top_view(t, SW_TOP_BY_NAME, text, 1, r), 1);
}

static const char STATUS[] =
	"{\"version\":\"1\",\"host\":\"h\\u001b[2J\",\"mode\":\"enforce\",\"enforcing\":true,\"uptime_sec\":60,"
	"\"counters\":[{\"reason\":\"ban\",\"packets\":%u,\"dropped\":%u},"
	"{\"reason\":\"allowed\",\"packets\":10,\"dropped\":0}],"
	"\"losses\":[{\"name\":\"events\",\"count\":3},"
	"{\"name\":\"packet-events-sent\",\"count\":500}],"
	"\"bans\":2,\"degraded\":[\"a \\u0007 bell\"]}";

static void status(struct sw_top *t, uint64_t sec, unsigned int packets, unsigned int dropped)
{
	char text[1024];
	json_t *s;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), STATUS, packets, dropped);
#pragma GCC diagnostic pop
	s = json_loads(text, 0, NULL);
	assert_non_null(s);
	sw_top_status(t, s, sec * SW_SEC_NS);
	json_decref(s);
}

static void sums_are_of_two_answers_and_losses_of_losses_alone(void **state)
{
	struct sw_top *t = *state;

	status(t, 10, 1000, 900);
	assert_true(t->sums.judged_rate == 0 && t->sums.judged == 1010);
	status(t, 12, 1200, 1000);
	assert_true(t->sums.judged_rate == 100 && t->sums.dropped_rate == 50);
	assert_int_equal(t->sums.lost, 3);
	sw_top_status(t, NULL, 0);
	assert_false(t->sums.is_there);
	assert_int_equal(t->sums.bans, 2);
	status(t, 100, 50, 0); /* started anew meanwhile: no rate, and none below 0 */
	assert_true(t->sums.judged_rate == 0 && t->sums.dropped_rate == 0);
}

/* Columns of each line, the escapes of the drawing left out; every other control byte is a fault. */
static unsigned int check_lines(const char *text, unsigned int width)
{
	unsigned int lines = 1, columns = 0;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\033') {
			assert_int_equal(p[1], '[');
			p += 2 + strspn(p + 2, "0123456789;");
			assert_non_null(strchr("HKm", *p));
		} else if (p[0] == '\r' && p[1] == '\n') {
			p++;
			lines++;
			columns = 0;
		} else {
			assert_true((unsigned char)*p >= ' ');
			columns += ((unsigned char)*p & 0xc0) != 0x80;
			assert_in_range(columns, 0, width);
		}
	}
	return lines;
}

static void no_text_breaks_the_screen(void **state)
{
	static const unsigned int sizes[][2] = {{80, 24}, {200, 60}, {40, 10}, {10, 6}, {1, 1}};
	const struct sw_cli c = {.has_color = true, .has_utf8 = true};
	struct sw_top *t = *state;

	status(t, 10, 5, 5);
	for (unsigned int i = 0; i < 100; i++) {
		event(t, 11,
			"{\"kind\":\"finding\",\"at\":\"2026-11-22T12:34:56Z\",\"finding\":\"log\","
			"\"severity\":\"high\","
			"\"process\":\"p%u\\u001b[31m\\n\\u009b\",\"rule\":\"\\u001b]0;x\\u0007\","
			"\"text\":\"\\u001b[2J\\r\\n very long %0200d\"}",
			i, 1);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(sizes); i++) {
		struct sw_top_screen s = {
			.width = sizes[i][0], .height = sizes[i][1], .selected = 50};
		_strbuf_ struct sw_strbuf out = {};
		unsigned int lines;

		sw_top_draw(&c, t, &s, 12 * SW_SEC_NS, &out);
		lines = check_lines(sw_strbuf_get(&out), s.width);
		if (s.height >= 6)
			assert_int_equal(lines, s.height);
		assert_int_equal(s.selected, 50);
	}
}

static void the_selection_stays_on_a_row_that_there_is(void **state)
{
	const struct sw_cli c = {};
	struct sw_top *t = *state;
	struct sw_top_screen s = {
		.width = 80, .height = 24, .selected = SW_TOP_ROWS, .sort = SW_TOP_BY_NAME};
	_strbuf_ struct sw_strbuf out = {};

	sw_top_draw(&c, t, &s, SW_SEC_NS, &out);
	assert_int_equal(s.selected, 0);
	assert_string_equal(s.name, "");
	packets(t, 1, "192.0.2.1", 1);
	packets(t, 1, "192.0.2.2", 1);
	s.selected = SW_TOP_ROWS;
	sw_top_draw(&c, t, &s, SW_SEC_NS, &out);
	assert_int_equal(s.selected, 1);
	assert_string_equal(s.name, "192.0.2.2");
	assert_true(s.is_address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rates_are_of_the_last_interval, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_row_is_of_an_address_however_it_is_written_or_of_a_process, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			it_holds_so_many_and_keeps_bans_longest, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sums_are_of_two_answers_and_losses_of_losses_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(no_text_breaks_the_screen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_selection_stays_on_a_row_that_there_is, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
