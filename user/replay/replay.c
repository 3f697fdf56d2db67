// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/replay/replay.h"

#include <dlfcn.h>
#include <pcap/pcap.h>
#include <sys/stat.h>

#include "user/replay/link.h"

enum {
	PROGRESS_EVERY = 1 << 16, /* packets */
	BATCH_BYTES = 1 << 16, /* of packets judged together */
};

/*
 * libpcap is loaded when a capture is to be read: with what it brings (D-Bus, systemd, compressors) it was a third of
 * what every command of `sockwarden` needed to start.
 */
#define PCAP_CALLS(X)                                                                                                  \
	X(pcap_fopen_offline_with_tstamp_precision)                                                                    \
	X(pcap_close) X(pcap_datalink) X(pcap_datalink_val_to_name) X(pcap_file) X(pcap_next_ex) X(pcap_geterr)
struct pcap_calls {
#define CALL(name) __typeof__(&name) name;
	PCAP_CALLS(CALL)
#undef CALL
};

struct capture {
	void *lib;
	struct pcap_calls of;
	pcap_t *pcap;
	int link_type;
	off_t size; /* 0: not known */
};

static void close_capture(struct capture *c)
{
	if (c->pcap)
		c->of.pcap_close(c->pcap);
	if (c->lib)
		dlclose(c->lib);
}

static int load_pcap(struct capture *c, struct sw_replay_result *result)
{
	static const char *const names[] = {"libpcap.so.0.8", "libpcap.so.1"}; /* Debian's, and elsewhere */
	bool is_whole = true;

	for (size_t i = 0; i < SW_ARRAY_SIZE(names) && !c->lib; i++)
		c->lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
#define CALL(name) is_whole &= c->lib && (c->of.name = (__typeof__(&name))dlsym(c->lib, #name));
	PCAP_CALLS(CALL)
#undef CALL
	if (is_whole)
		return 0;
	snprintf(result->error, sizeof(result->error), "libpcap, which reads captures, cannot be loaded: %s",
		c->lib ? "it is too old" : "install the package libpcap0.8");
	return -ENOPKG;
}

static int open_capture(const char *path, struct capture *ret, struct sw_replay_result *result)
{
	_fclose_ FILE *f =
		sw_streq(path, "-") ? fdopen(dup(STDIN_FILENO), "rb") : fopen(path, "rbe");
	char error[PCAP_ERRBUF_SIZE] = "";
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0 || (S_ISDIR(st.st_mode) && (errno = EISDIR))) {
		int r = -errno;

		snprintf(result->error, sizeof(result->error), "cannot open it: %s", strerror(-r));
		return r;
	}
	if (load_pcap(ret, result) < 0)
		return -ENOPKG;
	ret->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	ret->pcap = ret->of.pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!ret->pcap) {
		snprintf(result->error, sizeof(result->error),
			"this is no capture that can be read: %s", error);
		return -EBADMSG;
	}
	TAKE_PTR(f); /* pcap_close closes it */
	ret->link_type = ret->of.pcap_datalink(ret->pcap);
	if (!sw_link_is_known(ret->link_type)) {
		const char *name = ret->of.pcap_datalink_val_to_name(ret->link_type);

		snprintf(result->error, sizeof(result->error), "its link type %s (%d) is not read",
			name ? name : "", ret->link_type);
		return -EBADMSG;
	}
	return 0;
}

static void tell_progress(const struct sw_replay *o, const struct capture *c, uint64_t packets)
{
	long at = c->size ? ftell(c->of.pcap_file(c->pcap)) : -1;

	if (o->progress)
		o->progress(o->arg, at < 0 ? -1 : (double)at / (double)c->size, packets);
}

/* Packets that wait for each other: the reader's own buffer holds only one. */
struct batch {
	struct sw_traffic_packet packet[SW_TRAFFIC_BATCH];
	size_t n, bytes;
	uint8_t data[BATCH_BYTES];
};

static void judge_batch(const struct sw_replay *o, struct batch *b)
{
	sw_traffic_packets(o->traffic, b->packet, b->n);
	b->n = b->bytes = 0;
}

static void add_packet(const struct sw_replay *o, struct batch *b, struct sw_traffic_packet p)
{
	if (b->n == SW_TRAFFIC_BATCH || p.len > sizeof(b->data) - b->bytes)
		judge_batch(o, b);
	if (p.len > sizeof(b->data)) {
		sw_traffic_packets(o->traffic, &p, 1);
		return;
	}
	memcpy(b->data + b->bytes, p.data, p.len);
	p.data = b->data + b->bytes;
	b->bytes += p.len;
	b->packet[b->n++] = p;
}

static int read_packets(const struct sw_replay *o, struct capture *c, struct batch *b,
	struct sw_replay_result *result)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;
	int r;

	while ((r = c->of.pcap_next_ex(c->pcap, &h, &data)) == 1) {
		size_t len = h->caplen;
		struct sw_traffic_packet p = {.link = SW_LINK_IP};

		p.data = sw_link_packet(c->link_type, data, &len, &p.link);
		p.len = p.data ? len : 0;
		p.data = p.data ? p.data : data;
		/* With nanosecond precision tv_usec holds nanoseconds. */
		p.wall_ns = (int64_t)h->ts.tv_sec * 1000000000 + h->ts.tv_usec;
		p.number = ++result->packets;
		result->clipped += h->caplen < h->len;
		add_packet(o, b, p);
		if (result->packets % PROGRESS_EVERY == 0)
			tell_progress(o, c, result->packets);
	}
	judge_batch(o, b);
	if (r == PCAP_ERROR_BREAK)
		return 0;
	snprintf(result->error, sizeof(result->error), "after packet %llu: %s",
		(unsigned long long)result->packets, c->of.pcap_geterr(c->pcap));
	return -EBADMSG;
}

int sw_replay_run(const struct sw_replay *o, struct sw_replay_result *ret)
{
	_cleanup_(close_capture) struct capture c = {};
	_free_ struct batch *b = malloc(sizeof(*b));
	int r;

	*ret = (struct sw_replay_result){};
	if (!b)
		return -ENOMEM;
	b->n = b->bytes = 0;
	r = open_capture(o->path, &c, ret);
	if (r < 0)
		return r;
	r = read_packets(o, &c, b, ret);
	sw_traffic_end(o->traffic);
	return r;
}
