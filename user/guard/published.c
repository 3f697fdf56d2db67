// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/published.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <time.h>

enum {
	CHAINS_MAX = 4096, /* NAT tables' base chains and their tables; more are not looked at */
	SETS_MAX = 64, /* sets of ports that one pass looks into */
	DPORT_AT = 2, /* of TCP's and UDP's headers */
	REPLY_BYTES = 65536,
};

struct chain {
	uint8_t family;
	char table[64], name[64]; /* name "": the table has a NAT chain */
};

/* A set that a rule looks a port up in, to be read after the rules: a dump may not be begun in a dump. */
struct wanted_set {
	uint8_t family;
	char table[64], name[64];
	unsigned int at; /* where the port lies in a key */
};

struct pass {
	struct sw_published *out;
	struct mnl_socket *nl;
	struct chain *chains;
	size_t n_chains;
	struct wanted_set sets[SETS_MAX];
	size_t n_sets;
	unsigned int at; /* of the set that is being read */
	int last; /* end of the range before, -1: none is open */
};

/* One rule, while its expressions are walked. */
struct rule {
	struct pass *p;
	uint8_t family;
	const char *table, *chain;
	uint32_t port_reg; /* holds the destination port, 0: none does */
	unsigned int reg_skip; /* bytes before it in the register */
	bool has_ports, is_dnat, is_snat, has_jump;
	bool has_bounds; /* a range comes as two comparisons */
	unsigned int first, last;
	uint8_t ports[SW_PORT_BYTES];
	struct wanted_set set;
};

static void add_range(uint8_t *ports, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last && i < 65536; i++)
		ports[i >> 3] |= (uint8_t)(1 << (i & 7));
}

static void merge(uint8_t *to, const uint8_t *from)
{
	for (unsigned int i = 0; i < SW_PORT_BYTES; i++)
		to[i] |= from[i];
}

static void copy_text(char *to, size_t size, const struct nlattr *a)
{
	sw_strcpy(to, size, a ? mnl_attr_get_str(a) : "");
}

struct attrs {
	const struct nlattr *at[32];
};

static int collect(const struct nlattr *a, void *arg)
{
	struct attrs *t = arg;
	uint16_t type = mnl_attr_get_type(a);

	if (type < SW_ARRAY_SIZE(t->at))
		t->at[type] = a;
	return MNL_CB_OK;
}

static struct attrs nested(const struct nlattr *a)
{
	struct attrs t = {};

	if (a)
		mnl_attr_parse_nested(a, collect, &t);
	return t;
}

static struct attrs of_message(const struct nlmsghdr *h)
{
	struct attrs t = {};

	mnl_attr_parse(h, sizeof(struct nfgenmsg), collect, &t);
	return t;
}

static uint32_t number(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static bool is_text(const struct nlattr *a, const char *text)
{
	return a && !strncmp(mnl_attr_get_payload(a), text, mnl_attr_get_payload_len(a));
}

/* ---- asking */

static int ask(struct mnl_socket *nl, uint16_t type, uint16_t flags, uint8_t family,
	const char *table, const char *set, mnl_cb_t fn, void *arg)
{
	char buf[1024] __attribute__((aligned(8)));
	_free_ char *reply = malloc(REPLY_BYTES);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;
	unsigned int seq = (unsigned int)time(NULL);
	ssize_t n;
	int r = 1;

	if (!reply)
		return -ENOMEM;
	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	if (table)
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, table);
	if (set)
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	while (r > 0) {
		n = mnl_socket_recvfrom(nl, reply, REPLY_BYTES);
		if (n < 0)
			return -errno;
		r = mnl_cb_run(reply, (size_t)n, seq, mnl_socket_get_portid(nl), fn, arg);
	}
	return r < 0 ? -errno : 0;
}

/* ---- chains */

static int on_chain(const struct nlmsghdr *h, void *arg)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	struct attrs a = of_message(h);
	struct pass *p = arg;
	struct chain *c;

	if (!is_text(a.at[NFTA_CHAIN_TYPE], "nat") || p->n_chains >= CHAINS_MAX)
		return MNL_CB_OK;
	c = reallocarray(p->chains, p->n_chains + 1, sizeof(*c));
	if (!c)
		return MNL_CB_ERROR;
	p->chains = c;
	c += p->n_chains++;
	c->family = g->nfgen_family;
	copy_text(c->table, sizeof(c->table), a.at[NFTA_CHAIN_TABLE]);
	copy_text(c->name, sizeof(c->name), a.at[NFTA_CHAIN_NAME]);
	return MNL_CB_OK;
}

/* chain NULL: does the table do NAT at all? */
static bool is_nat(const struct pass *p, uint8_t family, const char *table, const char *chain)
{
	for (size_t i = 0; i < p->n_chains; i++) {
		const struct chain *c = &p->chains[i];

		if (c->family == family && sw_streq(c->table, table) &&
			(!chain || sw_streq(c->name, chain)))
			return true;
	}
	return false;
}

/* ---- expressions */

static void take_range(struct rule *r, unsigned int first, unsigned int last)
{
	r->has_ports = true;
	add_range(r->ports, first, last);
}

/* A value that is compared with the register the port was loaded to. */
static bool port_in(const struct rule *r, const struct nlattr *data, unsigned int *ret)
{
	struct attrs d = nested(data);
	const struct nlattr *v = d.at[NFTA_DATA_VALUE];
	const uint8_t *p;

	if (!v || mnl_attr_get_payload_len(v) < r->reg_skip + 2)
		return false;
	p = (const uint8_t *)mnl_attr_get_payload(v) + r->reg_skip;
	*ret = (unsigned int)(p[0] << 8 | p[1]);
	return true;
}

static void see_payload(struct rule *r, const struct attrs *d)
{
	uint32_t at = number(d->at[NFTA_PAYLOAD_OFFSET]), len = number(d->at[NFTA_PAYLOAD_LEN]);

	if (number(d->at[NFTA_PAYLOAD_BASE]) != NFT_PAYLOAD_TRANSPORT_HEADER || at > DPORT_AT ||
		at + len < DPORT_AT + 2)
		return;
	r->port_reg = number(d->at[NFTA_PAYLOAD_DREG]);
	r->reg_skip = DPORT_AT - at;
}

static void see_cmp(struct rule *r, const struct attrs *d)
{
	unsigned int port, op = number(d->at[NFTA_CMP_OP]);

	if (!r->port_reg || number(d->at[NFTA_CMP_SREG]) != r->port_reg ||
		!port_in(r, d->at[NFTA_CMP_DATA], &port))
		return;
	if (op == NFT_CMP_EQ) {
		take_range(r, port, port);
		return;
	}
	r->has_bounds = true;
	if (op == NFT_CMP_LTE || op == NFT_CMP_LT)
		r->last = SW_MIN(r->last, port);
	else if (op == NFT_CMP_GTE || op == NFT_CMP_GT)
		r->first = SW_MAX(r->first, port);
}

static void see_range(struct rule *r, const struct attrs *d)
{
	unsigned int first, last;

	if (r->port_reg && number(d->at[NFTA_RANGE_SREG]) == r->port_reg &&
		port_in(r, d->at[NFTA_RANGE_FROM_DATA], &first) &&
		port_in(r, d->at[NFTA_RANGE_TO_DATA], &last))
		take_range(r, first, last);
}

/* Registers of 16 bytes are 1 to 4, those of 4 bytes 8 to 23; both name the same bytes. */
static unsigned int register_at(uint32_t reg)
{
	return reg >= NFT_REG32_00 ? (reg - NFT_REG32_00) * 4 : (reg - NFT_REG_1) * 16;
}

static void see_lookup(struct rule *r, const struct attrs *d)
{
	uint32_t reg = number(d->at[NFTA_LOOKUP_SREG]);

	if (!r->port_reg || !reg || register_at(reg) > register_at(r->port_reg))
		return;
	r->set.family = r->family;
	sw_strcpy(r->set.table, sizeof(r->set.table), r->table);
	copy_text(r->set.name, sizeof(r->set.name), d->at[NFTA_LOOKUP_SET]);
	r->set.at = register_at(r->port_reg) - register_at(reg) + r->reg_skip;
	r->has_ports = true;
	r->has_jump |= d->at[NFTA_LOOKUP_DREG] != NULL; /* a map's verdict or address */
}

/* iptables-nft's matches, as the extension's own struct. */
static void see_match(struct rule *r, const struct attrs *d)
{
	const struct nlattr *name = d->at[NFTA_MATCH_NAME], *info = d->at[NFTA_MATCH_INFO];
	size_t len = info ? mnl_attr_get_payload_len(info) : 0;
	const void *p = info ? mnl_attr_get_payload(info) : NULL;

	if ((is_text(name, "tcp") || is_text(name, "udp")) && len >= sizeof(struct xt_udp)) {
		const struct xt_udp *u =
			p; /* both begin with source ports, then destination ports */

		if (u->dpts[0] || u->dpts[1] != 65535)
			take_range(r, u->dpts[0], u->dpts[1]);
	} else if (is_text(name, "multiport") && len >= sizeof(struct xt_multiport_v1)) {
		const struct xt_multiport_v1 *m = p;

		for (unsigned int i = 0;
			m->flags != XT_MULTIPORT_SOURCE && i < m->count && i < XT_MULTI_PORTS;
			i++) {
			unsigned int last = m->pflags[i] && i + 1 < XT_MULTI_PORTS ? m->ports[i + 1]
										   : m->ports[i];

			take_range(r, m->ports[i], last);
		}
	}
}

static void see_target(struct rule *r, const struct attrs *d)
{
	const struct nlattr *name = d->at[NFTA_TARGET_NAME];

	r->is_dnat |= is_text(name, "DNAT") || is_text(name, "REDIRECT");
	r->is_snat |= is_text(name, "SNAT") || is_text(name, "MASQUERADE");
}

static void see_immediate(struct rule *r, const struct attrs *d)
{
	struct attrs data = nested(d->at[NFTA_IMMEDIATE_DATA]),
		     verdict = nested(data.at[NFTA_DATA_VERDICT]);
	int code = (int)number(verdict.at[NFTA_VERDICT_CODE]);

	r->has_jump |= code == NFT_JUMP || code == NFT_GOTO;
}

static void see_nat(struct rule *r, const struct attrs *d)
{
	if (number(d->at[NFTA_NAT_TYPE]) == NFT_NAT_DNAT)
		r->is_dnat = true;
	else
		r->is_snat = true;
}

static void see_redir(struct rule *r, const struct attrs *d)
{
	r->is_dnat = true;
}

static void see_masq(struct rule *r, const struct attrs *d)
{
	r->is_snat = true;
}

static const struct {
	const char *name;
	void (*see)(struct rule *r, const struct attrs *d);
} expressions[] = {
	{"payload", see_payload},
	{"cmp", see_cmp},
	{"range", see_range},
	{"lookup", see_lookup},
	{"match", see_match},
	{"target", see_target},
	{"immediate", see_immediate},
	{"nat", see_nat},
	{"redir", see_redir},
	{"masq", see_masq},
};

static void see_expression(struct rule *r, const struct nlattr *element)
{
	struct attrs e = nested(element), data = nested(e.at[NFTA_EXPR_DATA]);

	for (size_t i = 0; i < SW_ARRAY_SIZE(expressions); i++) {
		if (is_text(e.at[NFTA_EXPR_NAME], expressions[i].name))
			expressions[i].see(r, &data);
	}
}

/* A rule that sends on, or that leads by a port to those that do. */
static void settle_rule(struct rule *r)
{
	struct pass *p = r->p;

	p->out->has_masquerade |= r->is_snat;
	if (r->has_bounds)
		take_range(r, r->first, r->last);
	if (r->is_snat || (!r->is_dnat && !r->has_jump))
		return;
	/* All that comes is sent on; deeper chains are reached by rules that name the port. */
	if (r->is_dnat && !r->has_ports && is_nat(p, r->family, r->table, r->chain))
		take_range(r, 0, 65535);
	if (!r->has_ports)
		return;
	p->out->n_rules++;
	merge(p->out->ports, r->ports);
	if (*r->set.name && p->n_sets < SETS_MAX)
		p->sets[p->n_sets++] = r->set;
	else if (*r->set.name)
		add_range(p->out->ports, 0, 65535);
}

static int on_rule(const struct nlmsghdr *h, void *arg)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	struct attrs a = of_message(h);
	struct pass *p = arg;
	struct rule r = {.p = p, .family = g->nfgen_family, .last = 65535};
	const struct nlattr *element;

	if (!a.at[NFTA_RULE_TABLE] || !a.at[NFTA_RULE_CHAIN] || !a.at[NFTA_RULE_EXPRESSIONS])
		return MNL_CB_OK;
	r.table = mnl_attr_get_str(a.at[NFTA_RULE_TABLE]);
	r.chain = mnl_attr_get_str(a.at[NFTA_RULE_CHAIN]);
	if (!is_nat(p, r.family, r.table, NULL))
		return MNL_CB_OK;
	mnl_attr_for_each_nested(element, a.at[NFTA_RULE_EXPRESSIONS]) see_expression(&r, element);
	settle_rule(&r);
	return MNL_CB_OK;
}

/* ---- sets: elements in order; of an interval the end comes as an element of its own, before or behind */

static bool key_port(const struct pass *p, const struct nlattr *key, unsigned int *ret)
{
	struct rule r = {.reg_skip = p->at};

	return port_in(&r, key, ret);
}

static void see_element(struct pass *p, const struct nlattr *element)
{
	struct attrs e = nested(element);
	uint32_t flags = number(e.at[NFTA_SET_ELEM_FLAGS]);
	unsigned int port, end;

	if (!key_port(p, e.at[NFTA_SET_ELEM_KEY], &port))
		return;
	if (flags & NFT_SET_ELEM_INTERVAL_END) {
		p->last = (int)port;
		return;
	}
	if (key_port(p, e.at[NFTA_SET_ELEM_KEY_END], &end))
		add_range(p->out->ports, port, end);
	else if (p->last > (int)port) /* the kernel gives an interval's end first */
		add_range(p->out->ports, port, (unsigned int)p->last - 1);
	else
		add_range(p->out->ports, port, port);
	p->last = -1;
}

static int on_elements(const struct nlmsghdr *h, void *arg)
{
	struct attrs a = of_message(h);
	const struct nlattr *element;

	if (!a.at[NFTA_SET_ELEM_LIST_ELEMENTS])
		return MNL_CB_OK;
	mnl_attr_for_each_nested(element, a.at[NFTA_SET_ELEM_LIST_ELEMENTS])
		see_element(arg, element);
	return MNL_CB_OK;
}

static int read_nftables(struct pass *p)
{
	int r = ask(p->nl, NFT_MSG_GETCHAIN, NLM_F_DUMP, AF_UNSPEC, NULL, NULL, on_chain, p);

	if (r >= 0 && p->n_chains)
		r = ask(p->nl, NFT_MSG_GETRULE, NLM_F_DUMP, AF_UNSPEC, NULL, NULL, on_rule, p);
	for (size_t i = 0; r >= 0 && i < p->n_sets; i++) {
		p->at = p->sets[i].at;
		p->last = -1;
		/* a set that is gone meanwhile is told of by the next event */
		(void)ask(p->nl, NFT_MSG_GETSETELEM, NLM_F_DUMP, p->sets[i].family,
			p->sets[i].table, p->sets[i].name, on_elements, p);
	}
	return r;
}

int sw_published_read(struct sw_published *ret)
{
	struct sw_published out = {};
	_free_ struct pass *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->out = &out;
	p->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!p->nl)
		return -errno;
	r = mnl_socket_bind(p->nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : read_nftables(p);
	mnl_socket_close(p->nl);
	free(p->chains);
	if (r >= 0 || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -EINVAL)
		r = sw_published_add_legacy(&out);
	if (r >= 0)
		*ret = out;
	return r;
}
