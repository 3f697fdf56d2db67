// SPDX-License-Identifier: GPL-3.0-or-later
/* Packets of this host's processes to what is listed: one finding for each process and address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sockwarden/abi/reason.h"
#include "user/base/cidr.h"
#include "user/detect/sent.h"

static const struct sw_connect_process ping = {"ping", "/usr/bin/ping", "", "user.slice"};

static struct sw_sock_event record(uint32_t tgid, uint32_t packets, bool is_refused)
{
	return (struct sw_sock_event){.head.boot_ns = 7,
		.owner = {.tgid = tgid, .start_ns = 1, .uid = 5},
		.backlog = packets,
		.ret = is_refused ? -1 : 0,
		.state = SW_R_TRAIL_OUT,
		.protocol = 1};
}

static struct sw_net address(const char *text)
{
	struct sw_net net;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &net), 0);
	return net;
}

static void a_process_and_an_address_are_one_finding_that_grows(void **state)
{
	struct sw_clock clock = {.is_manual = true, .manual_boot_ns = 1000 * SW_SEC_NS};
	struct sw_net to = address("192.0.2.1"), other = address("192.0.2.2");
	struct sw_sock_event ev = record(42, 3, false), more = record(42, 2, true);
	struct sw_finding *f;
	struct sw_sent *s = NULL;

	assert_int_equal(sw_sent_new(&clock, &s), 0);
	f = sw_sent_judge(s, &ev, &to, "192.0.2.0/24", "bad", &ping);
	assert_non_null(f);
	assert_int_equal(f->id, 0);
	f->id = 9;
	f = sw_sent_judge(s, &more, &to, "192.0.2.0/24", "bad", &(struct sw_connect_process){"", "", "", ""});
	assert_int_equal(f->id, 9);
	assert_int_equal(f->count, 5);
	assert_string_equal(f->title, "ping[42] sends to 192.0.2.1, on trail list bad: 5 packets, 2 refused");
	assert_string_equal(f->unit, "user.slice");
	assert_int_equal(sw_sent_judge(s, &ev, &other, "", "bad", &ping)->id, 0);
	ev.owner.start_ns = 2; /* the number was given to another process */
	assert_int_equal(sw_sent_judge(s, &ev, &to, "", "bad", &ping)->id, 0);
	ev.state = SW_R_BAN_OUT;
	f = sw_sent_judge(s, &ev, &to, "", "", &ping);
	assert_string_equal(f->title, "ping[42] sends to 192.0.2.1, which is banned: 3 packets, 0 refused");
	sw_sent_free(s);
}

static void a_process_that_talks_to_everybody_makes_no_flood_of_findings(void **state)
{
	struct sw_clock clock = {.is_manual = true, .manual_boot_ns = 1000 * SW_SEC_NS};
	struct sw_net to = address("192.0.2.1");
	struct sw_sent *s = NULL;
	unsigned int told = 0;

	assert_int_equal(sw_sent_new(&clock, &s), 0);
	for (uint32_t i = 1; i <= 5000; i++) {
		struct sw_sock_event ev = record(i, 1, false);

		told += sw_sent_judge(s, &ev, &to, "", "bad", &ping) != NULL;
	}
	assert_int_equal(told, SW_SENT_NEW_BURST);
	assert_int_equal(sw_sent_untold(s), 5000 - told);
	sw_sent_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_and_an_address_are_one_finding_that_grows),
		cmocka_unit_test(a_process_that_talks_to_everybody_makes_no_flood_of_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
