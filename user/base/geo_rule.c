// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/geo_rule.h"

#include <ctype.h>
#include <netinet/in.h>

#include "user/base/country.h"

enum { PART_MAX = 32 };

/* The next of the parts between commas and blanks: 1, 0 there is none, -EINVAL it is too long. */
static int next_part(const char **text, char part[static PART_MAX], struct sw_strbuf *why)
{
	size_t len;

	*text += strspn(*text, ", ");
	len = strcspn(*text, ", ");
	if (!len)
		return 0;
	if (len >= PART_MAX) {
		sw_strbuf_puts(why, "a part is too long to be right");
		return -EINVAL;
	}
	snprintf(part, PART_MAX, "%.*s", (int)len, *text);
	*text += len;
	return 1;
}

static int refuse(const char *part, const char *sentence, struct sw_strbuf *why)
{
	sw_strbuf_putc(why, '\'');
	sw_strbuf_safe(why, part, strlen(part));
	sw_strbuf_puts(why, sentence);
	return -EINVAL;
}

static int parse_code(bool is_system, const char *part, __u32 *ret, struct sw_strbuf *why)
{
	char buf[3];
	const char *near;

	*ret = is_system ? sw_asn_parse(part) : sw_country_parse(part);
	if (*ret && (is_system || sw_country_is_known(*ret)))
		return 0;
	if (is_system)
		return refuse(part, "' is not the number of an autonomous system, such as 64500", why);
	refuse(part, "' is not a country code of two letters (ISO 3166-1)", why);
	near = sw_country_suggest(part, buf);
	if (near)
		sw_strbuf_printf(why, ": did you mean '%s'?", near);
	return -EINVAL;
}

static int parse_codes(
	bool is_system, const char *text, __u32 ret[static SW_GEO_CODES_MAX], size_t *ret_n, struct sw_strbuf *why)
{
	char part[PART_MAX];
	int r;

	while ((r = next_part(&text, part, why)) > 0) {
		if (*ret_n == SW_GEO_CODES_MAX) {
			sw_strbuf_printf(why, "more than %d in one rule", SW_GEO_CODES_MAX);
			return -EINVAL;
		}
		r = parse_code(is_system, part, &ret[*ret_n], why);
		if (r < 0)
			return r;
		++*ret_n;
	}
	return r;
}

/* A decimal number of up to five digits; *end is behind it. 0: it is none. */
static unsigned int parse_port(const char *text, const char **end)
{
	unsigned long n;
	char *at;

	if (!isdigit((unsigned char)*text))
		return 0;
	n = strtoul(text, &at, 10);
	*end = at;
	return at - text <= 5 && n <= 65535 ? (unsigned int)n : 0;
}

static int parse_ports(const char *part, struct sw_geo_part *ret, struct sw_strbuf *why)
{
	static const char sentence[] =
		"' is not a port such as 22, tcp/22 or udp/6000-6063, nor tcp or udp alone";
	const char *at = part;
	unsigned int first, last;

	*ret = (struct sw_geo_part){.first = 1, .last = 65535};
	if (!strncasecmp(at, "tcp", 3))
		ret->protocol = IPPROTO_TCP;
	else if (!strncasecmp(at, "udp", 3))
		ret->protocol = IPPROTO_UDP;
	if (ret->protocol) {
		at += 3;
		if (!*at)
			return 0;
		if (*at++ != '/')
			return refuse(part, sentence, why);
	}
	first = last = parse_port(at, &at);
	if (first && *at == '-')
		last = parse_port(at + 1, &at);
	if (!first || !last || first > last || *at)
		return refuse(part, sentence, why);
	ret->first = (__u16)first;
	ret->last = (__u16)last;
	return 0;
}

int sw_geo_rule_parse(const struct sw_config_geo_rule *from, struct sw_geo_rule *ret, struct sw_strbuf *why)
{
	const char *text = from->ports;
	char part[PART_MAX];
	int r;

	*ret = (struct sw_geo_rule){
		.way = from->direction == SW_GEO_DIRECTION_OUT ? SW_GEO_OUT : SW_GEO_IN,
		.action = (enum sw_geo_action)from->action,
	};
	r = parse_codes(false, from->countries, ret->countries, &ret->n_countries, why);
	if (r >= 0)
		r = parse_codes(true, from->systems, ret->systems, &ret->n_systems, why);
	if (r < 0)
		return r;
	if (!ret->n_countries && !ret->n_systems) {
		sw_strbuf_puts(why, "a rule wants countries, systems, or both");
		return -EINVAL;
	}
	while ((r = next_part(&text, part, why)) > 0) {
		if (ret->n_ports == SW_GEO_PARTS_MAX) {
			sw_strbuf_printf(why, "more than %d ports and ranges in one rule", SW_GEO_PARTS_MAX);
			return -EINVAL;
		}
		r = parse_ports(part, &ret->ports[ret->n_ports], why);
		if (r < 0)
			return r;
		ret->n_ports++;
	}
	return r;
}

static void format_ports(const struct sw_geo_rule *r, struct sw_strbuf *out)
{
	for (size_t i = 0; i < r->n_ports; i++) {
		const struct sw_geo_part *p = &r->ports[i];

		sw_strbuf_puts(out, i ? ", " : r->way == SW_GEO_IN ? " to " : " to port ");
		if (p->protocol)
			sw_strbuf_puts(out, p->protocol == IPPROTO_TCP ? "tcp/" : "udp/");
		if (p->first == p->last)
			sw_strbuf_printf(out, "%u", p->first);
		else
			sw_strbuf_printf(out, "%u-%u", p->first, p->last);
	}
}

void sw_geo_rule_format(const struct sw_geo_rule *r, struct sw_strbuf *out)
{
	static const char *const verbs[][SW_GEO_WAYS] = {
		[SW_GEO_DROP] = {" may not come in", " may not be gone to"},
		[SW_GEO_OBSERVE] = {" is told of, coming in", " is told of, gone to"},
		[SW_GEO_ALLOW_ONLY] = {" may come in", " may be gone to"},
	};
	const char *between = r->action == SW_GEO_ALLOW_ONLY ? "only " : "";
	char code[3];

	for (size_t i = 0; i < r->n_countries; i++, between = ", ") {
		sw_country_format(code, r->countries[i]);
		sw_strbuf_printf(out, "%s%s", between, code);
	}
	for (size_t i = 0; i < r->n_systems; i++, between = ", ")
		sw_strbuf_printf(out, "%sAS%u", between, r->systems[i]);
	sw_strbuf_puts(out, verbs[r->action][r->way]);
	format_ports(r, out);
}

bool sw_geo_rule_concerns(const struct sw_geo_rule *r, enum sw_geo_way way, __u8 protocol, __u16 port)
{
	if (r->way != way)
		return false;
	if (!r->n_ports)
		return true;
	for (size_t i = 0; protocol != SW_GEO_NO_PORTS && i < r->n_ports; i++) {
		const struct sw_geo_part *p = &r->ports[i];

		if ((!p->protocol || p->protocol == protocol) && port >= p->first && port <= p->last)
			return true;
	}
	return false;
}

bool sw_geo_rule_has(const struct sw_geo_rule *r, bool is_system, __u32 value)
{
	const __u32 *at = is_system ? r->systems : r->countries;
	size_t n = is_system ? r->n_systems : r->n_countries;

	for (size_t i = 0; i < n; i++) {
		if (at[i] == value)
			return true;
	}
	return false;
}
