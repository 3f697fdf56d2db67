// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Real packets over veth: live frames go out by one end, and what stands at the other drops them or
 * lets them go on into the stack. Ours, packed, with two million trails, against what Debian packages,
 * in one run, in a network and a mount namespace of its own. Nanoseconds of a core for one packet, its
 * making included, the least of some short rounds. Exits 1 when a packet was dropped or passed wrongly.
 *
 * The peers hold the same trails, each in the way that suits it best; xdp-filter alone, which takes a
 * call of its program for each address, holds a few.
 */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include "skel/peer.skel.h"
#include "tests/bench/feed_like.h"
#include "tests/bpf/gate_rig.h"
#include "sockwarden/pkt/wire.h"
#include "user/io/msg.h"
#include "user/trail/image.h"
#include "user/trail/list.h"

enum {
	TRAILS = 2000000,
	SOURCES = 1 << 15,
	FEW = 256, /* xdp-filter takes one program call for each */
	ROUNDS = 9,
	TURNS = 12,
	REPEAT = 1 << 15,
	TCX_INGRESS = 46, /* BPF_TCX_INGRESS of kernel 6.6; Debian 12's headers do not have it */
};

struct bench {
	struct rig rig;
	struct peer *peer;
	struct packet packet;
	uint64_t random;
	const struct sw_trail_view *trails;
	uint32_t hit[SOURCES], miss[SOURCES];
	int ifindex; /* of the receiving end */
	int tcx_fd;
	bool is_wrong;
};

enum kind { HOT, MANY, MISS };
enum { DROP, PASS, GATE, TCX, NONE, NFT_BOTH };

/* One filter at the receiving end. Every step returns 0, or what went wrong is said and the case left out. */
struct filter {
	const char *name;
	int (*put)(struct bench *b);
	void (*take)(struct bench *b);
	bool is_few;   /* holds the first FEW hits alone */
	bool is_cheap; /* soon put there, so measured in turns */
	double ns[3]; /* by enum kind; 0: not measured */
	double times; /* goal of our drop rate over its, 0: none */
};

static int sh(const char *command)
{
	return system(command) ? -EIO : 0;
}

/* ---- ours */

static uint32_t first_of(const struct sw_trail_entry *e)
{
	uint32_t addr;

	memcpy(&addr, e->net.addr, sizeof(addr));
	return be32toh(addr);
}

static struct sw_packed_view make_trails(struct bench *b)
{
	const struct sw_trail_rules rules = {.min_plen4 = 8, .min_plen6 = 16};
	struct sw_trail_parser *p = NULL;
	struct sw_trail_list *list = NULL;
	struct sw_trail_source source;
	struct sw_packed_view v;
	const void *map;
	size_t len;
	char *text = feed_make_text(&b->random, TRAILS, &len);
	int fd;

	assert_int_equal(sw_trail_parse_mem(&rules, text, len, &p), 0);
	fd = sw_trail_list_build(p, "bench", "bench", SW_TRAIL_DROP, 0);
	sw_trail_parser_free(p);
	free(text);
	assert_int_equal(sw_trail_list_open(fd, &list, NULL), 0);
	b->trails = &list->view;
	for (size_t i = 0; i < SOURCES; i++)
		b->hit[i] = first_of(&list->view.entries4[feed_draw(&b->random) % list->view.n4]);
	source = (struct sw_trail_source){list->view, 0};
	fd = sw_trail_image_build(&source, 1, SW_ENGINE_PACKED, 0, NULL);
	assert_int_equal(sw_memfd_map_sealed(fd, SW_PACKED_BYTES_MAX, &map, &len), 0);
	assert_int_equal(sw_packed_check(map, len, &v, NULL), 0);
	return v;
}

/* Sources that no mark touches: what nearly every packet of a real host has. */
static void draw_misses(struct bench *b)
{
	const uint64_t *marks = mmap(
		NULL, SW_MARK_BITS / 8, PROT_READ, MAP_SHARED, b->rig.maps.fd[SW_MAP_MARKS4], 0);

	assert_true(marks != MAP_FAILED);
	for (size_t i = 0; i < SOURCES;) {
		uint32_t a = 0x01000000 + feed_draw(&b->random) % 0x50000000; /* 1/8 to 80/8 */

		b->miss[i] = a;
		i += a >> 24 != 10 && !(marks[a >> 14] >> (a >> 8 & 63) & 1);
	}
}

static int put_xdp(struct bench *b, int prog_fd)
{
	return bpf_xdp_attach(b->ifindex, prog_fd, 1U << 2 /* XDP_FLAGS_DRV_MODE */, NULL);
}

static int put_gate(struct bench *b)
{
	return put_xdp(b, rig_prog_fd(&b->rig, RIG_XDP));
}

static int put_drop(struct bench *b)
{
	return put_xdp(b, bpf_program__fd(b->peer->progs.peer_drop));
}

static int put_pass(struct bench *b)
{
	return put_xdp(b, bpf_program__fd(b->peer->progs.peer_nothing));
}

static void take_xdp(struct bench *b)
{
	bpf_xdp_detach(b->ifindex, 0, NULL);
}

static int put_tcx(struct bench *b)
{
	b->tcx_fd = bpf_link_create(
		rig_prog_fd(&b->rig, RIG_TC), b->ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	return b->tcx_fd < 0 ? b->tcx_fd : 0;
}

static void take_tcx(struct bench *b)
{
	sw_close(b->tcx_fd);
	b->tcx_fd = -1;
}

/* ---- peers */

enum part { HOSTS = 1, NETS, HOSTS_AND_NETS };

static bool is_of(const struct sw_trail_entry *e, enum part part)
{
	return part & (e->net.plen == 32 ? HOSTS : NETS);
}

static void write_net(FILE *f, const struct sw_trail_entry *e, const char *end)
{
	const __u8 *a = e->net.addr;

	fprintf(f, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	if (!is_of(e, HOSTS))
		fprintf(f, "/%u", e->net.plen);
	fputs(end, f);
}

static int put_nothing(struct bench *b)
{
	return 0;
}

static void take_nothing(struct bench *b)
{
}

static void write_set(FILE *f, const struct bench *b, const char *name, enum part part)
{
	fprintf(f, "set %s { type ipv4_addr; %s elements = { ", name,
		part == HOSTS ? "" : "flags interval; auto-merge;");
	for (size_t i = 0; i < b->trails->n4; i++)
		if (is_of(&b->trails->entries4[i], part))
			write_net(f, &b->trails->entries4[i], ", ");
	fprintf(f, "} }\n");
}

static FILE *open_nft(void)
{
	FILE *f = popen("nft -f -", "w");

	if (f)
		fprintf(f, "table netdev f {\n");
	return f;
}

static int close_nft(FILE *f, const char *rules)
{
	fprintf(f, "chain c { type filter hook ingress device vb priority 0; %s }\n}\n", rules);
	return pclose(f) ? -EIO : 0;
}

static int put_nft_both(struct bench *b)
{
	FILE *f = open_nft();

	if (!f)
		return -errno;
	write_set(f, b, "hosts", HOSTS);
	write_set(f, b, "nets", NETS);
	return close_nft(f, "ip saddr @hosts drop; ip saddr @nets drop;");
}

static int put_nft_interval(struct bench *b)
{
	FILE *f = open_nft();

	if (!f)
		return -errno;
	write_set(f, b, "trails", HOSTS_AND_NETS);
	return close_nft(f, "ip saddr @trails drop;");
}

static void take_nft(struct bench *b)
{
	sh("nft delete table netdev f");
}

static int put_ipset(struct bench *b)
{
	FILE *f = popen("ipset restore -exist", "w");

	if (!f)
		return -errno;
	fprintf(f, "create hosts hash:ip maxelem 2000000 hashsize 1048576\n"
		   "create nets hash:net maxelem 2000000 hashsize 65536\n");
	for (size_t i = 0; i < b->trails->n4; i++) {
		const struct sw_trail_entry *e = &b->trails->entries4[i];

		fprintf(f, "add %s ", is_of(e, HOSTS) ? "hosts" : "nets");
		write_net(f, e, "\n");
	}
	if (pclose(f))
		return -EIO;
	return sh("for s in hosts nets; do"
		  " iptables -w -t raw -A PREROUTING -m set --match-set $s src -j DROP; done");
}

static void take_ipset(struct bench *b)
{
	sh("iptables -w -t raw -F PREROUTING && ipset destroy hosts && ipset destroy nets");
}

static int put_xdp_filter(struct bench *b)
{
	char command[100];
	int r = sh("xdp-filter load -m native -f ipv4 vb >/dev/null 2>&1");

	for (int i = 0; i < FEW && r >= 0; i++) {
		uint32_t a = b->hit[i];

		snprintf(command, sizeof(command),
			"xdp-filter ip -m src %u.%u.%u.%u >/dev/null 2>&1", a >> 24, a >> 16 & 255,
			a >> 8 & 255, a & 255);
		r = sh(command);
	}
	return r;
}

static void take_xdp_filter(struct bench *b)
{
	sh("xdp-filter unload vb >/dev/null 2>&1");
}

static struct filter filters[] = {
	[DROP] = {"bare XDP_DROP", put_drop, take_xdp, .is_cheap = true},
	[PASS] = {"bare XDP_PASS", put_pass, take_xdp, .is_cheap = true},
	[GATE] = {"sockwarden, native XDP", put_gate, take_xdp, .is_cheap = true},
	[TCX] = {"sockwarden, tcx, as on a veth by default", put_tcx, take_tcx, .is_cheap = true},
	[NONE] = {"no filter", put_nothing, take_nothing, .is_cheap = true},
	[NFT_BOTH] = {"nft ingress, hash + interval", put_nft_both, take_nft, .times = 5},
	{"nft ingress, interval set", put_nft_interval, take_nft, .times = 9},
	{"iptables raw + ipset hash:ip, hash:net", put_ipset, take_ipset, .times = 6},
	{"xdp-filter, 256 addresses", put_xdp_filter, take_xdp_filter, .is_few = true},
};

/* ---- measuring */

static unsigned long long delivered(void)
{
	unsigned long long n = 0;
	char line[1024];
	FILE *f = fopen("/proc/thread-self/net/snmp", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Ip: %*u %*u %*u %*u %*u %*u %*u %*u %llu", &n);
	fclose(f);
	return n;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double send_some(struct bench *b)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->packet.data,
		.data_size_in = (__u32)b->packet.len, .repeat = REPEAT, .batch_size = 64,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	double from = now_ns();

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(b->peer->progs.peer_send), &opts), 0);
	return (now_ns() - from) / REPEAT;
}

static bool is_dropping(const struct filter *f)
{
	return f->put != put_nothing && f->put != put_pass;
}

/* The least of these rounds and those before them goes to f. */
static void measure(struct bench *b, struct filter *f, enum kind kind, int rounds)
{
	const uint32_t *sources = kind == MISS ? b->miss : b->hit;
	unsigned long long before, want = kind == MISS ? (unsigned long long)rounds * REPEAT : 0, got;
	__u32 n = kind == HOT ? FEW : SOURCES;

	for (__u32 i = 0; i < n; i++) {
		__u32 addr = htobe32(sources[i]);

		rig_set(b->peer->maps.sources, &i, &addr);
	}
	b->peer->bss->source_mask = n - 1;
	send_some(b);
	before = delivered();
	for (int i = 0; i < rounds; i++) {
		double took = send_some(b);

		f->ns[kind] = f->ns[kind] ? SW_MIN(f->ns[kind], took) : took;
		ring_buffer__consume(b->rig.ring);
	}
	got = delivered() - before;
	/* a stray frame of the stack's own (IPv6 is off) would be one or two */
	if (got < want || got > want + 4) {
		printf("WRONG: %s, %s: %llu packets went on, of %d\n", f->name,
			kind == MISS ? "miss" : "hit", got, rounds * REPEAT);
		b->is_wrong = true;
	}
}

static void measure_kinds(struct bench *b, struct filter *f, int rounds)
{
	if (is_dropping(f))
		measure(b, f, HOT, rounds);
	if (is_dropping(f) && !f->is_few)
		measure(b, f, MANY, rounds);
	if (f->put != put_drop)
		measure(b, f, MISS, rounds);
}

/* Those that are soon put there in turns, for their differences are small; the others each by itself. */
static void run_filters(struct bench *b, bool is_cheap, int rounds)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(filters); i++) {
		struct filter *f = &filters[i];

		if (f->is_cheap != is_cheap)
			continue;
		if (f->put(b) < 0)
			printf("%s: not to be had here\n", f->name);
		else
			measure_kinds(b, f, rounds);
		f->take(b);
	}
}

static void figure(const char *name, double value, const char *unit, const char *peer,
	double peer_value, double goal, bool is_met)
{
	printf("{\"bench\":\"veth\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", name, value,
		unit);
	if (peer)
		printf(",\"peer\":\"%s\",\"peer_value\":%.3f,\"ratio\":%.3f", peer, peer_value,
			peer_value / value);
	if (goal > 0)
		printf(",\"goal\":%g,\"met\":%s", goal, is_met ? "true" : "false");
	puts("}");
}

/* What passing costs beyond no filter at all, against what it costs nft's hash and interval set. */
static void print_miss(const char *name, const struct filter *f)
{
	double none = filters[NONE].ns[MISS], ours = f->ns[MISS] - none,
	       theirs = filters[NFT_BOTH].ns[MISS] - none;

	figure(name, ours, "ns", filters[NFT_BOTH].name, theirs, 50, theirs >= 50 * ours);
}

static void print_figures(void)
{
	static const char *const kinds[] = {[HOT] = "hit, 256 sources, dropped",
		[MANY] = "hit, 32 k sources, dropped",
		[MISS] = "miss, passed on to the stack"};
	const double *ours = filters[GATE].ns, bare = filters[DROP].ns[HOT];
	double share = 100 * bare / ours[HOT], rate = 1e3 / ours[HOT];

	figure("hit, 256 sources, share of bare XDP_DROP's rate", share, "%", NULL, 0, 60,
		share >= 60);
	figure("hit, 256 sources, dropped by one core", rate, "M packets/s", NULL, 0, 5, rate >= 5);
	print_miss("miss, native XDP, over no filter", &filters[GATE]);
	print_miss("miss, tcx, over no filter", &filters[TCX]);
	for (size_t i = 0; i < SW_ARRAY_SIZE(filters); i++) {
		const struct filter *f = &filters[i];

		for (enum kind k = HOT; k <= MISS && i != GATE; k++) {
			double times = k == MISS ? 0 : f->times;

			if (f->ns[k])
				figure(kinds[k], ours[k], "ns/packet", f->name, f->ns[k], times,
					f->ns[k] / ours[k] >= times);
		}
		if (f->times && f->ns[HOT])
			figure("hit, 256 sources, over a bare drop", ours[HOT] - bare, "ns", f->name,
				f->ns[HOT] - bare, 0, false);
	}
}

static void open_veth(struct bench *b)
{
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
	assert_int_equal(mount("proc", "/proc", "proc", 0, NULL), 0);
	assert_int_equal(
		sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 && "
		   "ip link add va type veth peer name vb && "
		   "ip link set lo up && ip link set va address 02:00:00:00:00:0a up && "
		   "ip link set vb address 02:00:00:00:00:0b up && "
		   "ip addr add 198.18.0.1/24 dev vb && ethtool -K vb gro on && "
		   "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vb.rp_filter=0"),
		0);
	b->ifindex = (int)if_nametoindex("vb");
	b->peer->bss->send_ifindex = if_nametoindex("va");
	assert_true(b->ifindex && b->peer->bss->send_ifindex);
}

/* The header's own sum, which the generator then keeps right. */
static void sum_header(struct packet *p)
{
	__u32 sum = 0;

	memset(p->data + SW_ETH_BYTES + 10, 0, 2);
	for (size_t i = 0; i < SW_IP4_BYTES; i += 2)
		sum += (__u32)(p->data[SW_ETH_BYTES + i] << 8 | p->data[SW_ETH_BYTES + i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p->data[SW_ETH_BYTES + 10] = (__u8)(sum >> 8);
	p->data[SW_ETH_BYTES + 11] = (__u8)sum;
}

int main(void)
{
	struct packet_spec spec = {
		.from = "192.0.2.1", .to = "198.18.0.1", .protocol = 17, .dport = 9, .payload = 22};
	struct bench *b = calloc(1, sizeof(*b));
	static const __u8 mac[6] = {2, 0, 0, 0, 0, 0x0b};
	struct sw_packed_view trails;

	assert_non_null(b);
	b->random = 88172645463325252ULL;
	b->peer = peer__open_and_load();
	assert_non_null(b->peer);
	packet_build(&spec, &b->packet);
	memcpy(b->packet.data, mac, sizeof(mac));
	sum_header(&b->packet);
	rig_open(&b->rig, 0);
	b->rig.is_deaf = b->rig.is_packed = true;
	rig_usual(&b->rig);
	b->rig.ctl.token_rate = 10;
	b->rig.ctl.token_burst = 20;
	rig_ctl(&b->rig);
	trails = make_trails(b);
	rig_put_packed(&b->rig, &trails);
	draw_misses(b);
	open_veth(b);
	for (int turn = 0; turn < TURNS; turn++)
		run_filters(b, true, 2);
	run_filters(b, false, ROUNDS);
	print_figures();
	return b->is_wrong;
}
