// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/parse.h"

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>

#include "user/base/cidr.h"
#include "user/trail/image_check.h"
#include "user/trail/line.h"
#include "user/trail/times.h"

/*
 * An IPv4 network is one word, address | length | line, so that sorting two million of them is four
 * passes over 16 MB; the line is in the low bits, and so the first of equal networks comes first.
 */
enum { LINE_BITS = 26, LINE_MAX = (1 << LINE_BITS) - 1, PLEN_BITS = 6 };

struct net6 {
	unsigned char addr[16];
	uint32_t plen, line;
};

struct sw_trail_parser {
	struct sw_trail_rules rules;
	struct sw_trail_report report;
	uint64_t *nets4;
	struct net6 *nets6;
	struct sw_trail_port *ports;
	size_t n4, n6, n_ports, room4, room6, room_ports;
	struct sw_strbuf text; /* trails of other kinds */
	struct sw_trail_times *times; /* from the first trail that has any on, of each trail as it was read */
	size_t n_times, room_times;
	struct sw_trail_when when; /* of the line under way */
	uint64_t key;
	bool is_sorted4, is_sorted6; /* as read: most lists are */
	uint64_t content; /* lines that are neither blank nor comment */
	char first_bad[SW_TRAIL_BAD_SHOWN + 1];
	int result; /* for good, once negative */
	bool is_long; /* the line under way is longer than carry: its rest is dropped */
	size_t n_carry;
	char carry[SW_TRAIL_LINE_MAX]; /* a line that began in an earlier piece */
};

int sw_trail_parser_new(const struct sw_trail_rules *rules, struct sw_trail_parser **ret)
{
	struct sw_trail_parser *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->rules = *rules;
	p->is_sorted4 = p->is_sorted6 = true;
	*ret = p;
	return 0;
}

void sw_trail_parser_free(struct sw_trail_parser *p)
{
	if (!p)
		return;
	free(p->nets4);
	free(p->nets6);
	free(p->ports);
	free(p->times);
	sw_strbuf_done(&p->text);
	free(p);
}

void sw_trail_parser_freep(struct sw_trail_parser **p)
{
	sw_trail_parser_free(*p);
}

const struct sw_trail_report *sw_trail_parser_report(const struct sw_trail_parser *p)
{
	return &p->report;
}

static int refuse(struct sw_trail_parser *p, int error, const char *fmt, ...) _printf_(3, 4);
static int refuse(struct sw_trail_parser *p, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->report.text, sizeof(p->report.text), fmt, ap);
	va_end(ap);
	p->result = error;
	return error;
}

/* Room for one more of size bytes in *array; doubles, so that the copies are few. */
static int grow(void **array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *p;

	if (n < *room)
		return 0;
	p = reallocarray(*array, more, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

/* What a trail has no times of its own is noted, too, once others have: it may be there twice. */
static int note_times(struct sw_trail_parser *p, const struct sw_static_line *l)
{
	const struct sw_trail_when *w = &p->when;

	if (!p->n_times && !sw_trail_has_when(w))
		return 0;
	if (p->n_times >= SW_TRAIL_TIMES_MAX)
		return refuse(p, -E2BIG, "line %" PRIu64 ": more than %d trails with times of their own", p->report.lines,
			SW_TRAIL_TIMES_MAX);
	if (grow((void **)&p->times, p->n_times, &p->room_times, sizeof(*p->times)) < 0)
		return refuse(p, -ENOMEM, "line %" PRIu64 ": out of memory", p->report.lines);
	p->times[p->n_times++] = (struct sw_trail_times){.key = sw_trail_key(l),
		.first_sec = w->first_sec,
		.last_sec = w->last_sec,
		.until_sec = w->until_sec};
	return 0;
}

static int note_net_times(struct sw_trail_parser *p, const struct sw_net *net)
{
	struct sw_static_line l;

	if (!p->n_times && !sw_trail_has_when(&p->when))
		return 0;
	l.kind = SW_STATIC_CIDR;
	l.net = *net;
	return note_times(p, &l);
}

static int add4(struct sw_trail_parser *p, uint32_t addr, unsigned int plen)
{
	uint64_t line = SW_MIN(p->report.lines, (uint64_t)LINE_MAX);
	uint64_t key =
		(uint64_t)addr << (PLEN_BITS + LINE_BITS) | (uint64_t)plen << LINE_BITS | line;

	if (grow((void **)&p->nets4, p->n4, &p->room4, sizeof(key)) < 0)
		return -ENOMEM;
	if (p->n4 && p->nets4[p->n4 - 1] > key)
		p->is_sorted4 = false;
	p->nets4[p->n4++] = key;
	return 0;
}

static int cmp6(const void *a, const void *b)
{
	const struct net6 *x = a, *y = b;
	int r = memcmp(x->addr, y->addr, sizeof(x->addr));

	if (r)
		return r;
	if (x->plen != y->plen)
		return x->plen < y->plen ? -1 : 1;
	return x->line == y->line ? 0 : x->line < y->line ? -1 : 1;
}

static int add6(struct sw_trail_parser *p, const struct sw_net *net)
{
	struct net6 *e;

	if (grow((void **)&p->nets6, p->n6, &p->room6, sizeof(*e)) < 0)
		return -ENOMEM;
	e = &p->nets6[p->n6];
	*e = (struct net6){
		.plen = net->plen, .line = (uint32_t)SW_MIN(p->report.lines, (uint64_t)UINT32_MAX)};
	memcpy(e->addr, net->addr, sizeof(e->addr));
	if (p->n6 && cmp6(e - 1, e) > 0)
		p->is_sorted6 = false;
	p->n6++;
	return 0;
}

/* One network of a line: may it be in a list, and is there room for it? */
static int add(struct sw_trail_parser *p, const struct sw_net *net)
{
	bool is4 = net->family == SW_AF_IP4;
	unsigned int floor = is4 ? p->rules.min_plen4 : p->rules.min_plen6;
	char text[SW_NET_TEXT_MAX];
	__be32 addr;

	if (net->plen < floor)
		return refuse(p, -EBADMSG, "line %" PRIu64 ": %s is wider than /%u",
			p->report.lines, sw_cidr_format(text, net), floor);
	if (p->rules.max_entries && p->report.entries >= p->rules.max_entries)
		return refuse(p, -E2BIG, "line %" PRIu64 ": more than %" PRIu64 " entries",
			p->report.lines, (uint64_t)p->rules.max_entries);
	if ((is4 ? p->n4 >= SW_MAX_TRAILS4 : p->n6 >= SW_MAX_TRAILS6))
		return refuse(p, -E2BIG,
			"line %" PRIu64 ": more entries than the kernel's maps hold",
			p->report.lines);
	memcpy(&addr, net->addr, sizeof(addr));
	if ((is4 ? add4(p, be32toh(addr), net->plen) : add6(p, net)) < 0)
		return refuse(p, -ENOMEM, "line %" PRIu64 ": out of memory", p->report.lines);
	p->report.entries++;
	return note_net_times(p, net);
}

static void note_bad(struct sw_trail_parser *p, const char *line, size_t len)
{
	if (p->report.bad++)
		return;
	p->report.first_bad_line = p->report.lines;
	sw_trail_bad_text(p->first_bad, line, len);
	sw_trail_bad_say(p->report.first_bad, NULL, p->report.lines, line, len);
}

void sw_trail_parser_bad(struct sw_trail_parser *p, uint64_t n, const char *first)
{
	p->report.bad = n;
	(void)sw_strcpy(p->report.first_bad, sizeof(p->report.first_bad), first);
}

/* The list keeps what its source had of lines that are none: who asks for it comes later. */
static int put_bad(struct sw_trail_parser *p)
{
	if (p->report.bad)
		sw_strbuf_printf(&p->text, "B\t%" PRIu64 "\t%s\n", p->report.bad, p->report.first_bad);
	return p->text.is_failed ? refuse(p, -ENOMEM, "out of memory") : 0;
}

static int add_range(struct sw_trail_parser *p, const struct sw_trail_line *l)
{
	struct sw_net from = l->net, piece;
	int r, more;

	do {
		more = sw_trail_range_next(&from, &l->last, &piece);
		r = add(p, &piece);
	} while (!r && more);
	return r;
}

static int add_port(struct sw_trail_parser *p, const struct sw_static_line *l)
{
	if (p->n_ports >= SW_MAX_TRAIL_PORTS)
		return refuse(p, -E2BIG, "line %" PRIu64 ": more than %d addresses with a port",
			p->report.lines, SW_MAX_TRAIL_PORTS);
	if (grow((void **)&p->ports, p->n_ports, &p->room_ports, sizeof(*p->ports)) < 0)
		return refuse(p, -ENOMEM, "line %" PRIu64 ": out of memory", p->report.lines);
	p->ports[p->n_ports++] = (struct sw_trail_port){.net = l->net,
		.port = l->port,
		.line = (uint32_t)SW_MIN(p->report.lines, (uint64_t)UINT32_MAX)};
	return 0;
}

int sw_trail_parser_other(struct sw_trail_parser *p, const char *text, size_t len)
{
	struct sw_static_line l;
	int r;

	p->report.others++;
	if (len > 2 && text[0] == '*' &&
		text[1] == '.') { /* all below a domain, as every domain is */
		text += 2;
		len -= 2;
	}
	sw_static_line_read(text, len, false, &l);
	if (l.kind == SW_STATIC_BAD || p->rules.nets_only || p->text.len > SW_TRAIL_TEXT_BYTES_MAX) {
		p->report.skipped++;
		return 0;
	}
	sw_strbuf_printf(&p->text, "%" PRIu64 "\t", p->report.lines);
	sw_strbuf_add(&p->text, text, len);
	sw_strbuf_putc(&p->text, '\n');
	if (p->text.is_failed)
		return refuse(p, -ENOMEM, "line %" PRIu64 ": out of memory", p->report.lines);
	r = note_times(p, &l);
	return !r && l.kind == SW_STATIC_IP_PORT ? add_port(p, &l) : r;
}

void sw_trail_parser_when(struct sw_trail_parser *p, const struct sw_trail_when *when)
{
	p->when = *when;
}

int sw_trail_parser_add(struct sw_trail_parser *p, const struct sw_static_line *l, uint64_t line)
{
	int r;

	p->report.lines = line;
	p->when = l->when;
	if (l->kind == SW_STATIC_IP || l->kind == SW_STATIC_CIDR)
		return add(p, &l->net);
	p->report.others++;
	r = note_times(p, l);
	return !r && l->kind == SW_STATIC_IP_PORT ? add_port(p, l) : r;
}

void sw_trail_parser_set_text(struct sw_trail_parser *p, struct sw_strbuf *text)
{
	sw_strbuf_done(&p->text);
	p->text = *text;
	*text = (struct sw_strbuf){};
}

void sw_trail_parser_refuse(struct sw_trail_parser *p, int error, const char *text)
{
	refuse(p, error, "%.190s", text);
}

void sw_trail_parser_say(struct sw_trail_parser *p, int error, const char *about)
{
	if (p->result < 0 && p->report.text[0])
		return;
	refuse(p, error, "%.150s: %s", about,
		error == -ENODATA ? "no trail in it" : strerror(-error));
}

void sw_trail_parser_set_key(struct sw_trail_parser *p, uint64_t key)
{
	p->key = key;
}

/* The note behind a trail: 0, 1 when the line is bad for it, or the refusal. */
static int take_note(struct sw_trail_parser *p, const char *line, size_t len)
{
	const char *note = memchr(line, '#', len), *end = line + len;
	char why[128];

	while (note && (note == line || (note[-1] != ' ' && note[-1] != '\t'))) /* that of a URL begins none */
		note = memchr(note + 1, '#', (size_t)(end - note - 1));
	if (!note || sw_trail_note_read(note + 1, (size_t)(end - note - 1), &p->when, why, sizeof(why)) == 0)
		return 0;
	return p->rules.forgives_times ? 1 : refuse(p, -EBADMSG, "line %" PRIu64 ": %s", p->report.lines, why);
}

static int take_trail(struct sw_trail_parser *p, const char *line, size_t len)
{
	struct sw_trail_line l;
	int r;

	p->report.lines++;
	if (p->report.lines == 1 && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) {
		line += 3;
		len -= 3;
	}
	sw_trail_line_read(line, len, &l);
	p->content += l.kind != SW_TRAIL_LINE_NOTHING;
	r = l.kind == SW_TRAIL_LINE_NOTHING || l.kind == SW_TRAIL_LINE_BAD ? 0 : take_note(p, line, len);
	if (r < 0)
		return r;
	if (r)
		l.kind = SW_TRAIL_LINE_BAD;
	switch (l.kind) {
	case SW_TRAIL_LINE_NET:
		return add(p, &l.net);
	case SW_TRAIL_LINE_RANGE:
		return add_range(p, &l);
	case SW_TRAIL_LINE_OTHER:
		return sw_trail_parser_other(p, l.text, l.len);
	case SW_TRAIL_LINE_NOTHING:
		return 0;
	case SW_TRAIL_LINE_BAD:
		break;
	}
	note_bad(p, line, len);
	return 0;
}

static int take_line(struct sw_trail_parser *p, const char *line, size_t len)
{
	int r = take_trail(p, line, len);

	p->when = (struct sw_trail_when){};
	return r;
}

static int take_long_line(struct sw_trail_parser *p)
{
	p->report.lines++;
	p->content++;
	note_bad(p, p->carry, p->n_carry);
	p->is_long = false;
	p->n_carry = 0;
	return 0;
}

/* Keeps the beginning of a line whose end has not come yet. */
static void carry(struct sw_trail_parser *p, const char *text, size_t len)
{
	size_t room = sizeof(p->carry) - p->n_carry;

	if (len > room)
		p->is_long = true;
	memcpy(p->carry + p->n_carry, text, SW_MIN(len, room));
	p->n_carry += SW_MIN(len, room);
}

/* A whole line, of which the beginning may be in carry. */
static int end_line(struct sw_trail_parser *p, const char *text, size_t len)
{
	int r;

	if (!p->n_carry && len <= SW_TRAIL_LINE_MAX)
		return take_line(p, text, len);
	carry(p, text, len);
	if (p->is_long)
		return take_long_line(p);
	r = take_line(p, p->carry, p->n_carry);
	p->n_carry = 0;
	return r;
}

static int feed_text(struct sw_trail_parser *p, const char *text, size_t len)
{
	const char *end = text + len, *eol;
	int r = 0;

	while (!r && text < end) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol) {
			carry(p, text, (size_t)(end - text));
			break;
		}
		r = end_line(p, text, (size_t)(eol - text));
		text = eol + 1;
	}
	return r;
}

int sw_trail_parser_feed(struct sw_trail_parser *p, const char *text, size_t len)
{
	const char *nul;
	int r;

	if (p->result < 0 || !len)
		return p->result;
	p->report.bytes += len;
	nul = memchr(text, 0, len);
	r = feed_text(p, text, nul ? (size_t)(nul - text) : len);
	if (!r && nul)
		return refuse(p, -EBADMSG, "line %" PRIu64 ": a NUL byte: this is not a text",
			p->report.lines + 1);
	return r;
}

int sw_trail_parser_end(struct sw_trail_parser *p)
{
	const struct sw_trail_report *t = &p->report;
	uint64_t forgiven;

	if (!p->result && (p->n_carry || p->is_long))
		end_line(p, "", 0);
	if (p->result < 0)
		return p->result;
	forgiven = SW_MAX(p->content / SW_TRAIL_BAD_LINES_SHARE, (uint64_t)SW_TRAIL_BAD_LINES_MIN);
	if (t->bad > forgiven || (t->bad && !t->entries && !t->others))
		return refuse(p, -EBADMSG,
			"line %" PRIu64 ": '%s' is not an address or network, and so %" PRIu64
			" of %" PRIu64 " lines: this is not a list",
			t->first_bad_line, p->first_bad, t->bad, p->content);
	if (!t->entries && t->others == t->skipped && !p->rules.may_be_empty)
		return refuse(p, -EBADMSG, "no trail in %" PRIu64 " lines", t->lines);
	return 0;
}

int sw_trail_parse_fd(
	const struct sw_trail_rules *rules, int fd, size_t max_bytes, struct sw_trail_parser **ret)
{
	enum { PIECE = 1 << 18 };
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	_free_ char *buf = malloc(PIECE);
	ssize_t got;
	int r = buf ? sw_trail_parser_new(rules, &p) : -ENOMEM;

	if (r < 0)
		return r;
	do {
		got = read(fd, buf, PIECE);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0 && p->report.bytes + (size_t)got > max_bytes)
			r = refuse(p, -EFBIG, "larger than %zu MB", max_bytes >> 20);
		else if (got > 0)
			r = sw_trail_parser_feed(p, buf, (size_t)got);
	} while (!r && got);
	if (!r)
		r = sw_trail_parser_end(p);
	*ret = TAKE_PTR(p);
	return r;
}

int sw_trail_parse_mem(const struct sw_trail_rules *rules, const char *text, size_t len,
	struct sw_trail_parser **ret)
{
	int r = sw_trail_parser_new(rules, ret);

	if (r < 0)
		return r;
	r = sw_trail_parser_feed(*ret, text, len);
	return r < 0 ? r : sw_trail_parser_end(*ret);
}

/*
 * Least significant digit first, over address and length; the lines below are in order already. Radix
 * sort of two million words takes 30 ms where qsort takes 300.
 */
enum { DIGITS = 4, DIGIT_BITS_MAX = 10 };
static const struct {
	unsigned int shift, bits;
} digits[DIGITS] = {{26, 10}, {36, 9}, {45, 9}, {54, 10}};

static void sort_digit(const uint64_t *in, uint64_t *out, size_t n, unsigned int d, size_t *count)
{
	uint64_t mask = (1u << digits[d].bits) - 1;
	size_t at = 0;

	for (size_t i = 0; i <= mask; i++) {
		size_t c = count[i];

		count[i] = at;
		at += c;
	}
	for (size_t i = 0; i < n; i++)
		out[count[in[i] >> digits[d].shift & mask]++] = in[i];
}

static int sort4(struct sw_trail_parser *p)
{
	_free_ size_t(*count)[1 << DIGIT_BITS_MAX] = calloc(DIGITS, sizeof(*count));
	_free_ uint64_t *spare = reallocarray(NULL, SW_MAX(p->n4, (size_t)1), sizeof(*spare));

	if (!count || !spare)
		return -ENOMEM;
	for (size_t i = 0; i < p->n4; i++)
		for (unsigned int d = 0; d < DIGITS; d++)
			count[d][p->nets4[i] >> digits[d].shift & ((1u << digits[d].bits) - 1)]++;
	for (unsigned int d = 0; d < DIGITS; d++) {
		uint64_t *done = spare;

		sort_digit(p->nets4, spare, p->n4, d, count[d]);
		spare = p->nets4;
		p->nets4 = done;
	}
	p->room4 = p->n4;
	return 0;
}

static size_t unique4(uint64_t *k, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++)
		if (!out || k[out - 1] >> LINE_BITS != k[i] >> LINE_BITS)
			k[out++] = k[i];
	return out;
}

static size_t unique6(struct net6 *e, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++)
		if (!out || e[out - 1].plen != e[i].plen ||
			memcmp(e[out - 1].addr, e[i].addr, sizeof(e->addr)) != 0)
			e[out++] = e[i];
	return out;
}

static int cmp_port(const void *a, const void *b)
{
	const struct sw_trail_port *x = a, *y = b;
	int r = sw_net_cmp(&x->net, &y->net);

	if (r)
		return r;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->line == y->line ? 0 : x->line < y->line ? -1 : 1;
}

static size_t unique_ports(struct sw_trail_port *e, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++)
		if (!out || e[out - 1].port != e[i].port || !sw_net_eq(&e[out - 1].net, &e[i].net))
			e[out++] = e[i];
	return out;
}

/* By key, and of one key as they were read: what comes last lies highest. */
static int cmp_times(const void *a, const void *b)
{
	const struct sw_trail_times *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->pad < y->pad ? -1 : x->pad > y->pad;
}

/* One row a trail: first and last of all its lines, the end of the last one. Trails without any have none. */
static void sort_times(struct sw_trail_parser *p)
{
	size_t out = 0;

	for (size_t i = 0; i < p->n_times; i++)
		p->times[i].pad = (__u32)i;
	if (p->n_times)
		qsort(p->times, p->n_times, sizeof(*p->times), cmp_times);
	for (size_t i = 0, end; i < p->n_times; i = end) {
		struct sw_trail_times row = p->times[i];

		for (end = i + 1; end < p->n_times && p->times[end].key == row.key; end++) {
			const struct sw_trail_times *t = &p->times[end];

			if (t->first_sec && (!row.first_sec || t->first_sec < row.first_sec))
				row.first_sec = t->first_sec;
			row.last_sec = SW_MAX(row.last_sec, t->last_sec);
			row.until_sec = t->until_sec;
		}
		row.pad = 0;
		if (row.first_sec || row.last_sec || row.until_sec)
			p->times[out++] = row;
	}
	p->n_times = out;
}

int sw_trail_parser_sort(struct sw_trail_parser *p, struct sw_trail_head *ret)
{
	int r = p->is_sorted4 ? 0 : sort4(p);

	if (!r)
		r = put_bad(p);
	if (r < 0)
		return r;
	if (!p->is_sorted6)
		qsort(p->nets6, p->n6, sizeof(*p->nets6), cmp6);
	p->is_sorted4 = p->is_sorted6 = true;
	p->n4 = unique4(p->nets4, p->n4);
	p->n6 = unique6(p->nets6, p->n6);
	if (p->n_ports)
		qsort(p->ports, p->n_ports, sizeof(*p->ports), cmp_port);
	p->n_ports = unique_ports(p->ports, p->n_ports);
	sort_times(p);
	ret->count4 = p->n4;
	ret->count6 = p->n6;
	ret->n_ports = p->n_ports;
	ret->n_texts = p->report.others - p->report.skipped;
	ret->text_bytes = p->text.len;
	ret->key = p->key;
	ret->version = p->n_times ? SW_TRAIL_TIMED_VERSION : SW_TRAIL_VERSION;
	ret->size = sw_trail_size(ret) + p->n_times * sizeof(*p->times);
	return 0;
}

/* The place of a trail's times, from 1. */
static __u32 place_of(
	const struct sw_trail_parser *p, enum sw_static_kind kind, const struct sw_net *net, uint16_t port)
{
	const struct sw_trail_view v = {.times = p->times, .n_times = p->n_times};
	const struct sw_trail_times *t;
	struct sw_static_line l;

	if (!p->n_times)
		return 0;
	l.kind = kind;
	l.net = *net;
	l.port = port;
	t = sw_trail_times_find(&v, &l);
	return t ? (__u32)(t - p->times) + 1 : 0;
}

void sw_trail_parser_fill(
	const struct sw_trail_parser *p, enum sw_trail_action action, struct sw_trail_entry *out)
{
	struct sw_trail_port *port;

	for (size_t i = 0; i < p->n4; i++) {
		uint64_t k = p->nets4[i];
		__u32 addr = htobe32((uint32_t)(k >> (PLEN_BITS + LINE_BITS)));
		struct sw_trail_entry e = {.line = k & LINE_MAX, .action = action};

		e.net.family = SW_AF_IP4;
		e.net.plen = k >> LINE_BITS & ((1 << PLEN_BITS) - 1);
		memcpy(e.net.addr, &addr, sizeof(addr));
		e.set = place_of(p, SW_STATIC_CIDR, &e.net, 0);
		*out++ = e;
	}
	for (size_t i = 0; i < p->n6; i++) {
		struct sw_trail_entry e = {.line = p->nets6[i].line, .action = action};

		e.net.family = SW_AF_IP6;
		e.net.plen = (__u8)p->nets6[i].plen;
		memcpy(e.net.addr, p->nets6[i].addr, sizeof(e.net.addr));
		e.set = place_of(p, SW_STATIC_CIDR, &e.net, 0);
		*out++ = e;
	}
	port = (struct sw_trail_port *)(void *)out;
	for (size_t i = 0; i < p->n_ports; i++) {
		*port = p->ports[i];
		port->action = (__u8)action;
		port->set = place_of(p, SW_STATIC_IP_PORT, &port->net, port->port);
		port++;
	}
	if (p->n_times)
		memcpy(port, p->times, p->n_times * sizeof(*p->times));
	memcpy((struct sw_trail_times *)(void *)port + p->n_times, sw_strbuf_get(&p->text), p->text.len);
}
