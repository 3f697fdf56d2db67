/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gate says of a packet, by rows: the whole program by test run, on each hook it applies to. */
#include "tests/bpf/one_rig.h"

#define A4  "198.18.0.7"
#define B4  "198.18.1.1"
#define A6  "2001:db8:1:2::7"
#define B6  "2001:db8:9::1"
#define DAY (86400ULL * 1000000000)

enum entry_kind { BAN = 1, BAN_EXPIRED, BAN_RUNNING, ALLOW, WATCH, LIST, EXCEPT, WATCH_PORT, LIST_PORT };

struct entry {
	enum entry_kind kind;
	const char *net;
	__u16 port; /* of WATCH_PORT and LIST_PORT */
};

struct row {
	const char *name;
	struct entry entry[5];
	struct packet_spec spec;
	enum sw_mode mode; /* OFF, which is 0, stands for enforcing; see is_off */
	bool is_off;
	bool is_dropped;
	enum sw_reason reason; /* SW_R_COUNT: nothing said, nothing counted */
	bool is_by_port; /* by an address with a port, whose list is known at once */
};

#define BENIGN   .reason = SW_R_COUNT
#define DROPS(r) .reason = SW_R_##r, .is_dropped = true
#define TELLS(r) .reason = SW_R_##r
#define V4       .from = A4, .to = B4
#define V6       .from = A6, .to = B6

static const struct row rows[] = {
	{"a packet nobody speaks of passes uncounted", {}, {V4}, BENIGN},
	{"an IPv6 packet nobody speaks of passes uncounted", {}, {V6}, BENIGN},
	{"a frame that is not IP passes uncounted", {{BAN, "0.0.0.0/0"}}, {}, BENIGN},
	{"a ban drops its address", {{BAN, A4}}, {V4}, DROPS(BAN)},
	{"a ban is of the source, not of the destination", {{BAN, B4}}, {V4}, BENIGN},
	{"a ban leaves the neighbour alone", {{BAN, "198.18.0.8"}}, {V4}, BENIGN},
	{"a ban that runs on drops", {{BAN_RUNNING, A4}}, {V4}, DROPS(BAN)},
	{"a ban past its end drops nothing", {{BAN_EXPIRED, A4}}, {V4}, BENIGN},
	{"a ban network drops", {{BAN, "198.18.0.0/24"}}, {V4}, DROPS(BAN_NET)},
	{"a ban of everything drops", {{BAN, "0.0.0.0/0"}}, {V4}, DROPS(BAN_NET)},
	{"a ban network past its end drops nothing", {{BAN_EXPIRED, "198.18.0.0/24"}}, {V4},
		BENIGN},
	{"an expired network does not hide a wider one",
		{{BAN_EXPIRED, "198.18.0.0/24"}, {BAN_EXPIRED, "198.18.0.0/20"},
			{BAN, "198.18.0.0/16"}},
		{V4}, DROPS(BAN_NET)},
	{"an expired address does not hide its network",
		{{BAN_EXPIRED, A4}, {BAN, "198.18.0.0/16"}}, {V4}, DROPS(BAN_NET)},
	{"an IPv6 address is banned by /128", {{BAN, A6}}, {V6}, DROPS(BAN)},
	{"an IPv6 ban by /128 leaves its /64 alone", {{BAN, "2001:db8:1:2::8"}}, {V6}, BENIGN},
	{"an IPv6 /64 is banned whole", {{BAN, "2001:db8:1:2::/64"}}, {V6}, DROPS(BAN)},
	{"an expired /128 does not hide its /64", {{BAN_EXPIRED, A6}, {BAN, "2001:db8:1:2::/64"}},
		{V6}, DROPS(BAN)},
	{"an IPv6 network is banned", {{BAN, "2001:db8::/32"}}, {V6}, DROPS(BAN_NET)},
	{"an expired IPv6 network does not hide a wider one",
		{{BAN_EXPIRED, "2001:db8:1::/48"}, {BAN, "2001:db8::/32"}}, {V6}, DROPS(BAN_NET)},
	{"allow wins over a ban", {{BAN, A4}, {ALLOW, A4}}, {V4}, TELLS(ALLOWED)},
	{"a wide allow wins over a ban of the address", {{BAN, A4}, {ALLOW, "0.0.0.0/0"}}, {V4},
		TELLS(ALLOWED)},
	{"a narrow allow wins over a ban network", {{BAN, "198.0.0.0/8"}, {ALLOW, "198.18.0.4/30"}},
		{V4}, TELLS(ALLOWED)},
	{"allow wins over an IPv6 ban", {{BAN, A6}, {ALLOW, "2001:db8::/32"}}, {V6},
		TELLS(ALLOWED)},
	{"allow wins over a trail", {{LIST, A4}, {ALLOW, "198.18.0.0/16"}}, {V4}, TELLS(ALLOWED)},
	{"an allowed destination does not shield a banned source", {{BAN, A4}, {ALLOW, B4}}, {V4},
		DROPS(BAN)},
	{"an allowed destination is not dropped for itself", {{LIST, B4}, {ALLOW, B4}}, {V4},
		TELLS(ALLOWED)},
	{"an allowed source may reach a listed destination", {{LIST, B4}, {ALLOW, A4}}, {V4},
		TELLS(ALLOWED)},
	{"an allow of another address helps nobody", {{BAN, A4}, {ALLOW, "198.18.0.8"}}, {V4},
		DROPS(BAN)},
	{"allow alone counts nothing", {{ALLOW, A4}}, {V4}, BENIGN},
	{"a trail drops its source", {{LIST, "198.18.0.0/24"}}, {V4}, DROPS(TRAIL_SRC)},
	{"a trail drops its destination", {{LIST, B4}}, {V4}, DROPS(TRAIL_DST)},
	{"a trail drops an IPv6 source", {{LIST, "2001:db8:1::/48"}}, {V6}, DROPS(TRAIL_SRC)},
	{"a trail drops an IPv6 destination", {{LIST, B6}}, {V6}, DROPS(TRAIL_DST)},
	{"a trail that only watches never drops", {{WATCH, A4}}, {V4}, TELLS(TRAIL_SRC)},
	{"a watched source does not shield a destination to drop", {{WATCH, A4}, {LIST, B4}}, {V4},
		DROPS(TRAIL_DST)},
	{"a watched source is told before a watched destination", {{WATCH, A4}, {WATCH, B4}}, {V4},
		TELLS(TRAIL_SRC)},
	{"an exception is longer than its trail", {{LIST, "198.18.0.0/24"}, {EXCEPT, A4}}, {V4},
		BENIGN},
	{"an exception is shorter than its trail", {{LIST, A4}, {EXCEPT, "198.18.0.0/16"}}, {V4},
		DROPS(TRAIL_SRC)},
	{"an exception for the source leaves the destination listed", {{EXCEPT, A4}, {LIST, B4}},
		{V4}, DROPS(TRAIL_DST)},
	{"an exception does not shield from a ban", {{EXCEPT, A4}, {BAN, A4}}, {V4}, DROPS(BAN)},
	{"an exception works for IPv6", {{LIST, "2001:db8:1::/48"}, {EXCEPT, "2001:db8:1:2::/64"}},
		{V6}, BENIGN},
	{"the longest trail decides what is done",
		{{LIST, "198.18.0.0/24"}, {WATCH, "198.18.0.0/28"}}, {V4}, TELLS(TRAIL_SRC)},
	{"a ban comes before a trail", {{LIST, A4}, {BAN, A4}}, {V4}, DROPS(BAN)},
	{"observing tells a ban and drops nothing", {{BAN, A4}}, {V4}, TELLS(BAN),
		.mode = SW_MODE_OBSERVE},
	{"observing tells a trail and drops nothing", {{LIST, A4}}, {V4}, TELLS(TRAIL_SRC),
		.mode = SW_MODE_OBSERVE},
	{"observing counts what is allowed", {{BAN, A4}, {ALLOW, A4}}, {V4}, TELLS(ALLOWED),
		.mode = SW_MODE_OBSERVE},
	{"off says nothing", {{BAN, A4}}, {V4}, BENIGN, .is_off = true},
	{"a listed port of the source drops", {{LIST_PORT, A4, 40000}}, {V4}, DROPS(TRAIL_SRC), .is_by_port = true},
	{"a listed port of the destination drops", {{LIST_PORT, B4, 443}}, {V4}, DROPS(TRAIL_DST), .is_by_port = true},
	{"a listed port drops UDP too", {{LIST_PORT, A4, 40000}}, {V4, .protocol = 17},
		DROPS(TRAIL_SRC), .is_by_port = true},
	{"a listed port drops IPv6", {{LIST_PORT, A6, 40000}}, {V6}, DROPS(TRAIL_SRC)},
	{"a listed port of an IPv6 destination drops", {{LIST_PORT, B6, 443}}, {V6, .protocol = 17},
		DROPS(TRAIL_DST)},
	{"another port of a listed address passes", {{LIST_PORT, A4, 40001}, {LIST_PORT, B4, 80}},
		{V4}, BENIGN},
	{"a source's port is not its destination's", {{LIST_PORT, A4, 443}, {LIST_PORT, B4, 40000}},
		{V4}, BENIGN},
	{"the port of a neighbour passes", {{LIST_PORT, "198.18.0.8", 40000}}, {V4}, BENIGN},
	{"another port of a listed IPv6 address passes", {{LIST_PORT, A6, 443}}, {V6}, BENIGN},
	{"a protocol without ports hits no listed port",
		{{LIST_PORT, A4, 40000}, {LIST_PORT, B4, 443}}, {V4, .protocol = 1}, BENIGN},
	{"a first fragment hits a listed port", {{LIST_PORT, A4, 40000}},
		{V4, .fragment = PACKET_FIRST}, DROPS(TRAIL_SRC), .is_by_port = true},
	{"a later fragment hits no listed port", {{LIST_PORT, A4, 40000}, {LIST_PORT, B4, 443}},
		{V4, .fragment = PACKET_LATER}, BENIGN},
	{"a port that is watched is told", {{WATCH_PORT, A4, 40000}}, {V4}, TELLS(TRAIL_SRC), .is_by_port = true},
	{"observing tells a listed port and drops nothing", {{LIST_PORT, A4, 40000}}, {V4},
		TELLS(TRAIL_SRC), .mode = SW_MODE_OBSERVE, .is_by_port = true},
	{"a watched address does not shield its port to drop",
		{{WATCH, A4}, {LIST_PORT, A4, 40000}}, {V4}, DROPS(TRAIL_SRC), .is_by_port = true},
	{"a watched source does not shield a destination's port to drop",
		{{WATCH, A4}, {LIST_PORT, B4, 443}}, {V4}, DROPS(TRAIL_DST), .is_by_port = true},
	{"a watched port does not shield an address to drop",
		{{WATCH_PORT, A4, 40000}, {LIST, B4}}, {V4}, DROPS(TRAIL_DST)},
	{"a watched source's port does not shield a destination's to drop",
		{{WATCH_PORT, A4, 40000}, {LIST_PORT, B4, 443}}, {V4}, DROPS(TRAIL_DST), .is_by_port = true},
	{"allow wins over a listed port", {{LIST_PORT, A4, 40000}, {ALLOW, A4}}, {V4},
		TELLS(ALLOWED)},
	{"a ban comes before a listed port", {{LIST_PORT, A4, 40000}, {BAN, A4}}, {V4}, DROPS(BAN)},
	{"a VLAN tag is stepped over", {{BAN, A4}}, {V4, .vlan = {7}}, DROPS(BAN)},
	{"QinQ is stepped over", {{BAN, A4}}, {V4, .vlan = {7, 8}, .tpid = 0x88a8}, DROPS(BAN)},
	{"old QinQ is stepped over", {{BAN, A6}}, {V6, .vlan = {7, 8}, .tpid = 0x9100}, DROPS(BAN)},
	{"four tags are stepped over", {{BAN, A6}}, {V6, .vlan = {1, 2, 3, 4}}, DROPS(BAN)},
	{"five tags are too many, and pass", {{BAN, A4}}, {V4, .vlan = {1, 2, 3, 4, 5}},
		TELLS(UNPARSED)},
	{"PPPoE is stepped over", {{BAN, A4}}, {V4, .is_pppoe = true}, DROPS(BAN)},
	{"PPPoE in a VLAN is stepped over", {{BAN, A6}}, {V6, .vlan = {7}, .is_pppoe = true},
		DROPS(BAN)},
	{"IPv4 options are stepped over", {{BAN, A4}}, {V4, .option_bytes = 40}, DROPS(BAN)},
	{"a first fragment is judged", {{BAN, A4}}, {V4, .fragment = PACKET_FIRST}, DROPS(BAN)},
	{"a later fragment is judged", {{BAN, A4}}, {V4, .fragment = PACKET_LATER}, DROPS(BAN)},
	{"an IPv6 first fragment is judged", {{BAN, A6}}, {V6, .fragment = PACKET_FIRST},
		DROPS(BAN)},
	{"an IPv6 later fragment is judged", {{BAN, A6}}, {V6, .fragment = PACKET_LATER},
		DROPS(BAN)},
	{"extension headers are stepped over", {{BAN, A6}},
		{V6, .ext = {0, 60, 43, 51}, .n_ext = 4, .ext_units = 2}, DROPS(BAN)},
	{"eight extension headers pass as benign", {},
		{V6, .ext = {0, 60, 60, 60, 60, 60, 60, 60}, .n_ext = 8}, BENIGN},
	{"nine extension headers are told, and pass", {},
		{V6, .ext = {0, 60, 60, 60, 60, 60, 60, 60, 60}, .n_ext = 9}, TELLS(UNPARSED)},
	{"nine extension headers are no way past a ban", {{BAN, A6}},
		{V6, .ext = {0, 60, 60, 60, 60, 60, 60, 60, 60}, .n_ext = 9}, DROPS(BAN)},
	{"the longest extension header is stepped over", {{BAN, A6}},
		{V6, .ext = {60}, .n_ext = 1, .ext_units = 200}, DROPS(BAN)},
	{"UDP is judged", {{BAN, A4}}, {V4, .protocol = 17, .payload = 20}, DROPS(BAN)},
	{"ICMP is judged", {{BAN, A4}}, {V4, .protocol = 1}, DROPS(BAN)},
	{"ICMPv6 is judged", {{BAN, A6}}, {V6, .protocol = 58}, DROPS(BAN)},
	{"a protocol without ports is judged", {{BAN, A4}}, {V4, .protocol = 47, .payload = 4},
		DROPS(BAN)},
};

static void add_entry(struct rig *rig, const struct entry *e)
{
	switch (e->kind) {
	case BAN:
	case BAN_EXPIRED:
	case BAN_RUNNING:
		rig_ban(rig, e->net,
			e->kind == BAN                   ? 0
				: e->kind == BAN_EXPIRED ? rig_boot_ns() - 1
							 : rig_boot_ns() + DAY,
			77);
		break;
	case ALLOW:
		rig_allow(rig, e->net);
		break;
	case WATCH:
	case LIST:
	case EXCEPT:
		rig_trail(rig, e->net,
			e->kind == WATCH          ? SW_TRAIL_OBSERVE
				: e->kind == LIST ? SW_TRAIL_DROP
						  : SW_TRAIL_EXCEPT,
			5);
		break;
	case WATCH_PORT:
	case LIST_PORT:
		rig_port(rig, e->net, e->port,
			e->kind == LIST_PORT ? SW_TRAIL_DROP : SW_TRAIL_OBSERVE, 5);
		break;
	}
}

static void rig_prepare(struct rig *rig, const struct row *row)
{
	rig_reset(rig);
	rig->ctl.mode = row->is_off ? SW_MODE_OFF : row->mode ? row->mode : SW_MODE_ENFORCE;
	rig_ctl(rig);
	for (size_t i = 0; i < SW_ARRAY_SIZE(row->entry) && row->entry[i].kind; i++)
		add_entry(rig, &row->entry[i]);
}

static void check_counters(const struct rig *rig, const struct row *row, size_t len)
{
	for (__u32 reason = 0; reason < SW_R_COUNT; reason++) {
		struct sw_counter c = rig_counter(rig, reason);
		bool is_said = reason == row->reason;

		assert_int_equal(c.packets, is_said);
		assert_int_equal(c.bytes, is_said ? len : 0);
		assert_int_equal(c.dropped, is_said && row->is_dropped);
	}
}

static void check_event(struct rig *rig, const struct row *row, const struct packet *p)
{
	const struct sw_pkt_event *e = rig->event;
	bool is_ban = row->reason == SW_R_BAN || row->reason == SW_R_BAN_NET;
	bool is_trail = row->reason == SW_R_TRAIL_SRC || row->reason == SW_R_TRAIL_DST;
	struct sw_net from;

	assert_int_equal(rig_events(rig), row->reason != SW_R_COUNT);
	if (row->reason == SW_R_COUNT)
		return;
	assert_int_equal(e->reason, row->reason);
	assert_int_equal(e->is_dropped, row->is_dropped);
	assert_int_equal(e->hits, 1);
	assert_int_equal(e->len, p->len);
	assert_int_equal(e->vlan, row->spec.vlan[0]);
	if (is_ban)
		assert_int_equal(e->ban_id, 77);
	/* an IPv4 address that is packed is known to be listed, not by whom */
	assert_int_equal(e->trail_set,
		!is_trail                                                      ? e->trail_set
			: rig->is_packed && e->family == 4 && !row->is_by_port ? SW_TRAIL_SET_ASK
									       : 5);
	assert_true(rig_boot_ns() - e->boot_ns < 10ULL * 1000000000);
	if (row->reason == SW_R_UNPARSED)
		return;
	from = rig_net(row->spec.from);
	assert_int_equal(e->family, from.family);
	assert_memory_equal(e->saddr, from.addr, 16);
	assert_int_equal(e->is_fragment, row->spec.fragment);
	if (row->spec.fragment == PACKET_LATER)
		assert_int_equal(e->dport, 0);
}

/* Rows of a device's own framing have nothing to say where there is none. */
static bool does_apply(const struct row *row, enum rig_hook hook)
{
	return hook != RIG_TC_L3 || (row->spec.from && !row->spec.vlan[0] && !row->spec.is_pppoe);
}

static void run_row(void **state)
{
	const struct row *row = *state;

	for (enum rig_hook hook = 0; hook < RIG_HOOKS; hook++) {
		struct packet_spec spec = row->spec;
		struct packet p;
		struct rig *rig = &the_rig;

		if (!does_apply(row, hook))
			continue;
		spec.is_bare = hook == RIG_TC_L3;
		packet_build(&spec, &p);
		rig_prepare(rig, row);
		print_message("on %s\n", rig_hook_names[hook]);
		assert_int_equal(rig_run(rig, hook, p.data, p.len, 1), row->is_dropped);
		check_counters(rig, row, p.len);
		check_event(rig, row, &p);
	}
}

/* Every row once for each engine: the second half of the tests is the packed one. */
static void run_row_packed(void **state)
{
	the_rig.is_packed = true;
	run_row(state);
}

int main(void)
{
	static struct CMUnitTest tests[2 * SW_ARRAY_SIZE(rows)];
	static char names[SW_ARRAY_SIZE(rows)][128];
	const size_t n = SW_ARRAY_SIZE(rows);

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "%s, packed", rows[i].name);
		tests[i] = (struct CMUnitTest){.name = rows[i].name,
			.test_func = run_row,
			.initial_state = (void *)&rows[i]};
		tests[n + i] = (struct CMUnitTest){.name = names[i],
			.test_func = run_row_packed,
			.initial_state = (void *)&rows[i]};
	}
	/* one gate for all rows, emptied between them: loading it takes the verifier a while */
	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
