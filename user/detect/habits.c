// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/habits.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "user/base/pages.h"
#include "user/trail/static_hash.h"

enum {
	SKETCH_WORDS = 8, /* 512 bits: counts what is different, well up to a thousand */
	HALVES = 3, /* of a window: two of the past, so that what lies within one is seen whole, and the present */
	NAME_CARRIES = 12, /* bytes below a domain; less is too short to carry anything */
};

struct half {
	uint64_t sketch[SKETCH_WORDS];
	uint32_t bytes, all;
};

struct row {
	uint64_t key;
	uint32_t turn; /* number of the half that is being filled */
	uint32_t told_sec, last_sec;
	struct half half[HALVES];
} __attribute__((aligned(64)));

struct sw_habits {
	const struct sw_rules *rules;
	struct row *rows;
	int64_t sec; /* never runs back */
};

int sw_habits_new(struct sw_rules *rules, struct sw_habits **ret)
{
	struct sw_habits *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->rows = sw_pages_new(SW_HABITS_ROWS * sizeof(*h->rows));
	if (!h->rows) {
		free(h);
		return -ENOMEM;
	}
	h->rules = rules;
	*ret = h;
	return 0;
}

void sw_habits_free(struct sw_habits *h)
{
	if (h)
		sw_pages_free(h->rows, SW_HABITS_ROWS * sizeof(*h->rows));
	free(h);
}

/* ---- names */

static bool is_shared_second(const char *label, size_t len)
{
	static const char *const words[] = {
		"co", "com", "net", "org", "ac", "gov", "edu", "or", "ne", "go"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (strlen(words[i]) == len && !memcmp(words[i], label, len))
			return true;
	}
	return false;
}

size_t sw_habits_registered(const char *name, size_t len)
{
	const char *last = memrchr(name, '.', len), *second, *third;

	if (!last)
		return 0;
	second = memrchr(name, '.', (size_t)(last - name));
	if (!second)
		return 0;
	if (name + len - last - 1 != 2 ||
		!is_shared_second(second + 1, (size_t)(last - second - 1)))
		return (size_t)(second + 1 - name);
	third = memrchr(name, '.', (size_t)(second - name));
	return third ? (size_t)(third + 1 - name) : 0;
}

bool sw_habits_is_dga(const char *label, size_t len)
{
	unsigned int vowels = 0, digits = 0, letters = 0, run = 0, longest = 0, changes = 0;

	if (len < 10 || !strncmp(label, "xn--", 4))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)label[i];
		bool is_vowel = c && strchr("aeiouy", c);

		if (c == '-')
			return false;
		digits += isdigit(c) != 0;
		letters += isalpha(c) != 0;
		vowels += is_vowel;
		run = isalpha(c) && !is_vowel ? run + 1 : 0;
		longest = SW_MAX(longest, run);
		changes += i && !isdigit(c) != !isdigit((unsigned char)label[i - 1]);
	}
	return longest >= 6 || (vowels * 5 < letters && longest >= 4) ||
		(digits >= 3 && changes >= 4);
}

#define ZONE(name)                                                                                 \
	{                                                                                          \
		sizeof(name) - 1, name                                                             \
	}

/*
 * Zones with many long names by design, a digest, a customer or somebody's domain below one suffix, and
 * which nobody but their owners answers, so that no tunnel can hide below them.
 */
static bool is_asked_by_design(const char *name, size_t len)
{
	static const struct {
		size_t len;
		char name[24]; /* of 8 bytes at least: the last 8 are compared first */
	} zones[] = {
		ZONE("spamhaus.org"), /* by domain, address, digest */
		ZONE("spamhaus.net"), /* the same with a customer's key */
		ZONE("surbl.org"),
		ZONE("uribl.com"),
		ZONE("msbl.org"), /* digests of mail addresses */
		ZONE("abuse.ch"),
		ZONE("spamcop.net"),
		ZONE("barracudacentral.org"),
		ZONE("dnswl.org"),
		ZONE("hash.cymru.com"), /* digests of files, as the next two */
		ZONE("mcafee.com"),
		ZONE("sophosxl.net"),
		ZONE("googlesyndication.com"), /* a frame of its own for each advertisement */
		ZONE("metric.gstatic.com"),
		ZONE("amazonaws.com"), /* customers' names, but of hosts: none is given a zone */
		ZONE("cloudfront.net"),
		ZONE("akamaiedge.net"),
		ZONE("googlevideo.com"),
		ZONE("windows.net"),
	};
	uint64_t tail;

	if (len <= sizeof(tail))
		return false;
	tail = sw_load64(name + len - sizeof(tail), sizeof(tail));
	for (size_t i = 0; i < SW_ARRAY_SIZE(zones); i++) {
		size_t n = zones[i].len;

		if (tail == sw_load64(zones[i].name + n - sizeof(tail), sizeof(tail)) && len > n &&
			name[len - n - 1] == '.' && !memcmp(name + len - n, zones[i].name, n))
			return true;
	}
	return false;
}

/* "1.0. … 8.b.d.0.1.0.0.2.list.example": an address of IPv6, nibble by nibble. */
static bool is_reversed6(const char *name, size_t len)
{
	if (len < 64)
		return false;
	for (size_t i = 0; i < 64; i += 2) {
		if (!isxdigit((unsigned char)name[i]) || name[i + 1] != '.')
			return false;
	}
	return true;
}

/* "in-addr.arpa" and its like, and "4.3.2.1.list.example": how block lists are asked. */
static bool is_everyday(const char *name, size_t len)
{
	unsigned int numbers = 0, digits = 0;

	if ((len >= 5 && !memcmp(name + len - 5, ".arpa", 5)) || is_reversed6(name, len) ||
		is_asked_by_design(name, len))
		return true;
	for (size_t i = 0; i < len && numbers < 4; i++) {
		if (name[i] == '.') {
			if (!digits || digits > 3)
				return false;
			numbers++;
			digits = 0;
		} else if (isdigit((unsigned char)name[i])) {
			digits++;
		} else {
			return false;
		}
	}
	return numbers == 4;
}

/* ---- rows */

static struct row *row_of(const struct sw_habits *h, uint64_t key)
{
	return &h->rows[key >> 20 & (SW_HABITS_ROWS - 1)];
}

static unsigned int all_of(const struct row *r)
{
	return r->half[0].all + r->half[1].all + r->half[2].all;
}

static unsigned int bytes_of(const struct row *r)
{
	return r->half[0].bytes + r->half[1].bytes + r->half[2].bytes;
}

/* NULL also when the rule is off. */
static struct row *get_row(struct sw_habits *h, uint64_t key, enum sw_rule rule)
{
	const struct sw_config_habit *set = sw_rule_at(h->rules, rule);
	unsigned int window = (unsigned int)SW_MAX(set->window_sec, 2U);
	struct row *r = row_of(h, key);
	uint32_t turn = (uint32_t)h->sec / (window / 2);

	if (!set->is_on)
		return NULL;
	key |= 1;
	if (r->key != key) {
		/* A busy row of another is not given up for a new one. */
		if (r->key && h->sec - r->last_sec < 5 && all_of(r) > 20)
			return NULL;
		*r = (struct row){.key = key, .turn = turn};
	}
	if (turn - r->turn >= HALVES) {
		memset(r->half, 0, sizeof(r->half));
		r->turn = turn;
	}
	while (r->turn != turn)
		memset(&r->half[++r->turn % HALVES], 0, sizeof(r->half[0]));
	r->last_sec = (uint32_t)h->sec;
	return r;
}

static void add(struct row *r, uint64_t hash, size_t bytes)
{
	struct half *half = &r->half[r->turn % HALVES];

	half->all++;
	half->bytes += (uint32_t)bytes;
	half->sketch[hash >> 6 & (SKETCH_WORDS - 1)] |= 1ull << (hash & 63);
}

/* Different things of all halves, by linear counting: n of them leave 512 * exp(-n / 512) bits free. */
static bool has_different(const struct row *r, unsigned int want)
{
	unsigned int bits = 0, free_bits, n = 0;
	uint32_t left = 512 << 10;

	for (unsigned int i = 0; i < SKETCH_WORDS; i++)
		bits += (unsigned int)__builtin_popcountll(
			r->half[0].sketch[i] | r->half[1].sketch[i] | r->half[2].sketch[i]);
	free_bits = 512 - bits;
	for (; n < want && left >> 10 >= free_bits && left > 1 << 10; n++)
		left -= left >> 9;
	return n >= want;
}

static unsigned int threshold_of(const struct sw_habits *h, enum sw_rule rule)
{
	return sw_rule_at(h->rules, rule)->threshold;
}

static bool may_tell(const struct sw_habits *h, struct row *r)
{
	if (r->told_sec && h->sec - r->told_sec < SW_HABITS_AGAIN_SEC)
		return false;
	r->told_sec = (uint32_t)h->sec;
	return true;
}

static uint64_t key_of(
	enum sw_rule rule, const union sw_flow_addr *client, const char *domain, size_t len)
{
	return sw_mix64(
		client ? sw_hash_bytes(rule, client, 16) : rule, sw_hash_bytes(9, domain, len));
}

/* ---- habits */

static void note(
	struct sw_habit *ret, enum sw_rule rule, const char *about, size_t len, const char *info)
{
	ret->rule = rule;
	snprintf(ret->about, sizeof(ret->about), "%.*s", (int)len, about);
	snprintf(ret->info, sizeof(ret->info), "%s", info);
}

struct sw_habits_look sw_habits_expect(
	const struct sw_habits *h, const struct sw_flow *f, const struct sw_dns *d)
{
	struct sw_habits_look look = {.at = sw_habits_registered(d->qname, d->qname_len)};
	const char *row;

	if (!d->is_answer && look.at >= NAME_CARRIES) {
		look.key = key_of(
			SW_RULE_DNS_TUNNEL, &f->saddr, d->qname + look.at, d->qname_len - look.at);
		row = (const char *)row_of(h, look.key);
		for (size_t i = 0; i < sizeof(struct row); i += 64)
			__builtin_prefetch(row + i, 1);
	}
	look.is_everyday = is_everyday(d->qname, d->qname_len) ||
		sw_rules_is_spared_name(h->rules, d->qname, d->qname_len);
	return look;
}

static unsigned int judge_question(struct sw_habits *h, const struct sw_dns *d,
	const struct sw_habits_look *look, struct sw_habit *ret)
{
	const struct sw_config_habit *longest = sw_rule_at(h->rules, SW_RULE_DNS_LONG_LABEL);
	size_t at = look->at, bytes, label = 0;
	unsigned int n = 0;
	struct row *r;

	for (size_t i = 0; longest->is_on && d->qname_len >= longest->threshold && i < d->qname_len;
		i++) {
		label = d->qname[i] == '.' ? 0 : label + 1;
		if (label == longest->threshold) {
			note(&ret[n++], SW_RULE_DNS_LONG_LABEL, d->qname, d->qname_len,
				"a label of the greatest length");
			break;
		}
	}
	if (at < NAME_CARRIES)
		return n;
	r = get_row(h, look->key, SW_RULE_DNS_TUNNEL);
	if (!r)
		return n;
	add(r, sw_hash_bytes(3, d->qname, at), at);
	bytes = bytes_of(r);
	if (bytes >= SW_HABITS_TUNNEL_BYTES && bytes / all_of(r) >= SW_HABITS_TUNNEL_LENGTH &&
		has_different(r, threshold_of(h, SW_RULE_DNS_TUNNEL)) && may_tell(h, r))
		note(&ret[n++], SW_RULE_DNS_TUNNEL, d->qname + at, d->qname_len - at,
			"data in the names asked for");
	return n;
}

/* A name that is not there: of which domain, and asked by whom. */
static unsigned int judge_missing(struct sw_habits *h, const struct sw_flow *f,
	const struct sw_dns *d, size_t at, struct sw_habit *ret)
{
	size_t len = d->qname_len - at;
	const char *domain = d->qname + at, *dot = memchr(domain, '.', len);
	uint64_t hash = sw_hash_bytes(3, domain, len);
	char client[INET6_ADDRSTRLEN] = "";
	unsigned int n = 0;
	struct row *r;

	if (!dot)
		return 0; /* a bare label: search lists and browsers' own probes */
	inet_ntop(f->family == 4 ? AF_INET : AF_INET6, &f->daddr, client, sizeof(client));
	r = at ? get_row(h, key_of(SW_RULE_DNS_EXHAUSTION, NULL, domain, len),
			 SW_RULE_DNS_EXHAUSTION)
	       : NULL;
	if (r) {
		add(r, sw_hash_bytes(3, d->qname, d->qname_len), 0);
		if (all_of(r) >= threshold_of(h, SW_RULE_DNS_EXHAUSTION) &&
			has_different(r, threshold_of(h, SW_RULE_DNS_EXHAUSTION)) && may_tell(h, r))
			note(&ret[n++], SW_RULE_DNS_EXHAUSTION, domain, len,
				"names that do not exist, each another");
	}
	r = get_row(h, key_of(SW_RULE_DNS_NXDOMAIN, &f->daddr, "", 0), SW_RULE_DNS_NXDOMAIN);
	if (r) {
		add(r, hash, 2); /* two of it are one bad, below */
		if (all_of(r) >= threshold_of(h, SW_RULE_DNS_NXDOMAIN) &&
			bytes_of(r) >= all_of(r) &&
			has_different(r, threshold_of(h, SW_RULE_DNS_NXDOMAIN)) && may_tell(h, r))
			note(&ret[n++], SW_RULE_DNS_NXDOMAIN, client, strlen(client),
				"domains that do not exist, each another");
	}
	if (!sw_habits_is_dga(domain, (size_t)(dot - domain)))
		return n;
	r = get_row(h, key_of(SW_RULE_DNS_DGA, &f->daddr, "", 0), SW_RULE_DNS_DGA);
	if (r) {
		add(r, hash, 0);
		if (all_of(r) >= threshold_of(h, SW_RULE_DNS_DGA) &&
			has_different(r, threshold_of(h, SW_RULE_DNS_DGA)) && may_tell(h, r))
			note(&ret[n++], SW_RULE_DNS_DGA, domain, len,
				"one of many that a program made");
	}
	return n;
}

unsigned int sw_habits_dns(struct sw_habits *h, const struct sw_flow *f, const struct sw_dns *d,
	const struct sw_habits_look *look, int64_t sec,
	struct sw_habit ret[static SW_HABITS_AT_ONCE])
{
	struct row *r;

	h->sec = SW_MAX(h->sec, sec);
	if (!d->qname_len || look->is_everyday)
		return 0;
	if (!d->is_answer)
		return judge_question(h, d, look, ret);
	if (d->rcode == SW_DNS_NXDOMAIN)
		return judge_missing(h, f, d, look->at, ret);
	/* A good answer weighs against the bad ones. */
	r = get_row(h, key_of(SW_RULE_DNS_NXDOMAIN, &f->daddr, "", 0), SW_RULE_DNS_NXDOMAIN);
	if (r)
		r->half[r->turn % HALVES].all++;
	return 0;
}
