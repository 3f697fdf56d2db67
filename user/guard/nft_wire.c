// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft_private.h"
#include "user/guard/nft_trails.h"

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
	SEND_BYTES = 128 << 20, /* a transaction of all ends of the networks of two million is 100 MB */
	RECV_BYTES = 1 << 20,
	GROW_BYTES = 1 << 16, /* room for the largest message */
	ANSWER_SEC = 10,
	/* before conntrack (-200), so that what is dropped costs no entry there */
	PRIORITY = -300,
	/* nft's own numbers for the types of keys, which only its listing asks */
	TYPE_NFPROTO = 2,
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

static const struct nft_base_chain base_chains[] = {
	{"prerouting", NF_INET_PRE_ROUTING, PRIORITY, false}, /* what comes here and what is forwarded */
	{"forward", NF_INET_FORWARD, PRIORITY, true},
	{"output", NF_INET_LOCAL_OUT, PRIORITY, true},
};

static const char *const base_tags[] = {
	"loopback", "unless armed", "allow IPv4", "ban IPv4", "allow IPv6", "ban IPv6", "trails"};

#define BASE(chain)                                                                                \
	{chain, "loopback"}, {chain, "unless armed"}, {chain, "allow IPv4"}, {chain, "ban IPv4"},  \
		{chain, "allow IPv6"}, {chain, "ban IPv6"},                                        \
	{                                                                                          \
		chain, "trails"                                                                    \
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

/* NFTA_SET_ELEM_LIST_SET, NFTA_RULE_CHAIN and the like are all 2; of a chain that is its number. */
static bool is_never_compared(const struct nlattr *at)
{
	return mnl_attr_get_type(at) == NFTA_SET_ELEM_LIST_SET && mnl_attr_validate(at, MNL_TYPE_NUL_STRING) >= 0 &&
		(strncmp(mnl_attr_get_str(at), SW_NFT_GEO, strlen(SW_NFT_GEO)) == 0 ||
			strncmp(mnl_attr_get_str(at), SW_NFT_TRAIL, strlen(SW_NFT_TRAIL)) == 0);
}

/* Every message of nf_tables but a generation's begins with the table's name, whatever it is of. */
static int is_of_our_table(const struct nlmsghdr *h, void *data)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *at;
	bool is_ours = false, is_suspect = NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWSETELEM;
	enum sw_nft_event *ret = data;

	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		g->nfgen_family != NFPROTO_INET || NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWGEN)
		return MNL_CB_OK;
	mnl_attr_for_each(at, h, sizeof(*g))
	{
		/* NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_SET_TABLE, ... are all 1 */
		if (mnl_attr_get_type(at) == NFTA_TABLE_NAME &&
			mnl_attr_validate(at, MNL_TYPE_NUL_STRING) >= 0 &&
			sw_streq(mnl_attr_get_str(at), SW_NFT_TABLE))
			is_ours = true;
		else if (is_never_compared(at))
			is_suspect = true;
	}
	if (is_ours)
		*ret = SW_MAX(*ret, is_suspect ? SW_NFT_EV_SUSPECT : SW_NFT_EV_CHANGED);
	return MNL_CB_OK;
}

enum sw_nft_event sw_nft_read_events(struct mnl_socket *s)
{
	enum sw_nft_event found = SW_NFT_EV_NONE;
	char buf[1 << 16];

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(s), buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS)
			found = SW_NFT_EV_SUSPECT; /* what was lost may be the worst */
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

void nft_close_message(struct sw_nft_batch *b, struct nlmsghdr *h)
{
	b->last = h;
	b->len += MNL_ALIGN(h->nlmsg_len);
}

struct nlmsghdr *nft_message(struct sw_nft_batch *b, uint16_t type, uint16_t flags)
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
	struct nlmsghdr *h = nft_message(b, type, flags);
	struct nftnl_table *t = nftnl_table_alloc();

	if (h && t) {
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, SW_NFT_TABLE);
		nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
		nftnl_table_nlmsg_build_payload(h, t);
		nft_close_message(b, h);
	}
	b->is_failed |= !t;
	if (t)
		nftnl_table_free(t);
}

void nft_put_chain(struct sw_nft_batch *b, const char *name, const struct nft_base_chain *base)
{
	struct nlmsghdr *h = nft_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nftnl_chain *c = nftnl_chain_alloc();

	if (h && c) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, SW_NFT_TABLE);
		nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
		if (base) {
			nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
			nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, base->hook);
			nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, base->priority);
			nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		}
		nftnl_chain_nlmsg_build_payload(h, c);
		nft_close_message(b, h);
	}
	b->is_failed |= !c;
	if (c)
		nftnl_chain_free(c);
}

void nft_del_chain(struct sw_nft_batch *b, const char *name)
{
	struct nlmsghdr *h = nft_message(b, NFT_MSG_DELCHAIN, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, SW_NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	nft_close_message(b, h);
}

/* ---- rules */

void nft_del_rules(struct sw_nft_batch *b, const char *chain)
{
	struct nlmsghdr *h = nft_message(b, NFT_MSG_DELRULE, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, SW_NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	nft_close_message(b, h);
}

struct nftnl_rule *nft_new_rule(struct sw_nft_batch *b, const char *chain, const char *tag)
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

void nft_put_rule(struct sw_nft_batch *b, struct nftnl_rule *r)
{
	struct nlmsghdr *h = r ? nft_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND) : NULL;

	if (h) {
		nftnl_rule_nlmsg_build_payload(h, r);
		nft_close_message(b, h);
	}
	if (r)
		nftnl_rule_free(r);
}

struct nftnl_expr *nft_add_expr(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = r ? nftnl_expr_alloc(name) : NULL;

	if (e)
		nftnl_rule_add_expr(r, e);
	return e;
}

void nft_add_meta(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = nft_add_expr(r, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void nft_add_cmp(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_add_expr(r, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_add_lookup(struct nftnl_rule *r, const char *set, bool is_inverted)
{
	struct nftnl_expr *e = nft_add_expr(r, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (is_inverted)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void nft_add_verdict(struct nftnl_rule *r, int verdict, const char *chain)
{
	struct nftnl_expr *e = nft_add_expr(r, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void nft_add_payload(struct nftnl_rule *r, uint32_t base, uint32_t at, uint32_t len)
{
	nft_add_payload_to(r, base, at, len, NFT_REG_1);
}

void nft_add_counter(struct nftnl_rule *r, const struct sw_nft_hits *hits)
{
	struct nftnl_expr *e = nft_add_expr(r, "counter");

	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_PACKETS, hits->packets);
	nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_BYTES, hits->bytes);
}

void nft_add_payload_to(struct nftnl_rule *r, uint32_t base, uint32_t at, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = nft_add_expr(r, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, at);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
}

void nft_add_mask(struct nftnl_rule *r, const void *mask, uint32_t len)
{
	struct nftnl_expr *e = nft_add_expr(r, "bitwise");
	const uint8_t zero[16] = {};

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void nft_add_address(
	struct nftnl_rule *r, enum sw_family family, unsigned int plen, bool is_destination)
{
	uint32_t len = family == SW_AF_IP4 ? 4 : 16, at = family == SW_AF_IP4 ? 12 : 8;
	uint8_t mask[16] = {};

	nft_add_payload(r, NFT_PAYLOAD_NETWORK_HEADER, is_destination ? at + len : at, len);
	if (plen >= len * 8)
		return;
	for (unsigned int i = 0; i < plen; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	nft_add_mask(r, mask, len);
}

void nft_add_is_family(struct nftnl_rule *r, enum sw_family family)
{
	const uint8_t proto = family == SW_AF_IP4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	nft_add_meta(r, NFT_META_NFPROTO);
	nft_add_cmp(r, NFT_CMP_EQ, &proto, sizeof(proto));
}

void nft_put_jump(struct sw_nft_batch *b, const struct nft_base_chain *base, const char *tag,
	enum sw_nft_kind kind, enum sw_family family)
{
	struct nftnl_rule *r = nft_new_rule(b, base->name, tag);
	char chain[SW_NFT_NAME_MAX];

	nft_add_is_family(r, family);
	nft_add_verdict(r, NFT_JUMP, sw_nft_chain_name(chain, kind, family, base->is_destination));
	nft_put_rule(b, r);
}

void nft_put_allowed_source(struct sw_nft_batch *b, const char *chain, enum sw_family family)
{
	const struct nft_base_chain in = {.name = chain};

	nft_put_jump(b, &in, family == SW_AF_IP4 ? base_tags[2] : base_tags[4], SW_NFT_ALLOW, family);
}

void nft_put_first_rules(struct sw_nft_batch *b, const struct nft_base_chain *base)
{
	const uint32_t loopback = LOOPBACK_INDEX;
	struct nftnl_rule *r = nft_new_rule(b, base->name, base_tags[0]);

	nft_add_meta(r, base->hook == NF_INET_PRE_ROUTING ? NFT_META_IIF : NFT_META_OIF);
	nft_add_cmp(r, NFT_CMP_EQ, &loopback, sizeof(loopback));
	nft_add_verdict(r, NF_ACCEPT, NULL);
	nft_put_rule(b, r);
	r = nft_new_rule(b, base->name, base_tags[1]);
	nft_add_meta(r, NFT_META_NFPROTO);
	nft_add_lookup(r, SW_NFT_ARMED, true);
	nft_add_verdict(r, NF_ACCEPT, NULL);
	nft_put_rule(b, r);
}

static void put_base_rules(struct sw_nft_batch *b, const struct nft_base_chain *base)
{
	struct nftnl_rule *r;

	nft_put_first_rules(b, base);
	nft_put_jump(b, base, base_tags[2], SW_NFT_ALLOW, SW_AF_IP4);
	nft_put_jump(b, base, base_tags[3], SW_NFT_BAN, SW_AF_IP4);
	nft_put_jump(b, base, base_tags[4], SW_NFT_ALLOW, SW_AF_IP6);
	nft_put_jump(b, base, base_tags[5], SW_NFT_BAN, SW_AF_IP6);
	r = nft_new_rule(b, base->name, base_tags[6]);
	nft_add_verdict(r, NFT_JUMP, sw_nft_trail_chain(base->hook));
	nft_put_rule(b, r);
}

/* ---- sets */

void nft_put_set(struct sw_nft_batch *b, const char *name, uint32_t type, uint32_t len,
	uint32_t flags, bool has_counter)
{
	struct nlmsghdr *h = nft_message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
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
		nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
		if (counter)
			nftnl_set_add_expr(s, TAKE_PTR(counter));
		nftnl_set_nlmsg_build_payload(h, s);
		nft_close_message(b, h);
	}
	if (s)
		nftnl_set_free(s);
	if (counter)
		nftnl_expr_free(counter);
}

void nft_del_set(struct sw_nft_batch *b, const char *name)
{
	struct nlmsghdr *h = nft_message(b, NFT_MSG_DELSET, 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_SET_TABLE, SW_NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_NAME, name);
	nft_close_message(b, h);
}

void sw_nft_put_set(
	struct sw_nft_batch *b, enum sw_nft_kind kind, enum sw_family family, unsigned int plen)
{
	char name[SW_NFT_NAME_MAX], chain[SW_NFT_NAME_MAX];

	sw_nft_set_name(name, kind, family, plen);
	nft_put_set(b, name, family == SW_AF_IP4 ? NFT_TYPE_IP4 : NFT_TYPE_IP6, family == SW_AF_IP4 ? 4 : 16,
		kind == SW_NFT_BAN ? NFT_SET_TIMEOUT : 0, kind == SW_NFT_BAN);
	for (int is_destination = 0; is_destination < 2; is_destination++) {
		struct nftnl_rule *r =
			nft_new_rule(b, sw_nft_chain_name(chain, kind, family, is_destination), name);

		nft_add_is_family(r, family); /* known already, but nft lists "ip saddr" only with it */
		nft_add_address(r, family, plen, is_destination);
		nft_add_lookup(r, name, false);
		if (kind == SW_NFT_BAN)
			nft_add_expr(r, "counter");
		nft_add_verdict(r, kind == SW_NFT_BAN ? NF_DROP : NF_ACCEPT, NULL);
		nft_put_rule(b, r);
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
	nft_put_set(b, SW_NFT_ARMED, TYPE_NFPROTO, 1, NFT_SET_TIMEOUT, false);
	for (int i = 0; i < 8; i++)
		nft_put_chain(b,
			sw_nft_chain_name(name, i & 1 ? SW_NFT_ALLOW : SW_NFT_BAN,
				i & 2 ? SW_AF_IP6 : SW_AF_IP4, i & 4),
			NULL);
	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++) {
		nft_put_chain(b, sw_nft_trail_chain(base_chains[i].hook), NULL);
		nft_put_chain(b, base_chains[i].name, &base_chains[i]);
		put_base_rules(b, &base_chains[i]);
	}
}

/* ---- elements; written without libnftnl's copies of each, because there may be 100,000 */

struct nlmsghdr *nft_elems_message(struct sw_nft_batch *b, uint16_t type, const char *set)
{
	struct nlmsghdr *h = nft_message(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);

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
		struct nlmsghdr *h = nft_elems_message(b, type, name);
		struct nlattr *list;

		if (!h)
			return;
		list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t k = i; k < n && k < i + SW_NFT_ELEMS_MAX; k++)
			nft_put_elem(h, e[k].net.addr, e[k].net.family == SW_AF_IP4 ? 4 : 16,
				type == NFT_MSG_NEWSETELEM && kind == SW_NFT_BAN ? e[k].left_ms
										 : 0);
		mnl_attr_nest_end(h, list);
		nft_close_message(b, h);
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
		nft_elems_message(b, NFT_MSG_DELSETELEM, SW_NFT_ARMED); /* without elements: all */
	struct nlattr *list;

	if (h)
		nft_close_message(b, h);
	h = is_armed ? nft_elems_message(b, NFT_MSG_NEWSETELEM, SW_NFT_ARMED) : NULL;
	if (!h)
		return;
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < SW_ARRAY_SIZE(protos); i++)
		nft_put_elem(h, &protos[i], sizeof(protos[i]), left_ms);
	mnl_attr_nest_end(h, list);
	nft_close_message(b, h);
}
