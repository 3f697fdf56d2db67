// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/heads.h"

#include <uthash.h>

struct key {
	union sw_flow_addr saddr, daddr;
	uint16_t sport, dport;
	uint8_t family, protocol;
	uint8_t pad[2];
};

struct hole_piece {
	uint32_t from, to; /* offsets */
};

struct row {
	struct sw_head s; /* first: the caller's pointer is the row's */
	UT_hash_handle hh; /* in the order of use: the head was silent longest */
	struct key key;
	uint32_t base; /* sequence number of the first byte */
	int64_t last_sec;
	unsigned int n_pieces;
	struct hole_piece pieces[SW_HEAD_HOLES];
};

struct sw_heads {
	struct row *rows;
	void (*ended)(void *arg, struct sw_head *s);
	void *arg;
	struct sw_head_stats stats;
};

int sw_heads_new(void (*ended)(void *arg, struct sw_head *s), void *arg, struct sw_heads **ret)
{
	struct sw_heads *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->ended = ended;
	t->arg = arg;
	*ret = t;
	return 0;
}

void sw_heads_drop(struct sw_heads *t, struct sw_head *s)
{
	struct row *r = (struct row *)s;

	HASH_DEL(t->rows, r);
	free(r);
}

static void end_row(struct sw_heads *t, struct row *r)
{
	t->stats.given_up++;
	if (t->ended)
		t->ended(t->arg, &r->s);
	sw_heads_drop(t, &r->s);
}

void sw_heads_flush(struct sw_heads *t)
{
	while (t->rows)
		end_row(t, t->rows);
}

void sw_heads_free(struct sw_heads *t)
{
	if (!t)
		return;
	t->ended = NULL;
	sw_heads_flush(t);
	free(t);
}

void sw_heads_freep(struct sw_heads **t)
{
	sw_heads_free(*t);
}

bool sw_heads_is_empty(const struct sw_heads *t)
{
	return !t->rows;
}

static struct key key_of(const struct sw_flow *f)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.saddr = f->saddr;
	k.daddr = f->daddr;
	k.sport = f->sport;
	k.dport = f->dport;
	k.family = f->family;
	k.protocol = f->protocol;
	return k;
}

/* Takes in the pieces that touch what is there from the beginning. */
static void join_pieces(struct row *r)
{
	for (bool again = true; again;) {
		again = false;
		for (unsigned int i = 0; i < r->n_pieces; i++) {
			struct hole_piece p = r->pieces[i];

			if (p.from > r->s.len)
				continue;
			r->pieces[i] = r->pieces[--r->n_pieces];
			r->s.len = SW_MAX(r->s.len, p.to);
			again = true;
			break;
		}
	}
}

/* False when it brings nothing new from the beginning on. What came first stays. */
static bool put(struct row *r, uint32_t seq, const uint8_t *data, size_t len)
{
	int32_t offset = (int32_t)(seq - r->base);
	size_t had = r->s.len, at, n;

	if (offset < 0) {
		if ((size_t) - (int64_t)offset >= len)
			return false;
		data += -(int64_t)offset;
		len -= (size_t) - (int64_t)offset;
		offset = 0;
	}
	at = (size_t)offset;
	if (at < had) {
		n = SW_MIN(had - at, len);
		at += n;
		data += n;
		len -= n;
	}
	if (at >= SW_HEAD_BYTES || !len)
		return false;
	n = SW_MIN(len, SW_HEAD_BYTES - at);
	if (at > had) {
		if (r->n_pieces == SW_HEAD_HOLES)
			return false;
		memcpy(r->s.data + at, data, n);
		r->pieces[r->n_pieces++] = (struct hole_piece){(uint32_t)at, (uint32_t)(at + n)};
		return false;
	}
	memcpy(r->s.data + at, data, n);
	r->s.len = at + n;
	join_pieces(r);
	return true;
}

bool sw_heads_add(struct sw_heads *t, const struct sw_flow *flow, uint32_t seq, const uint8_t *data,
	size_t len, int64_t sec, struct sw_head **ret)
{
	struct key k;
	struct row *r;

	while (t->rows && sec - t->rows->last_sec > SW_HEAD_SEC)
		end_row(t, t->rows);
	if (!t->rows)
		return false;
	k = key_of(flow);
	HASH_FIND(hh, t->rows, &k, sizeof(k), r);
	if (!r)
		return false;
	r->last_sec = sec;
	HASH_DEL(t->rows, r);
	HASH_ADD(hh, t->rows, key, sizeof(r->key), r);
	*ret = put(r, seq, data, len) ? &r->s : NULL;
	return true;
}

struct sw_head *sw_heads_open(struct sw_heads *t, const struct sw_flow *flow, uint32_t seq,
	const uint8_t *data, size_t len, int64_t sec)
{
	struct row *r = malloc(sizeof(*r)), *old;

	if (!r)
		return NULL;
	if (HASH_COUNT(t->rows) >= SW_HEAD_FLOWS)
		end_row(t, t->rows);
	memset(r, 0, offsetof(struct row, s.data));
	memset(&r->hh, 0, sizeof(*r) - offsetof(struct row, hh));
	r->s.flow = *flow;
	r->key = key_of(flow);
	r->base = seq;
	r->last_sec = sec;
	HASH_FIND(hh, t->rows, &r->key, sizeof(r->key), old);
	if (old)
		end_row(t, old);
	HASH_ADD(hh, t->rows, key, sizeof(r->key), r);
	put(r, seq, data, len);
	t->stats.opened++;
	return &r->s;
}

const struct sw_head_stats *sw_heads_stats(const struct sw_heads *t)
{
	return &t->stats;
}
