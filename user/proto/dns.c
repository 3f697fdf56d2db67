// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/proto/dns.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* A byte of a name as text: a dot or a control inside a label must not pass for what it is not. */
static char fold(uint8_t c)
{
	c = (uint8_t)(c + ((uint8_t)(c - 'A') < 26) * 32);
	return (char)(c <= ' ' || c == '.' || c == 0x7f ? '?' : c);
}

/*
 * The name at *at; *at moves behind it. Pointers only lead back, before the name's own start or that
 * of the part they were found in, so that a loop ends. Its length, or -EBADMSG.
 */
static int read_name(const uint8_t *msg, size_t len, size_t *at, char out[static SW_DNS_NAME_MAX])
{
	size_t p = *at, floor = *at, n = 0;
	unsigned int jumps = 0;

	while (p < len) {
		uint8_t c = msg[p];

		if (!c) {
			if (!jumps)
				*at = p + 1;
			out[n] = 0;
			return (int)n;
		}
		if (c >= 0xc0) {
			if (p + 2 > len || ++jumps > SW_DNS_JUMPS_MAX)
				return -EBADMSG;
			if (jumps == 1)
				*at = p + 2;
			p = get16(msg + p) & 0x3fff;
			if (p >= floor)
				return -EBADMSG;
			floor = p;
			continue;
		}
		if (c > 63 || p + 1 + c > len || n + c + 2 > SW_DNS_NAME_MAX)
			return -EBADMSG;
		if (n)
			out[n++] = '.';
		for (unsigned int i = 1; i <= c; i++)
			out[n + i - 1] = fold(msg[p + i]);
		n += c;
		p += 1u + c;
	}
	return -EBADMSG;
}

static int skip_name(const uint8_t *msg, size_t len, size_t *at)
{
	for (size_t p = *at; p < len; p += 1u + msg[p]) {
		if (!msg[p] || msg[p] >= 0xc0) {
			*at = p + (msg[p] ? 2 : 1);
			return *at <= len ? 0 : -EBADMSG;
		}
		if (msg[p] > 63)
			return -EBADMSG;
	}
	return -EBADMSG;
}

int sw_dns_read(const uint8_t *msg, size_t len, struct sw_dns *ret)
{
	unsigned int questions, records;
	int n;

	if (len < SW_DNS_HEADER)
		return -EBADMSG;
	questions = get16(msg + 4);
	ret->msg = msg;
	ret->len = len;
	ret->at = SW_DNS_HEADER;
	ret->id = get16(msg);
	ret->is_answer = msg[2] >> 7;
	ret->opcode = msg[2] >> 3 & 15;
	ret->rcode = msg[3] & 15;
	ret->n_answers = get16(msg + 6);
	records = ret->n_answers + (unsigned int)get16(msg + 8) + get16(msg + 10);
	ret->left = SW_MIN(records, SW_DNS_RECORDS_MAX);
	ret->has_more = records > SW_DNS_RECORDS_MAX;
	ret->read = 0;
	ret->qtype = 0;
	ret->qname_len = 0;
	ret->qname[0] = 0;
	/* What is not a query or its answer (updates, notifies) or has odd counts is hardly DNS on this port. */
	if (questions > 16 || ret->opcode > 6 || (!questions && !ret->is_answer) ||
		(!ret->is_answer && ret->n_answers > 16))
		return -EBADMSG;
	for (unsigned int i = 0; i < questions; i++) {
		n = i ? skip_name(msg, len, &ret->at) : read_name(msg, len, &ret->at, ret->qname);
		if (n < 0 || ret->at + 4 > len)
			return -EBADMSG;
		if (!i) {
			ret->qname_len = (size_t)n;
			ret->qtype = get16(msg + ret->at);
		}
		ret->at += 4;
	}
	return 0;
}

/* Bytes of a record's data before the name in it; -1: there is no name of use in it. */
static int name_offset(uint16_t type)
{
	switch (type) {
	case SW_DNS_CNAME:
	case SW_DNS_NS:
	case SW_DNS_PTR:
	case SW_DNS_DNAME:
		return 0;
	case SW_DNS_MX:
	case SW_DNS_SVCB:
	case SW_DNS_HTTPS:
		return 2;
	case SW_DNS_SRV:
		return 6;
	default:
		return -1;
	}
}

int sw_dns_next(struct sw_dns *d, struct sw_dns_record *ret)
{
	size_t at = d->at;
	int offset, n;

	if (!d->left)
		return 0;
	if (skip_name(d->msg, d->len, &at) < 0 || at + 10 > d->len)
		return -EBADMSG;
	ret->type = get16(d->msg + at);
	ret->data_len = get16(d->msg + at + 8);
	ret->data = d->msg + at + 10;
	ret->name_len = 0;
	ret->name[0] = 0;
	at += 10;
	if (ret->data_len > d->len - at)
		return -EBADMSG;
	d->at = at + ret->data_len;
	d->left--;
	d->read++;
	offset = name_offset(ret->type);
	if (offset < 0 || ret->data_len <= offset)
		return 1;
	at += (size_t)offset;
	n = read_name(d->msg, d->len, &at, ret->name);
	ret->name_len = n > 0 ? (size_t)n : 0;
	ret->name[ret->name_len] = 0; /* what was read of a bad one is no name */
	return 1;
}
