// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/replay/replay.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include "user/replay/link.h"

enum {
	PROGRESS_EVERY = 1 << 16, /* packets */
	BATCH_BYTES = 1 << 16, /* of packets judged together */
};

struct capture {
	pcap_t *pcap;
	int link_type;
	off_t size; /* 0: not known */
};

static void close_capture(struct capture *c)
{
	if (c->pcap)
		pcap_close(c->pcap);
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
	ret->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	ret->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!ret->pcap) {
		snprintf(result->error, sizeof(result->error),
			"this is no capture that can be read: %s", error);
		return -EBADMSG;
	}
	TAKE_PTR(f); /* pcap_close closes it */
	ret->link_type = pcap_datalink(ret->pcap);
	if (!sw_link_is_known(ret->link_type)) {
		const char *name = pcap_datalink_val_to_name(ret->link_type);

		snprintf(result->error, sizeof(result->error), "its link type %s (%d) is not read",
			name ? name : "", ret->link_type);
		return -EBADMSG;
	}
	return 0;
}

static void tell_progress(const struct sw_replay *o, const struct capture *c, uint64_t packets)
{
	long at = c->size ? ftell(pcap_file(c->pcap)) : -1;

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

	while ((r = pcap_next_ex(c->pcap, &h, &data)) == 1) {
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
		(unsigned long long)result->packets, pcap_geterr(c->pcap));
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
