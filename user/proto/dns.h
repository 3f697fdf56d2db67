/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads DNS messages: the first question, then records one by one. Pure: nothing beyond len is read,
 * nothing is allocated, names go to the caller's buffers. Sources: RFC 1035, RFC 9267 on how such
 * readers went wrong.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_DNS_HEADER = 12,
	SW_DNS_NAME_MAX = 256, /* text with its NUL: 255 bytes on the wire are 253 of text */
	SW_DNS_JUMPS_MAX = 32, /* compression pointers followed in one name */
	SW_DNS_RECORDS_MAX = 256, /* records read of one message */
};

enum {
	SW_DNS_A = 1,
	SW_DNS_NS = 2,
	SW_DNS_CNAME = 5,
	SW_DNS_PTR = 12,
	SW_DNS_MX = 15,
	SW_DNS_AAAA = 28,
	SW_DNS_SRV = 33,
	SW_DNS_DNAME = 39,
	SW_DNS_SVCB = 64,
	SW_DNS_HTTPS = 65,
};
enum { SW_DNS_NXDOMAIN = 3 };

struct sw_dns {
	const uint8_t *msg;
	size_t len, at; /* at: next record */
	unsigned int left, read; /* records to come, records read */
	uint16_t id, qtype;
	bool is_answer;
	bool has_more; /* records than are read */
	uint8_t opcode, rcode;
	uint16_t n_answers; /* as the header has it */
	size_t qname_len;
	char qname[SW_DNS_NAME_MAX]; /* lower case, no final dot; "" is the root */
};

struct sw_dns_record {
	uint16_t type;
	uint16_t data_len;
	const uint8_t *data; /* in the message */
	size_t name_len; /* of a CNAME's, NS', PTR's, MX' or SRV's target; 0 for other types */
	char name[SW_DNS_NAME_MAX];
};

/* 0, or -EBADMSG: not DNS, or cut before the end of its first question. */
int sw_dns_read(const uint8_t *msg, size_t len, struct sw_dns *ret);
/* 1 with the next record, 0 when there is none, -EBADMSG when the rest cannot be read. */
int sw_dns_next(struct sw_dns *d, struct sw_dns_record *ret);
