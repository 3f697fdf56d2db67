// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs on feeds. */
#include "user/base/words.h"
#include "user/engine/feeds.h"
#include "user/engine/net_peer.h"

extern const struct sw_ctl_verb sw_feeds_verbs[];

enum { WHY_MAX = 200 };

/* Scheme and host; the rest may hold a key. A description's URL is public. */
static void write_url(
	struct sw_json *j, const struct sw_config_feed *f, const struct sw_feed_desc *d)
{
	size_t host = strlen("https://");
	size_t len = strlen(f->url) > host ? host + strcspn(f->url + host, "/?") : strlen(f->url);

	if (d && d->url && sw_streq(d->url, f->url))
		sw_json_string(j, "url", f->url);
	else
		sw_json_stringf(j, "url", "%.*s%s", (int)len, f->url, f->url[len] ? "/..." : "");
}

static void write_state(
	struct sw_json *j, const struct sw_feed_state *s, const struct sw_feed_memory *m)
{
	sw_json_wall_sec(j, "good_at",
		m && m->good_wall_sec ? m->good_wall_sec
			: s           ? (int64_t)s->good_wall_sec
				      : 0);
	sw_json_wall_sec(j, "changed_at", m ? m->changed_wall_sec : 0);
	if (m && (m->added || m->removed))
		sw_json_stringf(j, "change", "+%llu -%llu", (unsigned long long)m->added,
			(unsigned long long)m->removed);
	else
		sw_json_null(j, "change");
	sw_json_uint(j, "protected", m ? m->n_protected : 0);
	sw_json_wall_sec(j, "next_at", s ? (int64_t)s->last.next_wall_sec : 0);
	sw_json_uint(j, "domains", s ? s->last.domains : 0);
	sw_json_uint(j, "urls", s ? s->last.urls : 0);
	sw_json_uint(j, "ports", s ? s->last.ports : 0);
	sw_json_uint(j, "hashes", s ? s->last.hashes : 0);
	sw_json_uint(j, "failures", s ? s->failures : 0);
}

static void write_feed(
	struct sw_engine *e, struct sw_json *j, const struct sw_config_feed *f, bool is_on)
{
	const struct sw_trail_slot *slot = sw_trails_slot(e->trails, f->name);
	const struct sw_feed_desc *d = sw_feed_desc_find(f->name);
	const struct sw_feed_memory *m = sw_feeds_memory(e, f->name);
	const struct sw_feed_state *s = sw_net_peer_feed(e, f->name);
	const char *error = slot && slot->error[0] ? slot->error
		: m && m->decayed[0]               ? m->decayed
		: s && s->error[0]                 ? s->error
						   : NULL;

	if (slot && slot->kind != SW_TRAIL_KIND_FEED)
		slot = NULL;
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "name", f->name);
	sw_json_string(j, "state", is_on ? "on" : m && m->word < 0 ? "disabled" : "off");
	sw_json_string(j, "by",
		m && m->word                            ? "command"
			: sw_feeds_is_added(e, f->name) ? "added"
			: is_on                         ? "configuration"
							: NULL);
	sw_json_bool(j, "recommended", d && d->flags & SW_FEED_RECOMMENDED);
	sw_json_string(j, "action", sw_feed_action_word(f->action));
	sw_json_bool(j, "may_allow", d ? d->flags & SW_FEED_MAY_ALLOW : f->may_allow);
	sw_json_uint(j, "entries4", slot && slot->list ? slot->list->view.n4 : 0);
	sw_json_uint(j, "entries6", slot && slot->list ? slot->list->view.n6 : 0);
	sw_json_uint(j, "hits", slot ? slot->hits : 0);
	write_state(j, s, m);
	sw_json_string(j, "title", d ? d->title : NULL);
	sw_json_string(j, "meaning", d ? d->meaning : NULL);
	sw_json_string(j, "licence", d ? d->licence : NULL);
	sw_json_string(j, "home", d ? d->home : NULL);
	if (d)
		sw_json_uint(j, "confidence", d->confidence);
	sw_json_string(j, "parser", f->parser);
	write_url(j, f, d);
	sw_json_uint(j, "refresh_sec", f->refresh_sec);
	sw_json_string(j, "error", is_on ? error : NULL);
	sw_json_object_end(j);
}

static void write_described(struct sw_engine *e, struct sw_json *j, const struct sw_feed_desc *d)
{
	struct sw_config_feed f;

	if (sw_feeds_find(e, d->name))
		return;
	if (!sw_feeds_describe(e, d->name, &f)) { /* it wants a key of the operator's own */
		f = (struct sw_config_feed){.action = d->action, .refresh_sec = d->refresh_sec};
		sw_strcpy(f.name, sizeof(f.name), d->name);
		sw_strcpy(f.parser, sizeof(f.parser), d->parser);
	}
	write_feed(e, j, &f, false);
}

/* What is fetched; then what could be: of the configuration, added, described. */
static void verb_list(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j = sw_ctl_reply_begin(q);
	const struct sw_config_feed *f;

	sw_json_array_begin(j, "feeds");
	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++)
		write_feed(e, j, f, true);
	for (unsigned int i = 0; i < e->config->n_feeds; i++) {
		f = &e->config->feeds[i];
		if (!sw_feeds_find(e, f->name) && !sw_feed_desc_find(f->name))
			write_feed(e, j, f, false);
	}
	sw_feeds_each_added(e, write_feed, j);
	for (const struct sw_feed_desc *d = sw_feed_table; d->name; d++)
		write_described(e, j, d);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static void answer(struct sw_ctl_request *q, struct sw_engine *e, const char *verb,
	const char *name, const char *detail, int r, const struct sw_strbuf *why)
{
	struct sw_json *j;

	if (r < 0) {
		sw_ctl_fail(q, r == -ENOENT ? SW_CERR_NOT_FOUND : SW_CERR_REFUSED,
			"see: sockwarden feeds list", "%.64s: %s", name,
			why->len ? sw_strbuf_get(why) : strerror(-r));
		return;
	}
	sw_store_audit(e->store, sw_ctl_request_by(q), verb, name, detail);
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "name", name);
	sw_json_bool(j, "enabled", sw_feeds_find(e, name) != NULL);
	sw_ctl_reply_end(q);
}

static void say(struct sw_ctl_request *q, const json_t *args, struct sw_engine *e, bool is_enabled)
{
	_strbuf_ struct sw_strbuf why = {};
	const char *name, *action;

	if (sw_ctl_arg_string(q, args, "name", "", &name) && sw_ctl_arg_string(q, args, "action", "", &action))
		answer(q, e, is_enabled ? "feeds.enable" : "feeds.disable", name, action,
			sw_feeds_say(e, name, is_enabled, is_enabled ? action : "", &why), &why);
}

static void verb_enable(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	say(q, args, arg, true);
}

static void verb_disable(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	say(q, args, arg, false);
}

static void verb_add(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_strbuf_ struct sw_strbuf why = {};
	const char *name;

	if (sw_ctl_arg_string(q, args, "name", "", &name))
		answer(q, arg, "feeds.add", name, "", sw_feeds_add(arg, args, &why), &why);
}

static void verb_remove(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_strbuf_ struct sw_strbuf why = {};
	const char *name;

	if (sw_ctl_arg_string(q, args, "name", "", &name))
		answer(q, arg, "feeds.remove", name, "", sw_feeds_remove(arg, name, &why), &why);
}

/* ---- feeds.test */

static void verb_test(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	_close_ int fd = sw_ctl_request_take_fd(q);
	struct sw_config_feed f;
	const char *name;
	int r;

	if (!sw_ctl_arg_string(q, args, "name", "", &name))
		return;
	if (!sw_feeds_describe(e, name, &f)) {
		const struct sw_feed_desc *d = sw_feed_desc_find(name);

		if (!d || fd < 0) {
			sw_ctl_fail(q, SW_CERR_NOT_FOUND, "see: sockwarden feeds list",
				d ? "%.64s: its URL holds a key of your own: it must be in the configuration"
				  : "there is no feed '%.64s'",
				name);
			return;
		}
		f = (struct sw_config_feed){.action = d->action,
			.max_entries = d->max_entries,
			.max_change = d->max_change,
			.max_cover = 5};
		sw_strcpy(f.name, sizeof(f.name), d->name);
		sw_strcpy(f.parser, sizeof(f.parser), d->parser);
	}
	r = sw_net_peer_test(e, &f, fd, q);
	if (r < 0)
		sw_ctl_fail(q, r == -EBUSY ? SW_CERR_REFUSED : SW_CERR_NOT_RUNNING,
			"sockwarden status shows the processes", "%s",
			r == -EBUSY ? "another test is under way"
				    : "sockwarden-net does not answer");
}

static void write_protected(void *arg, const struct sw_allow *a, const struct sw_trail_entry *entry)
{
	struct sw_json *j = arg;
	char text[SW_NET_TEXT_MAX];

	sw_json_string(j, NULL, sw_cidr_format(text, &a->net));
}

/* What would be done with the list; NULL: nothing is against it. */
static const char *judge(const struct sw_engine *e, const struct sw_config_feed *f, const struct sw_trail_view *v,
	struct sw_feed_change *c, uint64_t cover, char text[static WHY_MAX])
{
	unsigned int max = f->max_change;

	if (f->action == SW_FEED_ALLOW) {
		c->percent = sw_feed_change_percent(c, SW_ALLOW_FEED_CHANGE_MIN);
		max = SW_MIN(max, (unsigned int)SW_ALLOW_FEED_CHANGE);
		snprintf(text, WHY_MAX, "it would be refused: ");
		if (sw_feed_judge_allow(v, f->may_allow, text + strlen(text), WHY_MAX - strlen(text)) < 0)
			return text;
		if (v->n4 + v->n6 > sw_feeds_allow_room(e, f->name))
			return "it would be refused: all feeds together allow as much as they may";
	}
	if (cover > f->max_cover * 10000ull)
		return "it would be refused: it covers more than max_cover allows";
	if (c->percent > max)
		return "it would wait for a word: more has changed than max_change allows";
	return NULL;
}

static void write_list(struct sw_engine *e, struct sw_json *j, const struct sw_config_feed *f,
	const struct sw_trail_list *l)
{
	const struct sw_trail_slot *s = sw_trails_slot(e->trails, f->name);
	uint64_t cover = sw_feed_cover(&l->view);
	struct sw_feed_change c;
	char why[WHY_MAX];

	sw_feed_compare(s && s->list ? &s->list->view : NULL, &l->view, &c);
	sw_json_uint(j, "entries4", l->view.n4);
	sw_json_uint(j, "entries6", l->view.n6);
	sw_json_bool(j, "is_new", !(s && s->list));
	sw_json_uint(j, "added", c.added);
	sw_json_uint(j, "removed", c.removed);
	sw_json_double(j, "cover_percent", (double)cover / 10000);
	sw_json_string(j, "verdict", judge(e, f, &l->view, &c, cover, why));
	sw_json_array_begin(j, "protected");
	if (sw_feed_trail_action(f) != SW_TRAIL_EXCEPT)
		sw_trails_each_protected(e, l, write_protected, j);
	sw_json_array_end(j);
}

void sw_feeds_tested(struct sw_engine *e, struct sw_ctl_request *q, const struct sw_config_feed *f,
	const struct sw_net_msg *m, int fd)
{
	_cleanup_(sw_trail_list_freep) struct sw_trail_list *l = NULL;
	const char *why = m->text[0] ? m->text
		: m->result < 0      ? strerror(-m->result)
				     : "no list came";
	struct sw_json *j;

	if (m->result < 0 || fd < 0 || sw_trail_list_open(fd, &l, &why) < 0) {
		sw_ctl_fail(q, SW_CERR_REFUSED, "nothing was changed: this was a test", "%s: %s",
			f->name, why);
		return;
	}
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "name", f->name);
	sw_json_string(j, "action", sw_feed_action_word(f->action));
	sw_json_uint(j, "bytes", m->bytes);
	sw_json_uint(j, "bad_lines", m->bad_lines);
	sw_json_uint(j, "filtered", m->filtered);
	sw_json_uint(j, "domains", m->domains);
	sw_json_uint(j, "urls", m->urls);
	sw_json_uint(j, "ports", m->ports);
	sw_json_uint(j, "hashes", m->hashes);
	write_list(e, j, f, l);
	sw_ctl_reply_end(q);
}

const struct sw_ctl_verb sw_feeds_verbs[] = {
	{"feeds.list", SW_CTL_READ, verb_list},
	{"feeds.enable", SW_CTL_CHANGE, verb_enable},
	{"feeds.disable", SW_CTL_CHANGE, verb_disable},
	{"feeds.add", SW_CTL_CHANGE, verb_add},
	{"feeds.remove", SW_CTL_CHANGE, verb_remove},
	{"feeds.test", SW_CTL_CHANGE, verb_test},
	{},
};
