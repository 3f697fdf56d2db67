// SPDX-License-Identifier: GPL-3.0-or-later
/* Which trails of which lists touch a subject, and which of them decides: for trails.search, why and check. */
#include "user/base/words.h"
#include "user/engine/feeds.h"
#include "user/feeds/feeds.h"
#include "user/engine/trails.h"

enum { SEARCH_MAX = 1000, WHY_MAX = 100 };

/* One trail of one list. Texts are borrowed for the call, and never NULL. */
struct fact {
	const struct sw_trail_slot *slot;
	enum sw_static_kind kind;
	enum sw_trail_action action;
	const char *action_word; /* set by tell */
	const char *trail;
	const char *origin, *info, *reference, *citation; /* origin: the file with the line */
	uint32_t line;
	unsigned int confidence; /* percent, of the feed; 0: not said */
	int64_t first_wall_sec, last_wall_sec, until_wall_sec; /* 0: not known, never */
	bool decides; /* false: a longer one, or one that counts before it, does */
	bool is_port; /* of this port alone */
};

struct facts {
	struct sw_engine *e;
	size_t found, max;
	void (*write)(struct sw_json *j, const struct fact *f);
	struct sw_json *j;
	enum sw_static_kind last; /* of the trails that are no addresses, the kind told last */
	bool has_last;
	enum sw_listed listed;
	struct sw_strbuf *because;
};

/* ---- saying them */

static void say_because(struct facts *w, const struct fact *f)
{
	if (f->action == SW_TRAIL_EXCEPT)
		sw_strbuf_printf(w->because, "list %s excepts %s: between a trail and an exception the longest match decides",
			f->slot->name, f->trail);
	else
		sw_strbuf_printf(w->because, "list %s holds %s (%s)", f->slot->name, f->trail,
			sw_trail_action_word(f->action));
}

/* How several trails rank is told where there are several. */
static void say_rank(struct facts *w)
{
	if (w->because && w->listed == SW_LISTED_TRAIL && w->found > 1)
		sw_strbuf_puts(w->because, ": the longest match decides, of equal ones except, drop, tag, observe in this "
			"order, and what is watched inside what is dropped is dropped");
}

/* What is known of the trail, else of the list: a feed's entries were all there when it was good last. */
static void add_times(struct sw_engine *e, struct fact *f, const struct sw_static_line *l)
{
	const struct sw_trail_slot *s = f->slot;
	bool is_feed = s->kind == SW_TRAIL_KIND_FEED;
	const struct sw_config_feed *feed = is_feed ? sw_feeds_find(e, s->name) : NULL;
	const struct sw_feed_desc *desc = is_feed ? sw_feed_desc_find(s->name) : NULL;
	const struct sw_feed_memory *m = is_feed ? sw_feeds_memory(e, s->name) : NULL;
	const struct sw_trail_times *t = s->list ? sw_trail_times_find(&s->list->view, l) : NULL;

	f->confidence = desc ? desc->confidence : 0;
	f->first_wall_sec = t && t->first_sec ? t->first_sec : sw_trail_seen_first(s->seen, l);
	f->last_wall_sec = m && m->good_wall_sec ? m->good_wall_sec : s->list ? s->list->view.head->made_wall_sec : 0;
	if (feed && feed->max_age_sec && f->last_wall_sec)
		f->until_wall_sec = f->last_wall_sec + (int64_t)feed->max_age_sec;
	if (t && t->last_sec)
		f->last_wall_sec = t->last_sec;
	if (t && t->until_sec && (!f->until_wall_sec || t->until_sec < f->until_wall_sec))
		f->until_wall_sec = t->until_sec;
}

/* A set that is compiled may hold for a moment what is over. */
static bool is_over(const struct facts *w, const struct fact *f, const struct sw_static_line *l)
{
	const struct sw_trail_times *t = f->slot->list ? sw_trail_times_find(&f->slot->list->view, l) : NULL;

	return t && t->until_sec && t->until_sec <= sw_clock_wall_sec(&w->e->clock);
}

static void tell(struct facts *w, struct fact *f)
{
	enum sw_listed is = f->action == SW_TRAIL_EXCEPT ? SW_LISTED_EXCEPT : SW_LISTED_TRAIL;

	f->action_word =
		f->action == SW_TRAIL_EXCEPT ? sw_feeds_action_word(w->e, f->slot) : sw_trail_action_word(f->action);
	if (f->decides && is > w->listed) {
		w->listed = is;
		if (w->because) {
			sw_strbuf_reset(w->because);
			say_because(w, f);
		}
	}
	if (w->found++ < w->max)
		w->write(w->j, f);
}

static void write_fields(struct sw_json *j, const struct fact *f)
{
	sw_json_string(j, "net", f->trail);
	sw_json_string(j, "kind", sw_static_kind_word(f->kind));
	sw_json_string(j, "list", f->slot->name);
	sw_json_string(j, "action", f->action_word);
	sw_json_uint(j, "line", f->line);
	sw_json_string(j, "origin", f->origin);
	sw_json_string(j, "info", f->info);
	sw_json_string(j, "reference", f->reference);
	sw_json_string(j, "citation", f->citation);
	if (f->confidence)
		sw_json_uint(j, "confidence", f->confidence);
	else
		sw_json_null(j, "confidence");
	sw_json_wall_sec(j, "first_seen", f->first_wall_sec);
	sw_json_wall_sec(j, "last_seen", f->last_wall_sec);
	sw_json_wall_sec(j, "expires", f->until_wall_sec);
}

static void write_hit(struct sw_json *j, const struct fact *f)
{
	sw_json_object_begin(j, NULL);
	write_fields(j, f);
	sw_json_object_end(j);
}

static void write_why(struct sw_json *j, const struct fact *f)
{
	_strbuf_ struct sw_strbuf text = {};
	char at[SW_TIME_TEXT_MAX];

	sw_strbuf_printf(&text, "list %s (%s), ", f->slot->name, f->action_word);
	if (f->kind > SW_STATIC_CIDR)
		sw_strbuf_printf(&text, "%s, ", f->is_port ? "this port alone" : sw_static_kind_word(f->kind));
	if (f->line)
		sw_strbuf_printf(&text, "line %u of ", f->line);
	sw_strbuf_puts(&text, f->origin);
	if (*f->info && !sw_streq(f->info, f->slot->name))
		sw_strbuf_printf(&text, ", %s", f->info);
	if (*f->citation)
		sw_strbuf_printf(&text, ", %s", f->citation);
	if (f->first_wall_sec)
		sw_strbuf_printf(&text, ", since %.10s", sw_time_format(at, f->first_wall_sec * (int64_t)SW_SEC_NS));
	if (f->until_wall_sec)
		sw_strbuf_printf(&text, ", until %.16sZ", sw_time_format(at, f->until_wall_sec * (int64_t)SW_SEC_NS));
	if (f->confidence)
		sw_strbuf_printf(&text, ", confidence %u %%", f->confidence);
	if (f->action == SW_TRAIL_TAG)
		sw_strbuf_puts(&text, ", its packets are marked when enforcing");
	sw_strbuf_puts(&text, f->decides ? "; it decides" : "");
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "what", f->action == SW_TRAIL_EXCEPT ? "trail-except" : "trail");
	sw_json_string(j, "text", sw_strbuf_get(&text));
	sw_json_bool(j, "decides", f->decides);
	write_fields(j, f);
	sw_json_object_end(j);
}

static void write_nothing(struct sw_json *j, const struct fact *f)
{
}

/* ---- addresses */

static void format_port(char *buf, size_t size, const struct sw_net *net, uint16_t port)
{
	char text[SW_NET_TEXT_MAX];

	snprintf(buf, size, net->family == SW_AF_IP6 ? "[%s]:%u" : "%s:%u", sw_cidr_format(text, net), port);
}

/* Looks for what a directory's or an exported list's text says of an address: its file and citation. */
struct citing {
	const struct sw_static *set;
	const struct sw_net *net;
	enum sw_static_kind kind;
	struct fact *f;
	uint32_t list;
};

static void cite(void *arg, const char *text, size_t len, const struct sw_net *net, const struct sw_static_hit *hit)
{
	struct citing *c = arg;
	struct sw_static_about about = sw_static_about(c->set, hit);

	if ((hit->kind == SW_STATIC_IP_PORT) != (c->kind == SW_STATIC_IP_PORT) || about.list != c->list ||
		about.line != c->f->line || !sw_net_eq(net, c->net))
		return;
	c->f->origin = about.file;
	c->f->info = about.info;
	c->f->reference = about.reference;
	c->f->citation = about.citation;
}

/* A trail that is an address or a network (port 0), or an address with a port. */
static void tell_net(struct facts *w, const struct sw_trail_source *source, const struct sw_net *net, uint16_t port,
	uint32_t line, enum sw_trail_action action, bool decides)
{
	struct sw_static_line l = {.net = *net, .port = port};
	char text[SW_NET_TEXT_MAX + 16];
	struct fact f = {.slot = &w->e->trails->slots[source->set],
		.kind = port                                 ? SW_STATIC_IP_PORT
			: net->plen == sw_net_max_plen(net) ? SW_STATIC_IP
							    : SW_STATIC_CIDR,
		.action = action, .trail = text, .info = "", .reference = "", .citation = "", .line = line,
		.decides = decides, .is_port = port};
	struct citing c = {w->e->trails->compiled, net, f.kind, &f, source->set};

	f.origin = f.slot->origin;
	l.kind = f.kind;
	if (port)
		format_port(text, sizeof(text), net, port);
	else
		sw_cidr_format(text, net);
	if (c.set && source->view.n_text)
		sw_static_each(w->e->trails->compiled, &l, cite, &c);
	add_times(w->e, &f, &l);
	tell(w, &f);
}

struct around {
	struct sw_trail_hit hit;
	const char *list;
	bool decides;
};

/* What decides first, then the longest; of equals by the list's name. */
static int by_weight(const void *a, const void *b)
{
	const struct around *x = a, *y = b;

	if (x->decides != y->decides)
		return x->decides ? -1 : 1;
	if (x->hit.entry->net.plen != y->hit.entry->net.plen)
		return (int)y->hit.entry->net.plen - (int)x->hit.entry->net.plen;
	return strcmp(x->list, y->list);
}

static void each_covering(struct facts *w, const struct sw_trail_source *sources, size_t n, const struct sw_net *net,
	const struct sw_trail_entry *deciding)
{
	struct sw_trail_hit hits[WHY_MAX];
	struct around sorted[WHY_MAX];
	size_t found = sw_trail_covering(sources, n, net, hits, WHY_MAX), shown = SW_MIN(found, (size_t)WHY_MAX);

	for (size_t i = 0; i < shown; i++)
		sorted[i] = (struct around){hits[i], w->e->trails->slots[sources[hits[i].list].set].name,
			hits[i].entry == deciding};
	qsort(sorted, shown, sizeof(*sorted), by_weight);
	for (size_t i = 0; i < shown; i++) {
		const struct sw_trail_entry *entry = sorted[i].hit.entry;

		tell_net(w, &sources[sorted[i].hit.list], &entry->net, 0, entry->line, entry->action,
			sorted[i].decides);
	}
	w->found += found - shown;
}

static void each_within(struct facts *w, const struct sw_trail_source *sources, size_t n, const struct sw_net *net)
{
	_free_ struct sw_trail_hit *hits = calloc(SEARCH_MAX, sizeof(*hits));
	size_t found = hits ? sw_trail_within(sources, n, net, hits, SEARCH_MAX) : 0,
	       shown = SW_MIN(found, (size_t)SEARCH_MAX);

	for (size_t i = 0; i < shown; i++)
		tell_net(w, &sources[hits[i].list], &hits[i].entry->net, 0, hits[i].entry->line, hits[i].entry->action,
			false);
	w->found += found - shown;
}

/* port: only this one of the address's; 0: all. is_all: what lies in the network, too. */
static void each_net(struct facts *w, const struct sw_net *net, uint16_t port, bool is_all)
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	size_t n = sw_trails_sources(w->e->trails, sw_clock_wall_sec(&w->e->clock), sources), n_ports;
	struct sw_trail_hit deciding = {};
	bool is_excepted = sw_trail_decide(sources, n, net, &deciding) && deciding.entry->action == SW_TRAIL_EXCEPT;

	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_port *p = sw_trail_ports_of(&sources[i].view, net, &n_ports);

		for (size_t k = 0; port && k < n_ports; k++)
			if (p[k].port == port && !sw_trail_source_is_over(&sources[i], p[k].set))
				tell_net(w, &sources[i], &p[k].net, port, p[k].line, p[k].action, !is_excepted);
	}
	each_covering(w, sources, n, net, deciding.entry);
	if (is_all)
		each_within(w, sources, n, net);
	for (size_t i = 0; !port && i < n; i++) {
		const struct sw_trail_port *p = sw_trail_ports_of(&sources[i].view, net, &n_ports);

		for (size_t k = 0; k < n_ports; k++)
			if (!sw_trail_source_is_over(&sources[i], p[k].set))
				tell_net(w, &sources[i], &p[k].net, p[k].port, p[k].line, p[k].action, false);
	}
}

/* ---- texts */

static void tell_static(struct facts *w, const char *trail, const struct sw_static_hit *hit)
{
	struct sw_static_about about = sw_static_about(w->e->trails->compiled, hit);
	struct fact f = {.kind = hit->kind, .action = sw_trails_action(w->e, about.list), .trail = trail,
		.origin = about.file, .info = about.info, .reference = about.reference, .citation = about.citation,
		.line = about.line, .decides = !w->has_last || w->last != hit->kind || hit->pattern};
	struct sw_static_line l = {.kind = hit->kind, .len = strnlen(trail, sizeof(l.text) - 1)};

	if (about.list >= SW_TRAIL_SETS_MAX)
		return;
	f.slot = &w->e->trails->slots[about.list];
	memcpy(l.text, trail, l.len);
	if (is_over(w, &f, &l))
		return;
	w->has_last = true;
	w->last = hit->kind;
	add_times(w->e, &f, &l);
	tell(w, &f);
}

static void take_static(
	void *arg, const char *text, size_t len, const struct sw_net *net, const struct sw_static_hit *hit)
{
	_free_ char *trail = strndup(text, len);

	if (trail)
		tell_static(arg, trail, hit);
}

/* Every kind that the text could be. */
static void each_text(struct facts *w, const char *text)
{
	struct sw_static *s = w->e->trails->compiled;
	struct sw_static_hit hit;
	struct sw_static_line l;
	const char *port;
	struct sw_net net;
	size_t host;

	sw_static_line_read(text, strlen(text), false, &l);
	host = l.kind == SW_STATIC_URL ? strcspn(l.text, "/:") : 0;
	if (s && l.kind >= SW_STATIC_DOMAIN)
		sw_static_each(s, &l, take_static, w);
	for (enum sw_static_kind k = SW_STATIC_AGENT; s && k <= SW_STATIC_REGEX; k++)
		if (sw_static_pattern(s, k, text, strlen(text), &hit))
			tell_static(w, hit.pattern, &hit);
	port = l.text + host;
	if (l.kind == SW_STATIC_IP_PORT)
		each_net(w, &l.net, l.port, false);
	else if (host && sw_cidr_parse(l.text, host, &net) == 0)
		each_net(w, &net, *port == ':' ? (uint16_t)strtoul(port + 1, NULL, 10) : 0, false);
}

/* ---- the verbs */

/* A part of a list's name finds it; its first entries stand for it. */
static void each_name(struct facts *w, const char *text)
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	size_t n = sw_trails_sources(w->e->trails, sw_clock_wall_sec(&w->e->clock), sources);

	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_slot *s = &w->e->trails->slots[sources[i].set];
		size_t count = sw_trail_list_count(s->list), k = 0;

		for (; strstr(s->name, text) && k < count && w->found < w->max; k++) {
			if (sw_trail_source_is_over(&sources[i], s->list->view.entries4[k].set))
				continue;
			tell_net(w, &sources[i], &s->list->view.entries4[k].net, 0, s->list->view.entries4[k].line,
				s->list->view.entries4[k].action, false);
		}
		w->found += strstr(s->name, text) ? count - k : 0;
	}
}

void sw_trails_verb_search(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct facts w = {.e = arg, .max = SEARCH_MAX, .write = write_hit};
	const char *text, *net_text;
	struct sw_net net;

	if (!sw_ctl_arg_string(q, args, "text", NULL, &text) ||
		!sw_ctl_arg_string(q, args, "net", text, &net_text))
		return;
	if (!net_text || !net_text[0]) {
		sw_ctl_fail(q, SW_CERR_USAGE, "an address, a network, or a part of a list's name", "nothing to search for");
		return;
	}
	w.j = sw_ctl_reply_begin(q);
	sw_json_array_begin(w.j, "hits");
	if (sw_cidr_parse(net_text, SIZE_MAX, &net) == 0) {
		each_net(&w, &net, 0, true);
	} else {
		each_text(&w, net_text);
		each_name(&w, net_text);
	}
	sw_json_array_end(w.j);
	sw_json_uint(w.j, "found", w.found);
	sw_json_bool(w.j, "complete", w.found <= w.max);
	sw_ctl_reply_end(q);
}

static void each_of(struct facts *w, const char *subject, const struct sw_net *net)
{
	if (net)
		each_net(w, net, 0, false);
	else
		each_text(w, subject);
}

/* "Nothing is known" of a trail whose list is still on its way would be taken for an answer. */
static void tell_unready(struct sw_engine *e, const char *subject, struct sw_json *j)
{
	bool are_compiling = sw_trails_are_compiling(e->trails);

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		const struct sw_trail_slot *s = &e->trails->slots[i];
		const char *state = s->name[0] ? sw_trails_unready(e->trails, s, are_compiling) : NULL;
		_strbuf_ struct sw_strbuf text = {};

		if (!state)
			continue;
		sw_strbuf_printf(&text, "list %s: %s, so that not all it holds is known yet", s->name, state);
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "what", "trail-list");
		sw_json_string(j, "net", subject);
		sw_json_string(j, "text", sw_strbuf_get(&text));
		sw_json_object_end(j);
	}
}

void sw_trails_why(struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j)
{
	struct facts w = {.e = e, .max = WHY_MAX, .write = write_why, .j = j};

	each_of(&w, subject, net);
	tell_unready(e, subject, j);
}

enum sw_listed sw_trails_listed(
	struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_strbuf *because)
{
	struct facts w = {.e = e, .write = write_nothing, .because = because};

	each_of(&w, subject, net);
	say_rank(&w);
	return w.listed;
}
