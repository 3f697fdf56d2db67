// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * 100,000 bans put in force as the guard gets them, in batches of 512: in the packet program's maps alone,
 * and by nftables beside them; then the way back after a flush. The peer is `nft -f` with the same
 * addresses into a set of the same kind, in a network namespace of our own; all in CPU time.
 * Exits 1 when not every ban is there.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include "tests/bpf/gate_rig.h"
#include "user/guard/backends.h"
#include "user/guard/bans.h"

enum { BANS = 100000, BAN_SEC = 86400 };

static double sec_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* CPU time, the kernel's share with it: other work on the machine does not count. */
static double now_sec(void)
{
	return sec_of(RUSAGE_SELF);
}

static void figure(const char *what, double value, double peer, double goal)
{
	printf("{\"bench\":\"bans\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"s CPU\","
	       "\"peer\":\"nft -f\",\"peer_value\":%.3f,"
	       "\"ratio\":%.3f,\"goal\":%g,\"met\":%s}\n",
		what, value, peer, value / peer, goal, value <= goal ? "true" : "false");
}

static __u32 address(int i)
{
	return htobe32(0xc6120000U + (__u32)i); /* 198.18.0.0 and on */
}

static double peer_sec(void)
{
	double from = sec_of(RUSAGE_CHILDREN);
	FILE *f = popen("nft -f -", "w");
	const char *comma = "";

	assert_non_null(f);
	fprintf(f,
		"table inet bench { set s { type ipv4_addr; flags timeout; counter; elements = {");
	for (int i = 0; i < BANS; i++, comma = ",") {
		const __u32 a = address(i);
		const __u8 *b = (const void *)&a;

		fprintf(f, "%s %u.%u.%u.%u timeout %ds", comma, b[0], b[1], b[2], b[3], BAN_SEC);
	}
	fprintf(f, " }; }; }\n");
	assert_int_equal(pclose(f), 0);
	from = sec_of(RUSAGE_CHILDREN) - from;
	assert_int_equal(system("nft delete table inet bench"), 0);
	return from;
}

static double load(struct sw_bans *bans)
{
	static struct sw_guard_ban batch[SW_GUARD_BATCH_MAX];
	const __u64 until = rig_boot_ns() + BAN_SEC * SW_SEC_NS;
	double from = now_sec();
	char text[160];
	__u32 done;

	for (int i = 0; i < BANS; i += SW_GUARD_BATCH_MAX) {
		__u32 n = (__u32)SW_MIN(BANS - i, (int)SW_GUARD_BATCH_MAX);

		for (__u32 k = 0; k < n; k++)
			batch[k] = (struct sw_guard_ban){.net = sw_net_from4(address(i + (int)k)),
				.id = 1,
				.until_ns = until};
		assert_int_equal(sw_bans_put(bans, batch, n, &done, text, sizeof(text)), 0);
	}
	return now_sec() - from;
}

static unsigned int held(void)
{
	FILE *f = popen("nft list set inet sockwarden ban4_32 | grep -o 'expires' | wc -l", "r");
	unsigned int n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void by_maps(double peer)
{
	struct rig rig;
	struct sw_bans *bans = NULL;

	rig_open(&rig, 0);
	assert_int_equal(sw_bans_new(&rig.maps, rig.marks, NULL, &bans), 0);
	figure("100,000 bans into force, xdp", load(bans), peer, 1.0);
	sw_bans_free(bans);
	rig_close(&rig);
}

static bool by_nftables(double peer)
{
	struct sw_config *config = calloc(1, sizeof(*config));
	const struct sw_gate_ctl ctl = {.mode = SW_MODE_ENFORCE};
	const struct sw_clock clock = {};
	struct sw_backends *backends = NULL;
	struct sw_bans *bans = NULL;
	struct sw_loop *loop = NULL;
	struct rig rig;
	bool is_good;
	double from;

	assert_non_null(config);
	config->ban_backends = 1U << SW_BACKEND_XDP | 1U << SW_BACKEND_NFTABLES;
	rig_open(&rig, 0);
	assert_int_equal(sw_loop_new(&loop), 0);
	assert_int_equal(sw_backends_new(loop, &clock, &rig.maps, true, &backends), 0);
	sw_backends_configure(backends, config, &ctl);
	assert_int_equal(sw_bans_new(&rig.maps, rig.marks, backends, &bans), 0);
	figure("100,000 bans into force, xdp and nftables", load(bans), peer, 1.5);
	is_good = held() == BANS;
	assert_int_equal(system("nft flush ruleset"), 0);
	from = now_sec();
	sw_backends_configure(backends, config, &ctl);
	figure("100,000 bans back into nftables after a flush", now_sec() - from, peer, 1.5);
	is_good = is_good && held() == BANS;
	from = now_sec();
	sw_backends_configure(backends, config, &ctl);
	figure("100,000 bans compared with nftables, nothing differs", now_sec() - from, peer, 1.5);
	sw_bans_free(bans);
	sw_backends_free(backends);
	sw_loop_free(loop);
	rig_close(&rig);
	free(config);
	return is_good;
}

int main(void)
{
	double peer;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	peer = peer_sec();
	by_maps(peer);
	if (by_nftables(peer))
		return 0;
	fputs("not every ban is in force\n", stderr);
	return 1;
}
