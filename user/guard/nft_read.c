// SPDX-License-Identifier: GPL-3.0-or-later
/* What is in the table: asked of the kernel. */
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "user/guard/nft_private.h"

static int ask(struct mnl_socket *s, struct nlmsghdr *h, mnl_cb_t fn, void *arg)
{
	char buf[1 << 16];
	uint32_t seq = h->nlmsg_seq, portid = mnl_socket_get_portid(s);

	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		int r;

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = mnl_cb_run(buf, (size_t)n, seq, portid, fn, arg);
		if (r < 0 && (errno == ESRCH || errno == EPROTO))
			continue; /* an answer to an earlier request */
		if (r < 0)
			return -errno;
		if (r == MNL_CB_STOP)
			return 0;
		if (!(h->nlmsg_flags & NLM_F_DUMP))
			return 0; /* one message is all there is */
	}
}

static int on_table(const struct nlmsghdr *h, void *arg)
{
	struct nftnl_table *t = nftnl_table_alloc();
	int *ret = arg;

	if (t && nftnl_table_nlmsg_parse(h, t) >= 0)
		*ret = !(nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT);
	if (t)
		nftnl_table_free(t);
	return MNL_CB_OK;
}

int sw_nft_is_table(struct mnl_socket *s, uint32_t *seq)
{
	char buf[256];
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, (*seq)++);
	int is_there = 0, r;

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, SW_NFT_TABLE);
	r = ask(s, h, on_table, &is_there);
	return r == -ENOENT ? 0 : r < 0 ? r : is_there;
}

struct rule_walk {
	int (*fn)(const struct sw_nft_rule_seen *rule, void *arg);
	void *arg;
	int result;
};

static int on_udata(const struct nftnl_udata *at, void *arg)
{
	const char **tag = arg;

	if (nftnl_udata_type(at) == NFTNL_UDATA_RULE_COMMENT)
		*tag = nftnl_udata_get(at);
	return 0;
}

static int see_expr(struct nftnl_expr *e, void *arg)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	struct sw_nft_rule_seen *seen = arg;

	if (sw_streq(name, "lookup")) {
		seen->set = nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET);
	} else if (sw_streq(name, "counter")) {
		seen->hits.packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		seen->hits.bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int on_rule(const struct nlmsghdr *h, void *arg)
{
	struct rule_walk *w = arg;
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct sw_nft_rule_seen seen = {.tag = "", .set = ""};
	uint32_t len = 0;

	if (!r)
		return MNL_CB_ERROR;
	if (nftnl_rule_nlmsg_parse(h, r) >= 0 && w->result >= 0 &&
		sw_streq(nftnl_rule_get_str(r, NFTNL_RULE_TABLE), SW_NFT_TABLE)) {
		const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);

		if (data)
			nftnl_udata_parse(data, len, on_udata, &seen.tag);
		seen.chain = nftnl_rule_get_str(r, NFTNL_RULE_CHAIN);
		nftnl_expr_foreach(r, see_expr, &seen);
		w->result = w->fn(&seen, w->arg);
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

int sw_nft_each_rule(struct mnl_socket *s, uint32_t *seq,
	int (*fn)(const struct sw_nft_rule_seen *rule, void *arg), void *arg)
{
	char buf[256];
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, NFPROTO_INET, NLM_F_DUMP, (*seq)++);
	struct rule_walk w = {.fn = fn, .arg = arg};
	int r;

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, SW_NFT_TABLE);
	r = ask(s, h, on_rule, &w);
	return r < 0 ? r : w.result;
}

struct set_walk {
	int (*fn)(const char *set, void *arg);
	void *arg;
	int result;
};

static int on_set(const struct nlmsghdr *h, void *arg)
{
	struct set_walk *w = arg;
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return MNL_CB_ERROR;
	if (nftnl_set_nlmsg_parse(h, s) >= 0 && w->result >= 0 &&
		sw_streq(nftnl_set_get_str(s, NFTNL_SET_TABLE), SW_NFT_TABLE))
		w->result = w->fn(nftnl_set_get_str(s, NFTNL_SET_NAME), w->arg);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

int sw_nft_each_set(
	struct mnl_socket *s, uint32_t *seq, int (*fn)(const char *set, void *arg), void *arg)
{
	char buf[256];
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSET, NFPROTO_INET, NLM_F_DUMP, (*seq)++);
	struct set_walk w = {.fn = fn, .arg = arg};
	int r;

	mnl_attr_put_strz(h, NFTA_SET_TABLE, SW_NFT_TABLE);
	r = ask(s, h, on_set, &w);
	return r < 0 ? r : w.result;
}

struct elem_walk {
	enum sw_family family;
	unsigned int plen, n;
	int (*fn)(const struct sw_nft_elem *e, void *arg);
	void *arg;
	int result;
};

static int tell_elem(struct nftnl_set_elem *x, void *arg)
{
	struct elem_walk *w = arg;
	struct sw_nft_elem e = {.net = {.family = (__u8)w->family, .plen = (__u8)w->plen}};
	const struct nftnl_expr *counter;
	uint32_t len = 0;
	const void *key = nftnl_set_elem_get(x, NFTNL_SET_ELEM_KEY, &len);

	if (w->result < 0 || !key || len > sizeof(e.net.addr))
		return 0;
	memcpy(e.net.addr, key, len);
	if (nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_EXPIRATION)) {
		e.left_ms = nftnl_set_elem_get_u64(x, NFTNL_SET_ELEM_EXPIRATION);
		if (!e.left_ms)
			e.left_ms = 1; /* 0 is for ever */
	}
	counter = nftnl_set_elem_is_set(x, NFTNL_SET_ELEM_EXPR)
		? nftnl_set_elem_get(x, NFTNL_SET_ELEM_EXPR, &len)
		: NULL;
	if (counter)
		e.hits = nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS);
	w->n++;
	w->result = w->fn ? w->fn(&e, w->arg) : 0;
	return 0;
}

static int on_elems(const struct nlmsghdr *h, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return MNL_CB_ERROR;
	if (nftnl_set_elems_nlmsg_parse(h, s) >= 0)
		nftnl_set_elem_foreach(s, tell_elem, arg);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

static int dump_elems(struct mnl_socket *s, uint32_t *seq, const char *set, struct elem_walk *w)
{
	char buf[256];
	struct nlmsghdr *h =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, (*seq)++);
	int r;

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, SW_NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	r = ask(s, h, on_elems, w);
	return r < 0 ? r : w->result;
}

static int note_left(const struct sw_nft_elem *e, void *arg)
{
	*(uint64_t *)arg = e->left_ms;
	return 0;
}

int sw_nft_get_armed(struct mnl_socket *s, uint32_t *seq, uint64_t *ret_left_ms)
{
	struct elem_walk w = {.fn = note_left, .arg = ret_left_ms};
	int r = dump_elems(s, seq, SW_NFT_ARMED, &w);

	return r < 0 ? r : w.n == 2;
}

enum { ASK_AT_ONCE = 64 }; /* requests in one packet; their answers fit the socket's buffer */

static struct nlmsghdr *ask_elem(
	char *at, uint32_t seq, const char *set, const struct sw_nft_elem *e)
{
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(at, NFT_MSG_GETSETELEM, NFPROTO_INET, 0, seq);
	struct nlattr *list;

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, SW_NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	nft_put_elem(h, e->net.addr, e->net.family == SW_AF_IP4 ? 4 : 16, 0);
	mnl_attr_nest_end(h, list);
	return h;
}

/* Each of n requests has one answer: the element, or an error, of which only "not there" is none. */
static int read_elems(struct mnl_socket *s, uint32_t first, size_t n, struct elem_walk *w)
{
	char buf[8192];
	int error = 0;

	for (size_t answered = 0; answered < n;) {
		ssize_t got = mnl_socket_recvfrom(s, buf, sizeof(buf));
		int len = (int)got;

		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
			h = mnl_nlmsg_next(h, &len)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_seq - first >= n)
				continue; /* an answer to an earlier request */
			answered++;
			if (h->nlmsg_type != NLMSG_ERROR)
				on_elems(h, w);
			else if (e->error != -ENOENT && !error)
				error = e->error;
		}
	}
	return error < 0 ? error : w->result;
}

int sw_nft_find_elems(struct mnl_socket *s, uint32_t *seq, enum sw_nft_kind kind,
	const struct sw_nft_elem *e, size_t n, int (*fn)(const struct sw_nft_elem *e, void *arg),
	void *arg)
{
	struct elem_walk w = {.family = e->net.family, .plen = e->net.plen, .fn = fn, .arg = arg};
	char name[SW_NFT_NAME_MAX], buf[ASK_AT_ONCE * 256];

	sw_nft_set_name(name, kind, e->net.family, e->net.plen);
	for (size_t i = 0; i < n; i += ASK_AT_ONCE) {
		size_t count = SW_MIN(n - i, (size_t)ASK_AT_ONCE), len = 0;
		uint32_t first = *seq;
		int r;

		for (size_t k = 0; k < count; k++)
			len += MNL_ALIGN(ask_elem(buf + len, (*seq)++, name, &e[i + k])->nlmsg_len);
		if (mnl_socket_sendto(s, buf, len) < 0)
			return -errno;
		r = read_elems(s, first, count, &w);
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_elem(const struct sw_nft_elem *e, void *arg)
{
	*(struct sw_nft_elem *)arg = *e;
	return 0;
}

int sw_nft_get_elem(
	struct mnl_socket *s, uint32_t *seq, enum sw_nft_kind kind, struct sw_nft_elem *e)
{
	struct sw_nft_elem found = {};
	int r = sw_nft_find_elems(s, seq, kind, e, 1, copy_elem, &found);

	if (r < 0 || !found.net.family)
		return SW_MIN(r, 0);
	*e = found;
	return 1;
}
