// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/mmdb.h"

#include <ctype.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/base/country.h"
#include "user/io/msg.h"

enum { PATH_KEYS = 4, DEPTH_MAX = 128, MEMO = 4096, V4_DEPTH = 96 };

struct sw_mmdb {
	MMDB_s db;
};

/* Where publishers keep it, in the order asked. */
static const char *const country_keys[][PATH_KEYS] = {
	{"country", "iso_code"}, {"country_code"}, {"country"}};
static const char *const asn_keys[][PATH_KEYS] = {{"autonomous_system_number"}, {"asn"}};
static const char *const country_names[][PATH_KEYS] = {
	{"country", "names", "en"}, {"country_name"}};
static const char *const asn_names[][PATH_KEYS] = {
	{"autonomous_system_organization"}, {"as_name"}, {"name"}};

static int copy_file(int fd, size_t len)
{
	_close_ int out = -1;
	size_t done = 0;
	void *map;
	int r;

	out = sw_memfd_create("sw-mmdb", len, &map);
	if (out < 0)
		return out;
	while (done < len) {
		ssize_t got = pread(fd, (char *)map + done, len - done, (off_t)done);

		if (got <= 0) {
			r = got < 0 ? -errno : -EBADMSG;
			munmap(map, len);
			return r;
		}
		done += (size_t)got;
	}
	r = sw_memfd_seal(out, map, len);
	return r < 0 ? r : TAKE_FD(out);
}

static int open_copy(const char *path, const char **ret_why)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	*ret_why = "not a regular file, empty, or larger than 256 MiB";
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		*ret_why = strerror(-r);
		return r;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > SW_MMDB_FILE_MAX)
		return -EINVAL;
	r = copy_file(fd, (size_t)st.st_size);
	if (r < 0)
		*ret_why = strerror(-r);
	return r;
}

int sw_mmdb_open(const char *path, struct sw_mmdb **ret, const char **ret_why)
{
	_cleanup_(sw_mmdb_freep) struct sw_mmdb *m = NULL;
	_close_ int fd = open_copy(path, ret_why);
	char copy[32];
	int r;

	if (fd < 0)
		return fd;
	*ret_why = "out of memory";
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	snprintf(copy, sizeof(copy), "/proc/self/fd/%d", fd); /* the library takes paths alone */
	r = MMDB_open(copy, MMDB_MODE_MMAP, &m->db);
	if (r != MMDB_SUCCESS) {
		m->db = (MMDB_s){}; /* it has closed what it had opened */
		*ret_why = "not a whole database of the MaxMind DB form (.mmdb)";
		return -EBADMSG;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

void sw_mmdb_free(struct sw_mmdb *m)
{
	if (!m)
		return;
	if (m->db.file_content)
		MMDB_close(&m->db);
	free(m);
}

void sw_mmdb_freep(struct sw_mmdb **m)
{
	sw_mmdb_free(*m);
}

static bool get_text(const MMDB_entry_data_s *d, char *buf, size_t size)
{
	if (d->type != MMDB_DATA_TYPE_UTF8_STRING)
		return false;
	snprintf(buf, size, "%.*s", (int)SW_MIN((size_t)d->data_size, size - 1), d->utf8_string);
	return true;
}

static uint32_t country_of(const MMDB_entry_data_s *d)
{
	char code[4];

	return get_text(d, code, sizeof(code)) ? sw_country_parse(code) : 0;
}

static uint32_t asn_of(const MMDB_entry_data_s *d)
{
	char text[16];

	switch (d->type) {
	case MMDB_DATA_TYPE_UINT16:
		return d->uint16;
	case MMDB_DATA_TYPE_UINT32:
		return d->uint32;
	case MMDB_DATA_TYPE_UINT64:
		return d->uint64 <= UINT32_MAX ? (uint32_t)d->uint64 : 0;
	default:
		return get_text(d, text, sizeof(text)) ? sw_asn_parse(text) : 0;
	}
}

/* 0: it does not say. */
static uint32_t value_of(MMDB_entry_s *e, enum sw_mmdb_kind kind)
{
	const char *const(*keys)[PATH_KEYS] = kind == SW_MMDB_ASN ? asn_keys : country_keys;
	size_t n = kind == SW_MMDB_ASN ? SW_ARRAY_SIZE(asn_keys) : SW_ARRAY_SIZE(country_keys);
	MMDB_entry_data_s d;
	uint32_t v = 0;

	for (size_t i = 0; i < n && !v; i++) {
		if (MMDB_aget_value(e, &d, keys[i]) == MMDB_SUCCESS && d.has_data)
			v = kind == SW_MMDB_ASN ? asn_of(&d) : country_of(&d);
	}
	return v;
}

/* ---- the tree */

struct walk {
	const MMDB_s *db;
	enum sw_mmdb_kind kind;
	sw_mmdb_fn fn;
	void *arg;
	struct sw_net net;
	uint64_t visited;
	uint32_t skip; /* a node that is not gone into; UINT32_MAX: none */
	struct {
		uint32_t offset; /* plus 1 */
		uint32_t value;
	} memo[MEMO]; /* many networks share an entry */
	const char *why;
};

static int broken(struct walk *w, const char *why)
{
	w->why = why;
	return -EBADMSG;
}

static uint32_t value_at(struct walk *w, MMDB_entry_s *e)
{
	size_t at = (e->offset * 2654435761u >> 8) % MEMO;

	if (w->memo[at].offset != e->offset + 1) {
		w->memo[at].value = value_of(e, w->kind);
		w->memo[at].offset = e->offset + 1;
	}
	return w->memo[at].value;
}

struct level {
	MMDB_search_node_s node;
	unsigned int next; /* side to go into: 0, 1, or 2 when both are done */
};

static int enter(struct walk *w, uint32_t number, struct level *ret)
{
	ret->next = 0;
	/* a sound tree comes to each node once; one whose records meet again could take for ever */
	if (++w->visited > w->db->metadata.node_count)
		return broken(w, "a broken database: a node of its tree is reached twice");
	return MMDB_read_node(w->db, number, &ret->node) == MMDB_SUCCESS
		? 0
		: broken(w, "a broken database: a node is not in it");
}

static int take_leaf(struct walk *w, MMDB_entry_s *e, const unsigned char *addr, unsigned int plen)
{
	memcpy(w->net.addr, addr, sizeof(w->net.addr));
	w->net.plen = (__u8)plen;
	return w->fn(w->arg, &w->net, value_at(w, e));
}

/* Depth first without recursion: what a file says decides how deep it goes. */
static int walk_tree(struct walk *w, uint32_t root, unsigned int bits)
{
	struct level stack[DEPTH_MAX];
	unsigned char addr[16] = {};
	unsigned int depth = 0;
	int r = enter(w, root, &stack[0]);

	while (!r) {
		struct level *at = &stack[depth];
		bool is_right = at->next == 1;
		uint64_t child = is_right ? at->node.right_record : at->node.left_record;
		unsigned char bit = (unsigned char)(0x80 >> depth % 8);

		addr[depth / 8] &= (unsigned char)~bit;
		if (at->next++ == 2) {
			if (!depth--)
				break;
			continue;
		}
		if (is_right)
			addr[depth / 8] |= bit;
		switch (is_right ? at->node.right_record_type : at->node.left_record_type) {
		case MMDB_RECORD_TYPE_EMPTY:
			break;
		case MMDB_RECORD_TYPE_DATA:
			r = take_leaf(w,
				is_right ? &at->node.right_record_entry
					 : &at->node.left_record_entry,
				addr, depth + 1);
			break;
		case MMDB_RECORD_TYPE_SEARCH_NODE:
			if (child == w->skip)
				break;
			if (depth + 1 >= bits)
				return broken(w, "a broken database: deeper than an address");
			r = enter(w, (uint32_t)child, &stack[++depth]);
			break;
		default:
			r = broken(w, "a broken database: a record leads nowhere");
		}
	}
	return r;
}

/* The node of ::/96, below which IPv4 lies in a tree of IPv6; UINT32_MAX: there is none. */
static uint32_t find_v4(const MMDB_s *db)
{
	MMDB_search_node_s node;
	uint32_t at = 0;

	for (unsigned int i = 0; i < V4_DEPTH; i++) {
		if (MMDB_read_node(db, at, &node) != MMDB_SUCCESS ||
			node.left_record_type != MMDB_RECORD_TYPE_SEARCH_NODE)
			return UINT32_MAX;
		at = (uint32_t)node.left_record;
	}
	return at;
}

int sw_mmdb_each(const struct sw_mmdb *m, enum sw_mmdb_kind kind, sw_mmdb_fn fn, void *arg, const char **ret_why)
{
	_free_ struct walk *w = calloc(1, sizeof(*w));
	bool is6 = m->db.metadata.ip_version == 6;
	uint32_t v4 = is6 ? find_v4(&m->db) : 0;
	int r = 0;

	*ret_why = "out of memory";
	if (!w)
		return -ENOMEM;
	w->db = &m->db;
	w->kind = kind;
	w->fn = fn;
	w->arg = arg;
	w->skip = UINT32_MAX;
	w->net.family = SW_AF_IP4;
	if (v4 != UINT32_MAX)
		r = walk_tree(w, v4, 32);
	/* IPv4 is there again as 6to4, Teredo and mapped addresses: all lead to the same node */
	w->skip = v4;
	w->net.family = SW_AF_IP6;
	if (!r && is6)
		r = walk_tree(w, 0, 128);
	*ret_why = w->why ? w->why : "";
	return r;
}

struct listing {
	struct sw_trail_parser *parser;
	struct sw_static_line line;
	uint32_t value;
	int64_t found;
};

static int list_net(void *arg, const struct sw_net *net, uint32_t value)
{
	struct listing *l = arg;

	if (value != l->value)
		return 0;
	l->found++;
	l->line.net = *net;
	return sw_trail_parser_add(l->parser, &l->line, 0);
}

int64_t sw_mmdb_walk(const struct sw_mmdb *m, enum sw_mmdb_kind kind, uint32_t value,
	struct sw_trail_parser *p, const char **ret_why)
{
	struct listing l = {.parser = p, .line = {.kind = SW_STATIC_CIDR}, .value = value};
	int r = sw_mmdb_each(m, kind, list_net, &l, ret_why);

	return r < 0 ? r : l.found;
}

static void name_of(MMDB_entry_s *e, enum sw_mmdb_kind kind, char *buf, size_t size)
{
	const char *const(*keys)[PATH_KEYS] = kind == SW_MMDB_ASN ? asn_names : country_names;
	size_t n = kind == SW_MMDB_ASN ? SW_ARRAY_SIZE(asn_names) : SW_ARRAY_SIZE(country_names);
	MMDB_entry_data_s d;

	*buf = 0;
	for (size_t i = 0; i < n; i++) {
		if (MMDB_aget_value(e, &d, keys[i]) == MMDB_SUCCESS && d.has_data &&
			get_text(&d, buf, size))
			return;
	}
}

bool sw_mmdb_find(const struct sw_mmdb *m, enum sw_mmdb_kind kind, const struct sw_net *net,
	struct sw_mmdb_about *ret)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool is4 = net->family == SW_AF_IP4;
	MMDB_lookup_result_s found;
	int error = 0;

	memcpy(&in4.sin_addr, net->addr, sizeof(in4.sin_addr));
	memcpy(&in6.sin6_addr, net->addr, sizeof(in6.sin6_addr));
	found = MMDB_lookup_sockaddr(&m->db,
		is4 ? (const struct sockaddr *)&in4 : (const struct sockaddr *)&in6, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return false;
	ret->value = value_of(&found.entry, kind);
	name_of(&found.entry, kind, ret->name, sizeof(ret->name));
	return ret->value != 0;
}
