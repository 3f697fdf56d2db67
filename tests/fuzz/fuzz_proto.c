/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a DNS message, a request, a TLS hello, a server's certificate, a QUIC packet or its frames,
 * a trail line, or a packet to all of it: the first byte chooses.
 */
#include "user/detect/traffic.h"
#include "user/proto/dns.h"
#include "user/proto/http.h"
#include "user/proto/quic.h"
#include "user/proto/tls.h"
#include "user/trail/static_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
	if (!is_so)
		abort();
}

static void read_dns(const uint8_t *p, size_t n)
{
	struct sw_dns_record record;
	struct sw_dns d;
	unsigned int records = 0;

	if (sw_dns_read(p, n, &d) < 0)
		return;
	must(d.qname_len < SW_DNS_NAME_MAX && strlen(d.qname) == d.qname_len);
	while (sw_dns_next(&d, &record) > 0) {
		must(++records <= SW_DNS_RECORDS_MAX);
		must(record.data >= p && record.data + record.data_len <= p + n);
		must(strlen(record.name) == record.name_len);
	}
}

static void read_http(const uint8_t *p, size_t n)
{
	const char *begin = (const char *)p, *end = begin + n;
	struct sw_http h;

	if (sw_http_read(p, n, &h) < 0)
		return;
	must(h.method.n && h.target.p >= begin && h.target.p + h.target.n <= end);
	must(!h.host.n || (h.host.p >= begin && h.host.p + h.host.n <= end));
	must(!h.body.n || h.body.p + h.body.n == end);
}

static void read_tls(const uint8_t *p, size_t n)
{
	char text[SW_TLS_JA3_TEXT], print[40];
	struct sw_tls_hello h;

	if (sw_tls_read_hello(p, n, &h) < 0)
		return;
	must(strlen(h.sni) <= h.sni_len && h.ciphers.n <= SW_TLS_LIST_MAX);
	sw_tls_ja3_text(&h, text, sizeof(text));
	sw_tls_ja3(&h, print);
	must(strlen(print) == 32);
	sw_tls_ja4(&h, false, print);
	must(strlen(print) == 36);
}

static void read_certificate(const uint8_t *p, size_t n)
{
	uint8_t out[8192];
	size_t len;

	if (sw_tls_read_certificate(p, n, out, sizeof(out), &len) == 0)
		must(len && len <= sizeof(out));
}

/* What a seal keeps from a fuzzer: the frames are read as if it fitted. */
static void read_quic(const uint8_t *p, size_t n)
{
	struct sw_quic_crypto c;
	struct sw_quic q;

	(void)sw_quic_open(p, n, &q);
	if (n > sizeof(q.data))
		return;
	memcpy(q.data, p, n);
	q.len = n;
	q.at = 0;
	while (sw_quic_next(&q, &c) > 0)
		must(c.data + c.len <= q.data + q.len);
}

static void ignore(void *arg, const struct sw_sight *s)
{
}

/* A packet twice: what was held of the first, which came too early by somebody's word, meets the second. */
static void read_packet(const uint8_t *p, size_t n, enum sw_link link)
{
	static struct sw_static *set;
	struct sw_traffic_packet v[2] = {{p, n, link, 1, 1, true}, {p, n / 2, link, 2, 2, false}};
	struct sw_static_line line;
	struct sw_traffic *t = NULL;

	if (!set) {
		must(sw_static_new(&set) == 0 && sw_static_group(set, "f", "i", "r", "c") == 0);
		sw_static_line_read("00112233445566778899aabbccddeeff00112233", 40, false, &line);
		must(sw_static_add(set, &line, 0, 1) == 0);
		sw_static_line_read("evil.test", 9, false, &line);
		must(sw_static_add(set, &line, 0, 2) == 0 && sw_static_seal(set) == 0);
	}
	must(sw_traffic_new(set, n & 1 ? SW_LOOK_ALL : 0, ignore, NULL, &t) == 0);
	sw_traffic_packets(t, v, 2);
	sw_traffic_end(t);
	sw_traffic_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_static_line line;
	uint8_t *copy;

	if (!size || size > 65535)
		return 0;
	copy = malloc(size); /* ends where the message ends, unlike the fuzzer's own buffer */
	must(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	switch (data[0] & 7) {
	case 0:
		read_dns(copy, size - 1);
		break;
	case 1:
		read_http(copy, size - 1);
		break;
	case 2:
		read_tls(copy, size - 1);
		break;
	case 4:
		read_certificate(copy, size - 1);
		break;
	case 5:
		read_quic(copy, size - 1);
		break;
	case 6:
	case 7:
		read_packet(copy, size - 1, data[0] & 1 ? SW_LINK_IP : SW_LINK_ETHER);
		break;
	default:
		sw_static_line_read((const char *)copy, size - 1, data[0] & 8, &line);
		must(line.kind <= SW_STATIC_BAD && line.len < SW_STATIC_TEXT_MAX);
	}
	free(copy);
	return 0;
}
