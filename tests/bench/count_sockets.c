// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Instructions of the whole machine, kernel and all, for a bind, listen and close and for a TCP connect cycle: with
 * nothing attached, with empty programs at our hooks, with those of tier B, with those of tier A where the
 * kernel has trampolines, and with Debian's tools that tell of such acts. Only for a virtual machine whose
 * time-stamp counter counts instructions (tests/vm/run-in-kernel -i); bench_vm.py boots it. A line of JSON a figure.
 */
#include <x86intrin.h>

#include "tests/bench/sock_bench.h"
#include "user/kern/ladder.h"

/* So few that the programs tell of each and of no sum: a cgroup may tell of 8,192 ends of connections at once. */
enum { WARM = 300, OPS = 3000, FILL_SEC = 2 };

struct counted {
	double listen, connect; /* instructions an operation */
	double records;		/* a connect cycle */
};

/* i: which of the operations this is. */
static int act_listen(int unused, uint32_t i)
{
	return op_listen(unused);
}

static int act_connect(int listener, uint32_t i)
{
	const struct sockaddr_in each_another = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i),
	};

	return connect_cycle(listener, &each_another);
}

static int count(int (*act)(int, uint32_t), int arg, double *ret)
{
	unsigned long long start = 0;

	for (uint32_t i = 0; i < WARM + OPS; i++) {
		if (i == WARM)
			start = __rdtsc();
		if (act(arg, i) < 0)
			return die("an operation failed");
	}
	*ret = (double)(__rdtsc() - start) / OPS;
	return 0;
}

static int count_both(struct bench *b, int listener, struct counted *ret)
{
	unsigned long before;

	if (count(act_listen, -1, &ret->listen) < 0)
		return -1;
	sleep(FILL_SEC); /* what is left in the ring is taken, and the cgroup may tell of all again */
	before = atomic_load(&b->records);
	if (count(act_connect, listener, &ret->connect) < 0)
		return -1;
	usleep(10000);
	ret->records = (double)(atomic_load(&b->records) - before) / (WARM + OPS);
	return 0;
}

/* goal 0: none. */
static void figure(const char *act, const char *who, double value, double of_none, double goal)
{
	printf("{\"bench\":\"vm\",\"case\":\"%s, %s\",\"value\":%.0f,\"unit\":\"instructions\",", act, who, value);
	printf("\"peer\":\"no program\",\"peer_value\":%.0f,\"ratio\":%.3f", of_none, value / of_none);
	if (goal > 0)
		printf(",\"goal\":%g,\"met\":%s", goal, value <= of_none * goal ? "true" : "false");
	puts("}");
	fflush(stdout);
}

static void figures(const char *who, const struct counted *c, const struct counted *none, double goal)
{
	figure("bind, listen, close", who, c->listen, none->listen, 0);
	figure("connect cycle", who, c->connect, none->connect, goal);
}

struct way {
	const char *name;
	int (*attach)(struct bench *);
	double goal;
	bool tells;
};

static int count_way(struct bench *b, const struct way *w, int listener, const struct counted *none)
{
	char who[80];
	struct counted c;
	int r = w->attach(b) < 0 ? -1 : count_both(b, listener, &c);

	detach(b);
	if (r < 0)
		return die(w->name);
	if (w->tells && c.records < 4)
		return die("the programs told too little");
	snprintf(who, sizeof(who), w->tells ? "%s, %.0f records" : "%s", w->name, c.records);
	figures(who, &c, none, w->goal);
	return 0;
}

static int count_peer(struct bench *b, const struct peer *p, int listener, const struct counted *none)
{
	struct counted c;
	pid_t pid;
	int r = start_peer(b, p, listener, &pid);

	if (r <= 0)
		return r < 0 ? die(p->name) : printf("no %s here\n", p->name);
	r = count_both(b, listener, &c);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (r >= 0)
		figures(p->name, &c, none, 0);
	return r;
}

static int count_all(struct bench *b)
{
	const struct way ways[] = {
		{"empty programs at our hooks", attach_empty, 0, false},
		{"tier B", attach_ours, 1.12, true},
		{"tier A", attach_tier_a, 1.12, true},
	};
	size_t n = SW_ARRAY_SIZE(ways) - (sw_ladder_probe_trampoline() < 0 || load_tier_a(b) < 0);
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct counted none;

	if (bind(listener, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, 128) < 0)
		return die("listen");
	if (count_both(b, listener, &none) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (count_way(b, &ways[i], listener, &none) < 0)
			return -1;
	for (size_t i = 0; i < N_PEERS; i++)
		if (count_peer(b, &peers[i], listener, &none) < 0)
			return -1;
	return 0;
}

int main(void)
{
	struct bench b = {.name = "count_sock"};
	int r = bench_begin(&b);

	if (r >= 0)
		r = count_all(&b);
	bench_end(&b);
	return r < 0;
}
