// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/image_check.h"

#include "user/base/cidr.h"
#include "user/base/country.h"

bool sw_trail_name_is_code(const char *name)
{
	if (!strncmp(name, "country:", 8))
		return sw_country_parse(name + 8) && name[8] <= 'Z' && name[9] <= 'Z';
	return !strncmp(name, "asn:", 4) && name[4] != 'A' && name[4] != 'a' && name[4] != '0' &&
		strnlen(name, 16) < 16 && sw_asn_parse(name + 4);
}

bool sw_trail_name_ok(const char *name)
{
	size_t n = strnlen(name, SW_TRAIL_NAME_MAX + 1);

	if (!n || n > SW_TRAIL_NAME_MAX || name[0] == '.')
		return false;
	if (sw_trail_name_is_code(name))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", name[i]))
			return false;
	return true;
}

static bool is_text(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

/* What a timed list has beyond the counts of its header are rows of times. */
static bool is_good_rest(const struct sw_trail_head *h, size_t rest)
{
	if (h->version == SW_TRAIL_VERSION)
		return !rest;
	return rest && rest % sizeof(struct sw_trail_times) == 0 &&
		rest / sizeof(struct sw_trail_times) <= SW_TRAIL_TIMES_MAX;
}

/* Everything of the header that says how much there is to read, before any of it is read. */
static int check_head(const struct sw_trail_head *h, size_t len, __u32 magic, const char **ret_why)
{
	bool is_list = magic == SW_TRAIL_LIST_MAGIC;

	*ret_why = "not a file of this kind";
	if (h->magic != magic)
		return -EBADMSG;
	*ret_why = "made by another version";
	if (h->version != SW_TRAIL_VERSION && !(is_list && h->version == SW_TRAIL_TIMED_VERSION))
		return -EPROTONOSUPPORT;
	*ret_why = "more entries than the kernel's maps hold";
	if (h->count4 > SW_MAX_TRAILS4 || h->count6 > SW_MAX_TRAILS6 ||
		h->n_ports > SW_MAX_TRAIL_PORTS || h->text_bytes > SW_TRAIL_TEXT_BYTES_MAX ||
		h->n_texts > SW_TRAIL_TEXT_BYTES_MAX || (!is_list && h->text_bytes))
		return -EFBIG;
	*ret_why = "its size is not what its header says: cut short, or grown";
	if (h->size != len || len < sw_trail_size(h) || !is_good_rest(h, len - sw_trail_size(h)))
		return -EBADMSG;
	*ret_why = "its header holds a number of lists that cannot be";
	if (is_list ? (h->sets & 0xff) != 1 || h->sets >> 8 > SW_TRAIL_ACTION_COUNT
		    : h->sets > SW_TRAIL_SETS_MAX)
		return -EBADMSG;
	*ret_why = "its header holds a bad name or origin";
	if (!is_text(h->name, sizeof(h->name)) || !is_text(h->origin, sizeof(h->origin)) ||
		(is_list ? !sw_trail_name_ok(h->name) : h->name[0] != 0))
		return -EBADMSG;
	return 0;
}

/* The network as sw_cidr_parse would have made it: anything else would match what it does not say. */
static bool is_canonical(const struct sw_net *n)
{
	unsigned int width = n->family == SW_AF_IP4 ? 4 : 16, full = n->plen / 8;

	if (n->plen > width * 8 || n->pad[0] || n->pad[1])
		return false;
	if (full < width && n->addr[full] & (0xff >> (n->plen % 8)))
		return false;
	for (unsigned int i = full + 1; i < sizeof(n->addr); i++)
		if (n->addr[i])
			return false;
	return width == 16 || !n->addr[4];
}

static bool are_good(
	const struct sw_trail_entry *e, size_t n, __u8 family, __u32 sets, const char **ret_why)
{
	for (size_t i = 0; i < n; i++) {
		*ret_why = "it holds an entry that is not a network";
		if (e[i].net.family != family || !is_canonical(&e[i].net))
			return false;
		*ret_why = "it holds an entry of an unknown list or action";
		if (e[i].set >= sets || e[i].action >= SW_TRAIL_ACTION_COUNT)
			return false;
		*ret_why = "its entries are out of order";
		if (i && sw_net_cmp(&e[i - 1].net, &e[i].net) >= 0)
			return false;
	}
	return true;
}

bool sw_trail_ports_check(const struct sw_trail_port *p, size_t n, __u32 sets, const char **ret_why)
{
	for (size_t i = 0; i < n; i++) {
		int r = i ? sw_net_cmp(&p[i - 1].net, &p[i].net) : -1;

		*ret_why = "it holds an address with a port that is none";
		if ((p[i].net.family != SW_AF_IP4 && p[i].net.family != SW_AF_IP6) ||
			!is_canonical(&p[i].net) || !sw_net_is_host(&p[i].net) || !p[i].port)
			return false;
		*ret_why = "it holds a port of an unknown list or action";
		if (p[i].set >= sets || p[i].action >= SW_TRAIL_ACTION_COUNT)
			return false;
		*ret_why = "its ports are out of order";
		if (r > 0 || (!r && p[i - 1].port >= p[i].port))
			return false;
	}
	return true;
}

static bool are_good_times(const struct sw_trail_view *v, const char **ret_why)
{
	*ret_why = "its times are out of order";
	for (size_t i = 1; i < v->n_times; i++)
		if (v->times[i - 1].key >= v->times[i].key)
			return false;
	return true;
}

int sw_trail_check(
	const void *buf, size_t len, __u32 magic, struct sw_trail_view *ret, const char **ret_why)
{
	const struct sw_trail_head *h = buf;
	struct sw_trail_view v = {.head = h};
	const char *why = "too short to hold a header";
	__u32 sets;
	int r = -EBADMSG;

	if (len >= sizeof(*h))
		r = check_head(h, len, magic, &why);
	if (r < 0)
		goto bad;
	v.entries4 = (const struct sw_trail_entry *)(h + 1);
	v.entries6 = v.entries4 + h->count4;
	v.ports = (const struct sw_trail_port *)(const void *)(v.entries6 + h->count6);
	v.times = (const struct sw_trail_times *)(const void *)(v.ports + h->n_ports);
	v.n_times = (len - sw_trail_size(h)) / sizeof(*v.times);
	v.text = (const char *)(v.times + v.n_times);
	v.n4 = h->count4;
	v.n6 = h->count6;
	v.n_ports = h->n_ports;
	v.n_text = h->text_bytes;
	sets = magic == SW_TRAIL_LIST_MAGIC ? (__u32)v.n_times + 1 : h->sets;
	r = -EBADMSG;
	why = "its checksum is wrong: the content is damaged";
	if (sw_crc32(0, h + 1, len - sizeof(*h)) != h->crc)
		goto bad;
	if (!are_good(v.entries4, v.n4, SW_AF_IP4, sets, &why) ||
		!are_good(v.entries6, v.n6, SW_AF_IP6, sets, &why) ||
		!sw_trail_ports_check(v.ports, v.n_ports, sets, &why) || !are_good_times(&v, &why))
		goto bad;
	*ret = v;
	return 0;
bad:
	if (ret_why)
		*ret_why = why;
	return r;
}
