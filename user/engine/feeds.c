// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/feeds.h"

#include "user/base/words.h"
#include "user/conf/feed.h"
#include "user/engine/bans.h"
#include "user/trail/static_hash.h"
#include "user/trail/times.h"

enum {
	DECAY_SEC = 60,
	STORED_MAX = 256 << 10, /* bytes of what is kept in the store */
	ADDED_MAX = SW_CONFIG_FEEDS_MAX,
};

static const char stored_name[] = "feeds";
static const char not_allowed[] = "taken out of trails, and not allowed";
static const char own_allow[] =
	"'allow' of a list of your own is said in the configuration alone, under feeds: action: allow, may_allow: true";

struct added {
	struct sw_config_feed feed;
	json_t *texts; /* as they were given */
};

struct sw_feeds_part {
	struct sw_config_feed set[SW_CONFIG_FEEDS_MAX];
	unsigned int n;
	struct added added[ADDED_MAX];
	unsigned int n_added;
	struct sw_feed_memory memory[SW_FEEDS_WORDS_MAX];
	unsigned int n_memory;
	struct sw_source *timer;
	uint64_t allowed_key; /* of what sw_feeds_allow saw last; 0: nothing yet */
};

/* ---- the set */

const struct sw_config_feed *sw_feeds_at(const struct sw_engine *e, unsigned int i)
{
	if (e->feeds)
		return i < e->feeds->n ? &e->feeds->set[i] : NULL;
	for (unsigned int k = 0; k < e->config->n_feeds; k++)
		if (e->config->feeds[k].is_enabled && i-- == 0)
			return &e->config->feeds[k];
	return NULL;
}

const struct sw_config_feed *sw_feeds_find(const struct sw_engine *e, const char *name)
{
	const struct sw_config_feed *f;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++)
		if (sw_streq(f->name, name))
			return f;
	return NULL;
}

static struct added *find_added(const struct sw_feeds_part *p, const char *name)
{
	for (unsigned int i = 0; i < p->n_added; i++)
		if (sw_streq(p->added[i].feed.name, name))
			return (struct added *)&p->added[i];
	return NULL;
}

void sw_feeds_each_added(struct sw_engine *e,
	void (*fn)(
		struct sw_engine *e, struct sw_json *j, const struct sw_config_feed *f, bool is_on),
	struct sw_json *j)
{
	for (unsigned int i = 0; e->feeds && i < e->feeds->n_added; i++)
		if (!sw_feeds_find(e, e->feeds->added[i].feed.name))
			fn(e, j, &e->feeds->added[i].feed, false);
}

bool sw_feeds_is_added(const struct sw_engine *e, const char *name)
{
	return e->feeds && find_added(e->feeds, name);
}

static const struct sw_config_feed *configured(const struct sw_engine *e, const char *name)
{
	for (unsigned int i = 0; i < e->config->n_feeds; i++)
		if (sw_streq(e->config->feeds[i].name, name))
			return &e->config->feeds[i];
	return NULL;
}

bool sw_feeds_describe(const struct sw_engine *e, const char *name, struct sw_config_feed *ret)
{
	const struct sw_config_feed *c = configured(e, name);
	const struct added *a = e->feeds ? find_added(e->feeds, name) : NULL;
	_strbuf_ struct sw_strbuf why = {};

	if (c || a) {
		*ret = c ? *c : a->feed;
		return true;
	}
	if (!sw_feed_desc_find(name))
		return false;
	sw_conf_feed_defaults(name, ret);
	return sw_conf_feed_check(ret, &why) == 0;
}

/* ---- memory */

static struct sw_feed_memory *find_memory(struct sw_feeds_part *p, const char *name)
{
	for (unsigned int i = 0; p && i < p->n_memory; i++)
		if (sw_streq(p->memory[i].name, name))
			return &p->memory[i];
	return NULL;
}

const struct sw_feed_memory *sw_feeds_memory(const struct sw_engine *e, const char *name)
{
	return find_memory(e->feeds, name);
}

/* Room is made by what is neither fetched nor has a word. */
static struct sw_feed_memory *get_memory(struct sw_engine *e, const char *name)
{
	struct sw_feeds_part *p = e->feeds;
	struct sw_feed_memory *m = find_memory(p, name);

	if (m || !p)
		return m;
	for (unsigned int i = 0; i < p->n_memory && p->n_memory == SW_FEEDS_WORDS_MAX; i++)
		if (!p->memory[i].word && !sw_feeds_find(e, p->memory[i].name))
			p->memory[i] = p->memory[--p->n_memory];
	if (p->n_memory == SW_FEEDS_WORDS_MAX)
		return NULL;
	m = &p->memory[p->n_memory++];
	*m = (struct sw_feed_memory){};
	sw_strcpy(m->name, sizeof(m->name), name);
	return m;
}

static int word_of(const struct sw_engine *e, const char *name)
{
	const struct sw_feed_memory *m = sw_feeds_memory(e, name);

	return m ? m->word : 0;
}

/* The action that a command has said, where the feed may have it. */
static void take_action(const struct sw_feed_memory *m, struct sw_config_feed *f)
{
	_strbuf_ struct sw_strbuf why = {};
	__u32 own = f->action;

	if (!m || !m->action)
		return;
	f->action = (__u32)m->action - 1;
	if (sw_conf_feed_check(f, &why) < 0)
		f->action = own; /* the configuration has changed since */
}

static void put(struct sw_feeds_part *p, const struct sw_config_feed *f)
{
	if (p->n == SW_CONFIG_FEEDS_MAX)
		return; /* enable and add have said so */
	p->set[p->n] = *f;
	take_action(find_memory(p, f->name), &p->set[p->n]);
	p->set[p->n++].is_enabled = 1;
}

static void make_set(struct sw_engine *e)
{
	struct sw_feeds_part *p = e->feeds;
	struct sw_config_feed f;
	unsigned int i;
	int word;

	p->n = 0;
	for (i = 0; i < e->config->n_feeds; i++) {
		word = word_of(e, e->config->feeds[i].name);
		if (word > 0 || (!word && e->config->feeds[i].is_enabled))
			put(p, &e->config->feeds[i]);
	}
	for (i = 0; i < p->n_added; i++)
		if (!configured(e, p->added[i].feed.name) && word_of(e, p->added[i].feed.name) >= 0)
			put(p, &p->added[i].feed);
	for (i = 0; i < p->n_memory; i++) {
		const char *name = p->memory[i].name;

		if (p->memory[i].word > 0 && !configured(e, name) && !find_added(p, name) &&
			sw_feeds_describe(e, name, &f))
			put(p, &f);
	}
}

/* ---- the store */

static int save(struct sw_engine *e)
{
	const struct sw_feeds_part *p = e->feeds;
	_strbuf_ struct sw_strbuf b = {};
	struct sw_json j;

	sw_json_init(&j, &b);
	sw_json_object_begin(&j, NULL);
	sw_json_array_begin(&j, "added");
	for (unsigned int i = 0; i < p->n_added; i++) {
		_free_ char *text = json_dumps(p->added[i].texts, JSON_COMPACT);

		if (text)
			sw_json_raw(&j, NULL, text);
	}
	sw_json_array_end(&j);
	sw_json_array_begin(&j, "memory");
	for (unsigned int i = 0; i < p->n_memory; i++) {
		const struct sw_feed_memory *m = &p->memory[i];

		sw_json_object_begin(&j, NULL);
		sw_json_string(&j, "name", m->name);
		sw_json_int(&j, "word", m->word);
		if (m->action)
			sw_json_string(&j, "action", sw_feed_action_word((unsigned int)m->action - 1));
		sw_json_int(&j, "good", m->good_wall_sec);
		sw_json_int(&j, "changed", m->changed_wall_sec);
		sw_json_uint(&j, "crc", m->crc);
		sw_json_bool(&j, "frozen", m->is_frozen);
		sw_json_object_end(&j);
	}
	sw_json_array_end(&j);
	sw_json_object_end(&j);
	return b.is_failed ? -ENOMEM : sw_store_set(e->store, stored_name, sw_strbuf_get(&b));
}

static int make_added(const json_t *texts, struct sw_config_feed *ret, struct sw_strbuf *why)
{
	const char *key, *name = json_string_value(json_object_get(texts, "name"));
	json_t *value;
	int r;

	sw_conf_feed_defaults(name ? name : "", ret);
	json_object_foreach((json_t *)texts, key, value)
	{
		if (!json_is_string(value) || !json_string_value(value)[0])
			continue;
		r = sw_conf_feed_set(ret, key, json_string_value(value), why);
		if (r < 0) {
			if (!why->len)
				sw_strbuf_printf(why, "'%.40s' is no setting of a feed", key);
			return r;
		}
	}
	if (!name || !sw_trail_name_ok(name)) {
		sw_strbuf_puts(why, "a name is made of a-z 0-9 . _ -");
		return -EINVAL;
	}
	if (ret->action == SW_FEED_ALLOW || ret->may_allow) {
		sw_strbuf_puts(why, own_allow);
		return -EINVAL;
	}
	return sw_conf_feed_check(ret, why);
}

static void load_added(struct sw_feeds_part *p, json_t *texts)
{
	struct added *a = &p->added[p->n_added];
	_strbuf_ struct sw_strbuf why = {};

	if (p->n_added == ADDED_MAX || make_added(texts, &a->feed, &why) < 0)
		return;
	a->texts = json_incref(texts);
	p->n_added++;
}

static void load_memory(struct sw_engine *e, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name")),
		   *action = json_string_value(json_object_get(o, "action"));
	struct sw_feed_memory *m =
		name && strlen(name) < sizeof(m->name) ? get_memory(e, name) : NULL;

	if (!m)
		return;
	m->word = (int)json_integer_value(json_object_get(o, "word"));
	m->action = action ? SW_MAX(sw_feed_action_parse(action) + 1, 0) : 0;
	m->good_wall_sec = json_integer_value(json_object_get(o, "good"));
	m->changed_wall_sec = json_integer_value(json_object_get(o, "changed"));
	m->crc = (uint32_t)json_integer_value(json_object_get(o, "crc"));
	m->is_frozen = json_is_true(json_object_get(o, "frozen"));
}

static void load(struct sw_engine *e)
{
	_free_ char *text = malloc(STORED_MAX);
	json_error_t error;
	json_t *root, *item;
	size_t i;

	if (!text || sw_store_get(e->store, stored_name, text, STORED_MAX) < 0)
		return;
	root = json_loads(text, 0, &error);
	json_array_foreach(json_object_get(root, "added"), i, item) load_added(e->feeds, item);
	json_array_foreach(json_object_get(root, "memory"), i, item) load_memory(e, item);
	json_decref(root);
}

/* ---- what happens to them */

static void changed(struct sw_engine *e)
{
	make_set(e);
	sw_net_peer_feeds_changed(e);
	if (e->trails && e->trails->is_loaded)
		sw_trail_watch_apply(e);
}

static int saved(struct sw_engine *e, struct sw_strbuf *why)
{
	int r = save(e);

	changed(e);
	if (r < 0)
		sw_strbuf_printf(
			why, "it is so, but a restart will forget it: the store: %s", strerror(-r));
	return r;
}

/* Whether the feed may have the action that was said; *ret as in sw_feed_memory. */
static int judge_action(struct sw_engine *e, const struct sw_config_feed *feed, const char *text, int *ret,
	struct sw_strbuf *why)
{
	struct sw_config_feed f = *feed;
	int action = sw_feed_action_parse(text);

	if (action < 0) {
		sw_strbuf_puts(why, "an action is one of observe, drop, tag, except, allow");
		return -EINVAL;
	}
	f.action = (__u32)action;
	if (sw_conf_feed_check(&f, why) < 0)
		return -EINVAL;
	if (action == SW_FEED_ALLOW && sw_feeds_is_added(e, f.name) && !configured(e, f.name)) {
		sw_strbuf_puts(why, own_allow);
		return -EINVAL;
	}
	*ret = f.action == feed->action ? 0 : action + 1;
	return 0;
}

int sw_feeds_say(struct sw_engine *e, const char *name, bool is_enabled, const char *action, struct sw_strbuf *why)
{
	const struct sw_config_feed *c = configured(e, name);
	struct sw_feed_memory *m;
	struct sw_config_feed f;
	int said = 0, r;
	bool is_default;

	if (!sw_feeds_describe(e, name, &f)) {
		const char *near = sw_feed_desc_suggest(name);

		sw_conf_feed_defaults(name, &f);
		if (sw_feed_desc_find(name))
			sw_conf_feed_check(&f, why); /* says that its key is wanted */
		else
			sw_strbuf_printf(why,
				"no feed of this name is configured, added or described%s%s%s",
				near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
		return -ENOENT;
	}
	if (is_enabled && !sw_feeds_find(e, name) && e->feeds->n == SW_CONFIG_FEEDS_MAX) {
		sw_strbuf_printf(why, "%d feeds are fetched already", SW_CONFIG_FEEDS_MAX);
		return -ENOSPC;
	}
	r = *action ? judge_action(e, &f, action, &said, why) : 0;
	if (r < 0)
		return r;
	m = get_memory(e, name);
	if (!m)
		return -ENOSPC;
	if (*action || !is_enabled)
		m->action = said;
	/* a word that says what holds anyhow is taken back: the configuration rules again */
	is_default = is_enabled == (c ? c->is_enabled : sw_feeds_is_added(e, name));
	m->word = is_default ? 0 : is_enabled ? 1 : -1;
	return saved(e, why);
}

int sw_feeds_add(struct sw_engine *e, const json_t *texts, struct sw_strbuf *why)
{
	struct sw_feeds_part *p = e->feeds;
	struct sw_config_feed f;
	int r = make_added(texts, &f, why);

	if (r < 0)
		return r;
	if (configured(e, f.name) || find_added(p, f.name)) {
		sw_strbuf_puts(why, "a feed of this name is there already");
		return -EEXIST;
	}
	if (p->n_added == ADDED_MAX || p->n == SW_CONFIG_FEEDS_MAX) {
		sw_strbuf_printf(why, "%d feeds are there already", SW_CONFIG_FEEDS_MAX);
		return -ENOSPC;
	}
	p->added[p->n_added++] = (struct added){.feed = f, .texts = json_deep_copy(texts)};
	return saved(e, why);
}

int sw_feeds_remove(struct sw_engine *e, const char *name, struct sw_strbuf *why)
{
	struct sw_feeds_part *p = e->feeds;
	struct added *a = find_added(p, name);
	struct sw_feed_memory *m = find_memory(p, name);

	if (!a) {
		sw_strbuf_puts(why, "no feed of this name was added by command");
		return -ENOENT;
	}
	json_decref(a->texts);
	*a = p->added[--p->n_added];
	if (m)
		*m = p->memory[--p->n_memory];
	return saved(e, why);
}

static void remember(struct sw_engine *e, struct sw_feed_memory *m)
{
	int r;

	m->good_wall_sec = sw_clock_wall_sec(&e->clock);
	m->decayed[0] = 0;
	r = save(e);
	if (r < 0)
		sw_log_debug(r, "feeds: not stored"); /* the next fetch tries again */
}

void sw_feeds_renewed(struct sw_engine *e, const char *name)
{
	const struct sw_trail_slot *s = e->trails ? sw_trails_slot(e->trails, name) : NULL;
	struct sw_feed_memory *m = get_memory(e, name);

	/* one that was refused and is as it was is refused still */
	if (m && s && s->list && !s->error[0])
		remember(e, m);
}

static void note_protected(void *arg, const struct sw_allow *a, const struct sw_trail_entry *entry)
{
	char *text = arg, net[SW_NET_TEXT_MAX];

	if (!text[0])
		sw_strcpy(text, SW_NET_TEXT_MAX, sw_cidr_format(net, &a->net));
}

/* A feed that names our gateway, resolvers, own addresses or administrators is told of; they pass. */
static void tell_protected(
	struct sw_engine *e, struct sw_feed_memory *m, const struct sw_trail_list *l)
{
	char first[SW_NET_TEXT_MAX] = "";
	struct sw_json *j;

	m->n_protected = sw_trails_each_protected(e, l, note_protected, first);
	if (!m->n_protected)
		return;
	j = sw_event_begin(e->events, SW_EVK_FEED,
		"feed '%s' names %zu of the networks that are never blocked, %s first: they go on to pass",
		m->name, m->n_protected, first);
	sw_json_string(j, "feed", m->name);
	sw_json_uint(j, "protected", m->n_protected);
	sw_event_end(e->events);
}

void sw_feeds_taken(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_slot *s = &e->trails->slots[op->index];
	struct sw_feed_memory *m = get_memory(e, op->slot.name);

	if (!m || op->result < 0 || op->index >= SW_TRAIL_SETS_MAX || !s->list)
		return;
	if (!op->is_unchanged || !m->changed_wall_sec) {
		m->changed_wall_sec = sw_clock_wall_sec(&e->clock);
		m->crc = s->list->view.head->crc;
		m->added = op->change.added;
		m->removed = op->change.removed;
	}
	m->is_frozen = false;
	if (s->action != SW_TRAIL_EXCEPT)
		tell_protected(e, m, s->list);
	remember(e, m);
}

static void let_go(struct sw_engine *e, const struct sw_config_feed *f, const struct sw_trail_slot *s,
	struct sw_feed_memory *m)
{
	struct sw_trail_op *op = sw_trail_op_new(SW_TRAIL_OP_REMOVE);
	struct sw_json *j;

	if (!op)
		return; /* the next minute tries again */
	op->slot.kind = s->kind;
	op->slot.action = s->action;
	sw_strcpy(op->slot.name, sizeof(op->slot.name), s->name);
	j = sw_event_begin(e->events, SW_EVK_FEED, "feed '%s' %s: its entries leave%s", m->name, m->decayed,
		f->action == SW_FEED_ALLOW ? ", and are allowed no more" : "");
	sw_json_string(j, "feed", m->name);
	sw_event_end(e->events);
	sw_trails_queue(e, op);
}

static void decay(struct sw_engine *e, const struct sw_config_feed *f)
{
	const struct sw_trail_slot *s = sw_trails_slot(e->trails, f->name);
	struct sw_feed_memory *m = s && s->list ? get_memory(e, f->name) : NULL;
	int64_t now = sw_clock_wall_sec(&e->clock), made;
	char age[SW_TIME_TEXT_MAX];

	if (!m || m->decayed[0])
		return;
	made = s->list->view.head->made_wall_sec;
	m->good_wall_sec = m->good_wall_sec ? m->good_wall_sec : made;
	m->changed_wall_sec = m->changed_wall_sec ? m->changed_wall_sec : made;
	m->crc = s->list->view.head->crc;
	if (f->max_age_sec && now - m->good_wall_sec > (int64_t)f->max_age_sec) {
		snprintf(m->decayed, sizeof(m->decayed), "was not renewed for %s",
			sw_duration_format(age, (uint64_t)(now - m->good_wall_sec)));
	} else if (f->max_frozen_sec && now - m->changed_wall_sec > (int64_t)f->max_frozen_sec) {
		m->is_frozen = true;
		snprintf(m->decayed, sizeof(m->decayed), "has been the same for %s",
			sw_duration_format(age, (uint64_t)(now - m->changed_wall_sec)));
	} else {
		return;
	}
	let_go(e, f, s, m);
	save(e);
}

static void say_health(struct sw_engine *e)
{
	const struct sw_config_feed *f;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++) {
		const struct sw_feed_memory *m = sw_feeds_memory(e, f->name);

		if (m && m->decayed[0]) {
			sw_degraded_set(e, "feeds-age", SW_SEV_MEDIUM,
				"feed '%s' %s: its entries have left", m->name, m->decayed);
			return;
		}
	}
	sw_degraded_clear(e, "feeds-age");
}

void sw_feeds_decay(struct sw_engine *e)
{
	const struct sw_config_feed *f;

	if (!e->trails || !e->trails->is_loaded)
		return;
	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++)
		decay(e, f);
	say_health(e);
}

static int on_minute(struct sw_source *s, void *arg)
{
	sw_feeds_decay(arg);
	return 0;
}

/* ---- feeds that allow */

/* The feed's list when its action is allow; NULL: it is another, or nothing came yet. */
static struct sw_trail_slot *allowing(const struct sw_engine *e, const struct sw_config_feed *f)
{
	struct sw_trail_slot *s = f->action == SW_FEED_ALLOW ? sw_trails_slot(e->trails, f->name) : NULL;

	return s && s->kind == SW_TRAIL_KIND_FEED && s->action == SW_TRAIL_EXCEPT && s->list ? s : NULL;
}

const char *sw_feeds_action_word(const struct sw_engine *e, const struct sw_trail_slot *s)
{
	const struct sw_config_feed *f = s->kind == SW_TRAIL_KIND_FEED ? sw_feeds_find(e, s->name) : NULL;

	return f && f->action == SW_FEED_ALLOW ? sw_feed_action_word(f->action) : sw_trail_action_word(s->action);
}

size_t sw_feeds_allow_room(const struct sw_engine *e, const char *name)
{
	size_t room = SW_ALLOW_FEEDS_ENTRIES;
	const struct sw_config_feed *f;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++) {
		const struct sw_trail_slot *s = sw_streq(f->name, name) ? NULL : allowing(e, f);

		room -= s ? SW_MIN(room, sw_trail_list_count(s->list)) : 0;
	}
	return room;
}

/* Changes when a list does, or the feed's right to allow, or when a network's time is over. */
static uint64_t allowed_key(const struct sw_engine *e, int64_t now)
{
	const struct sw_config_feed *f;
	uint64_t key = 0, over;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++) {
		const struct sw_trail_slot *s = allowing(e, f);

		if (!s)
			continue;
		(void)sw_trail_times_next(&s->list->view, now, &over);
		key = sw_mix64(key ^ s->list->view.head->crc, over << 1 | f->may_allow);
		key = sw_hash_bytes(key, f->name, strlen(f->name));
	}
	return key | 1;
}

static size_t gather(const struct sw_trail_slot *s, const char *name, int64_t now, struct sw_allow_listed *ret)
{
	const struct sw_trail_view *v = &s->list->view;
	const struct sw_trail_source source = {.view = *v, .now_wall_sec = now};
	size_t n = 0;

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		if (!sw_trail_source_is_over(&source, v->entries4[i].set))
			ret[n++] = (struct sw_allow_listed){v->entries4[i].net, name};
	return n;
}

/* All of a list is allowed, or nothing of it: one that came before its action did was not judged for that. */
static size_t take_allowing(struct sw_engine *e, const struct sw_config_feed *f, struct sw_allow_listed *ret,
	size_t room, int64_t now)
{
	struct sw_trail_slot *s = allowing(e, f);
	char why[192], text[sizeof(s->error)];
	size_t n = s ? sw_trail_list_count(s->list) : 0;
	int r = s ? sw_feed_judge_allow(&s->list->view, f->may_allow, why, sizeof(why)) : -ENOENT;

	if (!s) {
		s = sw_trails_slot(e->trails, f->name);
		if (s && !strncmp(s->error, not_allowed, strlen(not_allowed)))
			sw_trails_set_error(e, s, NULL);
		return 0;
	}
	if (!r && n > room) {
		snprintf(why, sizeof(why), "all feeds together may allow %d networks", SW_ALLOW_FEEDS_ENTRIES);
		r = -ENOSPC;
	}
	if (r < 0) {
		snprintf(text, sizeof(text), "%s: %.140s", not_allowed, why);
		sw_trails_set_error(e, s, text);
		return 0;
	}
	return gather(s, f->name, now, ret);
}

void sw_feeds_allow(struct sw_engine *e)
{
	struct sw_feeds_part *p = e->feeds;
	_free_ struct sw_allow_listed *rows = NULL;
	int64_t now = sw_clock_wall_sec(&e->clock);
	const struct sw_config_feed *f;
	uint64_t key;
	size_t n = 0;
	int r;

	if (!p || !e->bans || !e->trails || !e->trails->is_loaded)
		return;
	key = allowed_key(e, now);
	if (key == p->allowed_key)
		return;
	rows = calloc(SW_ALLOW_FEEDS_ENTRIES, sizeof(*rows));
	if (!rows)
		return; /* the next change tries again */
	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++)
		n += take_allowing(e, f, rows + n, SW_ALLOW_FEEDS_ENTRIES - n, now);
	r = sw_engine_take_listed(e, rows, n);
	if (r < 0)
		sw_degraded_set(e, "feeds-allow", SW_SEV_MEDIUM, "not all that feeds allow is on the allow list: %s",
			strerror(-r));
	else
		sw_degraded_clear(e, "feeds-allow");
	p->allowed_key = r < 0 ? 0 : key;
}

/* ---- the part; its verbs are verb_feeds.c's */

extern const struct sw_ctl_verb sw_feeds_verbs[];

static int part_init(struct sw_engine *e)
{
	e->feeds = calloc(1, sizeof(*e->feeds));
	if (!e->feeds)
		return -ENOMEM;
	load(e);
	make_set(e);
	return sw_loop_add_timer(e->loop, DECAY_SEC * SW_SEC_NS, DECAY_SEC * SW_SEC_NS, on_minute,
		e, &e->feeds->timer);
}

static void part_done(struct sw_engine *e)
{
	struct sw_feeds_part *p = e->feeds;

	if (!p)
		return;
	sw_source_free(p->timer);
	for (unsigned int i = 0; i < p->n_added; i++)
		json_decref(p->added[i].texts);
	free(p);
	e->feeds = NULL;
}

static void part_configured(struct sw_engine *e, const struct sw_config *old)
{
	make_set(e);
}

const struct sw_engine_part sw_part_feeds = {
	.name = "feeds",
	.verbs = sw_feeds_verbs,
	.init = part_init,
	.done = part_done,
	.configured = part_configured,
};
