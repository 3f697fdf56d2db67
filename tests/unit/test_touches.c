// SPDX-License-Identifier: GPL-3.0-or-later
/* Decoys without a kernel: which ports they are, findings of touches on a virtual clock, PortSentry's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/alert/attackalert.h"
#include "user/base/cidr.h"
#include "user/base/ports.h"
#include "user/conf/conf.h"
#include "user/detect/touches.h"

struct fixture {
	struct sw_clock clock;
	struct sw_touches *t;
	struct sw_finding last;
	uint64_t ids;
	unsigned int told;
};

static void on_found(void *arg, struct sw_finding *f)
{
	struct fixture *x = arg;

	if (!f->id)
		f->id = ++x->ids;
	x->last = *f;
	x->told++;
}

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->clock = (struct sw_clock){
		.is_manual = true, .manual_boot_ns = 1000 * SW_SEC_NS, .manual_wall_ns = 1000000000};
	assert_int_equal(sw_touches_new(&x->clock, on_found, x, &x->t), 0);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;

	sw_touches_free(x->t);
	free(x);
	return 0;
}

static struct sw_touch touch(unsigned int source, unsigned int port, unsigned int protocol)
{
	return (struct sw_touch){.source = sw_net_from4(htonl(0xc6120000 + source)),
		.dport = (__u16)port,
		.protocol = (__u8)protocol};
}

static void a_scan_of_many_ports_is_one_finding_with_its_sum(void **state)
{
	struct fixture *x = *state;

	for (unsigned int port = 1; port <= 1000; port++) {
		struct sw_touch t = touch(66, port, IPPROTO_TCP);

		assert_non_null(sw_touches_add(x->t, &t));
	}
	assert_int_equal(x->told, 1);
	assert_true(sw_touches_tick(x->t));
	assert_int_equal(x->told, 2);
	assert_int_equal(x->last.id, 1);
	assert_int_equal(x->last.count, 1000);
	assert_int_equal(x->last.severity, SW_SEV_MEDIUM);
	assert_string_equal(x->last.title, "198.18.0.66 connected to decoy port tcp/1 and 999 times more, last 1000");
	assert_true(sw_touches_tick(x->t));
	assert_int_equal(x->told, 2);
}

static void a_source_that_was_silent_for_long_is_a_new_finding(void **state)
{
	struct fixture *x = *state;
	struct sw_touch t = touch(66, 23, IPPROTO_TCP);

	sw_touches_add(x->t, &t);
	sw_clock_advance(&x->clock, (SW_TOUCH_FORGET_SEC + 1) * SW_SEC_NS);
	assert_false(sw_touches_tick(x->t));
	sw_touches_add(x->t, &t);
	assert_int_equal(x->last.id, 2);
	assert_int_equal(x->last.count, 1);
}

static void forged_datagrams_make_few_findings_and_no_room_is_lost(void **state)
{
	struct fixture *x = *state;
	struct sw_touches_stats s;

	for (unsigned int i = 0; i < 20000; i++) {
		struct sw_touch t = touch(i, 161, IPPROTO_UDP);

		assert_non_null(sw_touches_add(x->t, &t));
	}
	s = sw_touches_stats(x->t);
	assert_int_equal(x->ids, SW_TOUCH_NEW_PER_MIN);
	assert_int_equal(x->last.severity, SW_SEV_LOW);
	assert_int_equal(s.rows, SW_TOUCH_ROWS_MAX);
	assert_int_equal(s.evicted, 20000 - SW_TOUCH_ROWS_MAX);
	assert_int_equal(s.untold, 20000 - SW_TOUCH_NEW_PER_MIN);
}

static void a_proven_source_is_told_while_forged_ones_pour_in(void **state)
{
	struct fixture *x = *state;
	struct sw_touch real = touch(99999, 23, IPPROTO_TCP);

	for (unsigned int i = 0; i < 1000; i++) {
		struct sw_touch t = touch(i, 161, IPPROTO_UDP);

		sw_touches_add(x->t, &t);
	}
	sw_touches_add(x->t, &real);
	assert_string_equal(x->last.rule, "decoy-tcp");
}

static void the_first_bytes_stand_in_the_title_without_what_a_terminal_obeys(void **state)
{
	struct fixture *x = *state;
	struct sw_touch t = touch(66, 80, IPPROTO_TCP);
	static const char said[] = "GET /\x1b[31m\"x\" HTTP/1.0\r\n";

	sw_touches_add(x->t, &t);
	sw_touches_heard(x->t, &t, said, sizeof(said) - 1);
	sw_touches_heard(x->t, &t, "later", 5);
	sw_touches_tick(x->t);
	assert_string_equal(
		x->last.title, "198.18.0.66 connected to decoy port tcp/80: said \"GET /.[31m.x. HTTP/1.0\"");
}

static void the_sources_with_the_most_touches_come_first(void **state)
{
	struct fixture *x = *state;
	struct sw_touch_row top[2];

	for (unsigned int source = 1; source <= 5; source++) {
		for (unsigned int n = 0; n < source; n++) {
			struct sw_touch t = touch(source, 23, IPPROTO_TCP);

			sw_touches_add(x->t, &t);
		}
	}
	assert_int_equal(sw_touches_top(x->t, top, 2), 2);
	assert_int_equal(top[0].count, 5);
	assert_int_equal(top[1].count, 4);
}

static struct sw_config *parse(const char *text)
{
	struct sw_config *c = calloc(1, sizeof(*c));
	_strbuf_ struct sw_strbuf errors = {};

	assert_non_null(c);
	if (sw_conf_parse("t", text, strlen(text), c, &errors) < 0)
		fail_msg("%s", sw_strbuf_get(&errors));
	return c;
}

static void ports_are_those_of_the_mode_and_none_that_clients_get(void **state)
{
	static const struct {
		const char *text;
		unsigned int tcp, udp, left_out;
	} cases[] = {
		{"mode: observe\n", 0, 0, 0},
		{"decoys:\n  tcp: unused\n", 65535, 0, 0},
		{"decoys:\n  tcp: below\n", 1023, 0, 0},
		{"decoys:\n  tcp: listed\n  tcp_ports:\n    - 23\n    - 6000-6063\n", 65, 0, 0},
		{"decoys:\n  tcp_ports:\n    - 23\n", 0, 0, 0},
		{"decoys:\n  udp_ports:\n    - 161\n    - 32767-32769\n", 0, 2, 2},
		{"decoys:\n  preset: portsentry\n", 26, 13, 8},
		{"decoys:\n  preset: portsentry\n  tcp: unused\n", 65535, 13, 8},
	};
	struct sw_decoy_ports *ports = calloc(1, sizeof(*ports));

	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++) {
		struct sw_config *c = parse(cases[i].text);
		unsigned int left_out = sw_decoys_ports(c, 32768, 60999, ports);

		if (sw_ports_count(ports->tcp) != cases[i].tcp || sw_ports_count(ports->udp) != cases[i].udp ||
			left_out != cases[i].left_out)
			fail_msg("%s: %u TCP, %u UDP, %u left out", cases[i].text, sw_ports_count(ports->tcp),
				sw_ports_count(ports->udp), left_out);
		free(c);
	}
	free(ports);
}

static void wrong_ports_and_banners_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"decoys:\n  tcp_ports:\n    - 0\n", "t:3:7: decoys.tcp_ports[1]: '0' is not a port"},
		{"decoys:\n  tcp_ports:\n    - 65536\n", "'65536' is not a port"},
		{"decoys:\n  udp_ports:\n    - 9-7\n", "'9-7' is not a port"},
		{"decoys:\n  udp_ports:\n    - 1-\n", "'1-' is not a port"},
		{"decoys:\n  tcp: listed\n", "decoys.tcp_ports lists none"},
		{"decoys:\n  banner:\n    - port: 22\n      text: a\n    - port: 22\n      text: b\n", "has a banner already"},
		{"decoys:\n  banner:\n    - text: a\n", "'port' is missing"},
	};
	struct sw_config *c = calloc(1, sizeof(*c));

	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++) {
		_strbuf_ struct sw_strbuf errors = {};

		assert_int_equal(sw_conf_parse("t", cases[i].text, strlen(cases[i].text), c, &errors), -EINVAL);
		if (!strstr(sw_strbuf_get(&errors), cases[i].error))
			fail_msg("%s: wanted '%s', got '%s'", cases[i].text, cases[i].error, sw_strbuf_get(&errors));
	}
	free(c);
}

static void what_is_shown_of_the_decoys_reads_back_as_the_same(void **state)
{
	struct sw_config *c = parse("decoys:\n  tcp: listed\n  tcp_ports:\n    - 23\n    - 6000-6063\n  tarpit: true\n"
				    "  banner:\n    - port: 22\n      text: \"SSH-2.0-x y\"\n"), *again;
	_strbuf_ struct sw_strbuf text = {};

	sw_conf_render(c, &text);
	again = parse(sw_strbuf_get(&text));
	assert_memory_equal(&again->decoy_tcp_ports, &c->decoy_tcp_ports, sizeof(c->decoy_tcp_ports));
	assert_int_equal(again->n_decoy_banners, 1);
	assert_string_equal(again->decoy_banners[0].text, "SSH-2.0-x y");
	assert_int_equal(again->decoy_tarpit, 1);
	free(again);
	free(c);
}

static void attackalert_lines_are_those_of_portsentry(void **state)
{
	const struct sw_clock clock = {.is_manual = true, .manual_boot_ns = SW_SEC_NS, .manual_wall_ns = 1000000000};
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/tmp/sw-attackalert-XXXXXX"};
	int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), made = mkstemp(a.sun_path);
	struct sw_attackalert *alert;
	char line[400];
	ssize_t n;

	assert_true(log >= 0 && made >= 0);
	close(made);
	unlink(a.sun_path);
	assert_int_equal(bind(log, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(sw_attackalert_new(&clock, a.sun_path, &alert), 0);
	sw_attackalert_connect(alert, "198.18.0.66", true, 111);
	n = recv(log, line, sizeof(line) - 1, 0);
	assert_true(n > 0);
	line[n] = '\0';
	assert_true(strncmp(line, "<29>", 4) == 0 && strstr(line, " portsentry["));
	assert_non_null(strstr(line, "]: attackalert: Connect from host: 198.18.0.66/198.18.0.66 to TCP port: 111"));
	sw_attackalert_blocked(alert, "198.18.0.66");
	n = recv(log, line, sizeof(line) - 1, 0);
	line[n > 0 ? n : 0] = '\0';
	assert_non_null(strstr(line, "]: attackalert: Host 198.18.0.66 has been blocked via dropped route using command: "
				     "\"sockwarden ban 198.18.0.66\""));
	for (int i = 0; i < 1000; i++)
		sw_attackalert_connect(alert, "198.18.0.66", false, 161);
	assert_true(sw_attackalert_unwritten(alert) >= 500);
	sw_attackalert_free(alert);
	close(log);
	unlink(a.sun_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_scan_of_many_ports_is_one_finding_with_its_sum),
		TEST(a_source_that_was_silent_for_long_is_a_new_finding),
		TEST(forged_datagrams_make_few_findings_and_no_room_is_lost),
		TEST(a_proven_source_is_told_while_forged_ones_pour_in),
		TEST(the_first_bytes_stand_in_the_title_without_what_a_terminal_obeys),
		TEST(the_sources_with_the_most_touches_come_first),
		cmocka_unit_test(ports_are_those_of_the_mode_and_none_that_clients_get),
		cmocka_unit_test(wrong_ports_and_banners_are_told_with_their_place),
		cmocka_unit_test(what_is_shown_of_the_decoys_reads_back_as_the_same),
		cmocka_unit_test(attackalert_lines_are_those_of_portsentry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
