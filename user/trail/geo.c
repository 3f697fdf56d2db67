// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/geo.h"

#include <netinet/in.h>

#include "user/base/cidr.h"
#include "user/io/msg.h"

/* Networks side by side of which the same is said, the last address included. */
struct span {
	struct sw_geo_key first, last;
	uint32_t rules;
};

struct spans {
	struct span *at;
	size_t n, room;
};

enum { SOURCES = 3, COUNTRIES = 0, SYSTEMS = 1, NOWHERE = 2 };

static struct sw_geo_key after(const struct sw_geo_key *k)
{
	return (struct sw_geo_key){k->high + (k->low == UINT64_MAX), k->low + 1};
}

static bool is_last(const struct sw_geo_key *k)
{
	return k->high == UINT64_MAX && k->low == UINT64_MAX;
}

static struct span span_of(const struct sw_net *net, uint32_t rules)
{
	unsigned int plen = net->family == SW_AF_IP4 ? 96 + net->plen : net->plen;
	struct span s = {.first = sw_geo_key_of(net), .rules = rules};

	s.last = s.first;
	s.last.high |= plen == 0 ? UINT64_MAX : plen < 64 ? UINT64_MAX >> plen : 0;
	s.last.low |= plen <= 64 ? UINT64_MAX : plen < 128 ? UINT64_MAX >> (plen - 64) : 0;
	return s;
}

static int add_span(struct spans *l, const struct span *s)
{
	struct span *end = l->n ? &l->at[l->n - 1] : NULL;
	struct sw_geo_key next;

	if (end && end->rules == s->rules) {
		next = after(&end->last);
		if (!sw_geo_key_cmp(&next, &s->first)) {
			end->last = s->last;
			return 0;
		}
	}
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 1024;
		struct span *at = room > SW_MAX_GEO_NETS ? NULL : reallocarray(l->at, room, sizeof(*at));

		if (!at)
			return room > SW_MAX_GEO_NETS ? -E2BIG : -ENOMEM;
		l->at = at;
		l->room = room;
	}
	l->at[l->n++] = *s;
	return 0;
}

static int by_first(const void *a, const void *b)
{
	return sw_geo_key_cmp(&((const struct span *)a)->first, &((const struct span *)b)->first);
}

/* ---- what the databases say */

struct gather {
	const struct sw_geo_rule *rules;
	size_t n_rules;
	bool is_system;
	struct spans *spans;
	uint32_t value, value_rules; /* of the network before: a database is asked the same over and over */
	bool has_value;
	uint32_t found; /* rules of which anything was there */
};

static int take_net(void *arg, const struct sw_net *net, uint32_t value)
{
	struct gather *g = arg;
	struct span s;

	if (!g->has_value || value != g->value) {
		g->value_rules = 0;
		for (size_t i = 0; value && i < g->n_rules; i++)
			g->value_rules |= (uint32_t)sw_geo_rule_has(&g->rules[i], g->is_system, value) << i;
		g->value = value;
		g->has_value = true;
	}
	g->found |= g->value_rules;
	s = span_of(net, g->value_rules);
	return add_span(g->spans, &s);
}

static uint32_t naming(const struct sw_geo_rule *rules, size_t n, bool is_system)
{
	uint32_t set = 0;

	for (size_t i = 0; i < n; i++)
		set |= (uint32_t)((is_system ? rules[i].n_systems : rules[i].n_countries) != 0) << i;
	return set;
}

static int gather(const struct sw_geo_rule *rules, size_t n, const struct sw_mmdb *db, bool is_system,
	struct spans *ret, uint32_t *found, const char **ret_why)
{
	uint32_t wanted = naming(rules, n, is_system);
	struct gather g = {.rules = rules, .n_rules = n, .is_system = is_system, .spans = ret};
	int r;

	if (!wanted)
		return 0;
	*ret_why = "no database is configured for what the rules name";
	if (!db)
		return -ENODATA;
	r = sw_mmdb_each(db, is_system ? SW_MMDB_ASN : SW_MMDB_COUNTRY, take_net, &g, ret_why);
	if (r == -E2BIG)
		*ret_why = "it has more networks than the kernel's map";
	if (r < 0)
		return r;
	*found |= g.found;
	qsort(ret->at, ret->n, sizeof(*ret->at), by_first);
	return 0;
}

static int gather_nowhere(struct spans *ret)
{
	for (const char *const *at = sw_nets_nowhere; *at; at++) {
		struct sw_net net;
		struct span s;
		int r = sw_cidr_parse(*at, SIZE_MAX, &net);

		if (r >= 0) {
			s = span_of(&net, 1);
			r = add_span(ret, &s);
		}
		if (r < 0)
			return r;
	}
	qsort(ret->at, ret->n, sizeof(*ret->at), by_first);
	return 0;
}

/* ---- bounds */

struct bounds {
	struct sw_geo_bound *at; /* NULL: only counted */
	size_t n;
	struct sw_geo_bound end; /* the last that was added */
};

/* One that says what the one before it says is none. */
static void add_bound(struct bounds *b, const struct sw_geo_bound *bound)
{
	if (b->n && b->end.rules == bound->rules && b->end.is_nowhere == bound->is_nowhere)
		return;
	if (b->at)
		b->at[b->n] = *bound;
	b->end = *bound;
	b->n++;
}

/* What a source says at key; *ret_next becomes the key where that ends, if it is sooner. NULL: nothing. */
static const struct span *look(
	const struct spans *l, size_t *at, const struct sw_geo_key *key, struct sw_geo_key *next, bool *has_next)
{
	const struct span *s;
	struct sw_geo_key end;

	while (*at < l->n && sw_geo_key_cmp(&l->at[*at].last, key) < 0)
		++*at;
	if (*at == l->n)
		return NULL;
	s = &l->at[*at];
	if (sw_geo_key_cmp(&s->first, key) > 0) {
		end = s->first;
		s = NULL;
	} else if (is_last(&s->last)) {
		return s;
	} else {
		end = after(&s->last);
	}
	if (!*has_next || sw_geo_key_cmp(&end, next) < 0)
		*next = end;
	*has_next = true;
	return s;
}

/* From key 0 to the last: all three sources side by side. */
static void merge(const struct spans sources[static SOURCES], struct bounds *ret)
{
	size_t at[SOURCES] = {};
	struct sw_geo_key key = {};
	bool has_next = true;

	while (has_next) {
		const struct span *said[SOURCES];
		struct sw_geo_key next = {};
		bool is_placed;

		has_next = false;
		for (size_t i = 0; i < SOURCES; i++)
			said[i] = look(&sources[i], &at[i], &key, &next, &has_next);
		is_placed = said[COUNTRIES] || said[SYSTEMS];
		add_bound(ret,
			&(struct sw_geo_bound){
				.high = key.high,
				.low = key.low,
				.rules = (said[COUNTRIES] ? said[COUNTRIES]->rules : 0) |
					(said[SYSTEMS] ? said[SYSTEMS]->rules : 0),
				.is_nowhere = said[NOWHERE] && !is_placed,
			});
		key = next;
	}
}

static uint32_t concerned(
	const struct sw_geo_rule *rules, size_t n, enum sw_geo_way way, __u8 protocol, __u16 port)
{
	uint32_t set = 0;

	for (size_t i = 0; i < n; i++)
		set |= (uint32_t)sw_geo_rule_concerns(&rules[i], way, protocol, port) << i;
	return set;
}

/* Ports change what concerns them only where a range of a rule begins or has ended. */
static void bound_protocol(const struct sw_geo_rule *rules, size_t n, enum sw_geo_way way, __u8 protocol,
	struct bounds *ret)
{
	_Static_assert(SW_GEO_PORTS_MAX >= 6 * (2 * SW_GEO_RULES_MAX * SW_GEO_PARTS_MAX / 2), "every bound has room");
	uint8_t is_edge[65537 / 8 + 1] = {1};

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < rules[i].n_ports; k++) {
			unsigned int first = rules[i].ports[k].first, end = rules[i].ports[k].last + 1u;

			is_edge[first / 8] |= (uint8_t)(1u << first % 8);
			is_edge[end / 8] |= (uint8_t)(1u << end % 8);
		}
	}
	for (unsigned int port = 0; port <= 65535; port++) {
		if (!(is_edge[port / 8] >> port % 8 & 1))
			continue;
		add_bound(ret,
			&(struct sw_geo_bound){
				.low = sw_geo_port_key(way, protocol, port),
				.rules = concerned(rules, n, way, protocol, (__u16)port),
			});
		if (protocol == SW_GEO_NO_PORTS)
			return;
	}
}

/* In the order of their keys. */
static void bound_ports(const struct sw_geo_rule *rules, size_t n, struct bounds *ret)
{
	static const __u8 protocols[] = {SW_GEO_NO_PORTS, IPPROTO_TCP, IPPROTO_UDP};

	for (enum sw_geo_way way = SW_GEO_IN; way < SW_GEO_WAYS; way++) {
		for (size_t i = 0; i < SW_ARRAY_SIZE(protocols); i++)
			bound_protocol(rules, n, way, protocols[i], ret);
	}
}

__u32 sw_geo_id(const struct sw_config_geo_rule *rules, size_t n)
{
	return sw_crc32(0, rules, n * sizeof(*rules)) | 1;
}

static int write_image(const struct sw_geo_rule *rules, size_t n, __u32 id,
	const struct spans sources[static SOURCES], const char **ret_why)
{
	struct bounds ports = {}, nets = {};
	union sw_geo *image;
	size_t bytes;
	void *map;
	int fd;

	bound_ports(rules, n, &ports);
	merge(sources, &nets);
	*ret_why = "more bounds than the kernel's map";
	if (ports.n > SW_GEO_PORTS_MAX || nets.n > SW_MAX_GEO_NETS)
		return -E2BIG;
	bytes = (SW_GEO_HEAD + ports.n + nets.n) * sizeof(*image);
	*ret_why = "no memory for the compiled rules";
	fd = sw_memfd_create("sw-geo", bytes, &map);
	if (fd < 0)
		return fd;
	image = map;
	image->head.n_ports = (__u32)ports.n;
	image->head.n_nets = (__u32)nets.n;
	image->head.id = id;
	for (size_t i = 0; i < n; i++) {
		image->head.except |= (__u32)(rules[i].action == SW_GEO_ALLOW_ONLY) << i;
		image->head.drop |= (__u32)(rules[i].action != SW_GEO_OBSERVE) << i;
	}
	ports = (struct bounds){.at = &image[SW_GEO_HEAD].bound};
	nets = (struct bounds){.at = &image[SW_GEO_HEAD + image->head.n_ports].bound};
	bound_ports(rules, n, &ports);
	merge(sources, &nets);
	return sw_memfd_seal(fd, map, bytes) < 0 ? -ENOMEM : fd;
}

/* Who lets nobody in but those whom the databases do not have would let in nobody at all. */
static bool shuts_out_all(const struct sw_geo_rule *rules, size_t n, uint32_t found)
{
	for (size_t i = 0; i < n; i++) {
		if (rules[i].action == SW_GEO_ALLOW_ONLY && !(found >> i & 1))
			return true;
	}
	return false;
}

int sw_geo_compile(const struct sw_geo_rule *rules, size_t n, __u32 id, const struct sw_mmdb *countries,
	const struct sw_mmdb *systems, __u32 *ret_found, const char **ret_why)
{
	struct spans sources[SOURCES] = {};
	int r;

	*ret_why = "out of memory";
	*ret_found = 0;
	r = gather(rules, n, countries, false, &sources[COUNTRIES], ret_found, ret_why);
	if (r >= 0)
		r = gather(rules, n, systems, true, &sources[SYSTEMS], ret_found, ret_why);
	if (r >= 0 && shuts_out_all(rules, n, *ret_found)) {
		*ret_why = "the databases hold no network of what an allow-only rule names: it would let in nobody";
		r = -ENODATA;
	}
	if (r >= 0)
		r = gather_nowhere(&sources[NOWHERE]);
	if (r >= 0)
		r = write_image(rules, n, id, sources, ret_why);
	for (size_t i = 0; i < SOURCES; i++)
		free(sources[i].at);
	return r;
}
