// SPDX-License-Identifier: GPL-3.0-or-later
/* DNS messages, and what TCP flows begin with. */
#include "user/detect/habits.h"
#include "user/detect/traffic_private.h"
#include "user/proto/dns.h"
#include "user/proto/http.h"
#include "user/proto/quic.h"
#include "user/proto/tls.h"

#include <nettle/sha1.h>

enum { WHAT_NONE, WHAT_HTTP, WHAT_TLS, WHAT_DNS, WHAT_SERVER, WHAT_QUIC };

/* Who runs a sinkhole names it so, in the alias or the name server that a domain is given. */
static bool is_sinkhole(const char *name, size_t len)
{
	return memmem(name, len, "sinkhole", strlen("sinkhole")) != NULL;
}

static void judge_record(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_dns *d,
	const struct sw_dns_record *r)
{
	if (r->type == SW_DNS_A && r->data_len == 4)
		traffic_judge_addr(t, SW_RULE_TRAIL_ANSWER, flow, 4, r->data, 0);
	else if (r->type == SW_DNS_AAAA && r->data_len == 16)
		traffic_judge_addr(t, SW_RULE_TRAIL_ANSWER, flow, 6, r->data, 0);
	if (is_sinkhole(r->name, r->name_len) && !is_sinkhole(d->qname, d->qname_len))
		traffic_tell(
			t, SW_RULE_DNS_SINKHOLE, flow, d->qname, "the answer leads to a sinkhole");
	if (r->name_len && r->type != SW_DNS_NS)
		traffic_judge_name(t, SW_RULE_TRAIL_ANSWER, flow, r->name, r->name_len);
}

void traffic_dns(struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *msg, size_t len)
{
	struct sw_habit habits[SW_HABITS_AT_ONCE];
	struct sw_dns_record record;
	struct sw_static_name name;
	struct sw_habits_look look;
	struct sw_dns d;
	unsigned int n;
	int r;

	if (sw_dns_read(msg, len, &d) < 0) {
		t->stats.unread++;
		return;
	}
	t->stats.dns++;
	sw_static_expect_name(t->set, d.qname, d.qname_len, &name);
	look = sw_habits_expect(t->habits, flow, &d);
	if (d.qname_len)
		traffic_judge_expected(t, SW_RULE_TRAIL_DNS, flow, &name, d.qname_len);
	n = flow->sport == 53 || flow->dport == 53
		? sw_habits_dns(t->habits, flow, &d, &look, traffic_sec(t), habits)
		: 0;
	for (unsigned int i = 0; i < n; i++)
		traffic_tell(t, habits[i].rule, flow, habits[i].about, habits[i].info);
	if (!d.is_answer)
		return;
	while ((r = sw_dns_next(&d, &record)) > 0)
		judge_record(t, flow, &d, &record);
	t->stats.unread += r < 0 || d.has_more;
}

static void judge_hello(struct sw_traffic *t, const struct sw_flow *flow,
	const struct sw_tls_hello *h, bool is_quic)
{
	struct sw_static_hit hit;
	char print[40];

	t->stats.hellos++;
	if (h->sni_len)
		traffic_judge_name(t, SW_RULE_TRAIL_SNI, flow, h->sni, h->sni_len);
	if (sw_static_has_kind(t->set, SW_STATIC_JA3)) {
		sw_tls_ja3(h, print);
		if (sw_static_text(t->set, SW_STATIC_JA3, print, 32, &hit))
			traffic_tell_trail(t, SW_RULE_TRAIL_JA3, flow, &hit, print);
	}
	if (sw_static_has_kind(t->set, SW_STATIC_JA4)) {
		sw_tls_ja4(h, is_quic, print);
		if (sw_static_text(t->set, SW_STATIC_JA4, print, 36, &hit))
			traffic_tell_trail(t, SW_RULE_TRAIL_JA4, flow, &hit, print);
	}
}

/* ---- each reader: true when it is done with the bytes, false when more may tell more */

static bool read_http(struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data,
	size_t len, bool is_last)
{
	while (len) {
		struct sw_http h;
		size_t used;
		int r = sw_http_read(data, len, &h);

		if (r == -EAGAIN)
			return is_last;
		if (r < 0) {
			t->stats.unread++;
			return true;
		}
		if (!is_last && (!h.is_head_whole || h.content_length > h.body.n))
			return false;
		traffic_request(t, flow, &h);
		if (!h.is_head_whole || h.content_length >= h.body.n)
			return true;
		used = (size_t)((const uint8_t *)h.body.p - data) + h.content_length;
		data += used;
		len -= used;
	}
	return true;
}

static bool read_tls(
	struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	struct sw_tls_hello hello;
	int r = sw_tls_read_hello(data, len, &hello);

	if (r == 0)
		judge_hello(t, flow, &hello, false);
	t->stats.unread += r == -EBADMSG;
	return r != -EAGAIN;
}

static bool read_quic(
	struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	struct sw_tls_hello hello;
	int r = sw_tls_read_message(data, len, &hello);

	if (r == 0)
		judge_hello(t, flow, &hello, true);
	t->stats.unread += r == -EBADMSG;
	return r != -EAGAIN;
}

static bool read_server(
	struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	uint8_t cert[SW_HEAD_BYTES], digest[SHA1_DIGEST_SIZE];
	char print[2 * SHA1_DIGEST_SIZE + 1];
	struct sw_static_hit hit;
	struct sha1_ctx sha;
	size_t n;
	int r = sw_tls_read_certificate(data, len, cert, sizeof(cert), &n);

	if (r < 0)
		return r != -EAGAIN;
	t->stats.certificates++;
	sha1_init(&sha);
	sha1_update(&sha, n, cert);
	sha1_digest(&sha, sizeof(digest), digest);
	for (unsigned int i = 0; i < sizeof(digest); i++)
		snprintf(print + 2 * i, 3, "%02x", digest[i]);
	if (sw_static_text(t->set, SW_STATIC_CERT, print, 2 * sizeof(digest), &hit))
		traffic_tell_trail(t, SW_RULE_TRAIL_CERT, flow, &hit, print);
	return true;
}

static bool read_dns(
	struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	while (len >= 2) {
		size_t n = (size_t)data[0] << 8 | data[1];

		if (len - 2 < n)
			return false;
		traffic_dns(t, flow, data + 2, n);
		data += 2 + n;
		len -= 2 + n;
	}
	return !len;
}

static bool read_any(struct sw_traffic *t, const struct sw_flow *flow, unsigned int what,
	const uint8_t *data, size_t len, bool is_last)
{
	switch (what) {
	case WHAT_HTTP:
		return read_http(t, flow, data, len, is_last);
	case WHAT_TLS:
		return read_tls(t, flow, data, len);
	case WHAT_SERVER:
		return read_server(t, flow, data, len);
	case WHAT_QUIC:
		return read_quic(t, flow, data, len);
	default:
		return read_dns(t, flow, data, len);
	}
}

/* Something new came at the end of what there is. */
static void read_head(struct sw_traffic *t, const struct sw_flow *flow, struct sw_head *s)
{
	s->packet = t->packet;
	s->time_ns = t->now_ns;
	if (read_any(t, flow, s->what, s->data, s->len, s->len == SW_HEAD_BYTES) || s->len == SW_HEAD_BYTES)
		sw_heads_drop(t->heads, s);
}

/* A message over TCP stands behind its length. */
static bool is_whole_dns(const uint8_t *data, size_t len)
{
	return len > 2 && len - 2 == ((size_t)data[0] << 8 | data[1]);
}

/* What a segment of no flow that is held begins with. */
static unsigned int begins_with(
	const struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	/* DNS has no sign: what comes too early is the middle of a message unless it is a whole one. */
	if (flow->dport == 53 || flow->sport == 53)
		return t->is_ahead && !is_whole_dns(data, len) ? WHAT_NONE : WHAT_DNS;
	if (sw_http_begins(data, len))
		return WHAT_HTTP;
	if (sw_tls_begins(data, len))
		return WHAT_TLS;
	if (sw_static_has_kind(t->set, SW_STATIC_CERT) && sw_tls_server_begins(data, len))
		return WHAT_SERVER;
	return WHAT_NONE;
}

/* Holds a flow from this segment on, with what came too early of it. */
static void hold(struct sw_traffic *t, const struct sw_flow *flow, unsigned int what, uint32_t seq,
	const uint8_t *data, size_t len)
{
	int64_t sec = traffic_sec(t);
	struct sw_head *s = sw_heads_open(t->heads, flow, seq, data, len, sec), *got;
	struct sw_gap_piece early;
	size_t had;

	if (!s)
		return;
	s->what = (uint8_t)what;
	s->packet = t->packet;
	s->time_ns = t->now_ns;
	had = s->len;
	while (sw_gaps_take(t->gaps, flow, sec, &early))
		sw_heads_add(t->heads, flow, early.seq, early.data, early.len, sec, &got);
	if (s->len > had)
		read_head(t, flow, s);
}

void traffic_segment(struct sw_traffic *t, const struct sw_flow *flow, uint32_t seq,
	const uint8_t *data, size_t len)
{
	struct sw_head *s = NULL;
	unsigned int what;

	if (sw_heads_add(t->heads, flow, seq, data, len, traffic_sec(t), &s)) {
		if (s)
			read_head(t, flow, s);
		return;
	}
	what = begins_with(t, flow, data, len);
	if (what == WHAT_NONE && t->is_ahead)
		sw_gaps_keep(t->gaps, flow, seq, data, len, traffic_sec(t));
	else if (what != WHAT_NONE && !read_any(t, flow, what, data, len, false))
		hold(t, flow, what, seq, data, len);
}

/* A ClientHello comes in pieces, in any order and over several datagrams. */
void traffic_quic(struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len)
{
	struct sw_quic_crypto piece;
	struct sw_head *s = NULL;
	struct sw_quic q;
	bool is_held = false;

	if (sw_quic_open(data, len, &q) < 0) {
		t->stats.unread++;
		return;
	}
	while (sw_quic_next(&q, &piece) > 0) {
		if (piece.offset >= SW_HEAD_BYTES)
			continue;
		if (!sw_heads_add(t->heads, flow, (uint32_t)piece.offset, piece.data, piece.len,
			    traffic_sec(t), &s)) {
			if (is_held)
				return; /* was read and dropped */
			s = sw_heads_open(t->heads, flow, 0, NULL, 0, traffic_sec(t));
			if (!s)
				return;
			s->what = WHAT_QUIC;
			sw_heads_add(t->heads, flow, (uint32_t)piece.offset, piece.data, piece.len,
				traffic_sec(t), &s);
		}
		is_held = true;
		if (!s)
			continue;
		s->packet = t->packet;
		s->time_ns = t->now_ns;
		if (read_quic(t, &s->flow, s->data, s->len))
			sw_heads_drop(t->heads, s);
	}
}

void traffic_head_ended(void *arg, struct sw_head *s)
{
	struct sw_traffic *t = arg;
	int64_t now_ns = t->now_ns;
	uint64_t packet = t->packet;

	t->now_ns = s->time_ns;
	t->packet = s->packet;
	read_any(t, &s->flow, s->what, s->data, s->len, true);
	t->now_ns = now_ns;
	t->packet = packet;
}
