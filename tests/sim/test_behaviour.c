/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of behaviour on a virtual clock: each tells when it should, is silent when it should, heeds its settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sockwarden/abi/probe.h"
#include "user/base/cidr.h"
#include "user/detect/flows.h"
#include "user/detect/probes.h"

static struct sw_clock the_clock;
static struct sw_rules rules;
static struct sw_flows *flows;
static struct sw_probes *probes;
static unsigned int n_found;
static uint64_t next_id;
static struct sw_finding last;

static void found(void *arg, struct sw_finding *f)
{
	if (!f->id) {
		f->id = ++next_id;
		n_found++;
	}
	last = *f;
}

static int begin(void **state)
{
	the_clock = (struct sw_clock){
		.is_manual = true, .manual_boot_ns = 1000 * SW_SEC_NS, .manual_wall_ns = 1};
	sw_rules_defaults(&rules);
	n_found = 0;
	last = (struct sw_finding){};
	return sw_flows_new(&the_clock, &rules, found, NULL, &flows) ||
		sw_probes_new(&the_clock, &rules, found, NULL, &probes);
}

static int end(void **state)
{
	sw_flows_free(flows);
	sw_probes_free(probes);
	return 0;
}

static struct sw_config_habit *set(enum sw_rule rule)
{
	return &rules.at[rule - SW_RULE_HABITS];
}

static void socket_event(
	unsigned int type, uint32_t last_octet, uint16_t lport, uint16_t rport, uint32_t tgid)
{
	struct sw_sock_event ev = {.head.type = (__u16)type,
		.family = AF_INET,
		.protocol = IPPROTO_TCP,
		.lport = lport,
		.rport = rport};
	__u32 addr = htonl(0xc6120000 + last_octet);

	ev.owner.tgid = tgid;
	memcpy(ev.raddr, &addr, sizeof(addr));
	sw_flows_socket(flows, &ev);
}

static void wait_sec(uint64_t sec)
{
	sw_clock_advance(&the_clock, sec * SW_SEC_NS);
}

static void twenty_logins_in_a_minute_are_guessing(void **state)
{
	for (uint16_t i = 0; i < 19; i++)
		socket_event(SW_EV_ACCEPT, 7, 22, (uint16_t)(40000 + i), 1);
	assert_int_equal(n_found, 0);
	socket_event(SW_EV_ACCEPT, 7, 22, 50000, 1);
	assert_int_equal(n_found, 1);
	assert_string_equal(last.rule, "brute-force");
}

static void slow_logins_other_ports_and_other_peers_are_none(void **state)
{
	for (uint16_t i = 0; i < 60; i++) {
		socket_event(SW_EV_ACCEPT, 8, 443, (uint16_t)(40000 + i), 1);
		socket_event(SW_EV_ACCEPT, 100 + i, 22, (uint16_t)(40000 + i), 1);
	}
	for (uint16_t i = 0; i < 200; i++) {
		socket_event(SW_EV_ACCEPT, 9, 22, (uint16_t)(40000 + i), 1);
		wait_sec(4);
	}
	assert_int_equal(n_found, 0);
}

static void a_database_inside_is_used_and_from_outside_is_guessed_at(void **state)
{
	struct sw_sock_event ev = {.head.type = SW_EV_ACCEPT,
		.family = AF_INET,
		.protocol = IPPROTO_TCP,
		.lport = 3306,
		.owner.tgid = 1};
	__u32 inside = htonl(0x0a000701);

	memcpy(ev.raddr, &inside, sizeof(inside));
	for (uint16_t i = 0; i < 60; i++) {
		ev.rport = (uint16_t)(40000 + i);
		sw_flows_socket(flows, &ev);
	}
	assert_int_equal(n_found, 0);
	for (uint16_t i = 0; i < 20; i++)
		socket_event(SW_EV_ACCEPT, 7, 3306, (uint16_t)(40000 + i), 1);
	assert_int_equal(n_found, 1);
}

static void a_rule_heeds_its_switch_threshold_and_allow_list(void **state)
{
	struct sw_config_habit *h = set(SW_RULE_BRUTE_FORCE);

	h->threshold = 5;
	assert_int_equal(sw_cidr_parse("198.18.0.0/24", SIZE_MAX, &h->allow[0]), 0);
	h->n_allow = 1;
	for (uint16_t i = 0; i < 5; i++)
		socket_event(SW_EV_ACCEPT, 7, 22, (uint16_t)(40000 + i), 1);
	assert_int_equal(n_found, 0);
	assert_int_equal(rules.spared[SW_RULE_BRUTE_FORCE - SW_RULE_HABITS], 1);
	for (uint16_t i = 0; i < 5; i++)
		socket_event(SW_EV_ACCEPT, 0x107, 22, (uint16_t)(40000 + i), 1);
	assert_int_equal(n_found, 1);
	h->is_on = 0;
	for (uint16_t i = 0; i < 50; i++)
		socket_event(SW_EV_ACCEPT, 0x208, 22, (uint16_t)(40000 + i), 1);
	assert_int_equal(n_found, 1);
}

static void connections_at_one_pace_are_a_beacon_when_that_is_wanted(void **state)
{
	for (int is_on = 0; is_on < 2; is_on++) {
		set(SW_RULE_BEACON)->is_on = (__u32)is_on;
		for (int i = 0; i < 20; i++) {
			socket_event(SW_EV_CONNECT, 7, 40000, 443, 5);
			wait_sec(60);
		}
		assert_int_equal(n_found, (unsigned int)is_on);
	}
	assert_string_equal(last.rule, "beacon");
}

static void connections_at_a_persons_pace_are_no_beacon(void **state)
{
	set(SW_RULE_BEACON)->is_on = 1;
	for (uint64_t i = 0; i < 200; i++) {
		socket_event(SW_EV_CONNECT, 7, 40000, 443, 5);
		wait_sec(5 + i * 37 % 90);
	}
	assert_int_equal(n_found, 0);
}

static void listener_talks_fires_in_either_order_at_its_threshold(void **state)
{
	struct sw_finding listener = {.kind = SW_FINDING_NEW_LISTENER, .pid = 5, .dport = 4444};

	sw_flows_new_listener(flows, &listener);
	socket_event(SW_EV_CONNECT, 7, 40000, 443, 6); /* another process */
	assert_int_equal(n_found, 0);
	socket_event(SW_EV_CONNECT, 7, 40000, 443, 5);
	assert_int_equal(n_found, 1);
	assert_string_equal(last.rule, "listener-talks");
	socket_event(SW_EV_CONNECT, 8, 40000, 443, 9);
	listener.pid = 9;
	sw_flows_new_listener(flows, &listener);
	assert_int_equal(n_found, 2);
	set(SW_RULE_LISTENER_TALKS)->threshold = 3;
	listener.pid = 11;
	socket_event(SW_EV_CONNECT, 7, 40000, 443, 11);
	sw_flows_new_listener(flows, &listener);
	socket_event(SW_EV_CONNECT, 8, 40000, 443, 11);
	assert_int_equal(n_found, 2);
	socket_event(SW_EV_CONNECT, 9, 40000, 443, 11);
	assert_int_equal(n_found, 3);
	assert_int_equal(last.count, 3);
}

static void listener_talks_is_silent_long_after_switched_off_or_to_whom_it_leaves_alone(void **state)
{
	struct sw_finding listener = {.kind = SW_FINDING_NEW_LISTENER, .pid = 10, .dport = 4444};
	struct sw_config_habit *h = set(SW_RULE_LISTENER_TALKS);

	sw_flows_new_listener(flows, &listener);
	wait_sec(11);
	socket_event(SW_EV_CONNECT, 8, 40000, 443, 10);
	assert_int_equal(n_found, 0);
	assert_int_equal(sw_cidr_parse("198.18.0.7", SIZE_MAX, &h->allow[0]), 0);
	h->n_allow = 1;
	listener.pid = 11;
	sw_flows_new_listener(flows, &listener);
	socket_event(SW_EV_CONNECT, 7, 40000, 443, 11);
	assert_int_equal(n_found, 0);
	assert_int_equal(rules.spared[SW_RULE_LISTENER_TALKS - SW_RULE_HABITS], 1);
	h->is_on = 0;
	listener.pid = 12;
	sw_flows_new_listener(flows, &listener);
	socket_event(SW_EV_CONNECT, 8, 40000, 443, 12);
	assert_int_equal(n_found, 0);
	h->is_on = 1;
	listener.pid = 13;
	sw_flows_new_listener(flows, &listener);
	socket_event(SW_EV_CONNECT, 8, 40000, 443, 13);
	assert_int_equal(n_found, 1);
}

static void netstat(unsigned int sent, unsigned int received)
{
	char text[256];

	snprintf(text, sizeof(text),
		"TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed TCPReqQFullDrop\nTcpExt: %u %u 0 0\n"
		"IpExt: InNoRoutes\nIpExt: 0\n",
		sent, received);
	sw_flows_netstat(flows, text);
}

static void half_open_connections_that_do_not_go_on_are_a_flood(void **state)
{
	netstat(5000, 0); /* since the host started */
	wait_sec(5);
	netstat(5900, 0);
	assert_int_equal(n_found, 0);
	wait_sec(5);
	netstat(6100, 0);
	assert_int_equal(n_found, 1);
	assert_string_equal(last.rule, "syn-flood");
}

static void a_rush_of_visitors_is_no_flood(void **state)
{
	for (unsigned int i = 0; i < 50; i++) {
		netstat(5000 * i, 4950 * i); /* cookies that came back: people */
		wait_sec(5);
	}
	netstat(10, 10); /* counters that begin anew */
	netstat(20, 10);
	assert_int_equal(n_found, 0);
}

static struct sw_pkt_event packet(
	uint32_t last_octet, unsigned int reason, enum sw_probe probe, unsigned int n)
{
	struct sw_pkt_event ev = {
		.reason = (__u8)reason, .family = 4, .protocol = IPPROTO_TCP, .hits = 1};
	__u32 addr = htonl(0xc6120000 + last_octet);

	ev.trail_set = probe | n << 8;
	memcpy(ev.saddr, &addr, sizeof(addr));
	return ev;
}

static void a_scan_that_goes_on_is_one_finding_and_a_late_one_another(void **state)
{
	struct sw_pkt_event ev = packet(7, SW_R_SCAN, SW_PROBE_SYN, 10);

	for (int i = 0; i < 20; i++) {
		sw_probes_event(probes, &ev);
		wait_sec(10);
	}
	assert_int_equal(n_found, 1);
	assert_int_equal(last.count, 20);
	assert_string_equal(last.rule, "scan-vertical");
	wait_sec(SW_PROBES_FORGET_SEC);
	sw_probes_event(probes, &ev);
	assert_int_equal(n_found, 2);
}

static void syn_flood_of_a_source_names_it_and_where_it_went(void **state)
{
	struct sw_pkt_event ev = packet(7, SW_R_SCAN, SW_PROBE_FLOOD, 1000);
	__u32 to = htonl(0xc6120101);

	memcpy(ev.daddr, &to, sizeof(to));
	ev.dport = 443;
	ev.hits = 1000;
	for (int i = 0; i < 3; i++)
		sw_probes_event(probes, &ev);
	assert_int_equal(n_found, 1);
	assert_string_equal(last.rule, "syn-flood");
	assert_int_equal(last.kind, SW_FINDING_BEHAVIOUR);
	assert_int_equal(last.severity, SW_SEV_HIGH);
	assert_int_equal(last.count, 3000);
	assert_int_equal(last.dport, 443);
	assert_string_equal(
		last.title, "198.18.0.7: 1000 half-open connections in 10s, the latest to 198.18.1.1 port 443");
}

static void forged_scanners_without_end_make_few_findings(void **state)
{
	for (uint32_t i = 0; i < 20000; i++) {
		struct sw_pkt_event ev = packet(i, SW_R_SCAN, SW_PROBE_FIN, 5);

		sw_probes_event(probes, &ev);
	}
	assert_int_equal(n_found, SW_PROBES_NEW_PER_MIN);
	assert_true(sw_probes_stats(probes).rows <= SW_PROBES_ROWS_MAX);
}

static void a_scan_is_shared_by_ten_sources_not_by_nine(void **state)
{
	for (unsigned int sources = 9; sources <= 10; sources++) {
		for (uint16_t port = 1; port <= 40; port++) {
			struct sw_pkt_event ev =
				packet(port % sources, SW_R_PROBE, SW_PROBE_SYN, 0);

			ev.dport = port;
			sw_probes_event(probes, &ev);
		}
		assert_int_equal(n_found, sources == 10);
		wait_sec(1000);
	}
	assert_string_equal(last.rule, "scan-distributed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(twenty_logins_in_a_minute_are_guessing),
		TEST(slow_logins_other_ports_and_other_peers_are_none),
		TEST(a_database_inside_is_used_and_from_outside_is_guessed_at),
		TEST(a_rule_heeds_its_switch_threshold_and_allow_list),
		TEST(connections_at_one_pace_are_a_beacon_when_that_is_wanted),
		TEST(connections_at_a_persons_pace_are_no_beacon),
		TEST(listener_talks_fires_in_either_order_at_its_threshold),
		TEST(listener_talks_is_silent_long_after_switched_off_or_to_whom_it_leaves_alone),
		TEST(half_open_connections_that_do_not_go_on_are_a_flood),
		TEST(a_rush_of_visitors_is_no_flood),
		TEST(a_scan_that_goes_on_is_one_finding_and_a_late_one_another),
		TEST(syn_flood_of_a_source_names_it_and_where_it_went),
		TEST(forged_scanners_without_end_make_few_findings),
		TEST(a_scan_is_shared_by_ten_sources_not_by_nine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
