// SPDX-License-Identifier: GPL-3.0-or-later
/* Rules over countries and systems in the gate: by rows, and held against their definition over random databases. */
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/bpf/one_rig.h"
#include "user/guard/geo.h"
#include "user/io/msg.h"
#include "user/trail/geo.h"

#define KP4 "198.18.0.7"
#define NO4 "198.18.1.7"
#define AS4 "198.18.2.7"
#define UNKNOWN4 "198.19.0.1"
#define KP6 "2001:db8:1::7"
#define NO6 "2001:db8:2::7"
#define HERE4 "198.19.255.1"
#define HERE6 "2001:db8:ffff::1"

static const char countries_made[] =
	"database([('198.18.0.0/24', country('KP', '')), ('198.18.1.0/24', country('NO', '')),"
	" ('198.18.2.0/24', country('NO', '')), ('10.7.0.0/16', country('NO', '')),"
	" ('2001:db8:1::/48', country('KP', '')), ('2001:db8:2::/48', country('NO', ''))], link=['::ffff:0:0/96'])";
static const char systems_made[] =
	"database([('198.18.2.0/25', asn(64500, 'a')), ('2001:db8:2:8000::/49', asn(64500, 'a'))])";

/* Two rules at most; one whose countries and systems are NULL is none. */
struct row {
	const char *name;
	struct {
		const char *countries, *systems, *ports;
		__u32 direction, action;
	} rule[2];
	const char *allow, *ban;
	struct packet_spec spec;
	bool is_dropped;
	enum sw_reason reason; /* SW_R_COUNT: nothing */
};

#define DROPS	 .is_dropped = true, .reason = SW_R_GEO_IN
#define TELLS(r) .reason = SW_R_##r
#define NOTHING	 .reason = SW_R_COUNT
#define SSH(who) .spec = {.from = who, .to = HERE4, .dport = 22}
#define SSH6(who) .spec = {.from = who, .to = HERE6, .dport = 22}
#define UDP(port) .protocol = IPPROTO_UDP, .dport = port
#define ONLY SW_GEO_ALLOW_ONLY

static const struct row rows[] = {
	{"a country is dropped at the port", {{"KP", "", "tcp/22"}}, SSH(KP4), DROPS},
	{"another country passes", {{"KP", "", "tcp/22"}}, SSH(NO4), NOTHING},
	{"another port passes", {{"KP", "", "tcp/23"}}, SSH(KP4), NOTHING},
	{"the port of another protocol passes", {{"KP", "", "udp/22"}}, SSH(KP4), NOTHING},
	{"a port without protocol is of both", {{"KP", "", "22"}}, SSH(KP4), DROPS},
	{"the first port of a range", {{"KP", "", "tcp/22-80"}}, SSH(KP4), DROPS},
	{"the last port of a range", {{"KP", "", "tcp/1-22"}}, SSH(KP4), DROPS},
	{"behind a range", {{"KP", "", "tcp/1-21, tcp/23-65535"}}, SSH(KP4), NOTHING},
	{"a protocol alone is every port of it", {{"KP", "", "tcp"}}, SSH(KP4), DROPS},
	{"no port is every port", {{"KP", "", ""}}, SSH(KP4), DROPS},
	{"IPv6 is dropped", {{"KP", "", "tcp/22"}}, SSH6(KP6), DROPS},
	{"another country's IPv6 passes", {{"KP", "", "tcp/22"}}, SSH6(NO6), NOTHING},
	{"a system is dropped", {{"", "64500", "tcp/22"}}, SSH(AS4), DROPS},
	{"the country around a system passes", {{"", "AS64500", "tcp/22"}}, SSH(NO4), NOTHING},
	{"what lies in a system is in its country, too", {{"NO", "", "tcp/22"}}, SSH(AS4), DROPS},
	{"only these may come: they do", {{"NO", "", "tcp/22", 0, ONLY}}, SSH(NO4), NOTHING},
	{"only these may come: others do not", {{"NO", "", "tcp/22", 0, ONLY}}, SSH(KP4), DROPS},
	{"only these may come: who is in no database does not", {{"NO", "", "22", 0, ONLY}}, SSH(UNKNOWN4), DROPS},
	{"only these may come to this port alone", {{"NO", "", "tcp/80", 0, ONLY}}, SSH(KP4), NOTHING},
	{"only these may come: country or system", {{"KP", "64500", "22", 0, ONLY}}, SSH(AS4), NOTHING},
	{"only these may come, by IPv6", {{"NO", "", "tcp/22", 0, ONLY}}, SSH6(NO6), NOTHING},
	{"only these may come: others do not, by IPv6", {{"NO", "", "22", 0, ONLY}}, SSH6(KP6), DROPS},
	{"a private address is of no country", {{"NO", "", "22", 0, ONLY}}, SSH("192.168.1.9"), NOTHING},
	{"a link-local address is of no country", {{"NO", "", "22", 0, ONLY}}, SSH6("fe80::1"), NOTHING},
	{"a private address that the database has is", {{"NO", "", "22"}}, SSH("10.7.1.1"), DROPS},
	{"observing counts and passes", {{"KP", "", "22", 0, SW_GEO_OBSERVE}}, SSH(KP4), TELLS(GEO_IN)},
	{"of two rules the one that drops decides",
		{{"KP", "", "22", 0, SW_GEO_OBSERVE}, {"KP", "", "tcp/22"}}, SSH(KP4), DROPS},
	{"a rule of the way out is not asked of what comes in", {{"KP", "", "", 1}}, SSH(KP4), NOTHING},
	{"allow wins", {{"KP", "", "22"}}, .allow = KP4, SSH(KP4), TELLS(ALLOWED)},
	{"allow wins over only these", {{"NO", "", "22", 0, ONLY}}, .allow = "198.18.0.0/16", SSH(KP4), TELLS(ALLOWED)},
	{"a ban comes first", {{"KP", "", "22"}}, .ban = KP4, SSH(KP4), .is_dropped = true, .reason = SW_R_BAN},
	{"a ban of another says nothing", {{"KP", "", "22"}}, .ban = "198.18.0.8", SSH(KP4), DROPS},
	{"what belongs to a connection passes", {{"KP", "", "22"}},
		.spec = {.from = KP4, .to = HERE4, .dport = 22, .tcp_flags = 0x10}, NOTHING},
	{"an answer to this host's SYN passes", {{"KP", "", ""}},
		.spec = {.from = KP4, .to = HERE4, .dport = 40000, .tcp_flags = 0x12}, NOTHING},
	{"a SYN with ECN bits is one", {{"KP", "", "22"}},
		.spec = {.from = KP4, .to = HERE4, .dport = 22, .tcp_flags = 0xc2}, DROPS},
	{"a datagram is dropped", {{"KP", "", "udp/53"}}, .spec = {.from = KP4, .to = HERE4, UDP(53)}, DROPS},
	{"a datagram by IPv6 is dropped", {{"KP", "", "udp/53"}}, .spec = {.from = KP6, .to = HERE6, UDP(53)}, DROPS},
	{"a lease passes", {{"NO", "", "", 0, ONLY}}, .spec = {.from = KP4, .to = HERE4, UDP(68)}, NOTHING},
	{"a tagged SYN is dropped", {{"KP", "", "22"}},
		.spec = {.from = KP4, .to = HERE4, .dport = 22, .vlan = {7}}, DROPS},
	{"a SYN behind IPv4 options is dropped", {{"KP", "", "22"}},
		.spec = {.from = KP4, .to = HERE4, .dport = 22, .option_bytes = 8}, DROPS},
	{"a SYN behind an extension header is dropped", {{"KP", "", "22"}},
		.spec = {.from = KP6, .to = HERE6, .dport = 22, .ext = {60}, .n_ext = 1}, DROPS},
	{"a later fragment has no port", {{"KP", "", "22"}},
		.spec = {.from = KP4, .to = HERE4, .dport = 22, .fragment = PACKET_LATER}, NOTHING},
	{"GRE has no port and is dropped by a rule for all", {{"KP", "", ""}},
		.spec = {.from = KP4, .to = HERE4, .protocol = 47}, DROPS},
	{"GRE is not what a rule of ports names", {{"KP", "", "tcp, udp"}},
		.spec = {.from = KP4, .to = HERE4, .protocol = 47}, NOTHING},
};

static struct rig *const rig = &the_rig;
static struct sw_mmdb *countries, *systems;

static void make(const char *expression, struct sw_mmdb **ret)
{
	char path[] = "/tmp/sw-geo-XXXXXX", *command = NULL;
	const char *why = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_true(asprintf(&command,
		"PYTHONPATH=tests/lib PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c \"from mmdb import *; import random;"
		"open('%s', 'wb').write(%s)\"", path, expression) > 0);
	assert_int_equal(system(command), 0);
	assert_int_equal(sw_mmdb_open(path, ret, &why), 0);
	unlink(path);
	free(command);
}

static struct sw_config_geo_rule rule_of(
	const char *codes, const char *numbers, const char *ports, __u32 direction, __u32 action)
{
	struct sw_config_geo_rule r = {.direction = direction, .action = action};

	assert_true(sw_strcpy(r.countries, sizeof(r.countries), codes));
	assert_true(sw_strcpy(r.systems, sizeof(r.systems), numbers));
	assert_true(sw_strcpy(r.ports, sizeof(r.ports), ports));
	return r;
}

/* Compiles and puts in force; the caller closes. */
static int put_rules(const struct sw_config_geo_rule *texts, size_t n, struct sw_geo_rule *ret)
{
	_strbuf_ struct sw_strbuf wrong = {};
	char text[160] = "";
	const char *why = "";
	__u32 found;
	int fd;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sw_geo_rule_parse(&texts[i], &ret[i], &wrong), 0);
	fd = sw_geo_compile(ret, n, n ? sw_geo_id(texts, n) : 0, countries, systems, &found, &why);
	if (fd < 0)
		fail_msg("%s", why);
	assert_int_equal(sw_geo_take(&rig->maps, fd, text, sizeof(text)), 0);
	assert_int_equal(sw_maps_ctl_get(&rig->maps, &rig->ctl), 0);
	return fd;
}

static void check_row(const struct row *row, enum rig_hook hook)
{
	struct sw_config_geo_rule texts[2];
	struct packet_spec spec = row->spec;
	struct sw_geo_rule rules[2];
	struct packet packet;
	size_t n = 0;
	int dropped;

	for (; n < 2 && row->rule[n].countries; n++)
		texts[n] = rule_of(row->rule[n].countries, row->rule[n].systems, row->rule[n].ports,
			row->rule[n].direction, row->rule[n].action);
	spec.is_bare = hook == RIG_TC_L3;
	if (spec.is_bare && spec.vlan[0])
		return;
	packet_build(&spec, &packet);
	rig_reset(rig);
	if (row->allow)
		rig_allow(rig, row->allow);
	if (row->ban)
		rig_ban(rig, row->ban, 0, 1);
	sw_close(put_rules(texts, n, rules));
	dropped = rig_run(rig, hook, packet.data, packet.len, 1);
	if (dropped != row->is_dropped)
		fail_msg("%s, %s, %s: dropped %d", row->name, rig_hook_names[hook],
			rig->is_packed ? "packed" : "lpm", dropped);
	for (__u32 r = 0; r < SW_R_COUNT; r++) {
		struct sw_counter c = rig_counter(rig, r);

		if (c.packets != (r == row->reason) || c.dropped != (r == row->reason && row->is_dropped))
			fail_msg("%s, %s: reason %u counts %llu", row->name, rig_hook_names[hook], r,
				(unsigned long long)c.packets);
	}
}

static void every_row_holds_on_every_hook_with_both_engines(void **state)
{
	make(countries_made, &countries);
	make(systems_made, &systems);
	for (int packed = 0; packed < 2; packed++) {
		rig->is_packed = packed;
		for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
			for (enum rig_hook hook = 0; hook < RIG_HOOKS; hook++)
				check_row(&rows[i], hook);
		}
	}
	sw_mmdb_free(TAKE_PTR(countries));
	sw_mmdb_free(TAKE_PTR(systems));
}

static void no_rule_leaves_nothing_in_force(void **state)
{
	struct sw_config_geo_rule text = rule_of("KP", "", "", 0, 0);
	struct sw_geo_rule rule;
	struct packet packet;

	make(countries_made, &countries);
	rig_reset(rig);
	packet_build(&(struct packet_spec){.from = KP4, .to = HERE4}, &packet);
	sw_close(put_rules(&text, 1, &rule));
	assert_true(rig->ctl.engine & SW_ENGINE_HAS_GEO);
	assert_true(sw_geo_in_force(&rig->maps).id);
	assert_int_equal(rig_run(rig, RIG_XDP, packet.data, packet.len, 1), 1);
	sw_close(put_rules(&text, 0, &rule));
	assert_false(rig->ctl.engine & SW_ENGINE_HAS_GEO);
	assert_false(sw_geo_in_force(&rig->maps).id);
	assert_int_equal(rig_run(rig, RIG_XDP, packet.data, packet.len, 1), 0);
	sw_mmdb_free(TAKE_PTR(countries));
}

static struct sw_counter hits_of(__u32 rule)
{
	int n = libbpf_num_possible_cpus();
	struct sw_counter each[RIG_CPU_MAX], sum = {};

	assert_int_equal(bpf_map_lookup_elem(rig->maps.fd[SW_MAP_GEO_HITS], &rule, each), 0);
	for (int i = 0; i < n; i++) {
		sum.packets += each[i].packets;
		sum.dropped += each[i].dropped;
	}
	return sum;
}

static void each_rule_counts_its_own_until_rules_change(void **state)
{
	struct sw_config_geo_rule texts[2] = {
		rule_of("KP", "", "tcp/22", 0, SW_GEO_OBSERVE), rule_of("KP", "", "tcp/23", 0, 0)};
	struct sw_geo_rule rules[2];
	struct packet packet;

	make(countries_made, &countries);
	rig_reset(rig);
	sw_close(put_rules(texts, 2, rules));
	for (__u16 port = 22; port <= 24; port++) {
		packet_build(&(struct packet_spec){.from = KP4, .to = HERE4, .dport = port}, &packet);
		rig_run(rig, RIG_XDP, packet.data, packet.len, 5);
	}
	assert_int_equal(hits_of(0).packets, 5);
	assert_int_equal(hits_of(0).dropped, 0);
	assert_int_equal(hits_of(1).packets, 5);
	assert_int_equal(hits_of(1).dropped, 5);
	sw_close(put_rules(texts, 2, rules)); /* a newer database */
	assert_int_equal(hits_of(1).packets, 5);
	sw_close(put_rules(texts, 1, rules));
	assert_int_equal(hits_of(0).packets, 0);
	sw_mmdb_free(TAKE_PTR(countries));
}

static void an_image_that_is_not_sound_is_refused_and_the_old_stays(void **state)
{
	struct sw_config_geo_rule text = rule_of("KP", "", "22", 0, 0);
	struct sw_geo_rule rule;
	char why[160] = "";
	const void *map;
	size_t bytes;
	int fd, bad;

	make(countries_made, &countries);
	rig_reset(rig);
	fd = put_rules(&text, 1, &rule);
	assert_int_equal(sw_memfd_map_sealed(fd, SW_GEO_BYTES_MAX, &map, &bytes), 0);
	for (unsigned int i = 0; i < 6; i++) {
		_free_ union sw_geo *copy = malloc(bytes);

		memcpy(copy, map, bytes);
		if (i == 0)
			copy->head.n_nets++;
		else if (i == 1)
			copy->head.n_ports = SW_GEO_PORTS_MAX + 1;
		else if (i == 2)
			copy[1].bound.low = 1; /* no bound at key 0 */
		else if (i == 3)
			copy[2].bound.low = 0; /* not in order */
		else if (i == 4)
			copy[bytes / sizeof(*copy) - 1].bound.high = 0;
		else
			copy->head.n_ports = copy->head.n_nets = 0;
		bad = sw_memfd_sealed("bad", copy, bytes);
		assert_true(bad >= 0);
		if (sw_geo_take(&rig->maps, bad, why, sizeof(why)) != -EBADMSG)
			fail_msg("image %u is taken", i);
		sw_close(bad);
		assert_int_equal(sw_geo_in_force(&rig->maps).id, sw_geo_id(&text, 1));
	}
	munmap((void *)map, bytes);
	sw_close(fd);
	sw_mmdb_free(TAKE_PTR(countries));
}

/* ---- against the definition */

enum { RANDOM_RULES = 9, RANDOM_PACKETS = 3000, RANDOM_ROUNDS = 6 };

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* What a rule means, said by the library's own look-up of one address. */
static bool is_meant(const struct sw_geo_rule *r, const struct sw_net *net)
{
	struct sw_mmdb_about about;
	bool is_named = false, is_placed = false, is_private;

	if (sw_mmdb_find(countries, SW_MMDB_COUNTRY, net, &about)) {
		is_placed = true;
		is_named |= sw_geo_rule_has(r, false, about.value);
	}
	if (sw_mmdb_find(systems, SW_MMDB_ASN, net, &about)) {
		is_placed = true;
		is_named |= sw_geo_rule_has(r, true, about.value);
	}
	is_private = net->family == SW_AF_IP4 && net->addr[0] == 10;
	if (is_private && !is_placed)
		return false;
	return is_named != (r->action == SW_GEO_ALLOW_ONLY);
}

static int expect(const struct sw_geo_rule *rules, size_t n, __u8 protocol, __u16 port, const struct sw_net *net)
{
	int watched = -1;

	for (size_t i = 0; i < n; i++) {
		if (!sw_geo_rule_concerns(&rules[i], SW_GEO_IN, protocol, port) || !is_meant(&rules[i], net))
			continue;
		if (rules[i].action != SW_GEO_OBSERVE)
			return (int)i;
		watched = watched < 0 ? (int)i : watched;
	}
	return watched;
}

static struct sw_config_geo_rule random_rule(uint64_t *seed)
{
	static const char *const codes[] = {"", "KP", "NO", "SE, KP", "RU, CN, NO", "CN"};
	static const char *const numbers[] = {"64500", "", "64501, 64502", "", "64502", "64500, 64501"};
	static const char *const ports[] = {"", "tcp", "22", "tcp/20-25, udp/53", "udp/1-1024", "tcp/24-80, 53"};
	size_t who = next_random(seed) % SW_ARRAY_SIZE(codes);

	return rule_of(codes[who], numbers[who], ports[next_random(seed) % SW_ARRAY_SIZE(ports)],
		next_random(seed) % 5 == 0, (__u32)(next_random(seed) % 3));
}

static void try_one(const struct sw_geo_rule *rules, const struct sw_geo_view *view, uint64_t *seed)
{
	static const __u16 ports[] = {20, 22, 24, 25, 26, 53, 80, 81, 1024, 1025, 40000};
	bool is_six = next_random(seed) & 1, is_udp = next_random(seed) & 1;
	char from[64];
	struct packet_spec spec = {.from = from,
		.to = is_six ? HERE6 : HERE4,
		.protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP,
		.dport = ports[next_random(seed) % SW_ARRAY_SIZE(ports)]};
	unsigned int a = (unsigned int)next_random(seed), b = (unsigned int)next_random(seed);
	struct packet packet;
	struct sw_net net;
	int want, got;

	if (is_six)
		snprintf(from, sizeof(from), "2001:db8:%x::%x", a & 0x1ff, b & 0xff);
	else
		snprintf(from, sizeof(from), "%s.%u.%u", a & 1 ? "198.18" : "10.0", a >> 1 & 15, b & 255);
	packet_build(&spec, &packet);
	net = rig_net(from);
	want = expect(rules, RANDOM_RULES, spec.protocol, spec.dport, &net);
	assert_int_equal(sw_geo_judge(view, SW_GEO_IN, spec.protocol, spec.dport, &net), want);
	got = rig_run(rig, (enum rig_hook)(next_random(seed) % 2), packet.data, packet.len, 1);
	if (got != (want >= 0 && rules[want].action != SW_GEO_OBSERVE))
		fail_msg("%s to port %u of %s: rule %d, dropped %d", from, spec.dport, is_udp ? "udp" : "tcp", want + 1,
			got);
}

static void the_gate_says_what_the_definition_says(void **state)
{
	static const char random_made[] =
		"(lambda r: database([(n, v) for n, v in sorted(((p, country(r.choice(['KP', 'NO', 'SE', 'RU', 'CN', 'DE']), '')) for p in "
		"[ipaddress.ip_network((int(ipaddress.ip_address('198.18.0.0')) + r.getrandbits(12) >> 32 - l << 32 - l, l)) for l in "
		"[r.randrange(20, 33) for i in range(200)]] + [ipaddress.ip_network((int(ipaddress.ip_address('2001:db8::')) + "
		"(r.getrandbits(9) << 80) + r.getrandbits(8) >> 128 - l << 128 - l, l)) for l in [r.choice([40, 44, 48, 64, 121, 127, 128]) for i in range(300)]]),"
		" key=lambda x: x[0].prefixlen)]))(random.Random(%u))";
	uint64_t seed = 1;

	for (unsigned int round = 0; round < RANDOM_ROUNDS; round++) {
		struct sw_config_geo_rule texts[RANDOM_RULES];
		struct sw_geo_rule rules[RANDOM_RULES];
		struct sw_geo_view view;
		char made[2048];
		const char *why = "";
		const void *map;
		size_t bytes;
		int fd;

		snprintf(made, sizeof(made), random_made, round);
		make(made, &countries);
		make("database([('198.18.4.0/22', asn(64500, '')), ('198.18.6.0/25', asn(64501, '')), ('10.0.3.0/24', asn(64502, '')),"
			" ('2001:db8:40::/42', asn(64500, '')), ('2001:db8:100::/40', asn(64502, '')), ('198.18.0.0/29', asn(64501, ''))])",
			&systems);
		rig->is_packed = round & 1;
		rig_reset(rig);
		for (size_t i = 0; i < RANDOM_RULES; i++)
			texts[i] = random_rule(&seed);
		fd = put_rules(texts, RANDOM_RULES, rules);
		assert_int_equal(sw_memfd_map_sealed(fd, SW_GEO_BYTES_MAX, &map, &bytes), 0);
		assert_int_equal(sw_geo_check(map, bytes, &view, &why), 0);
		for (unsigned int i = 0; i < RANDOM_PACKETS; i++)
			try_one(rules, &view, &seed);
		munmap((void *)map, bytes);
		sw_close(fd);
		sw_mmdb_free(TAKE_PTR(countries));
		sw_mmdb_free(TAKE_PTR(systems));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_holds_on_every_hook_with_both_engines),
		cmocka_unit_test(no_rule_leaves_nothing_in_force),
		cmocka_unit_test(each_rule_counts_its_own_until_rules_change),
		cmocka_unit_test(an_image_that_is_not_sound_is_refused_and_the_old_stays),
		cmocka_unit_test(the_gate_says_what_the_definition_says),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
