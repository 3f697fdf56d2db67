// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/baseline_set.h"

#include "user/base/util.h"

enum { PACKED_VERSION = 1 /* no printable character: rows were stored as they are in memory before */ };

/* Before the texts, each of which ends with its NUL. */
struct packed {
	__u8 version;
	__u8 sock_type, exposure, is_ephemeral, is_deleted, is_reuseport;
	__u16 protocol, port;
	__u32 uid, backlog;
	__s64 since_wall_sec;
	struct sw_net address;
};

static const struct {
	size_t at, size;
} texts[] = {
#define ROW_TEXT(member)                                                                           \
	{                                                                                          \
		offsetof(struct sw_baseline_row, member), sizeof(((struct sw_baseline_row *)0)->member) \
	}
	ROW_TEXT(key), /* the first: rows are found by it without being unpacked */
	ROW_TEXT(path),
	ROW_TEXT(executable),
	ROW_TEXT(container),
	ROW_TEXT(unit),
	ROW_TEXT(netns),
	ROW_TEXT(image),
#undef ROW_TEXT
};

enum { PACKED_MAX = sizeof(struct packed) + sizeof(struct sw_baseline_row) };

struct sw_baseline_service {
	uint64_t hash;
	uint32_t row;
	uint8_t exposure;
};

void sw_baseline_set_done(struct sw_baseline_set *s)
{
	free(s->text);
	free(s->at);
	free(s->services);
	memset(s, 0, sizeof(*s));
}

static size_t pack(const struct sw_baseline_row *row, char buf[static PACKED_MAX])
{
	struct packed p;
	size_t len = sizeof(p);

	memset(&p, 0, sizeof(p)); /* the padding goes into the database, too */
	p.version = PACKED_VERSION;
	p.sock_type = row->sock_type;
	p.exposure = row->exposure;
	p.is_ephemeral = row->is_ephemeral;
	p.is_deleted = row->is_deleted;
	p.is_reuseport = row->is_reuseport;
	p.protocol = row->protocol;
	p.port = row->port;
	p.uid = row->uid;
	p.backlog = row->backlog;
	p.since_wall_sec = row->since_wall_sec;
	p.address = row->address;
	memcpy(buf, &p, sizeof(p));
	for (size_t i = 0; i < SW_ARRAY_SIZE(texts); i++) {
		const char *text = (const char *)row + texts[i].at;
		size_t n = strnlen(text, texts[i].size - 1);

		memcpy(buf + len, text, n);
		buf[len + n] = 0;
		len += n + 1;
	}
	return len;
}

bool sw_baseline_unpack(const void *data, size_t len, struct sw_baseline_row *ret)
{
	const char *from = data, *end = from + len;
	struct packed p;

	if (len < sizeof(p))
		return false;
	memcpy(&p, from, sizeof(p));
	if (p.version != PACKED_VERSION)
		return false;
	from += sizeof(p);
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < SW_ARRAY_SIZE(texts); i++) {
		size_t n = strnlen(from, (size_t)(end - from));

		if (from + n == end || n >= texts[i].size)
			return false;
		memcpy((char *)ret + texts[i].at, from, n);
		from += n + 1;
	}
	ret->sock_type = p.sock_type;
	ret->exposure = p.exposure;
	ret->is_ephemeral = p.is_ephemeral;
	ret->is_deleted = p.is_deleted;
	ret->is_reuseport = p.is_reuseport;
	ret->protocol = p.protocol;
	ret->port = p.port;
	ret->uid = p.uid;
	ret->backlog = p.backlog;
	ret->since_wall_sec = p.since_wall_sec;
	ret->address = p.address;
	return true;
}

static int grow(void *array, size_t *room, size_t wanted, size_t size)
{
	size_t next = SW_MAX(*room * 2, SW_MAX(wanted, (size_t)64));
	void *more;

	if (wanted <= *room)
		return 0;
	more = reallocarray(*(void **)array, next, size);
	if (!more)
		return -ENOMEM;
	*(void **)array = more;
	*room = next;
	return 0;
}

int sw_baseline_set_add(struct sw_baseline_set *s, const struct sw_baseline_row *row)
{
	char buf[PACKED_MAX];
	size_t len = pack(row, buf);
	int r;

	if (s->n >= SW_BASELINE_ROWS_MAX || s->len + len > SW_BASELINE_TEXT_MAX)
		return -E2BIG;
	r = grow(&s->text, &s->room, s->len + len, 1);
	if (r >= 0)
		r = grow(&s->at, &s->cap, s->n + 1, sizeof(*s->at));
	if (r < 0)
		return r;
	memcpy(s->text + s->len, buf, len);
	s->at[s->n++] = (uint32_t)s->len;
	s->len += len;
	return 0;
}

void sw_baseline_set_get(const struct sw_baseline_set *s, size_t i, struct sw_baseline_row *ret)
{
	(void)sw_baseline_unpack(s->text + s->at[i], s->len - s->at[i], ret);
}

const void *sw_baseline_set_packed(const struct sw_baseline_set *s, size_t i, size_t *ret_len)
{
	const char *row = s->text + s->at[i], *end = row + sizeof(struct packed);

	for (size_t t = 0; t < SW_ARRAY_SIZE(texts); t++)
		end += strlen(end) + 1;
	*ret_len = (size_t)(end - row);
	return row;
}

static const char *key_at(const struct sw_baseline_set *s, uint32_t at)
{
	return s->text + at + sizeof(struct packed);
}

/* A container is another each time it is made: where its image is known, that says what it is. */
static const char *group_of(const struct sw_baseline_row *r)
{
	return *r->image ? r->image : r->container;
}

int sw_baseline_cmp(const void *a, const void *b)
{
	const struct sw_baseline_row *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	if (!r)
		r = strcmp(x->executable, y->executable);
	if (!r)
		r = x->uid < y->uid ? -1 : x->uid > y->uid;
	return r ? r : strcmp(group_of(x), group_of(y));
}

bool sw_baseline_is_same_owner(const struct sw_baseline_row *a, const struct sw_baseline_row *b)
{
	bool is_same = *a->image && *b->image ? sw_streq(a->image, b->image) : sw_streq(a->container, b->container);

	return is_same && a->uid == b->uid && sw_streq(a->executable, b->executable);
}

static bool is_same_service(const struct sw_baseline_row *a, const struct sw_baseline_row *b)
{
	return a->protocol == b->protocol && a->port == b->port && a->is_ephemeral == b->is_ephemeral &&
	       sw_baseline_is_same_owner(a, b) && sw_streq(a->netns, b->netns);
}

static int compare_at(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct sw_baseline_set *s = arg;
	struct sw_baseline_row left, right;
	int r = strcmp(key_at(s, x), key_at(s, y));

	if (r || x == y)
		return r;
	(void)sw_baseline_unpack(s->text + x, s->len - x, &left);
	(void)sw_baseline_unpack(s->text + y, s->len - y, &right);
	return sw_baseline_cmp(&left, &right);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ull; /* FNV-1a */
	return hash;
}

/* Of what the same services have in common; not of containers, of which one may be known by its image only. */
static uint64_t service_hash(const struct sw_baseline_row *r)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	hash = hash_bytes(hash, &r->protocol, sizeof(r->protocol));
	hash = hash_bytes(hash, &r->port, sizeof(r->port));
	hash = hash_bytes(hash, &r->uid, sizeof(r->uid));
	hash = hash_bytes(hash, r->executable, strlen(r->executable));
	return hash_bytes(hash, r->netns, strlen(r->netns));
}

/* Of those that hash alike, who reaches farthest comes first. */
static int compare_services(const void *a, const void *b)
{
	const struct sw_baseline_service *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->exposure != y->exposure)
		return x->exposure > y->exposure ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static int index_services(struct sw_baseline_set *s)
{
	struct sw_baseline_row row;

	s->services = s->n ? calloc(s->n, sizeof(*s->services)) : NULL;
	if (s->n && !s->services)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		sw_baseline_set_get(s, i, &row);
		if (row.protocol)
			s->services[s->n_services++] = (struct sw_baseline_service){
				.hash = service_hash(&row), .row = (uint32_t)i, .exposure = row.exposure};
	}
	if (s->n_services)
		qsort(s->services, s->n_services, sizeof(*s->services), compare_services);
	return 0;
}

int sw_baseline_set_sort(struct sw_baseline_set *s)
{
	size_t kept = 0;

	if (s->n)
		qsort_r(s->at, s->n, sizeof(*s->at), compare_at, s);
	for (size_t i = 0; i < s->n; i++)
		if (!kept || compare_at(&s->at[kept - 1], &s->at[i], s) != 0)
			s->at[kept++] = s->at[i];
	s->n = kept;
	return index_services(s);
}

/* First row that is not before key. */
static size_t lower_bound(const struct sw_baseline_set *s, const char *key)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(key_at(s, s->at[mid]), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

ssize_t sw_baseline_set_find(const struct sw_baseline_set *s, const struct sw_baseline_row *row)
{
	struct sw_baseline_row r;

	for (size_t i = lower_bound(s, row->key); i < s->n && sw_streq(key_at(s, s->at[i]), row->key); i++) {
		sw_baseline_set_get(s, i, &r);
		if (sw_baseline_is_same_owner(&r, row))
			return (ssize_t)i;
	}
	return -1;
}

ssize_t sw_baseline_set_find_key(const struct sw_baseline_set *s, const char *key)
{
	size_t i = lower_bound(s, key);

	return i < s->n && sw_streq(key_at(s, s->at[i]), key) ? (ssize_t)i : -1;
}

static size_t service_bound(const struct sw_baseline_set *s, uint64_t hash)
{
	size_t low = 0, high = s->n_services;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->services[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

ssize_t sw_baseline_set_find_service(const struct sw_baseline_set *s, const struct sw_baseline_row *row)
{
	uint64_t hash = service_hash(row);
	struct sw_baseline_row r;

	if (!row->protocol)
		return -1;
	for (size_t i = service_bound(s, hash); i < s->n_services && s->services[i].hash == hash; i++) {
		sw_baseline_set_get(s, s->services[i].row, &r);
		if (is_same_service(&r, row))
			return (ssize_t)s->services[i].row;
	}
	return -1;
}
