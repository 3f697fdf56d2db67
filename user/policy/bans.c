// SPDX-License-Identifier: GPL-3.0-or-later
/* Bans: adding, withdrawing, expiring, restoring. */
#include "user/policy/policy_private.h"

#include "sockwarden/abi/limits.h"

const struct sw_ban_part *sw_ban_longest(const struct sw_ban *b)
{
	const struct sw_ban_part *longest = b->parts;

	for (const struct sw_ban_part *part = b->parts; part && longest->until_boot_ns; part = part->next) {
		if (!part->until_boot_ns || part->until_boot_ns > longest->until_boot_ns)
			longest = part;
	}
	return longest;
}

const struct sw_ban *sw_policy_find_ban(const struct sw_policy *p, const struct sw_net *net)
{
	struct sw_ban *b;

	HASH_FIND(hh, p->bans, net, sizeof(*net), b);
	return b;
}

const struct sw_ban *sw_policy_covering_ban(
	const struct sw_policy *p, const struct sw_net *net, const struct sw_ban *after)
{
	const unsigned int *lengths = p->ban_lengths[policy_family_index(net)];
	int plen = after ? after->net.plen - 1 : net->plen;

	for (; plen >= 0; plen--) {
		struct sw_net wider;
		const struct sw_ban *b;

		if (!lengths[plen])
			continue;
		wider = sw_net_trim(net, (unsigned int)plen);
		b = sw_policy_find_ban(p, &wider);
		if (b)
			return b;
	}
	return NULL;
}

static struct sw_ban_part *new_part(const struct sw_store_ban *row)
{
	size_t origin = strlen(row->d.origin) + 1, by = strlen(row->d.by) + 1, reason = strlen(row->d.reason) + 1;
	struct sw_ban_part *part = calloc(1, sizeof(*part) + origin + by + reason);

	if (!part)
		return NULL;
	part->id = row->d.id;
	part->made_wall_sec = row->d.made_wall_sec;
	part->until_wall_sec = row->d.until_wall_sec;
	part->until_boot_ns = row->until_boot_ns;
	part->via = row->via;
	part->origin = memcpy(part->texts, row->d.origin, origin);
	part->by = memcpy(part->texts + origin, row->d.by, by);
	part->reason = memcpy(part->texts + origin + by, row->d.reason, reason);
	return part;
}

static void fill_row(const struct sw_policy *p, const struct sw_ban *b, const struct sw_ban_part *part,
	struct sw_store_ban *row)
{
	*row = (struct sw_store_ban){
		.d = {.id = part->id,
			.kind = SW_DECISION_BAN,
			.net = b->net,
			.made_wall_sec = part->made_wall_sec,
			.until_wall_sec = part->until_wall_sec},
		.until_boot_ns = part->until_boot_ns,
		.via = part->via,
	};
	(void)sw_strcpy(row->d.origin, sizeof(row->d.origin), part->origin);
	(void)sw_strcpy(row->d.by, sizeof(row->d.by), part->by);
	(void)sw_strcpy(row->d.reason, sizeof(row->d.reason), part->reason);
	(void)sw_strcpy(row->boot_id, sizeof(row->boot_id), p->boot_id);
}

static void save(struct sw_policy *p, const struct sw_ban *b, struct sw_ban_part *part)
{
	struct sw_store_ban row;

	fill_row(p, b, part, &row);
	part->is_saved = p->ops->save(p->arg, &row) >= 0;
	if (!part->is_saved)
		p->n_unsaved++;
}

static void store_end(struct sw_policy *p, uint64_t id, enum sw_ban_end end, const char *by)
{
	if (p->ops->end(p->arg, id, end, by) >= 0)
		return;
	if (!p->ended)
		p->ended = calloc(ENDED_MAX, sizeof(*p->ended));
	if (!p->ended || p->n_ended == ENDED_MAX)
		return; /* the row stays open and is ended as expired at the next start */
	p->ended[p->n_ended] = (struct ended){.id = id, .end = end};
	(void)sw_strcpy(p->ended[p->n_ended].by, sizeof(p->ended->by), by);
	p->n_ended++;
}

static struct sw_ban *get_or_make(struct sw_policy *p, const struct sw_net *net)
{
	struct sw_ban *b;

	if (policy_heap_reserve(p) < 0)
		return NULL;
	HASH_FIND(hh, p->bans, net, sizeof(*net), b);
	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->net = *net;
	b->heap_index = HEAP_NONE;
	HASH_ADD(hh, p->bans, net, sizeof(b->net), b);
	p->ban_lengths[policy_family_index(net)][net->plen]++;
	return b;
}

static void forget_if_empty(struct sw_policy *p, struct sw_ban *b)
{
	if (b->parts)
		return;
	policy_heap_remove(p, b);
	p->ban_lengths[policy_family_index(&b->net)][b->net.plen]--;
	HASH_DEL(p->bans, b);
	free(b);
}

static void put(struct sw_policy *p, const struct sw_ban *b)
{
	const struct sw_ban_part *longest = sw_ban_longest(b);

	if (!longest)
		return;
	p->ops->put(p->arg, &b->net, longest->until_boot_ns, longest->id);
}

struct sw_ban_part *sw_policy_part_of(const struct sw_ban *b, const char *origin)
{
	for (struct sw_ban_part *part = b ? b->parts : NULL; part; part = part->next) {
		if (sw_streq(part->origin, origin))
			return part;
	}
	return NULL;
}

/* Unlinks and frees a part and ends its row; the ban may be left without parts. */
static void drop_part(struct sw_policy *p, struct sw_ban *b, struct sw_ban_part *part,
	enum sw_ban_end end, const char *by)
{
	struct sw_ban_part **link = &b->parts;

	store_end(p, part->id, end, by);
	if (p->ops->over)
		p->ops->over(p->arg, b, part, end, by);
	while (*link != part)
		link = &(*link)->next;
	*link = part->next;
	if (!part->is_saved)
		p->n_unsaved--;
	free(part);
}

/* After parts went: what is in force now. */
static void settle(struct sw_policy *p, struct sw_ban *b)
{
	if (b->parts) {
		policy_heap_place(p, b);
		put(p, b);
		return;
	}
	p->ops->remove(p->arg, &b->net);
	forget_if_empty(p, b);
}

static void fill_new_row(const struct sw_policy *p, const struct sw_ban_request *q, uint64_t id,
	struct sw_store_ban *row)
{
	uint64_t now_ns = sw_clock_boot_ns(p->clock);
	int64_t now_sec = sw_clock_wall_sec(p->clock);

	*row = (struct sw_store_ban){
		.d = {.id = id,
			.kind = SW_DECISION_BAN,
			.net = q->net,
			.made_wall_sec = now_sec,
			.until_wall_sec = q->for_sec ? now_sec + (int64_t)q->for_sec : 0},
		.until_boot_ns = q->for_sec ? now_ns + q->for_sec * SW_SEC_NS : 0,
		.via = q->via,
	};
	(void)sw_strcpy(row->d.origin, sizeof(row->d.origin), q->origin);
	(void)sw_strcpy(row->d.by, sizeof(row->d.by), q->by);
	(void)sw_strcpy(row->d.reason, sizeof(row->d.reason), q->reason);
}

static bool ends_later(const struct sw_ban_part *a, uint64_t until_boot_ns)
{
	return !a->until_boot_ns || (until_boot_ns && a->until_boot_ns >= until_boot_ns);
}

int sw_policy_ban(struct sw_policy *p, const struct sw_ban_request *q, uint64_t id, const struct sw_ban **ret_ban,
	const struct sw_ban_part **ret_part, enum sw_refusal *refusal, struct sw_refusal_text *text)
{
	struct sw_ban_part *part, *old;
	struct sw_store_ban row;
	struct sw_ban *b;

	*refusal = sw_policy_judge(p, q, text);
	if (*refusal)
		return -EPERM;
	fill_new_row(p, q, id, &row);
	b = get_or_make(p, &q->net);
	if (!b)
		return -ENOMEM;
	old = sw_policy_part_of(b, q->origin);
	if (old && !sw_streq(q->origin, "operator") && ends_later(old, row.until_boot_ns)) {
		part = old;
		goto out;
	}
	part = new_part(&row);
	if (!part) {
		forget_if_empty(p, b);
		return -ENOMEM;
	}
	save(p, b, part);
	if (old)
		drop_part(p, b, old, SW_BAN_REPLACED, q->by);
	else
		policy_count_rate(p);
	part->next = b->parts;
	b->parts = part;
	policy_heap_place(p, b);
	put(p, b);
out:
	if (ret_ban)
		*ret_ban = b;
	if (ret_part)
		*ret_part = part;
	return 0;
}

unsigned int sw_policy_withdraw(struct sw_policy *p, const struct sw_net *net, const char *origin, const char *by)
{
	struct sw_ban_part *part, *next;
	struct sw_ban *b;
	unsigned int n = 0;

	HASH_FIND(hh, p->bans, net, sizeof(*net), b);
	if (!b)
		return 0;
	for (part = b->parts; part; part = next) {
		next = part->next;
		if (origin && !sw_streq(part->origin, origin))
			continue;
		drop_part(p, b, part, SW_BAN_WITHDRAWN, by);
		n++;
	}
	if (n)
		settle(p, b);
	return n;
}

static unsigned int expire_parts(struct sw_policy *p, struct sw_ban *b, uint64_t now_ns)
{
	struct sw_ban_part *part, *next;
	unsigned int n = 0;

	for (part = b->parts; part; part = next) {
		next = part->next;
		if (!part->until_boot_ns || part->until_boot_ns > now_ns)
			continue;
		drop_part(p, b, part, SW_BAN_EXPIRED, "time");
		n++;
	}
	settle(p, b);
	return n;
}

unsigned int sw_policy_expire(struct sw_policy *p, unsigned int max)
{
	uint64_t now_ns = sw_clock_boot_ns(p->clock);
	unsigned int n = 0;

	while (n < max && p->heap_len && policy_first_end(p->heap[0]) <= now_ns)
		n += expire_parts(p, p->heap[0], now_ns);
	return n;
}

uint64_t sw_policy_next_expiry(const struct sw_policy *p)
{
	return p->heap_len ? policy_first_end(p->heap[0]) : 0;
}

unsigned int policy_end_covered(struct sw_policy *p, const struct sw_net *net, const char *by)
{
	struct sw_ban *b, *next;
	unsigned int n = 0;

	HASH_ITER(hh, p->bans, b, next) {
		if (!sw_net_contains(net, &b->net))
			continue;
		while (b->parts)
			drop_part(p, b, b->parts, SW_BAN_ALLOWED, by);
		settle(p, b);
		n++;
	}
	return n;
}

unsigned int policy_end_listed(struct sw_policy *p)
{
	struct sw_ban *b, *next;
	unsigned int n = 0;

	HASH_ITER(hh, p->bans, b, next) {
		const struct sw_allow *a = sw_policy_covering_allow(p, &b->net);
		char by[64];

		if (!a || !(a->origins & SW_ALLOW_LIST))
			continue;
		snprintf(by, sizeof(by), "feed %s", a->feeds ? a->feeds : "");
		while (b->parts)
			drop_part(p, b, b->parts, SW_BAN_ALLOWED, by);
		settle(p, b);
		n++;
	}
	return n;
}

/* Boot time at which a wall time comes, seen from now; never earlier than the time that is known to have passed. */
static uint64_t derive_end(const struct sw_policy *p, int64_t until_wall_sec, int64_t known_wall_sec)
{
	int64_t now_ns = sw_clock_wall_ns(p->clock), left_ns;

	if (!until_wall_sec)
		return 0;
	if (now_ns / (int64_t)SW_SEC_NS < known_wall_sec)
		now_ns = known_wall_sec * (int64_t)SW_SEC_NS;
	left_ns = until_wall_sec * (int64_t)SW_SEC_NS - now_ns;
	return left_ns <= 0 ? 1 : sw_clock_boot_ns(p->clock) + (uint64_t)left_ns;
}

int sw_policy_restore(struct sw_policy *p, const struct sw_store_ban *row, int64_t last_seen_wall_sec)
{
	bool is_same_boot = sw_streq(row->boot_id, p->boot_id);
	struct sw_store_ban copy = *row;
	struct sw_ban_part *part;
	struct sw_ban *b;

	p->last_seen_wall_sec = SW_MAX(p->last_seen_wall_sec, last_seen_wall_sec);
	if (!is_same_boot) {
		copy.until_boot_ns =
			derive_end(p, row->d.until_wall_sec, SW_MAX(last_seen_wall_sec, row->d.made_wall_sec));
		if (sw_clock_wall_sec(p->clock) < last_seen_wall_sec)
			p->is_clock_unset = true;
	}
	if (copy.until_boot_ns && copy.until_boot_ns <= sw_clock_boot_ns(p->clock)) {
		store_end(p, row->d.id, SW_BAN_EXPIRED, "time");
		return 0;
	}
	b = get_or_make(p, &row->d.net);
	if (!b)
		return -ENOMEM;
	if (sw_policy_part_of(b, row->d.origin))
		return 0;
	part = new_part(&copy);
	if (!part) {
		forget_if_empty(p, b);
		return -ENOMEM;
	}
	part->is_derived = !is_same_boot;
	part->is_saved = is_same_boot;
	p->n_unsaved += !is_same_boot;
	part->next = b->parts;
	b->parts = part;
	policy_heap_place(p, b);
	return 1;
}

int sw_policy_recover(struct sw_policy *p, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	uint64_t now_ns = sw_clock_boot_ns(p->clock);
	struct sw_store_ban row = {
		.d = {.id = id,
			.kind = SW_DECISION_BAN,
			.net = *net,
			.made_wall_sec = sw_clock_wall_sec(p->clock),
			.origin = "recovered",
			.reason = "found in the kernel; its row in the database was lost",
			.by = "policy"},
		.until_boot_ns = until_boot_ns,
	};
	struct sw_ban_part *part;
	struct sw_ban *b;

	if (until_boot_ns && until_boot_ns <= now_ns)
		return 0;
	if (until_boot_ns)
		row.d.until_wall_sec = (__s64)(sw_clock_wall_sec(p->clock) +
			(int64_t)((until_boot_ns - now_ns) / SW_SEC_NS));
	b = get_or_make(p, net);
	if (!b)
		return -ENOMEM;
	if (b->parts)
		return 0;
	part = new_part(&row);
	if (!part) {
		forget_if_empty(p, b);
		return -ENOMEM;
	}
	save(p, b, part);
	b->parts = part;
	policy_heap_place(p, b);
	return 1;
}

bool sw_policy_clock_was_set(struct sw_policy *p)
{
	struct sw_ban *b, *next;

	if (!p->is_clock_unset || sw_clock_wall_sec(p->clock) < p->last_seen_wall_sec)
		return false;
	p->is_clock_unset = false;
	HASH_ITER(hh, p->bans, b, next) {
		bool is_changed = false;

		for (struct sw_ban_part *part = b->parts; part; part = part->next) {
			if (!part->is_derived || !part->until_boot_ns)
				continue;
			part->until_boot_ns = derive_end(p, part->until_wall_sec, p->last_seen_wall_sec);
			p->n_unsaved += part->is_saved;
			part->is_saved = false;
			is_changed = true;
		}
		if (!is_changed)
			continue;
		policy_heap_place(p, b);
		put(p, b);
	}
	return true;
}

static unsigned int save_ends(struct sw_policy *p)
{
	size_t left = 0;

	for (size_t i = 0; i < p->n_ended; i++) {
		if (p->ops->end(p->arg, p->ended[i].id, p->ended[i].end, p->ended[i].by) < 0)
			p->ended[left++] = p->ended[i];
	}
	p->n_ended = left;
	left = 0;
	for (size_t i = 0; i < p->n_undeleted; i++) {
		const struct sw_allow *again = sw_policy_find_allow(p, &p->undeleted[i]);

		if (again && again->origins & SW_ALLOW_OPERATOR)
			continue;
		if (p->ops->delete_allow(p->arg, &p->undeleted[i]) < 0)
			p->undeleted[left++] = p->undeleted[i];
	}
	p->n_undeleted = left;
	return (unsigned int)(p->n_ended + left);
}

unsigned int sw_policy_save_unsaved(struct sw_policy *p, unsigned int max)
{
	struct sw_ban *b, *next;
	struct sw_allow *a, *next_allow;

	if (!sw_policy_n_unsaved(p) || save_ends(p))
		return sw_policy_n_unsaved(p);
	HASH_ITER(hh, p->allow, a, next_allow) {
		if (a->is_saved || !(a->origins & SW_ALLOW_OPERATOR))
			continue;
		if (p->ops->save_allow(p->arg, a) < 0)
			return sw_policy_n_unsaved(p);
		a->is_saved = true;
		p->n_unsaved--;
	}
	HASH_ITER(hh, p->bans, b, next) {
		for (struct sw_ban_part *part = b->parts; part; part = part->next) {
			/* the derived end of an unset clock is a guess that is not worth a row */
			if (part->is_saved || (p->is_clock_unset && part->is_derived))
				continue;
			if (!max--)
				return sw_policy_n_unsaved(p);
			p->n_unsaved--;
			save(p, b, part);
			if (!part->is_saved)
				return sw_policy_n_unsaved(p);
		}
	}
	return sw_policy_n_unsaved(p);
}

void sw_policy_mark_unsaved(struct sw_policy *p)
{
	struct sw_ban *b, *next;
	struct sw_allow *a, *next_allow;

	p->n_unsaved = 0;
	p->n_ended = p->n_undeleted = 0;
	HASH_ITER(hh, p->allow, a, next_allow) {
		a->is_saved = !(a->origins & SW_ALLOW_OPERATOR);
		p->n_unsaved += !a->is_saved;
	}
	HASH_ITER(hh, p->bans, b, next) {
		for (struct sw_ban_part *part = b->parts; part; part = part->next) {
			part->is_saved = false;
			p->n_unsaved++;
		}
	}
}

void sw_policy_hit(struct sw_policy *p, const struct sw_net *src, uint64_t packets, int64_t wall_ns)
{
	struct sw_ban *b = (struct sw_ban *)sw_policy_covering_ban(p, src, NULL);

	if (!b)
		return;
	b->hits += packets;
	b->last_hit_wall_ns = wall_ns;
}
