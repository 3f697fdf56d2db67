// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/sock_rules.h"

#include <fnmatch.h>
#include <netinet/in.h>

#include "user/base/cidr.h"
#include "user/conf/value.h"

struct rule {
	struct sw_config_sock_rule text;
	int n_ports, n_nets;
	struct sw_config_port_range ports[SW_CONFIG_SOCK_PARTS_MAX];
	struct sw_net nets[SW_CONFIG_SOCK_PARTS_MAX];
};

struct sw_sock_rules {
	uint32_t fallback;
	unsigned int n;
	struct rule at[];
};

int sw_sock_rules_new(
	const struct sw_config_sock_rules *rules, uint32_t fallback, struct sw_sock_rules **ret)
{
	_free_ struct sw_sock_rules *r = calloc(1, sizeof(*r) + rules->n * sizeof(r->at[0]));
	_strbuf_ struct sw_strbuf why = {};

	if (!r)
		return -ENOMEM;
	r->fallback = rules->n ? fallback : SW_SOCK_ALLOW;
	for (r->n = 0; r->n < rules->n; r->n++) {
		struct rule *to = &r->at[r->n];

		to->text = rules->at[r->n];
		to->n_ports = sw_conf_port_list(to->text.ports, to->ports, &why);
		to->n_nets = sw_conf_net_list(to->text.networks, to->nets, &why);
		if (to->n_ports < 0 || to->n_nets < 0)
			return -EINVAL;
	}
	*ret = TAKE_PTR(r);
	return 0;
}

void sw_sock_rules_free(struct sw_sock_rules *r)
{
	free(r);
}

unsigned int sw_sock_rules_count(const struct sw_sock_rules *r)
{
	return r->n;
}

static bool is_user(const char *rule, const struct sw_sock_facts *f)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", f->uid);
	return !*rule || sw_streq(rule, f->user) || sw_streq(rule, number);
}

static bool is_container(const char *rule, const char *container)
{
	if (sw_streq(rule, "host"))
		return !*container;
	return !*rule || (*container && fnmatch(rule, container, 0) == 0);
}

static bool has_port_from_to(const struct rule *r, uint16_t port)
{
	for (int i = 0; i < r->n_ports; i++) {
		if (port >= r->ports[i].first && port <= r->ports[i].last)
			return true;
	}
	return false;
}

/* 0 stands for a port that the kernel chose, whichever that is. */
static bool has_port(const struct rule *r, const struct sw_sock_facts *f)
{
	return !r->n_ports || has_port_from_to(r, f->port) || (f->is_chosen && has_port_from_to(r, 0));
}

bool sw_sock_rules_names_chosen(const struct sw_sock_rules *r, unsigned int i)
{
	return i < r->n && has_port_from_to(&r->at[i], 0);
}

bool sw_sock_rules_names_packets(const struct sw_sock_rules *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		if (r->at[i].text.protocol == SW_SOCK_PROTO_PACKET)
			return true;
	return false;
}

static bool has_address(const struct rule *r, const struct sw_net *address)
{
	for (int i = 0; i < r->n_nets; i++) {
		if (sw_net_contains(&r->nets[i], address))
			return true;
	}
	return !r->n_nets;
}

/* Raw and packet sockets are denied only by rules that say so. */
static bool is_protocol(const struct rule *r, const struct sw_sock_facts *f)
{
	switch (r->text.protocol) {
	case SW_SOCK_PROTO_TCP:
		return f->kind == SW_SOCK_KIND_USUAL && f->protocol == IPPROTO_TCP;
	case SW_SOCK_PROTO_UDP:
		return f->kind == SW_SOCK_KIND_USUAL && f->protocol == IPPROTO_UDP;
	case SW_SOCK_PROTO_RAW:
		return f->kind == SW_SOCK_KIND_RAW;
	case SW_SOCK_PROTO_PACKET:
		return f->kind == SW_SOCK_KIND_PACKET;
	default:
		return f->kind == SW_SOCK_KIND_USUAL || r->text.action != SW_SOCK_DENY;
	}
}

static bool is_named(const struct rule *r, const struct sw_sock_facts *f)
{
	return is_protocol(r, f) && has_port(r, f) &&
		has_address(r, &f->address) && is_user(r->text.user, f) &&
		is_container(r->text.container, f->container) &&
		(!*r->text.executable || fnmatch(r->text.executable, f->executable, 0) == 0);
}

uint32_t sw_sock_rules_judge(
	const struct sw_sock_rules *r, const struct sw_sock_facts *f, int *ret_rule)
{
	for (unsigned int i = 0; i < r->n; i++) {
		if (is_named(&r->at[i], f)) {
			*ret_rule = (int)i;
			return r->at[i].text.action;
		}
	}
	*ret_rule = SW_SOCK_NO_RULE;
	return f->kind == SW_SOCK_KIND_USUAL ? r->fallback : SW_SOCK_ALLOW;
}
