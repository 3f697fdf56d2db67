// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/count.h"

#include "user/base/cidr.h"

enum { BUCKETS = 1 << 14, STAMPS_SAVED_MAX = 4096, NAME_SAVED_MAX = 64 };

struct stamp {
	int64_t time_sec;
	uint64_t member, who;
};

/* Keys in the order of their last hit, the oldest first. */
struct order {
	struct key *first, *last;
};

struct key {
	struct sw_count_key id;
	struct key *chain;
	struct key *before, *after;
	bool is_near; /* in the order of those with more than one hit */
	struct stamp *stamps; /* ascending; NULL where there is no window and no member */
	size_t n_stamps, cap;
	uint64_t hits, forgiven; /* since it was last due */
	int64_t first_sec, newest_sec;
	int64_t told_sec; /* 0: never */
	char *lines[SW_COUNT_LINES]; /* the newest is at [n_lines - 1] */
	uint64_t line_who[SW_COUNT_LINES];
	size_t n_lines;
	size_t bytes;
};

struct sw_counts {
	size_t max_bytes;
	uint64_t seed;
	struct key *buckets[BUCKETS];
	struct order harmless, near;
	struct sw_count_stats stats;
	char last_lines[SW_COUNT_LINES][SW_COUNT_LINE_MAX + 1]; /* of what was due last */
};

/* xorshift and multiply, the mixer of splitmix64, over each eight bytes. */
uint64_t sw_count_hash(const struct sw_counts *c, const void *data, size_t len)
{
	uint64_t h = c->seed ^ (len * 0x9e3779b97f4a7c15ull);
	const uint8_t *at = data;

	while (len) {
		uint64_t word = 0;
		size_t n = SW_MIN(len, sizeof(word));

		memcpy(&word, at, n);
		at += n;
		len -= n;
		h = (h ^ word ^ (h >> 29)) * 0xbf58476d1ce4e5b9ull;
		h = (h ^ (h >> 27) ^ c->seed) * 0x94d049bb133111ebull;
		h ^= h >> 31;
	}
	return h ? h : 1;
}

/* ---- the orders */

static struct order *order_of(struct sw_counts *c, const struct key *k)
{
	return k->is_near ? &c->near : &c->harmless;
}

static void unlink_order(struct sw_counts *c, struct key *k)
{
	struct order *o = order_of(c, k);

	*(k->before ? &k->before->after : &o->first) = k->after;
	*(k->after ? &k->after->before : &o->last) = k->before;
	k->before = k->after = NULL;
}

static void link_order(struct sw_counts *c, struct key *k)
{
	struct order *o = order_of(c, k);

	k->before = o->last;
	*(o->last ? &o->last->after : &o->first) = k;
	o->last = k;
}

static struct key **find_link(struct sw_counts *c, const struct sw_count_key *id)
{
	struct key **at = &c->buckets[sw_count_hash(c, id, sizeof(*id)) % BUCKETS];

	while (*at && memcmp(&(*at)->id, id, sizeof(*id)) != 0)
		at = &(*at)->chain;
	return at;
}

static void drop_lines(struct key *k)
{
	for (size_t i = 0; i < k->n_lines; i++)
		free(k->lines[i]);
	k->n_lines = 0;
}

static void drop(struct sw_counts *c, struct key *k)
{
	struct key **link = find_link(c, &k->id);

	*link = k->chain;
	unlink_order(c, k);
	c->stats.bytes -= k->bytes;
	c->stats.keys--;
	drop_lines(k);
	free(k->stamps);
	free(k);
}

static void account(struct sw_counts *c, struct key *k)
{
	size_t bytes = sizeof(*k) + k->cap * sizeof(*k->stamps);

	for (size_t i = 0; i < k->n_lines; i++)
		bytes += strlen(k->lines[i]) + 1 + sizeof(void *) * 2;
	c->stats.bytes += bytes - k->bytes;
	k->bytes = bytes;
}

static void make_room(struct sw_counts *c, const struct key *keep)
{
	while (c->stats.bytes > c->max_bytes) {
		struct key *k = c->harmless.first ? c->harmless.first : c->near.first;

		if (k == keep)
			k = k->after ? k->after : c->near.first != keep ? c->near.first : NULL;
		if (!k)
			return;
		if (k->is_near)
			c->stats.evicted_near++;
		else
			c->stats.evicted++;
		drop(c, k);
	}
}

static struct key *get_or_make(struct sw_counts *c, const struct sw_count_key *id)
{
	struct key **link = find_link(c, id), *k = *link;

	if (k)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->id = *id;
	*link = k;
	link_order(c, k);
	c->stats.keys++;
	return k;
}

/* ---- hits */

static void drop_stamps(struct key *k, size_t n)
{
	k->n_stamps -= n;
	memmove(k->stamps, k->stamps + n, k->n_stamps * sizeof(*k->stamps));
}

static void slide(struct key *k, uint64_t window_sec)
{
	size_t n = 0;

	while (window_sec && n < k->n_stamps &&
		k->stamps[n].time_sec <= k->newest_sec - (int64_t)window_sec)
		n++;
	if (n)
		drop_stamps(k, n);
}

static bool take_member(struct key *k, uint64_t member)
{
	for (size_t i = 0; member && i < k->n_stamps; i++) {
		if (k->stamps[i].member != member)
			continue;
		memmove(&k->stamps[i], &k->stamps[i + 1], (--k->n_stamps - i) * sizeof(*k->stamps));
		return true;
	}
	return false;
}

static bool add_stamp(struct key *k, int64_t time_sec, uint64_t member, uint64_t who)
{
	size_t at = k->n_stamps;

	if (k->n_stamps == k->cap) {
		size_t cap = k->cap ? k->cap * 2 : 4;
		struct stamp *more = realloc(k->stamps, cap * sizeof(*more));

		if (!more)
			return false;
		k->stamps = more;
		k->cap = cap;
	}
	while (at && k->stamps[at - 1].time_sec > time_sec)
		at--;
	memmove(&k->stamps[at + 1], &k->stamps[at], (k->n_stamps - at) * sizeof(*k->stamps));
	k->stamps[at] = (struct stamp){.time_sec = time_sec, .member = member, .who = who};
	k->n_stamps++;
	return true;
}

static void drop_line(struct key *k, size_t at)
{
	free(k->lines[at]);
	k->n_lines--;
	memmove(&k->lines[at], &k->lines[at + 1], (k->n_lines - at) * sizeof(k->lines[0]));
	memmove(&k->line_who[at], &k->line_who[at + 1], (k->n_lines - at) * sizeof(k->line_who[0]));
}

static void add_line(struct key *k, const struct sw_count_hit *hit)
{
	char *copy = hit->line ? strndup(hit->line, SW_MIN(hit->len, (size_t)SW_COUNT_LINE_MAX)) : NULL;

	if (!copy)
		return;
	if (k->n_lines == SW_COUNT_LINES)
		drop_line(k, 0);
	k->line_who[k->n_lines] = hit->who;
	k->lines[k->n_lines++] = copy;
}

/* How many there are with this one. */
static uint64_t add_hit(struct key *k, const struct sw_count_rule *rule,
	const struct sw_count_hit *hit, int64_t time_sec)
{
	bool was_member = take_member(k, hit->member);

	if (!k->hits || time_sec < k->first_sec)
		k->first_sec = time_sec;
	if (!k->hits || time_sec > k->newest_sec)
		k->newest_sec = time_sec;
	k->hits += !was_member;
	add_line(k, hit);
	if (!rule->window_sec && !hit->member)
		return k->hits;
	if (!add_stamp(k, time_sec, hit->member, hit->who))
		return k->hits;
	slide(k, rule->window_sec);
	return k->n_stamps;
}

static void tell(struct sw_counts *c, const struct key *k, struct sw_count_due *ret)
{
	*ret = (struct sw_count_due){.hits = k->hits,
		.forgiven = k->forgiven,
		.first_sec = k->first_sec,
		.last_sec = k->newest_sec,
		.n_lines = k->n_lines};
	for (size_t i = 0; i < k->n_lines; i++) {
		(void)sw_strcpy(c->last_lines[i], sizeof(c->last_lines[i]), k->lines[i]);
		ret->lines[i] = c->last_lines[i];
	}
}

static enum sw_count_result become_due(struct sw_counts *c, struct key *k,
	const struct sw_count_rule *rule, int64_t now_sec, struct sw_count_due *ret)
{
	bool is_quiet = rule->throttle_sec && k->told_sec &&
		now_sec - k->told_sec < (int64_t)rule->throttle_sec;

	tell(c, k, ret);
	if (!is_quiet)
		k->told_sec = now_sec;
	k->hits = k->forgiven = 0;
	k->n_stamps = 0;
	drop_lines(k);
	return is_quiet ? SW_COUNT_QUIET : SW_COUNT_DUE;
}

static enum sw_count_result alone(
	struct sw_counts *c, const struct sw_count_hit *hit, struct sw_count_due *ret)
{
	struct key k = {.hits = 1, .first_sec = hit->time_sec, .newest_sec = hit->time_sec};

	add_line(&k, hit);
	tell(c, &k, ret);
	drop_lines(&k);
	return SW_COUNT_DUE;
}

enum sw_count_result sw_counts_add(struct sw_counts *c, const struct sw_count_rule *rule,
	const struct sw_count_hit *hit, int64_t now_sec, struct sw_count_due *ret)
{
	enum sw_count_result result = SW_COUNT_LESS;
	int64_t time_sec = hit->time_sec;
	struct key *k;
	uint64_t n;

	if (rule->window_sec && time_sec <= now_sec - (int64_t)rule->window_sec) {
		c->stats.old++;
		return SW_COUNT_OLD;
	}
	if (time_sec > now_sec + SW_COUNT_FUTURE_SEC) {
		c->stats.future++;
		time_sec = now_sec;
	}
	k = rule->count <= 1 && !rule->throttle_sec ? NULL : get_or_make(c, &hit->key);
	if (!k)
		return rule->count <= 1 ? alone(c, hit, ret) : SW_COUNT_LESS;
	n = add_hit(k, rule, hit, time_sec);
	unlink_order(c, k);
	k->is_near = n > 1 || rule->count <= 1;
	link_order(c, k);
	if (n >= rule->count)
		result = become_due(c, k, rule, now_sec, ret);
	account(c, k);
	make_room(c, k);
	return result;
}

void sw_counts_give_back(
	struct sw_counts *c, const struct sw_count_rule *rule, const struct sw_count_key *key)
{
	struct key *k = *find_link(c, key);

	if (!k || rule->count <= 1)
		return;
	k->hits = rule->count - 1;
	k->told_sec = 0;
	while (rule->window_sec && k->n_stamps < rule->count - 1) {
		if (!add_stamp(k, k->newest_sec, 0, 0))
			break;
	}
	account(c, k);
}

unsigned int sw_counts_forgive(struct sw_counts *c, const struct sw_count_key *key, uint64_t who)
{
	struct key *k = *find_link(c, key);
	unsigned int n = 0;
	size_t kept = 0;

	if (!k || !who)
		return 0;
	for (size_t i = 0; i < k->n_stamps; i++) {
		if (k->stamps[i].who == who)
			n++;
		else
			k->stamps[kept++] = k->stamps[i];
	}
	if (!n)
		return 0;
	k->n_stamps = kept;
	k->hits -= SW_MIN(k->hits, (uint64_t)n);
	k->forgiven += n;
	for (size_t i = k->n_lines; i--;)
		if (k->line_who[i] == who)
			drop_line(k, i);
	account(c, k);
	if (!kept && !k->told_sec)
		drop(c, k);
	return n;
}

unsigned int sw_counts_forget(struct sw_counts *c, const struct sw_net *net)
{
	struct order *const orders[] = {&c->harmless, &c->near};
	unsigned int n = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(orders); i++) {
		struct key *next;

		for (struct key *k = orders[i]->first; k; k = next) {
			next = k->after;
			if (!k->id.net.family || !sw_net_contains(net, &k->id.net))
				continue;
			drop(c, k);
			n++;
		}
	}
	return n;
}

/* ---- over a restart: "NAME|=NUMBER NET|- USER HITS FIRST NEWEST TOLD NEAR [TIME:MEMBER:WHO]…" */

static void save_key(const struct key *k, const char *name, struct sw_strbuf *out)
{
	char net[SW_NET_TEXT_MAX];

	if (name)
		sw_strbuf_puts(out, name);
	else
		sw_strbuf_printf(out, "=%u", k->id.rule);
	sw_strbuf_printf(out, " %s %llx %llu %lld %lld %lld %d", k->id.net.family ? sw_cidr_format(net, &k->id.net) : "-",
		(unsigned long long)k->id.user, (unsigned long long)k->hits, (long long)k->first_sec,
		(long long)k->newest_sec, (long long)k->told_sec, k->is_near);
	for (size_t i = 0; i < k->n_stamps; i++)
		sw_strbuf_printf(out, " %lld:%llx:%llx", (long long)k->stamps[i].time_sec,
			(unsigned long long)k->stamps[i].member, (unsigned long long)k->stamps[i].who);
	sw_strbuf_putc(out, '\n');
}

void sw_counts_save(const struct sw_counts *c, const char *(*name)(void *arg, uint32_t rule), void *arg, size_t max,
	struct sw_strbuf *out)
{
	const struct order *const orders[] = {&c->near, &c->harmless};

	for (size_t i = 0; i < SW_ARRAY_SIZE(orders); i++)
		for (const struct key *k = orders[i]->last; k; k = k->before) {
			size_t before = out->len;

			if (k->n_stamps <= STAMPS_SAVED_MAX)
				save_key(k, name(arg, k->id.rule), out);
			if (out->len > max) {
				out->len = before;
				out->text[before] = 0;
				return;
			}
		}
}

static bool restore_stamps(struct key *k, const char *at)
{
	long long time_sec;
	unsigned long long member, who;
	int used;

	for (; sscanf(at, " %lld:%llx:%llx%n", &time_sec, &member, &who, &used) == 3; at += used)
		if (!add_stamp(k, time_sec, member, who))
			return false;
	return !*at;
}

static bool restore_key(
	struct sw_counts *c, uint32_t (*number)(void *arg, const char *name), void *arg, const char *line)
{
	char name[NAME_SAVED_MAX], net[SW_NET_TEXT_MAX];
	unsigned long long user, hits;
	long long first, newest, told;
	struct sw_count_key id = {};
	struct key *k;
	int near, used;

	if (sscanf(line, "%63s %63s %llx %llu %lld %lld %lld %d%n", name, net, &user, &hits, &first, &newest, &told, &near,
		    &used) != 8)
		return false;
	id.rule = *name == '=' ? (uint32_t)strtoul(name + 1, NULL, 10) : number(arg, name);
	id.user = user;
	if (!id.rule || (!sw_streq(net, "-") && sw_cidr_parse(net, SIZE_MAX, &id.net) < 0))
		return false;
	k = *find_link(c, &id) ? NULL : get_or_make(c, &id);
	if (!k)
		return false;
	unlink_order(c, k);
	k->is_near = near;
	link_order(c, k);
	k->hits = hits;
	k->first_sec = first;
	k->newest_sec = newest;
	k->told_sec = told;
	if (!restore_stamps(k, line + used)) {
		account(c, k);
		drop(c, k);
		return false;
	}
	account(c, k);
	return true;
}

unsigned int sw_counts_restore(struct sw_counts *c, uint32_t (*number)(void *arg, const char *name), void *arg,
	const char *text)
{
	size_t end = strlen(text);
	unsigned int n = 0;

	/* From the end: what was saved first was hit last. */
	while (end) {
		size_t first = end - (text[end - 1] == '\n'), len;
		_free_ char *line = NULL;

		len = first;
		while (first && text[first - 1] != '\n')
			first--;
		len -= first;
		line = strndup(text + first, len);
		n += line && len && restore_key(c, number, arg, line);
		end = first;
	}
	make_room(c, NULL);
	return n;
}

struct sw_count_stats sw_counts_stats(const struct sw_counts *c)
{
	return c->stats;
}

int sw_counts_new(size_t max_bytes, uint64_t seed, struct sw_counts **ret)
{
	struct sw_counts *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->max_bytes = max_bytes;
	c->seed = seed;
	*ret = c;
	return 0;
}

void sw_counts_free(struct sw_counts *c)
{
	if (!c)
		return;
	while (c->harmless.first)
		drop(c, c->harmless.first);
	while (c->near.first)
		drop(c, c->near.first);
	free(c);
}

void sw_counts_freep(struct sw_counts **c)
{
	sw_counts_free(*c);
}
