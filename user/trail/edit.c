// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/edit.h"

#include <inttypes.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/trail/times.h"

/* ---- walking */

/* Networks of a plain text are in no text: they are the entries alone. */
static int walk_entries(const struct sw_trail_list *l, const struct sw_static_sink *sink)
{
	int64_t group = sink->group(
		sink->arg, l->view.head->origin, l->view.head->name, l->view.head->name, "");
	int r = group < 0 ? (int)group : 0;

	for (size_t i = 0; i < sw_trail_list_count(l) && !r; i++) {
		const struct sw_trail_entry *e = &l->view.entries4[i];
		struct sw_static_line line = {.net = e->net};

		line.kind = sw_net_is_host(&e->net) ? SW_STATIC_IP : SW_STATIC_CIDR;
		if (e->set) {
			const struct sw_trail_times *t = &l->view.times[e->set - 1];

			line.when = (struct sw_trail_when){t->first_sec, t->last_sec, t->until_sec};
		}
		r = sink->add(sink->arg, &line, (uint32_t)group, e->line);
	}
	return r;
}

int sw_trail_list_walk(const struct sw_trail_list *l, const struct sw_static_sink *sink)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	const struct sw_trail_head *h = l->view.head;
	bool tells_files = l->view.n_text > 1 && !memcmp(l->view.text, "F\t", 2);
	int r = sw_static_new(&s);

	if (!r && !tells_files && sw_trail_list_count(l))
		r = walk_entries(l, sink);
	if (r < 0)
		return r;
	sw_static_set_sink(s, sink);
	return sw_static_add_list(s, &l->view, 0, h->name, h->origin, false, 0);
}

/* ---- one more, one less */

struct editor {
	struct sw_trail_writer w;
	struct sw_trail_edit *edit;
	size_t n;
	uint32_t line; /* the last */
};

static bool is_net(const struct sw_static_line *l)
{
	return l->kind <= SW_STATIC_IP_PORT;
}

static bool is_same(const struct sw_static_line *a, const struct sw_static_line *b)
{
	if (!b || a->kind != b->kind)
		return false;
	if (is_net(a))
		return !sw_net_cmp(&a->net, &b->net) &&
			(a->kind != SW_STATIC_IP_PORT || a->port == b->port);
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

static int64_t edit_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	struct editor *d = arg;

	return sw_trail_writer_group(&d->w, file, info, reference, citation);
}

static int edit_trail(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct editor *d = arg;

	d->line = SW_MAX(d->line, line);
	if (l->when.until_sec && l->when.until_sec <= d->edit->now_wall_sec)
		return 0;
	if (is_same(l, d->edit->remove)) {
		d->edit->n_removed++;
		return 0;
	}
	if (is_same(l, d->edit->add)) {
		d->edit->was_there = true;
		return 0;
	}
	d->n++;
	return sw_trail_writer_add(&d->w, l, group, line);
}

static int add_new(struct editor *d)
{
	const struct sw_trail_edit *e = d->edit;
	int64_t group = sw_trail_writer_group(&d->w, e->file, e->info, e->info, e->citation);

	d->n++;
	return group < 0 ? (int)group
			 : sw_trail_writer_add(&d->w, e->add, (uint32_t)group, d->line + 1);
}

int sw_trail_list_edit(
	const struct sw_trail_list *old, struct sw_trail_edit *edit, struct sw_trail_parser **ret)
{
	const struct sw_trail_rules rules = {.may_be_empty = true};
	struct editor d = {.w.group = -1, .edit = edit};
	const struct sw_static_sink sink = {edit_group, edit_trail, &d};
	int r;

	edit->n_removed = 0;
	edit->was_there = false;
	r = sw_trail_parser_new(&rules, &d.w.parser);
	if (r < 0)
		return r;
	*ret = d.w.parser;
	r = old ? sw_trail_list_walk(old, &sink) : 0;
	if (!r && edit->add)
		r = add_new(&d);
	if (!r)
		r = d.n ? sw_trail_parser_end(d.w.parser) : -ENODATA;
	if (!r)
		sw_trail_parser_set_text(d.w.parser, &d.w.text);
	sw_strbuf_done(&d.w.text);
	return r;
}

/* ---- as a text */

struct printer {
	struct sw_strbuf *out, citations; /* NUL-ended, one behind the other */
	size_t *at; /* of each group its citation */
	size_t n_groups, room;
	int64_t group; /* the last that was written */
	bool is_agent, has_citation;
};

static int64_t print_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	struct printer *p = arg;

	if (p->n_groups == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		size_t *grown = reallocarray(p->at, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->at = grown;
		p->room = room;
	}
	p->at[p->n_groups] = p->citations.len;
	sw_strbuf_printf(&p->citations, "%s", citation);
	sw_strbuf_putc(&p->citations, 0);
	return p->citations.is_failed ? -ENOMEM : (int64_t)p->n_groups++;
}

static void print_when(const struct sw_trail_when *w, struct sw_strbuf *out)
{
	const struct {
		const char *word;
		__u32 sec;
	} fields[] = {{"first", w->first_sec}, {"last", w->last_sec}, {"until", w->until_sec}};
	char at[SW_TIME_TEXT_MAX];

	if (sw_trail_has_when(w))
		sw_strbuf_puts(out, " #");
	for (size_t i = 0; i < SW_ARRAY_SIZE(fields); i++)
		if (fields[i].sec) /* without the microseconds, of which there are none */
			sw_strbuf_printf(out, " %s: %.19sZ", fields[i].word,
				sw_time_format(at, fields[i].sec * (int64_t)SW_SEC_NS));
}

static int print_trail(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct printer *p = arg;
	bool is_agent = l->kind == SW_STATIC_AGENT;
	const char *citation = p->citations.text + p->at[group];

	if (p->group != group && (*citation || p->has_citation)) {
		sw_strbuf_printf(p->out, "# Reference:%s%s\n", *citation ? " " : "", citation);
		p->has_citation = *citation;
	}
	p->group = group;
	if (is_agent != p->is_agent)
		sw_strbuf_printf(p->out, "# Kind: %s\n",
			is_agent ? sw_static_kind_word(SW_STATIC_AGENT) : "any");
	p->is_agent = is_agent;
	sw_trail_print(l, p->out);
	print_when(&l->when, p->out);
	sw_strbuf_putc(p->out, '\n');
	return p->out->is_failed ? -ENOMEM : 0;
}

int sw_trail_list_text(const struct sw_trail_list *l, struct sw_strbuf *out)
{
	struct printer p = {.out = out, .group = -1};
	const struct sw_static_sink sink = {print_group, print_trail, &p};
	int r;

	sw_strbuf_printf(out, SW_TRAIL_EXPORT_SIGN "%s, action %s\n", l->view.head->name,
		sw_trail_action_word(sw_trail_list_action(l)));
	r = sw_trail_list_walk(l, &sink);
	sw_strbuf_done(&p.citations);
	free(p.at);
	return r;
}
