// SPDX-License-Identifier: GPL-3.0-or-later
/* trails test: a file's lines as an import would read them. Nothing is asked and nothing changes. */
#include <fcntl.h>

#include "user/base/cidr.h"
#include "user/cli/table.h"
#include "user/cli/trails.h"
#include "user/conf/conf.h"
#include "user/trail/edit.h"
#include "user/trail/line.h"
#include "user/trail/static_read.h"

enum form { FORM_PLAIN, FORM_STATIC, FORM_CSV };

struct test {
	const struct sw_cli *c;
	const char *path;
	const struct sw_config *config;
	enum form form;
	bool is_agent;
	json_t *rows, *kinds;
	uint64_t line, taken, skipped, refused;
};

/* One line, judged. */
struct verdict {
	const char *word, *kind, *why; /* word NULL: a line that is nothing */
	const char *trail;
	size_t len;
};

static const struct verdict no_trail = {.word = "skipped", .why = "it is no trail"};

static void judge_net(const struct test *t, const struct sw_net *net, struct verdict *v)
{
	unsigned int floor = net->family == SW_AF_IP4 ? t->config->trail_min_plen4 : t->config->trail_min_plen6;

	v->word = net->plen < floor ? "refused" : "taken";
	v->why = net->plen < floor ? "wider than trails.widest_*: the whole list is refused for it" : NULL;
}

static void judge_other(const char *text, size_t len, struct verdict *v)
{
	struct sw_static_line l;

	if (len > 2 && text[0] == '*' && text[1] == '.') {
		text += 2;
		len -= 2;
	}
	sw_static_line_read(text, len, false, &l);
	v->word = l.kind == SW_STATIC_BAD ? "skipped" : "taken";
	v->why = l.kind == SW_STATIC_BAD ? "a trail that nothing can be done with" : NULL;
	v->kind = l.kind == SW_STATIC_BAD ? NULL : sw_static_kind_word(l.kind);
}

static struct verdict judge_plain(const struct test *t, const char *p, size_t len)
{
	struct verdict v = {.trail = p, .len = len};
	struct sw_trail_line l;

	if (len > SW_TRAIL_LINE_MAX)
		return no_trail;
	sw_trail_line_read(p, len, &l);
	switch (l.kind) {
	case SW_TRAIL_LINE_NOTHING:
		break;
	case SW_TRAIL_LINE_NET:
	case SW_TRAIL_LINE_RANGE:
		judge_net(t, &l.net, &v);
		v.kind = l.kind == SW_TRAIL_LINE_RANGE ? "range"
			: sw_static_kind_word(sw_net_is_host(&l.net) ? SW_STATIC_IP : SW_STATIC_CIDR);
		break;
	case SW_TRAIL_LINE_OTHER:
		v.trail = l.text;
		v.len = l.len;
		judge_other(l.text, l.len, &v);
		break;
	case SW_TRAIL_LINE_BAD:
		return no_trail;
	}
	return v;
}

struct seen {
	const struct test *t;
	struct verdict v;
};

static int64_t see_group(void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	return 0;
}

static int see_trail(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct seen *s = arg;

	s->v.word = "taken";
	s->v.kind = sw_static_kind_word(l->kind);
	if (l->kind == SW_STATIC_IP || l->kind == SW_STATIC_CIDR)
		judge_net(s->t, &l->net, &s->v);
	return 0;
}

/* One line of an exported list or of a CSV, as static trails are read. */
static struct verdict judge_static(struct test *t, const char *p, size_t len)
{
	static const char kind[] = "# Kind:";
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	struct seen seen = {t, {.trail = p, .len = len}};
	const struct sw_static_sink sink = {see_group, see_trail, &seen};

	if (len > sizeof(kind) && !memcmp(p, kind, sizeof(kind) - 1))
		t->is_agent = memmem(p, len, "user-agent", 10);
	if (sw_static_new(&s) < 0)
		return no_trail;
	sw_static_set_sink(s, &sink);
	if (t->form == FORM_CSV)
		sw_static_read_csv(s, t->path, "", p, len);
	else
		sw_static_read_text(s, t->is_agent ? "ua" : "", "", "", p, len);
	return sw_static_stats(s)->bad ? no_trail : seen.v;
}

static void count_kind(struct test *t, const char *kind)
{
	json_int_t n = json_integer_value(json_object_get(t->kinds, kind));

	json_object_set_new(t->kinds, kind, json_integer(n + 1));
}

static void take_verdict(struct test *t, const struct verdict *v, const char *p, size_t len)
{
	bool is_taken = sw_streq(v->word, "taken");
	json_t *row;

	t->taken += is_taken;
	t->skipped += sw_streq(v->word, "skipped");
	t->refused += sw_streq(v->word, "refused");
	if (is_taken && v->kind)
		count_kind(t, v->kind);
	if (is_taken && !t->c->o.verbose)
		return;
	row = json_pack("{sI ss so* so* ss*}", "line", (json_int_t)t->line, "verdict", v->word, "kind",
		v->kind ? json_string(v->kind) : json_null(), "trail",
		json_stringn_nocheck(v->trail ? v->trail : p, SW_MIN(v->trail ? v->len : len, (size_t)200)), "why",
		v->why);
	json_array_append_new(t->rows, row);
}

static void judge_lines(struct test *t, const char *text, size_t len)
{
	const char *end = text + len, *p = text, *eol, *next;

	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	for (; p < end; p = next) {
		struct verdict v;
		size_t n;

		eol = memchr(p, '\n', (size_t)(end - p));
		next = eol ? eol + 1 : end;
		n = (size_t)((eol ? eol : end) - p);
		if (n && p[n - 1] == '\r')
			n--;
		t->line++;
		v = t->form == FORM_PLAIN ? judge_plain(t, p, n) : judge_static(t, p, n);
		if (v.word)
			take_verdict(t, &v, p, n);
	}
}

/* What an import says of the whole; "" when it takes it. */
static int judge_whole(const struct test *t, const char *text, size_t len, char *why, size_t size)
{
	const struct sw_trail_rules rules = {t->config->trail_min_plen4, t->config->trail_min_plen6,
		t->config->trail_max_entries, false};
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	int r = t->form == FORM_PLAIN ? sw_trail_parse_mem(&rules, text, len, &p)
				      : sw_trail_directory_read(t->path, &rules, &p);

	why[0] = 0;
	if (r < 0)
		sw_strcpy(why, size,
			p && sw_trail_parser_report(p)->text[0] ? sw_trail_parser_report(p)->text : strerror(-r));
	return r;
}

static const struct sw_cli_column test_columns[] = {
	{"LINE", "line", SW_COL_RIGHT},
	{"VERDICT", "verdict"},
	{"KIND", "kind"},
	{"TEXT", "trail", SW_COL_FLEX},
	{"WHY", "why", SW_COL_FLEX | SW_COL_OPTIONAL},
	{},
};

static int show(struct test *t, const char *why)
{
	json_t *data = json_pack("{sO sO sI sI sI sb ss*}", "lines", t->rows, "kinds", t->kinds, "taken",
		(json_int_t)t->taken, "skipped", (json_int_t)t->skipped, "refused", (json_int_t)t->refused,
		"is_refused", why[0] != 0, "why", why[0] ? why : NULL);

	if (!data)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (json_array_size(t->rows) || t->c->format != SW_CLI_TABLE)
		sw_cli_print_rows(t->c, data, "lines", test_columns, NULL);
	json_decref(data);
	if (why[0])
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s would be refused: %s", t->path, why);
	sw_cli_say(t->c, "%s: %llu lines would be taken, %llu skipped", t->path, (unsigned long long)t->taken,
		(unsigned long long)t->skipped);
	return t->skipped ? SW_EXIT_PARTIAL : SW_EXIT_OK;
}

static int run_test(struct test *t, int fd)
{
	_free_ char *text = NULL;
	char why[256], word[64];
	size_t len;
	int r;

	t->form = sw_cli_trails_is_csv(t->path) ? FORM_CSV
		: sw_cli_trails_is_export(fd, word, sizeof(word), word, sizeof(word)) ? FORM_STATIC : FORM_PLAIN;
	r = sw_read_all(fd, SW_STATIC_FILE_MAX, &text, &len);
	if (r < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", t->path, strerror(-r));
	judge_lines(t, text, len);
	judge_whole(t, text, len, why, sizeof(why));
	return show(t, why);
}

int sw_cli_trails_test(struct sw_cli *c)
{
	_close_ int fd = open(c->words[0], O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_free_ struct sw_config *config = malloc(sizeof(*config));
	struct test t = {.c = c, .path = c->words[0], .config = config};
	int r;

	if (!config)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (fd < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", c->words[0], strerror(errno));
	r = sw_cli_config_read(c, c->o.paths.config_file, true, config);
	if (r)
		return r;
	t.rows = json_array();
	t.kinds = json_object();
	r = t.rows && t.kinds ? run_test(&t, fd) : sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	json_decref(t.rows);
	json_decref(t.kinds);
	return r;
}
