// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/conf.h"

#include "sockwarden/rpc/guard.h"
#include "user/base/cidr.h"
#include "user/base/geo_rule.h"
#include "user/conf/feed.h"
#include "user/conf/reader.h"
#include "user/conf/value.h"

enum { KEY_SHOWN = 64 };

/* One parse: where it reads from, where it writes to, what was wrong. */
struct parse {
	struct sw_conf_reader in;
	struct sw_config *conf;
};

void sw_conf_defaults(struct sw_config *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++)
		sw_conf_set_fallback(row, ret);
}

static void read_iface(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_iface iface = {.hook = c->hook};
	bool is_good;

	for (const struct sw_conf_row *row = sw_conf_iface_rows; row->key; row++)
		sw_conf_set_fallback(row, &iface);
	iface.hook = c->hook;
	if (v->kind == SW_CONF_MAP) {
		bool has_hook = false;
		int value;

		for (int at = v->first; at >= 0; sw_conf_step_pair(&p->in, &at)) {
			const struct sw_conf_node *key = sw_conf_at(&p->in, at);

			value = key->next;
			if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "hook"))
				has_hook = !sw_conf_node_is_null(sw_conf_at(&p->in, value));
		}
		is_good = sw_conf_read_element(&p->in, sw_conf_iface_rows, &iface, v, name);
		if (!has_hook)
			iface.hook = c->hook;
	} else {
		is_good = sw_conf_read_scalar(&p->in, sw_conf_iface_rows, &iface, v, name);
	}
	for (__u32 i = 0; is_good && i < c->n_ifaces; i++) {
		if (sw_streq(c->ifaces[i].pattern, iface.pattern)) {
			sw_conf_report(&p->in, v, name, "this device is in the list already");
			is_good = false;
		}
	}
	if (is_good)
		c->ifaces[c->n_ifaces++] = iface;
}

/* A feed that is described takes from there what the file leaves out. */
static void feed_defaults(struct parse *p, const struct sw_conf_node *map, struct sw_config_feed *feed)
{
	const char *name = "";

	for (int at = map->first; at >= 0; sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at), *v = sw_conf_at(&p->in, key->next);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "name") && v->kind == SW_CONF_SCALAR)
			name = v->text;
	}
	sw_conf_feed_defaults(name, feed);
}

/* Where the feed's action stands, for what is wrong with it alone. */
static void report_action(struct parse *p, const struct sw_conf_node *map, const char *name, const char *why)
{
	const struct sw_conf_node *where = map;
	char full[SW_CONF_KEY_MAX];

	for (int at = map->first; at >= 0; sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at), *v = sw_conf_at(&p->in, key->next);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "action"))
			where = v;
	}
	sw_conf_join_key(full, name, "action");
	sw_conf_report(&p->in, where, full, why);
}

static void read_feed(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_feed feed = {};
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "a feed wants the keys name and url");
		return;
	}
	feed_defaults(p, v, &feed);
	if (!sw_conf_read_element(&p->in, sw_conf_feed_rows, &feed, v, name))
		return;
	if (sw_conf_feed_check_allow(&feed, &why) < 0) {
		report_action(p, v, name, sw_strbuf_get(&why));
		return;
	}
	if (sw_conf_feed_check(&feed, &why) < 0) {
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
		return;
	}
	for (__u32 i = 0; i < c->n_feeds; i++) {
		if (sw_streq(c->feeds[i].name, feed.name)) {
			sw_conf_report(&p->in, v, name, "another feed has this name already");
			return;
		}
	}
	c->feeds[c->n_feeds++] = feed;
}

static void read_net(
	struct parse *p, const struct sw_conf_node *v, const char *name, struct sw_net *nets, __u32 *n)
{
	_strbuf_ struct sw_strbuf what = {};
	struct sw_net net;

	if (v->kind != SW_CONF_SCALAR) {
		sw_conf_report(&p->in, v, name, "wants an address or a network");
	} else if (sw_cidr_parse(v->text, SIZE_MAX, &net) < 0) {
		sw_strbuf_putc(&what, '\'');
		sw_strbuf_safe(&what, v->text, strnlen(v->text, KEY_SHOWN));
		sw_strbuf_puts(&what, "' is not an address or a network such as 192.0.2.7 or 2001:db8::/32");
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&what));
	} else if (net.plen == 0) {
		sw_conf_report(&p->in, v, name, "would allow every address there is");
	} else {
		nets[(*n)++] = net;
	}
}

static void read_ports(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v, const char *name)
{
	struct sw_config_ports *ports = (void *)((char *)p->conf + row->offset);
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind != SW_CONF_SCALAR)
		sw_conf_report(&p->in, v, name, "wants a port or a range of ports");
	else if (sw_conf_ports_parse(v->text, &ports->at[ports->n], &why) < 0)
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
	else
		ports->n++;
}

/* A country or a system is in one list: it cannot be dropped and told of alone. */
static bool is_code_given(const struct sw_config *c, const struct sw_conf_row *row, __u32 code)
{
	const struct sw_config_codes *const lists[2][2] = {
		{&c->country_drop, &c->country_observe}, {&c->asn_drop, &c->asn_observe}};

	for (size_t k = 0; k < 2; k++) {
		const struct sw_config_codes *l = lists[row->type == SW_CONF_ASNS][k];

		for (__u32 i = 0; i < l->n; i++) {
			if (l->at[i] == code)
				return true;
		}
	}
	return false;
}

static void read_code(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v, const char *name)
{
	struct sw_config_codes *codes = (void *)((char *)p->conf + row->offset);
	_strbuf_ struct sw_strbuf why = {};
	__u32 code;

	if (v->kind != SW_CONF_SCALAR)
		sw_conf_report(&p->in, v, name, "wants a country code, or the number of an autonomous system");
	else if (sw_conf_code_parse(row, v->text, &code, &why) < 0)
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
	else if (is_code_given(p->conf, row, code))
		sw_conf_report(&p->in, v, name, "is given already");
	else
		codes->at[codes->n++] = code;
}

static void read_flag(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v, const char *name)
{
	__u32 *flags = (void *)((char *)p->conf + row->offset), value = 0;
	struct sw_conf_row word = *row;

	word.type = SW_CONF_WORD;
	word.offset = 0;
	word.size = sizeof(value);
	if (!sw_conf_read_scalar(&p->in, &word, &value, v, name))
		return;
	if (*flags & 1U << value)
		sw_conf_report(&p->in, v, name, "given twice");
	*flags |= 1U << value;
}

static void read_banner(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_banner banner = {};

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "a banner wants the keys port and text");
		return;
	}
	if (!sw_conf_read_element(&p->in, sw_conf_banner_rows, &banner, v, name))
		return;
	for (__u32 i = 0; i < c->n_decoy_banners; i++) {
		if (c->decoy_banners[i].port == banner.port) {
			sw_conf_report(&p->in, v, name, "this port has a banner already");
			return;
		}
	}
	c->decoy_banners[c->n_decoy_banners++] = banner;
}

static void read_action(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_action a = {};

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "an action wants the key name, and what it does");
		return;
	}
	for (const struct sw_conf_row *row = sw_conf_action_rows; row->key; row++)
		sw_conf_set_fallback(row, &a);
	if (!sw_conf_read_element(&p->in, sw_conf_action_rows, &a, v, name))
		return;
	for (__u32 i = 0; i < c->n_actions; i++) {
		if (sw_streq(c->actions[i].name, a.name)) {
			sw_conf_report(&p->in, v, name, "another action has this name already");
			return;
		}
	}
	c->actions[c->n_actions++] = a;
}

static void read_rule(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_rule rule = {.line = v->line};
	_strbuf_ struct sw_strbuf why = {};
	uint64_t window;
	uint32_t count;

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "a rule's settings want the key name");
		return;
	}
	if (!sw_conf_read_element(&p->in, sw_conf_rule_rows, &rule, v, name))
		return;
	if (rule.threshold[0] && sw_conf_threshold_parse(rule.threshold, &count, &window, &why) < 0) {
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
		return;
	}
	for (__u32 i = 0; i < c->n_rules; i++) {
		if (sw_streq(c->rules[i].name, rule.name)) {
			sw_conf_report(&p->in, v, name, "this rule is in the list already");
			return;
		}
	}
	c->rules[c->n_rules++] = rule;
}

static bool has_chosen(const struct sw_config_port_range *ports, int n)
{
	for (int i = 0; i < n; i++)
		if (!ports[i].first)
			return true;
	return false;
}

/* NULL, or what is wrong with a rule each of whose texts is right. */
static const char *sock_rule_fault(const struct sw_config_sock_rule *r, bool is_connect,
	const struct sw_config_port_range *ports, int n_ports)
{
	bool is_special = r->protocol == SW_SOCK_PROTO_RAW || r->protocol == SW_SOCK_PROTO_PACKET;

	if (is_connect && is_special)
		return "raw and packet sockets do not connect: such a rule belongs to policy.listen";
	if (is_connect && has_chosen(ports, n_ports))
		return "port 0 is a port to listen on that the kernel chooses: it belongs to policy.listen";
	if (is_special && *r->networks)
		return "a raw or packet socket is of no network";
	if (r->protocol == SW_SOCK_PROTO_PACKET && n_ports)
		return "a packet socket has no ports";
	if (r->protocol == SW_SOCK_PROTO_UDP && has_chosen(ports, n_ports))
		return "a UDP port that the kernel chooses is a client's, and is not judged";
	return NULL;
}

static void read_sock_rule(
	struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v, const char *name)
{
	struct sw_config_sock_rules *rules = (void *)((char *)p->conf + row->offset);
	struct sw_config_port_range ports[SW_CONFIG_SOCK_PARTS_MAX];
	struct sw_net nets[SW_CONFIG_SOCK_PARTS_MAX];
	struct sw_config_sock_rule rule = {};
	_strbuf_ struct sw_strbuf why = {};
	const char *fault;
	int n_ports;

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "a rule wants keys such as executable, user and ports");
		return;
	}
	if (!sw_conf_read_element(&p->in, sw_conf_sock_rule_rows, &rule, v, name))
		return;
	n_ports = sw_conf_port_list(rule.ports, ports, &why);
	if (n_ports < 0 || sw_conf_net_list(rule.networks, nets, &why) < 0) {
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
		return;
	}
	fault = sock_rule_fault(&rule, rules == &p->conf->policy_connect, ports, n_ports);
	if (fault)
		sw_conf_report(&p->in, v, name, fault);
	else
		rules->at[rules->n++] = rule;
}

static void read_geo_rule(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config_geo_rule rule = {};
	_strbuf_ struct sw_strbuf why = {};
	struct sw_geo_rule parsed;

	if (v->kind != SW_CONF_MAP) {
		sw_conf_report(&p->in, v, name, "a rule wants countries or systems, and maybe ports, direction and action");
		return;
	}
	for (const struct sw_conf_row *row = sw_conf_geo_rule_rows; row->key; row++)
		sw_conf_set_fallback(row, &rule);
	if (!sw_conf_read_element(&p->in, sw_conf_geo_rule_rows, &rule, v, name))
		return;
	if (sw_geo_rule_parse(&rule, &parsed, &why) < 0)
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
	else
		p->conf->geo_rules[p->conf->n_geo_rules++] = rule;
}

static void read_habit_allow(struct parse *p, const struct sw_conf_row *row,
	struct sw_config_habit *rule, const struct sw_conf_node *list, const char *name)
{
	if (sw_conf_node_is_null(list))
		return;
	if (list->kind != SW_CONF_LIST) {
		sw_conf_report_kind(&p->in, list, name, row);
		return;
	}
	for (int at = list->first; at >= 0; at = sw_conf_at(&p->in, at)->next) {
		if (rule->n_allow >= row->max) {
			sw_conf_report(&p->in, sw_conf_at(&p->in, at), name, "more entries than one rule may have");
			return;
		}
		read_net(p, sw_conf_at(&p->in, at), name, rule->allow, &rule->n_allow);
	}
}

/* A rule of behaviour; what is left out stays at the rule's default. */
static void read_habit(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *map)
{
	struct sw_config_habit *rule = (void *)((char *)p->conf + row->offset);
	int value;

	if (sw_conf_node_is_null(map))
		return;
	if (map->kind != SW_CONF_MAP) {
		sw_conf_report_kind(&p->in, map, row->key, row);
		return;
	}
	for (int at = map->first; sw_conf_next_pair(&p->in, map, row->key, &at, &value);
		sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at), *v = sw_conf_at(&p->in, value);
		const struct sw_conf_row *sub = sw_conf_find_sub(sw_conf_habit_rows, key->text);
		struct sw_conf_row part;
		char full[SW_CONF_KEY_MAX];

		sw_conf_join_key(full, row->key, key->text);
		if (!sub) {
			sw_conf_report_unknown(&p->in, sw_conf_habit_rows, key, full);
			continue;
		}
		part = *sub;
		if (part.type == SW_CONF_U32)
			part.max = row->max;
		if (part.type == SW_CONF_NETS)
			read_habit_allow(p, sub, rule, v, full);
		else
			sw_conf_read_scalar(&p->in, &part, rule, v, full);
	}
}

static void read_path(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v,
	const char *name)
{
	_strbuf_ struct sw_strbuf why = {};
	struct sw_config *c = p->conf;
	char(*paths)[256] = (void *)((char *)c + row->offset);
	__u32 *n = row->offset == offsetof(struct sw_config, trail_dirs) ? &c->n_trail_dirs
									 : &c->n_trail_files;

	if (v->kind != SW_CONF_SCALAR)
		sw_conf_report(&p->in, v, name, "wants an absolute path");
	else if (sw_conf_check_path(v->text, &why) < 0)
		sw_conf_report(&p->in, v, name, sw_strbuf_get(&why));
	else if (!sw_strcpy(paths[*n], sizeof(paths[0]), v->text))
		sw_conf_report(&p->in, v, name, "longer than 255 bytes");
	else
		(*n)++;
}

static void read_list(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *list)
{
	int i = 0;

	if (sw_conf_node_is_null(list))
		return;
	if (list->kind != SW_CONF_LIST) {
		sw_conf_report_kind(&p->in, list, row->key, row);
		return;
	}
	for (int at = list->first; at >= 0; at = sw_conf_at(&p->in, at)->next, i++) {
		const struct sw_conf_node *v = sw_conf_at(&p->in, at);
		char name[SW_CONF_KEY_MAX];

		snprintf(name, sizeof(name), "%s[%d]", row->key, i + 1);
		if ((__u64)i >= row->max) {
			char what[64];

			snprintf(what, sizeof(what), "more than %llu entries", (unsigned long long)row->max);
			sw_conf_report(&p->in, v, name, what);
			return;
		}
		if (row->type == SW_CONF_IFACES)
			read_iface(p, v, name);
		else if (row->type == SW_CONF_FEEDS)
			read_feed(p, v, name);
		else if (row->type == SW_CONF_NETS)
			read_net(p, v, name, p->conf->allow, &p->conf->n_allow);
		else if (row->type == SW_CONF_PROXIES)
			read_net(p, v, name, p->conf->trusted_proxies.at, &p->conf->trusted_proxies.n);
		else if (row->type == SW_CONF_ACTIONS)
			read_action(p, v, name);
		else if (row->type == SW_CONF_PORTS)
			read_ports(p, row, v, name);
		else if (row->type == SW_CONF_BANNERS)
			read_banner(p, v, name);
		else if (row->type == SW_CONF_SOCK_RULES)
			read_sock_rule(p, row, v, name);
		else if (row->type == SW_CONF_GEO_RULES)
			read_geo_rule(p, v, name);
		else if (row->type == SW_CONF_RULES)
			read_rule(p, v, name);
		else if (row->type == SW_CONF_FLAGS)
			read_flag(p, row, v, name);
		else if (row->type == SW_CONF_COUNTRIES || row->type == SW_CONF_ASNS)
			read_code(p, row, v, name);
		else
			read_path(p, row, v, name);
	}
}

static void report_unknown(struct parse *p, const struct sw_conf_node *key, const char *section, const char *full)
{
	char buf[SW_CONF_KEY_MAX], what[SW_CONF_KEY_MAX + 40];
	const char *near = sw_conf_suggest(section, key->text, buf, sizeof(buf));

	snprintf(what, sizeof(what), near ? "unknown key: did you mean '%s'?" : "unknown key", near);
	sw_conf_report(&p->in, key, full, what);
}

/* A section's keys. Calls itself only for sections of the table, so its depth is the table's. */
static void read_section(struct parse *p, const struct sw_conf_node *map, const char *section)
{
	int value;

	if (sw_conf_node_is_null(map))
		return;
	if (map->kind != SW_CONF_MAP) {
		sw_conf_report_kind(&p->in, map, *section ? section : "top level", NULL);
		return;
	}
	for (int at = map->first; sw_conf_next_pair(&p->in, map, section, &at, &value);
		sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at), *v = sw_conf_at(&p->in, value);
		const struct sw_conf_row *row;
		char full[SW_CONF_KEY_MAX];

		sw_conf_join_key(full, section, key->text);
		/* a dot in one key ("bans.length: 1h") is the path's, not YAML's: it names no section */
		row = strchr(key->text, '.') ? NULL : sw_conf_find(full);
		if (row && row->type == SW_CONF_HABIT)
			read_habit(p, row, v);
		else if (row && sw_conf_is_list(row))
			read_list(p, row, v);
		else if (row)
			sw_conf_read_scalar(&p->in, row, p->conf, v, full);
		else if (!strchr(key->text, '.') && sw_conf_is_section(full))
			read_section(p, v, full);
		else
			report_unknown(p, key, section, full);
	}
}

/* The hook of devices without their own is read first, wherever it stands. */
static void read_common_hook(struct parse *p, const struct sw_conf_node *map)
{
	const struct sw_conf_row *row = sw_conf_find("hook");
	_strbuf_ struct sw_strbuf why = {};

	for (int at = map->kind == SW_CONF_MAP ? map->first : -1; at >= 0; sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at), *v = sw_conf_at(&p->in, key->next);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "hook") && v->kind == SW_CONF_SCALAR &&
			!sw_conf_node_is_null(v))
			(void)sw_conf_value_set(row, p->conf, v->text, &why); /* told when it is its turn */
	}
}

/* The value of a key in a section, for its line; what is not there is the section or the file itself. */
static const struct sw_conf_node *value_of(struct parse *p, const struct sw_conf_node *map, const char *name)
{
	for (int at = map->kind == SW_CONF_MAP ? map->first : -1; at >= 0; sw_conf_step_pair(&p->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(&p->in, at);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, name))
			return sw_conf_at(&p->in, key->next);
	}
	return map;
}

static void check_machine(struct parse *p, const struct sw_conf_node *root)
{
	const struct sw_conf_node *section = value_of(p, root, "crowdsec");
	const struct sw_config *c = p->conf;

	if (c->crowdsec_machine[0] && !c->crowdsec_machine_password_file[0])
		sw_conf_report(&p->in, value_of(p, section, "machine"), "crowdsec.machine",
			"is set, but crowdsec.machine_password_file is not");
	else if (!c->crowdsec_machine[0] && c->crowdsec_machine_password_file[0])
		sw_conf_report(&p->in, value_of(p, section, "machine_password_file"), "crowdsec.machine_password_file",
			"is set, but crowdsec.machine is not");
	else if (c->crowdsec_machine[0] && !c->crowdsec_url[0])
		sw_conf_report(&p->in, value_of(p, section, "machine"), "crowdsec.machine", "is set, but crowdsec.url is not");
}

static void check_together(struct parse *p, const struct sw_conf_node *root)
{
	const struct sw_config *c = p->conf;
	bool has_countries = c->country_drop.n || c->country_observe.n, has_systems = c->asn_drop.n || c->asn_observe.n;

	if (c->smtp_user[0] && !c->smtp_password_file[0])
		sw_conf_report(&p->in, root, "alerts.mail.smtp", "user is set, but no password_file");
	if (c->decoy_tcp == SW_DECOY_TCP_LISTED && !c->decoy_tcp_ports.n && !c->decoy_preset)
		sw_conf_report(&p->in, root, "decoys.tcp", "is 'listed', but decoys.tcp_ports lists none");
	for (__u32 i = 0; i < c->n_geo_rules; i++) {
		has_countries |= c->geo_rules[i].countries[0] != 0;
		has_systems |= c->geo_rules[i].systems[0] != 0;
	}
	if (has_countries && !c->country_file[0])
		sw_conf_report(&p->in, root, "countries", "lists countries, but countries.file names no database");
	if (has_systems && !c->country_asn_file[0])
		sw_conf_report(&p->in, root, "countries",
			"lists autonomous systems, but countries.asn_file names no database");
	if (c->ban_backends && !(c->ban_backends & 1U << SW_BACKEND_XDP))
		sw_conf_report(&p->in, root, "bans.backends", "xdp must be among them: it holds what the others follow");
	check_machine(p, root);
}

int sw_conf_parse(const char *file, const char *text, size_t len, struct sw_config *ret, struct sw_strbuf *errors)
{
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	struct parse p = {.in = {.file = file, .errors = errors, .tree = {.root = -1}}, .conf = conf};
	const struct sw_conf_node *root;
	int r;

	if (!conf)
		return -ENOMEM;
	sw_conf_defaults(conf);
	r = sw_conf_reader_open(&p.in, text, len);
	if (r < 0)
		return r;
	if (p.in.tree.root >= 0) {
		root = sw_conf_at(&p.in, p.in.tree.root);
		read_common_hook(&p, root);
		read_section(&p, root, "");
		if (!p.in.n_errors)
			check_together(&p, root);
	}
	r = sw_conf_reader_close(&p.in);
	if (r < 0)
		return r;
	*ret = *conf;
	return 0;
}
