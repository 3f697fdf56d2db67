// SPDX-License-Identifier: GPL-3.0-or-later
/* Bans with their history, and the operator's allow entries. */
#include "user/store/store_private.h"

static const char *const end_words[] = {"open", "expired", "withdrawn", "replaced", "allowed"};

const char *sw_ban_end_word(unsigned int end)
{
	return end < SW_ARRAY_SIZE(end_words) ? end_words[end] : "?";
}

int sw_store_put_ban(struct sw_store *s, const struct sw_store_ban *b)
{
	char net[SW_NET_TEXT_MAX], via[SW_NET_TEXT_MAX] = "";
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_BAN, &r);

	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)b->d.id);
	sqlite3_bind_int(st, 2, b->d.net.family);
	sqlite3_bind_int(st, 3, b->d.net.plen);
	sqlite3_bind_blob(st, 4, b->d.net.addr, sizeof(b->d.net.addr), SQLITE_STATIC);
	store_bind_text(st, 5, sw_cidr_format(net, &b->d.net));
	sqlite3_bind_int64(st, 6, b->d.made_wall_sec);
	sqlite3_bind_int64(st, 7, b->d.until_wall_sec);
	sqlite3_bind_int64(st, 8, (int64_t)b->until_boot_ns);
	store_bind_text(st, 9, b->boot_id);
	store_bind_text(st, 10, b->d.origin);
	store_bind_text(st, 11, b->d.reason);
	store_bind_text(st, 12, b->d.by);
	sqlite3_bind_int(st, 13, (int)b->end);
	sqlite3_bind_int64(st, 14, b->ended_wall_sec);
	store_bind_text(st, 15, b->ended_by);
	store_bind_text(st, 16, b->via.family ? sw_cidr_format(via, &b->via) : via);
	return store_run(s, st);
}

int sw_store_end_ban(struct sw_store *s, uint64_t id, enum sw_ban_end end, const char *by)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_END_BAN, &r);

	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	sqlite3_bind_int(st, 2, (int)end);
	sqlite3_bind_int64(st, 3, sw_clock_wall_sec(s->clock));
	store_bind_text(st, 4, by);
	return store_run(s, st);
}

/* False for a row that no version of ours wrote: it is left alone. */
static bool read_ban(sqlite3_stmt *st, struct sw_store_ban *b)
{
	const void *addr = sqlite3_column_blob(st, 3);
	int family = sqlite3_column_int(st, 1), plen = sqlite3_column_int(st, 2);
	char via[SW_NET_TEXT_MAX];

	*b = (struct sw_store_ban){};
	if (!addr || sqlite3_column_bytes(st, 3) != sizeof(b->d.net.addr) ||
		(family != SW_AF_IP4 && family != SW_AF_IP6) || plen < 0 || plen > (family == SW_AF_IP4 ? 32 : 128))
		return false;
	b->d.id = (__u64)sqlite3_column_int64(st, 0);
	b->d.kind = SW_DECISION_BAN;
	b->d.net.family = (__u8)family;
	memcpy(b->d.net.addr, addr, sizeof(b->d.net.addr));
	b->d.net.plen = (__u8)(family == SW_AF_IP4 ? 32 : 128);
	b->d.net = sw_net_trim(&b->d.net, (unsigned int)plen);
	b->d.made_wall_sec = sqlite3_column_int64(st, 4);
	b->d.until_wall_sec = sqlite3_column_int64(st, 5);
	b->until_boot_ns = (uint64_t)sqlite3_column_int64(st, 6);
	store_column_text(st, 7, b->boot_id, sizeof(b->boot_id));
	store_column_text(st, 8, b->d.origin, sizeof(b->d.origin));
	store_column_text(st, 9, b->d.reason, sizeof(b->d.reason));
	store_column_text(st, 10, b->d.by, sizeof(b->d.by));
	b->end = (enum sw_ban_end)sqlite3_column_int(st, 11);
	b->ended_wall_sec = sqlite3_column_int64(st, 12);
	store_column_text(st, 13, b->ended_by, sizeof(b->ended_by));
	store_column_text(st, 14, via, sizeof(via));
	if (*via && sw_cidr_parse(via, SIZE_MAX, &b->via) < 0)
		b->via = (struct sw_net){};
	return true;
}

/* Every row of the statement that can be read. */
static int walk_bans(struct sw_store *s, sqlite3_stmt *st, sw_store_ban_fn fn, void *arg)
{
	struct sw_store_ban b;
	int r, called = 0;

	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		if (read_ban(st, &b))
			called = fn(&b, arg);
		if (called < 0)
			break;
	}
	r = store_end_rows(s, st, r);
	return called < 0 ? called : r;
}

int sw_store_each_open_ban(struct sw_store *s, sw_store_ban_fn fn, void *arg)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_OPEN_BANS, &r);

	return st ? walk_bans(s, st, fn, arg) : r;
}

int sw_store_bans_since(struct sw_store *s, int64_t since_wall_sec, unsigned int n, sw_store_ban_fn fn, void *arg)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_BANS_SINCE, &r);

	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, since_wall_sec);
	sqlite3_bind_int64(st, 2, n);
	return walk_bans(s, st, fn, arg);
}

int sw_store_ban_history(struct sw_store *s, const struct sw_net *net, unsigned int n, sw_store_ban_fn fn, void *arg)
{
	int r = 0, called = 0;
	sqlite3_stmt *st = store_statement(s, ST_BAN_HISTORY, &r);
	struct sw_net last = *net;
	struct sw_store_ban b;

	if (!st)
		return r;
	for (unsigned int bit = net->plen; bit < sw_net_max_plen(net); bit++)
		last.addr[bit / 8] |= (__u8)(0x80 >> bit % 8);
	sqlite3_bind_int(st, 1, net->family);
	sqlite3_bind_blob(st, 2, net->addr, sizeof(net->addr), SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, last.addr, sizeof(last.addr), SQLITE_STATIC);
	sqlite3_bind_int(st, 4, net->plen);
	while (called >= 0 && n && (r = sqlite3_step(st)) == SQLITE_ROW) {
		if (!read_ban(st, &b) || (!sw_net_contains(net, &b.d.net) && !sw_net_contains(&b.d.net, net)))
			continue;
		called = fn(&b, arg);
		n--;
	}
	r = store_end_rows(s, st, r);
	return called < 0 ? called : r;
}

int sw_store_put_allow(struct sw_store *s, const struct sw_store_allow *a)
{
	char net[SW_NET_TEXT_MAX];
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_ALLOW, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, sw_cidr_format(net, &a->net));
	sqlite3_bind_int64(st, 2, a->made_wall_sec);
	store_bind_text(st, 3, a->reason);
	store_bind_text(st, 4, a->by);
	return store_run(s, st);
}

int sw_store_delete_allow(struct sw_store *s, const struct sw_net *net)
{
	char text[SW_NET_TEXT_MAX];
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_DELETE_ALLOW, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, sw_cidr_format(text, net));
	return store_run(s, st);
}

int sw_store_each_allow(struct sw_store *s, sw_store_allow_fn fn, void *arg)
{
	int r = 0, called = 0;
	sqlite3_stmt *st = store_statement(s, ST_ALLOW, &r);
	struct sw_store_allow a;

	if (!st)
		return r;
	while (called >= 0 && (r = sqlite3_step(st)) == SQLITE_ROW) {
		const char *net = (const char *)sqlite3_column_text(st, 0);

		a = (struct sw_store_allow){.made_wall_sec = sqlite3_column_int64(st, 1)};
		if (!net || sw_cidr_parse(net, SIZE_MAX, &a.net) < 0)
			continue;
		store_column_text(st, 2, a.reason, sizeof(a.reason));
		store_column_text(st, 3, a.by, sizeof(a.by));
		called = fn(&a, arg);
	}
	r = store_end_rows(s, st, r);
	return called < 0 ? called : r;
}
