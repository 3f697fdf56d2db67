// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft_private.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
	SEND_BYTES = 16 << 20, /* a transaction of 100,000 elements is 10 MB */
	RECV_BYTES = 1 << 20,
	GROW_BYTES = 1 << 16, /* room for the largest message */
	ANSWER_SEC = 10,
	/* before conntrack (-200), so that what is dropped costs no entry there */
	PRIORITY = -300,
	/* nft's own numbers for the types of keys, which only its listing asks */
	TYPE_NFPROTO = 2,
	TYPE_IP4 = 7,
	TYPE_IP6 = 8,
	LOOPBACK_INDEX = 1,
};

/* ---- names */

const char *sw_nft_set_name(char buf[static SW_NFT_NAME_MAX], enum sw_nft_kind kind,
	enum sw_family family, unsigned int plen)
{
	snprintf(buf, SW_NFT_NAME_MAX, "%s%d_%u", kind == SW_NFT_BAN ? "ban" : "allow",
		(int)family & 7, plen & 255);
	return buf;
}

const char *sw_nft_chain_name(char buf[static SW_NFT_NAME_MAX], enum sw_nft_kind kind,
	enum sw_family family, bool is_destination)
{
	snprintf(buf, SW_NFT_NAME_MAX, "%s_%s%d", kind == SW_NFT_BAN ? "ban" : "allow",
		is_destination ? "to" : "from", (int)family & 7);
	return buf;
}

static const struct base_chain {
	const char *name;
	uint32_t hook;
	bool is_destination;
} base_chains[] = {
	{"prerouting", NF_INET_PRE_ROUTING, false}, /* what comes here and what is forwarded */
	{"forward", NF_INET_FORWARD, true},
	{"output", NF_INET_LOCAL_OUT, true},
};

static const char *const base_tags[] = {
	"loopback", "unless armed", "allow IPv4", "ban IPv4", "allow IPv6", "ban IPv6"};

#define BASE(chain)                                                                                \
	{chain, "loopback"}, {chain, "unless armed"}, {chain, "allow IPv4"}, {chain, "ban IPv4"},  \
		{chain, "allow IPv6"},                                                             \
	{                                                                                          \
		chain, "ban IPv6"                                                                  \
	}
const struct sw_nft_rule_name sw_nft_base_rules[] = {
	BASE("prerouting"), BASE("forward"), BASE("output"), {}};
#undef BASE

/* ---- socket */

static int open_socket(struct mnl_socket **ret, uint32_t *ret_portid)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (!s)
		return -errno;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = -errno;

		mnl_socket_close(s);
		return r;
	}
	*ret_portid = mnl_socket_get_portid(s);
	*ret = s;
	return 0;
}

int sw_nft_open(struct mnl_socket **ret, uint32_t *ret_portid)
{
	const struct timeval wait = {.tv_sec = ANSWER_SEC};
	const int on = 1, send_bytes = SEND_BYTES;
	int r = open_socket(ret, ret_portid), fd;

	if (r < 0)
		return r;
	fd = mnl_socket_get_fd(*ret);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof(send_bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return 0;
}

/* What we change ourselves is not worth a look: 100,000 bans are 100,000 messages. */
static int ignore_own(int fd, uint32_t portid)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(portid), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {.len = SW_ARRAY_SIZE(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int sw_nft_open_events(uint32_t portid, struct mnl_socket **ret)
{
	const int group = NFNLGRP_NFTABLES;
	uint32_t own;
	int r = open_socket(ret, &own);

	if (r >= 0)
		r = ignore_own(mnl_socket_get_fd(*ret), portid);
	if (r >= 0 &&
		mnl_socket_setsockopt(*ret, NETLINK_ADD_MEMBERSHIP, (void *)&group, sizeof(group)) <
			0)
		r = -errno;
	return r;
}

/* Every message of nf_tables but a generation's begins with the table's name, whatever it is of. */
static int is_of_our_table(const struct nlmsghdr *h, void *data)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *at;
	enum sw_nft_event *ret = data;
	enum sw_nft_event event = NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWSETELEM
		? SW_NFT_EV_ADDED
		: SW_NFT_EV_CHANGED;

	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		g->nfgen_family != NFPROTO_INET || NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWGEN)
		return MNL_CB_OK;
	mnl_attr_for_each(at, h, sizeof(*g))
	{
		/* NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_SET_TABLE, ... are all 1 */
		if (mnl_attr_get_type(at) == NFTA_TABLE_NAME &&
			mnl_attr_validate(at, MNL_TYPE_NUL_STRING) >= 0 &&
			sw_streq(mnl_attr_get_str(at), SW_NFT_TABLE))
			*ret = SW_MAX(*ret, event);
	}
	return MNL_CB_OK;
}

enum sw_nft_event sw_nft_read_events(struct mnl_socket *s)
{
	enum sw_nft_event found = SW_NFT_EV_NONE;
	char buf[1 << 16];

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(s), buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS)
			found = SW_NFT_EV_ADDED; /* what was lost may be the worst */
		else if (n <= 0)
			return found;
		else
			mnl_cb_run(buf, (size_t)n, 0, 0, is_of_our_table, &found);
	}
}

/* ---- a transaction */

static struct nlmsghdr *room(struct sw_nft_batch *b)
{
	if (b->cap - b->len < GROW_BYTES) {
		size_t cap = b->cap ? b->cap * 2 : 4 * GROW_BYTES;
		char *more = b->is_failed ? NULL : realloc(b->buf, cap);

		if (!more) {
			b->is_failed = true;
			return NULL;
		}
		b->buf = more;
		b->cap = cap;
	}
	return (struct nlmsghdr *)(b->buf + b->len);
}

static void close_message(struct sw_nft_batch *b, struct nlmsghdr *h)
{
	b->last = h;
	b->len += MNL_ALIGN(h->nlmsg_len);
}

static struct nlmsghdr *message(struct sw_nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = room(b);

	return h ? nftnl_nlmsg_build_hdr((char *)h, type, NFPROTO_INET, flags, b->seq++) : NULL;
}

void sw_nft_begin(struct sw_nft_batch *b, uint32_t *seq)
{
	*b = (struct sw_nft_batch){.first_seq = *seq, .seq = *seq};
	if (room(b))
		b->len += MNL_ALIGN(nftnl_batch_begin(b->buf, b->seq++)->nlmsg_len);
}

/* The first error of any message; 0 when the last one was confirmed. */
static int read_answers(struct mnl_socket *s, uint32_t first, uint32_t last)
{
	char buf[8192];
	int first_error = 0;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		int len = (int)n;

		if (n < 0)
			return first_error ? first_error : errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
			h = mnl_nlmsg_next(h, &len)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - first > last - first)
				continue; /* an answer to an earlier request */
			if (e->error && !first_error)
				first_error = e->error;
			if (h->nlmsg_seq == last || (h->nlmsg_seq == first && e->error))
				return first_error;
		}
	}
}

int sw_nft_commit(struct sw_nft_batch *b, struct mnl_socket *s, uint32_t *seq)
{
	uint32_t last = b->seq - 1;
	int r = b->is_failed ? -ENOMEM : 0;

	*seq = b->seq + 1;
	if (r >= 0 && b->last && room(b)) {
		b->last->nlmsg_flags |= NLM_F_ACK;
		b->len += MNL_ALIGN(nftnl_batch_end(b->buf + b->len, b->seq)->nlmsg_len);
		r = mnl_socket_sendto(s, b->buf, b->len) < 0 ? -errno
							     : read_answers(s, b->first_seq, last);
	}
	free(TAKE_PTR(b->buf));
	return r;
}

/* ---- table and chains */

static void put_table(struct sw_nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = message(b, type, flags);
	struct nftnl_table *t = nftnl_table_alloc();

	if (h && t) {
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, SW_NFT_TABLE);
		nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
		nftnl_table_nlmsg_build_payload(h, t);
		close_message(b, h);
	}
	b->is_failed |= !t;
	if (t)
		nftnl_table_free(t);
}

static void put_chain(struct sw_nft_batch *b, const char *name, const struct base_chain *base)
{
	struct nlmsghdr *h = message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nftnl_chain *c = nftnl_chain_alloc();

	if (h && c) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, SW_NFT_TABLE);
		nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
		if (base) {
			nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
			nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, base->hook);
			nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, PRIORITY);
			nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		}
		nftnl_chain_nlmsg_build_payload(h, c);
		close_message(b, h);
	}
	b->is_failed |= !c;
	if (c)
		nftnl_chain_free(c);
}

/* ---- rules */

static struct nftnl_rule *new_rule(struct sw_nft_batch *b, const char *chain, const char *tag)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(SW_NFT_TAG_MAX + 8);

	b->is_failed |= !r || !u;
	if (r) {
		nftnl_rule_set_str(r, NFTNL_RULE_TABLE, SW_NFT_TABLE);
		nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
		nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
	}
	if (r && u) {
		nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, tag);
		nftnl_rule_set_data(
			r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	}
	if (u)
		nftnl_udata_buf_free(u);
	return r;
}

static void put_rule(struct sw_nft_batch *b, struct nftnl_rule *r)
{
	struct nlmsghdr *h = r ? message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND) : NULL;

	if (h) {
		nftnl_rule_nlmsg_build_payload(h, r);
		close_message(b, h);
	}
	if (r)
		nftnl_rule_free(r);
}

static struct nftnl_expr *add_expr(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = r ? nftnl_expr_alloc(name) : NULL;

	if (e)
		nftnl_rule_add_expr(r, e);
	return e;
}

static void add_meta(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = add_expr(r, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void add_equal(struct nftnl_rule *r, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add_expr(r, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void add_lookup(struct nftnl_rule *r, const char *set, bool is_inverted)
{
	struct nftnl_expr *e = add_expr(r, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (is_inverted)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void add_verdict(struct nftnl_rule *r, int verdict, const char *chain)
{
	struct nftnl_expr *e = add_expr(r, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* The source or destination address, cut to plen bits. */
static void add_address(
	struct nftnl_rule *r, enum sw_family family, unsigned int plen, bool is_destination)
{
	struct nftnl_expr *e = add_expr(r, "payload");
	uint32_t len = family == SW_AF_IP4 ? 4 : 16, at = family == SW_AF_IP4 ? 12 : 8;
	const uint8_t zero[16] = {};
	uint8_t mask[16] = {};

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, is_destination ? at + len : at);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	if (plen >= len * 8)
		return;
	for (unsigned int i = 0; i < plen; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	e = add_expr(r, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

static void add_is_family(struct nftnl_rule *r, enum sw_family family)
{
	const uint8_t proto = family == SW_AF_IP4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	add_meta(r, NFT_META_NFPROTO);
	add_equal(r, &proto, sizeof(proto));
}

static void put_jump(struct sw_nft_batch *b, const struct base_chain *base, const char *tag,
	enum sw_nft_kind kind, enum sw_family family)
{
	struct nftnl_rule *r = new_rule(b, base->name, tag);
	char chain[SW_NFT_NAME_MAX];

	add_is_family(r, family);
	add_verdict(r, NFT_JUMP, sw_nft_chain_name(chain, kind, family, base->is_destination));
	put_rule(b, r);
}

static void put_base_rules(struct sw_nft_batch *b, const struct base_chain *base)
{
	const uint32_t loopback = LOOPBACK_INDEX;
	struct nftnl_rule *r = new_rule(b, base->name, base_tags[0]);

	add_meta(r, base->hook == NF_INET_PRE_ROUTING ? NFT_META_IIF : NFT_META_OIF);
	add_equal(r, &loopback, sizeof(loopback));
	add_verdict(r, NF_ACCEPT, NULL);
	put_rule(b, r);
	r = new_rule(b, base->name, base_tags[1]);
	add_meta(r, NFT_META_NFPROTO);
	add_lookup(r, SW_NFT_ARMED, true);
	add_verdict(r, NF_ACCEPT, NULL);
	put_rule(b, r);
	put_jump(b, base, base_tags[2], SW_NFT_ALLOW, SW_AF_IP4);
	put_jump(b, base, base_tags[3], SW_NFT_BAN, SW_AF_IP4);
	put_jump(b, base, base_tags[4], SW_NFT_ALLOW, SW_AF_IP6);
	put_jump(b, base, base_tags[5], SW_NFT_BAN, SW_AF_IP6);
}

/* ---- sets */

static void put_set(struct sw_nft_batch *b, const char *name, uint32_t type, uint32_t len,
	bool has_end, bool has_counter)
{
	struct nlmsghdr *h = message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_expr *counter = has_counter ? nftnl_expr_alloc("counter") : NULL;

	b->is_failed |= !s || (has_counter && !counter);
	if (h && s) {
		nftnl_set_set_str(s, NFTNL_SET_TABLE, SW_NFT_TABLE);
		nftnl_set_set_str(s, NFTNL_SET_NAME, name);
		nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
		nftnl_set_set_u32(s, NFTNL_SET_ID, b->seq);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
		nftnl_set_set_u32(s, NFTNL_SET_FLAGS, has_end ? NFT_SET_TIMEOUT : 0);
		if (counter)
			nftnl_set_add_expr(s, TAKE_PTR(counter));
		nftnl_set_nlmsg_build_payload(h, s);
		close_message(b, h);
	}
	if (s)
		nftnl_set_free(s);
	if (counter)
		nftnl_expr_free(counter);
}

void sw_nft_put_set(
	struct sw_nft_batch *b, enum sw_nft_kind kind, enum sw_family family, unsigned int plen)
{
	char name[SW_NFT_NAME_MAX], chain[SW_NFT_NAME_MAX];

	sw_nft_set_name(name, kind, family, plen);
	put_set(b, name, family == SW_AF_IP4 ? TYPE_IP4 : TYPE_IP6, family == SW_AF_IP4 ? 4 : 16,
		kind == SW_NFT_BAN, kind == SW_NFT_BAN);
	for (int is_destination = 0; is_destination < 2; is_destination++) {
		struct nftnl_rule *r =
			new_rule(b, sw_nft_chain_name(chain, kind, family, is_destination), name);

		add_is_family(r, family); /* known already, but nft lists "ip saddr" only with it */
		add_address(r, family, plen, is_destination);
		add_lookup(r, name, false);
		if (kind == SW_NFT_BAN)
			add_expr(r, "counter");
		add_verdict(r, kind == SW_NFT_BAN ? NF_DROP : NF_ACCEPT, NULL);
		put_rule(b, r);
	}
}

void sw_nft_put_no_table(struct sw_nft_batch *b)
{
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(b, NFT_MSG_DELTABLE, 0);
}

void sw_nft_put_table(struct sw_nft_batch *b)
{
	char name[SW_NFT_NAME_MAX];

	sw_nft_put_no_table(b);
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_set(b, SW_NFT_ARMED, TYPE_NFPROTO, 1, true, false);
	for (int i = 0; i < 8; i++)
		put_chain(b,
			sw_nft_chain_name(name, i & 1 ? SW_NFT_ALLOW : SW_NFT_BAN,
				i & 2 ? SW_AF_IP6 : SW_AF_IP4, i & 4),
			NULL);
	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++) {
		put_chain(b, base_chains[i].name, &base_chains[i]);
		put_base_rules(b, &base_chains[i]);
	}
}

/* ---- elements; written without libnftnl's copies of each, because there may be 100,000 */

static struct nlmsghdr *elems_message(struct sw_nft_batch *b, uint16_t type, const char *set)
{
	struct nlmsghdr *h = message(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);

	if (h) {
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, SW_NFT_TABLE);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	}
	return h;
}

void nft_put_elem(struct nlmsghdr *h, const void *key, size_t len, uint64_t left_ms)
{
	struct nlattr *elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM), *nest;

	nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(h, nest);
	if (left_ms)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(left_ms));
	mnl_attr_nest_end(h, elem);
}

static void put_elems(struct sw_nft_batch *b, uint16_t type, enum sw_nft_kind kind,
	const struct sw_nft_elem *e, size_t n)
{
	char name[SW_NFT_NAME_MAX];

	if (!n)
		return;
	sw_nft_set_name(name, kind, e->net.family, e->net.plen);
	for (size_t i = 0; i < n; i += SW_NFT_ELEMS_MAX) {
		struct nlmsghdr *h = elems_message(b, type, name);
		struct nlattr *list;

		if (!h)
			return;
		list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t k = i; k < n && k < i + SW_NFT_ELEMS_MAX; k++)
			nft_put_elem(h, e[k].net.addr, e[k].net.family == SW_AF_IP4 ? 4 : 16,
				type == NFT_MSG_NEWSETELEM && kind == SW_NFT_BAN ? e[k].left_ms
										 : 0);
		mnl_attr_nest_end(h, list);
		close_message(b, h);
	}
}

/*
 * Deleting what is not there would fail the transaction, and adding what is there would leave its old
 * end: so it is added, deleted and added again, of which only the outcome is ever seen.
 */
void sw_nft_put_elems(struct sw_nft_batch *b, enum sw_nft_kind kind, const struct sw_nft_elem *e,
	size_t n, bool is_fresh)
{
	if (!is_fresh)
		sw_nft_del_elems(b, kind, e, n);
	put_elems(b, NFT_MSG_NEWSETELEM, kind, e, n);
}

void sw_nft_del_elems(
	struct sw_nft_batch *b, enum sw_nft_kind kind, const struct sw_nft_elem *e, size_t n)
{
	put_elems(b, NFT_MSG_NEWSETELEM, kind, e, n);
	put_elems(b, NFT_MSG_DELSETELEM, kind, e, n);
}

void sw_nft_put_armed(struct sw_nft_batch *b, bool is_armed, uint64_t left_ms)
{
	static const uint8_t protos[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	struct nlmsghdr *h =
		elems_message(b, NFT_MSG_DELSETELEM, SW_NFT_ARMED); /* without elements: all */
	struct nlattr *list;

	if (h)
		close_message(b, h);
	h = is_armed ? elems_message(b, NFT_MSG_NEWSETELEM, SW_NFT_ARMED) : NULL;
	if (!h)
		return;
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < SW_ARRAY_SIZE(protos); i++)
		nft_put_elem(h, &protos[i], sizeof(protos[i]), left_ms);
	mnl_attr_nest_end(h, list);
	close_message(b, h);
}
