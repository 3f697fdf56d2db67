// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * How many records about sockets a core reads: a program on one thread fills the ring, the engine's reader takes
 * them on another, decodes them and brings the inventory up to date, without and with a line of JSON for each (the
 * engine itself writes no more than 200 a second). Then a million a second for some seconds, read as the engine
 * does, and how many of those are lost. A line of JSON a figure; exit 1 when a record is neither read nor counted.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "skel/records.skel.h"
#include "tests/bench/clock.h"
#include "sockwarden/abi/reason.h"
#include "user/base/cidr.h"
#include "user/base/json.h"
#include "user/kern/ring.h"
#include "user/sockets/inventory.h"

enum { RECORDS = 500000, AT_ONCE = 1000, RATE = 1000000, SECONDS = 4, ROUNDS = 3 };
#define LATE_SEC 0.01
enum { HALF = SW_EV_SOCK_BYTES / 2 / sizeof(struct sw_sock_event) /* of a ring */ };

struct bench {
	struct records *skel;
	struct sw_loop *loop;
	struct sw_ring *ring;
	struct sw_clock clock;
	struct sw_procs *procs;
	struct sw_inventory *inv;
	struct sw_strbuf out;
	bool has_json;
	unsigned int total, rate; /* to be made; a second, 0: as fast as the reader takes them */
	uint64_t read;
	_Atomic uint64_t taken;
	_Atomic bool is_made;
};

static int die(const char *what)
{
	fprintf(stderr, "bench_records: %s: %s\n", what, strerror(errno));
	return -1;
}

/* As the engine writes an event; the text is thrown away. */
static void write_line(struct bench *b, const struct sw_sock_event *e)
{
	struct sw_sock s = {.family = e->family, .protocol = e->protocol, .type = e->type, .lport = e->lport};
	struct sw_net net = sw_sock_address(&s);
	char at[SW_TIME_TEXT_MAX], local[SW_NET_TEXT_MAX];
	struct sw_json j;

	sw_strbuf_reset(&b->out);
	sw_json_init(&j, &b->out);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "time", sw_time_format(at, (int64_t)e->head.boot_ns));
	sw_json_string(&j, "kind", "socket");
	sw_json_string(&j, "action", e->head.type == SW_EV_LISTEN ? "listen" : "close");
	sw_json_string(&j, "protocol", sw_sock_protocol_word(&s));
	sw_json_string(&j, "local", sw_cidr_format(local, &net));
	sw_json_uint(&j, "lport", e->lport);
	sw_json_uint(&j, "pid", e->owner.tgid);
	sw_json_uint(&j, "uid", e->owner.uid);
	sw_json_string(&j, "comm", "bench");
	sw_json_string(&j, "executable", "/usr/bin/bench");
	sw_json_string(&j, "origin", "syscall");
	sw_json_uint(&j, "netns", e->owner.netns);
	sw_json_object_end(&j);
}

static void on_event(const struct sw_event *ev, void *arg)
{
	struct bench *b = arg;

	sw_inventory_event(b->inv, ev);
	if (b->has_json && ev->kind == SW_EVENT_SOCK)
		write_line(b, ev->sock);
	b->read++;
}

static const struct sw_ring_ops ring_ops = {.event = on_event};
static const struct sw_inventory_ops inventory_ops;

static void run_program(struct bench *b, unsigned int times)
{
	static const char packet[64];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet), .repeat = (int)times);

	bpf_prog_test_run_opts(bpf_program__fd(b->skel->progs.make_record), &o);
}

/* Until the next record is due. What this thread itself was late by is not made up for: that would be another rate. */
static double wait_until(double due)
{
	double now;

	while ((now = clock_sec(CLOCK_MONOTONIC)) < due)
		usleep(100);
	return now - due > LATE_SEC ? now : due;
}

static void *produce(void *arg)
{
	struct bench *b = arg;
	double due = clock_sec(CLOCK_MONOTONIC);

	for (unsigned int n = 0; n < b->total; n += AT_ONCE) {
		if (b->rate)
			due = wait_until(due) + (double)AT_ONCE / b->rate;
		else
			while (n > atomic_load(&b->taken) + HALF)
				usleep(100);
		run_program(b, AT_ONCE);
	}
	atomic_store(&b->is_made, true);
	return NULL;
}

/* Records that found no room, of all processors. */
static uint64_t lost(const struct bench *b)
{
	int cpus = libbpf_num_possible_cpus();
	_free_ uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	uint32_t stat = SW_STAT_EV_SOCK_LOST;
	uint64_t sum = 0;

	if (!values || bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.stats), &stat, values) < 0)
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

/* CPU seconds of the reader for b->total records, -1 on an error. */
static double run(struct bench *b)
{
	double began = clock_sec(CLOCK_THREAD_CPUTIME_ID);
	pthread_t producer;

	b->read = 0;
	b->taken = 0;
	b->is_made = false;
	if (pthread_create(&producer, NULL, produce, b) != 0)
		return -1;
	while (!b->is_made || sw_ring_drain(b->ring) > 0) {
		if (b->rate)
			sw_loop_once(b->loop, 10); /* by wake-ups and polls, as the engine */
		else if (sw_ring_drain(b->ring) == 0)
			usleep(200);
		atomic_store(&b->taken, b->read);
	}
	pthread_join(producer, NULL);
	return clock_sec(CLOCK_THREAD_CPUTIME_ID) - began;
}

static void figure(const char *name, double value, const char *unit, double goal, bool is_met)
{
	printf("{\"bench\":\"records\",\"case\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",", name, value, unit);
	printf("\"goal\":%.4g,\"met\":%s}\n", goal, is_met ? "true" : "false");
	fflush(stdout);
}

/* The least CPU time of some rounds: what else runs on the machine only adds. */
static int bench_rate(struct bench *b, const char *name, bool has_json, double goal)
{
	double best = 0;

	b->has_json = has_json;
	b->total = RECORDS;
	b->rate = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double sec = run(b), rate = (double)b->read / sec / 1e6;

		if (sec <= 0 || b->read != RECORDS)
			return die("records are missing");
		best = SW_MAX(best, rate);
	}
	figure(name, best, "M records/s", goal, best >= goal);
	return 0;
}

static int bench_lost(struct bench *b)
{
	uint64_t before = lost(b), n;

	b->has_json = true;
	b->total = RATE * SECONDS;
	b->rate = RATE;
	if (run(b) < 0)
		return -1;
	n = lost(b) - before;
	if (b->read + n != b->total)
		return die("records are neither read nor counted as lost");
	figure("lost of 4 M records at 1 M a second, a line of JSON each", (double)n, "records", 0, !n);
	return 0;
}

static int set_up(struct bench *b)
{
	b->skel = records__open_and_load();
	if (!b->skel || sw_loop_new(&b->loop) < 0 ||
		sw_ring_new(b->loop, SW_RING_SOCK, bpf_map__fd(b->skel->maps.ev_sock), &ring_ops, b, &b->ring) < 0)
		return -1;
	if (sw_procs_new(&b->clock, &sw_proc_reader_system, &b->procs) < 0)
		return -1;
	return sw_inventory_new(&b->clock, b->procs, &inventory_ops, NULL, &b->inv);
}

int main(void)
{
	struct bench b = {};
	int r = set_up(&b) < 0 ? die("the program that makes records") : 0;

	if (r == 0)
		r = bench_rate(&b, "read and applied to the inventory, a core", false, 2);
	if (r == 0)
		r = bench_rate(&b, "the same with a line of JSON each, a core", true, 1);
	if (r == 0)
		r = bench_lost(&b);
	sw_inventory_free(b.inv);
	sw_procs_free(b.procs);
	sw_ring_free(b.ring);
	sw_loop_free(b.loop);
	sw_strbuf_done(&b.out);
	records__destroy(b.skel);
	return r < 0;
}
