// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/fields.h"

enum { BUCKETS = 512, NONE = UINT16_MAX };

static const char *const names[SW_FIELDS] = {"fid", "ip4", "ip6", "dns", "cidr", "user", "mlfid",
	"nofail", "mlfforget", "mlfgained", "content", "forwarded"};

struct connection {
	char key[SW_MLF_KEY_MAX];
	char text[SW_FIELDS_KEPT][SW_MLF_TEXT_MAX];
	uint8_t len[SW_FIELDS_KEPT];
	bool has[SW_FIELDS_KEPT];
	uint8_t key_len;
	uint16_t next, bucket; /* bucket NONE: free */
	bool is_nofail, is_pending;
	bool has_user,
		has_users; /* one; several, which are never taken for a login that went well */
	bool has_time;
	int64_t time_us;
};

struct sw_mlf {
	struct connection c[SW_MLF_MAX];
	uint16_t head[BUCKETS];
	uint16_t oldest;
};

void sw_field_groups_init(struct sw_field_groups *g, const struct sw_regex *re)
{
	const char *name;
	int group;

	*g = (struct sw_field_groups){};
	for (uint16_t i = 0; i < SW_FIELDS; i++) {
		group = sw_regex_group(re, names[i]);
		if (group >= 0)
			g->takes[g->n_takes++] = (struct sw_regex_take){(uint16_t)group, i};
	}
	for (unsigned int i = 0; (name = sw_regex_name(re, i, &group)); i++)
		if (strncmp(name, "alt_user", 8) == 0 && g->n_alt < SW_FIELD_ALTS_MAX)
			g->alt_user[g->n_alt++] = group;
}

bool sw_field_groups_identify(const struct sw_field_groups *g)
{
	for (unsigned int i = 0; i < g->n_takes; i++)
		switch (g->takes[i].place) {
		case SW_FIELD_FID:
		case SW_FIELD_IP4:
		case SW_FIELD_IP6:
		case SW_FIELD_DNS:
		case SW_FIELD_MLFID:
			return true;
		}
	return false;
}

void sw_fields_take(
	struct sw_fields *fields, const struct sw_field_groups *g, const struct sw_regex *re)
{
	struct sw_span *user = &fields->f[SW_FIELD_USER];

	sw_regex_take(re, g->takes, g->n_takes, fields->f);
	for (unsigned int i = 0; i < g->n_alt && !user->len; i++) {
		struct sw_span s = sw_regex_span(re, g->alt_user[i]);

		if (s.len)
			*user = s;
	}
}

struct sw_span sw_fields_host(const struct sw_fields *fields, enum sw_field *ret)
{
	static const enum sw_field order[] = {
		SW_FIELD_IP4, SW_FIELD_IP6, SW_FIELD_DNS, SW_FIELD_FID};

	for (size_t i = 0; i < SW_ARRAY_SIZE(order); i++)
		if (fields->f[order[i]].text) {
			*ret = order[i];
			return fields->f[order[i]];
		}
	return (struct sw_span){};
}

int sw_mlf_new(struct sw_mlf **ret)
{
	struct sw_mlf *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		t->head[i] = NONE;
	for (size_t i = 0; i < SW_MLF_MAX; i++)
		t->c[i].bucket = NONE;
	*ret = t;
	return 0;
}

void sw_mlf_free(struct sw_mlf *t)
{
	free(t);
}

static uint16_t bucket_of(struct sw_span key)
{
	uint64_t h = key.len * 0x9e3779b97f4a7c15ull, w = 0;
	size_t i = 0;

	for (; i + 8 <= key.len; i += 8) {
		memcpy(&w, key.text + i, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, key.text + i, key.len - i);
	h = (h ^ w) * 0xff51afd7ed558ccdull;
	return (uint16_t)((h >> 40) % BUCKETS);
}

static void forget(struct sw_mlf *t, struct connection *c)
{
	uint16_t *at;

	if (c->bucket == NONE)
		return;
	for (at = &t->head[c->bucket]; &t->c[*at] != c; at = &t->c[*at].next)
		;
	*at = c->next;
	c->bucket = NONE;
}

static bool is_same_time(const struct connection *c, bool has_time, int64_t time_us)
{
	int64_t keep = SW_MLF_KEEP_SEC * 1000000ll;

	return !has_time || !c->has_time ||
		(time_us - c->time_us <= keep && c->time_us - time_us <= keep);
}

static struct connection *find(struct sw_mlf *t, struct sw_span key, uint16_t bucket)
{
	for (uint16_t i = t->head[bucket]; i != NONE; i = t->c[i].next)
		if (t->c[i].key_len == key.len && memcmp(t->c[i].key, key.text, key.len) == 0)
			return &t->c[i];
	return NULL;
}

static struct connection *add(struct sw_mlf *t, struct sw_span key, uint16_t bucket)
{
	struct connection *c = &t->c[t->oldest];

	forget(t, c);
	memset(c->has, 0, sizeof(c->has));
	c->is_nofail = c->is_pending = c->has_user = c->has_users = false;
	memcpy(c->key, key.text, key.len);
	c->key_len = (uint8_t)key.len;
	c->bucket = bucket;
	c->next = t->head[bucket];
	t->head[bucket] = t->oldest;
	t->oldest = (uint16_t)((t->oldest + 1) % SW_MLF_MAX);
	return c;
}

static void note_user(struct connection *c, struct sw_span user)
{
	if (!user.len)
		return;
	if (c->has_user &&
		(c->len[SW_FIELD_USER] != SW_MIN(user.len, (size_t)SW_MLF_TEXT_MAX) ||
			memcmp(c->text[SW_FIELD_USER], user.text, c->len[SW_FIELD_USER]) != 0))
		c->has_users = true;
	c->has_user = true;
}

/* Takes what the line says, and tells what the connection says. */
static void exchange(struct connection *c, struct sw_fields *fields)
{
	for (size_t i = 0; i < SW_FIELDS_KEPT; i++) {
		struct sw_span *s = &fields->f[i];

		if (s->text) {
			c->len[i] = (uint8_t)SW_MIN(s->len, (size_t)SW_MLF_TEXT_MAX);
			memcpy(c->text[i], s->text, c->len[i]);
			c->has[i] = true;
		}
		*s = c->has[i] ? (struct sw_span){c->text[i], c->len[i]} : (struct sw_span){};
	}
}

static enum sw_mlf_state judge(bool is_nofail, const struct sw_fields *fields)
{
	enum sw_field field;

	if (is_nofail)
		return SW_MLF_NOFAIL;
	return sw_fields_host(fields, &field).text ? SW_MLF_FAILURE : SW_MLF_PENDING;
}

enum sw_mlf_state sw_mlf_merge(
	struct sw_mlf *t, struct sw_fields *fields, bool has_time, int64_t time_us)
{
	struct sw_span key = fields->f[SW_FIELD_MLFID];
	bool is_gained = fields->f[SW_FIELD_GAINED].len, is_forget = fields->f[SW_FIELD_FORGET].len;
	bool is_nofail = is_gained || fields->f[SW_FIELD_NOFAIL].len;
	struct connection *c = NULL;
	enum sw_mlf_state state;
	uint16_t bucket = 0;

	if (key.len && key.len < SW_MLF_KEY_MAX) {
		bucket = bucket_of(key);
		c = find(t, key, bucket);
		if (c && !is_same_time(c, has_time, time_us)) {
			forget(t, c);
			c = NULL;
		}
	}
	if (!c && (is_forget || !key.len || key.len >= SW_MLF_KEY_MAX))
		return judge(is_nofail, fields);
	if (!c)
		c = add(t, key, bucket);
	if (is_gained)
		c->is_pending = false;
	note_user(c, fields->f[SW_FIELD_USER]);
	exchange(c, fields);
	c->has_time = has_time;
	c->time_us = time_us;
	/* What failed before it got in, or tried several names, did fail. */
	if (c->is_pending || c->has_users)
		is_nofail = false;
	c->is_pending = false;
	state = judge(is_nofail, fields);
	if (state == SW_MLF_PENDING)
		c->is_pending = true;
	if (is_forget)
		forget(t, c); /* its texts stay until it is used anew */
	return state;
}
