// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * 100,000 networks of trails put into nftables beside the packet program's maps, and how long a ban that comes
 * meanwhile waits at most: a turn of the guard's loop, and its own way in. The peer is `nft -f` with the same networks,
 * one transaction, which every change of the ruleset waits for. Time on the wall, in a network namespace of our own.
 * Exits 1 when not every network is there.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include "tests/bpf/gate_rig.h"
#include "user/guard/backends.h"
#include "user/guard/bans.h"

enum { NETS = 100000, HOSTS = 100000, BAN_SEC = 86400 };

static double now_sec(void)
{
	return (double)rig_boot_ns() / 1e9;
}

static void figure(const char *what, double value, const char *unit, double peer, double goal)
{
	printf("{\"bench\":\"nft_trails\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"%s\","
	       "\"peer\":\"nft -f\",\"peer_value\":%.3f,\"ratio\":%.3f,\"goal\":%g,\"met\":%s}\n",
		what, value, unit, peer, value / peer, goal, value <= goal ? "true" : "false");
}

/* /31s and hosts that do not touch each other, from 20.0.0.0 on. */
static struct sw_net network(__u32 i)
{
	struct sw_net n = sw_net_from4(htobe32((20U << 24) + 4 * i));

	n.plen = i < NETS ? 31 : 32;
	return n;
}

static double peer_sec(unsigned int n)
{
	double from = now_sec();
	FILE *f = popen("nft -f -", "w");
	const char *comma = "";

	assert_non_null(f);
	fprintf(f, "table inet bench { set s { type ipv4_addr; flags interval; elements = {");
	for (unsigned int i = 0; i < n; i++, comma = ",") {
		struct sw_net net = network(i);

		fprintf(f, "%s %u.%u.%u.%u/%u", comma, net.addr[0], net.addr[1], net.addr[2], net.addr[3], net.plen);
	}
	fprintf(f, " }; }; }\n");
	assert_int_equal(pclose(f), 0);
	from = now_sec() - from;
	assert_int_equal(system("nft delete table inet bench"), 0);
	return from;
}

static void put_trails(struct rig *rig, unsigned int n)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p = NULL;
	struct sw_trail_entry e = {.action = SW_TRAIL_DROP};
	struct sw_gate_ctl ctl;
	int64_t elements;
	void *map;
	int fd;

	assert_int_equal(sw_packer4_new(&p), 0);
	for (unsigned int i = 0; i < n; i++) {
		e.net = network(i);
		assert_int_equal(sw_packer4_add(p, &e), 0);
	}
	elements = sw_packer4_end(p);
	assert_true(elements > 0);
	assert_int_equal(sw_inner_make("bench", (uint64_t)elements, sizeof(union sw_packed4), &fd, &map), 0);
	sw_packer4_write(p, map);
	assert_int_equal(sw_inner_put(rig->maps.fd[SW_MAP_PACKED4], fd), 0);
	close(fd);
	assert_int_equal(sw_maps_ctl_get(&rig->maps, &ctl), 0);
	ctl.engine = (ctl.engine & ~SW_ENGINE_MASK) | SW_ENGINE_PACKED;
	assert_int_equal(sw_maps_ctl_set(&rig->maps, &ctl), 0);
}

static void put_ban(struct sw_bans *bans, __u32 i)
{
	const struct sw_guard_ban ban = {.net = sw_net_from4(htobe32(0xc6120000U + i)),
		.id = 1,
		.until_ns = rig_boot_ns() + BAN_SEC * SW_SEC_NS};
	char text[160];
	__u32 done;

	assert_int_equal(sw_bans_put(bans, &ban, 1, &done, text, sizeof(text)), 0);
}

/* Until all is in; the longest that a ban which comes at the worst time waits. */
static double load(struct sw_backends *backends, struct sw_loop *loop, struct sw_bans *bans, double *ret_longest)
{
	struct sw_guard_status *s = calloc(1, sizeof(*s));
	double from = now_sec(), turn = from;
	__u32 i = 0;

	assert_non_null(s);
	sw_backends_trails(backends);
	for (*ret_longest = 0;;) {
		put_ban(bans, i++);
		*ret_longest = SW_MAX(*ret_longest, now_sec() - turn);
		sw_backends_status(backends, s);
		if (!s->nft.is_loading && s->nft.trails_held)
			break;
		turn = now_sec();
		assert_true(sw_loop_once(loop, 1000) >= 0);
	}
	free(s);
	return now_sec() - from;
}

static unsigned int held(const char *set, const char *pattern)
{
	char command[160];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "nft list set inet sockwarden %s | grep -o '%s' | wc -l", set, pattern);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

int main(void)
{
	struct sw_config *config = calloc(1, sizeof(*config));
	const struct sw_gate_ctl ctl = {.mode = SW_MODE_ENFORCE};
	const struct sw_clock clock = {};
	struct sw_backends *backends = NULL;
	struct sw_bans *bans = NULL;
	struct sw_loop *loop = NULL;
	double peer, sec, longest;
	struct rig rig;
	bool is_good;

	assert_non_null(config);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	peer = peer_sec(NETS);
	config->ban_backends = 1U << SW_BACKEND_XDP | 1U << SW_BACKEND_NFTABLES;
	rig_open(&rig, 0);
	assert_int_equal(sw_loop_new(&loop), 0);
	assert_int_equal(sw_backends_new(loop, &clock, &rig.maps, true, &backends), 0);
	sw_backends_configure(backends, config, &ctl);
	assert_int_equal(sw_bans_new(&rig.maps, rig.marks, backends, &bans), 0);
	put_trails(&rig, NETS);
	sec = load(backends, loop, bans, &longest);
	figure("100,000 networks of trails into nftables", sec, "s", peer, 3);
	figure("the longest that a ban waits meanwhile", longest, "s", peer, 0.2);
	is_good = held("trail4_nets_a", "/31") == NETS;
	put_trails(&rig, NETS + HOSTS);
	sec = load(backends, loop, bans, &longest);
	figure("these and 100,000 addresses in their place", sec, "s", peer, 3);
	figure("the longest that a ban waits in the exchange", longest, "s", peer, 0.2);
	is_good = is_good && held("trail4_nets_b", "/31") == NETS && held("trail4_hosts_b", "20\\.[0-9.]*") == HOSTS;
	sw_bans_free(bans);
	sw_backends_free(backends);
	sw_loop_free(loop);
	rig_close(&rig);
	free(config);
	if (is_good)
		return 0;
	fputs("not every network is in nftables\n", stderr);
	return 1;
}
