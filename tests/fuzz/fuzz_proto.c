/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a DNS message, a request, a TLS hello, a trail line: the first byte chooses. */
#include "user/proto/dns.h"
#include "user/proto/http.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_static_line line;
	uint8_t *copy;

	if (!size || size > 65535)
		return 0;
	copy = malloc(size); /* ends where the message ends, unlike the fuzzer's own buffer */
	must(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	switch (data[0] & 3) {
	case 0:
		read_dns(copy, size - 1);
		break;
	case 1:
		read_http(copy, size - 1);
		break;
	case 2:
		read_tls(copy, size - 1);
		break;
	default:
		sw_static_line_read((const char *)copy, size - 1, data[0] & 4, &line);
		must(line.kind <= SW_STATIC_BAD && line.len < SW_STATIC_TEXT_MAX);
	}
	free(copy);
	return 0;
}
