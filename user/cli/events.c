// SPDX-License-Identifier: GPL-3.0-or-later
/* events, findings. */
#include "user/cli/form.h"
#include "user/cli/table.h"

enum { EVENTS_DEFAULT = 20, FOLLOW_DEFAULT = 0, FINDINGS_DEFAULT = 50, KIND_WIDTH = 9, LINE_MIN = 60 };

/* All but exec: a busy host runs hundreds of programs a second, and nobody would see the rest. */
#define KINDS_DEFAULT "packet,socket,decoy,finding,ban,unban,mode,trails,feed,system"

static const char *color_kind(const char *kind)
{
	static const struct {
		const char *kind, *sgr;
	} rows[] = {
		{"finding", "33"}, {"ban", "31"}, {"unban", "32"}, {"mode", "36"}, {"lost", "31"}, {"system", "35"}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_streq(rows[i].kind, kind))
			return rows[i].sgr;
	}
	return NULL;
}

static int print_form(const struct sw_cli *c, const json_t *item, void *arg)
{
	const struct sw_cli_form *const *form = arg;

	sw_cli_form_print(*form, item);
	return ferror(stdout) ? SW_EXIT_NEGATIVE : 0;
}

static int print_event(const struct sw_cli *c, const json_t *item, void *arg)
{
	_strbuf_ struct sw_strbuf at = {}, text = {}, cut = {};
	const char *kind = sw_cli_text(item, "kind");

	if (c->format == SW_CLI_JSON || c->format == SW_CLI_JSONL) {
		sw_cli_print_item(item);
		return ferror(stdout) ? SW_EXIT_NEGATIVE : 0;
	}
	sw_cli_cell(json_object_get(item, "at"), SW_COL_TIME, &at);
	printf("%s  ", sw_strbuf_get(&at));
	sw_cli_put(c, color_kind(kind), kind);
	printf("%*s", (int)SW_MAX(KIND_WIDTH - (int)strlen(kind), 1), "");
	sw_cli_cell(json_object_get(item, "text"), 0, &text);
	if (c->width > LINE_MIN && c->format == SW_CLI_TABLE)
		sw_cli_cut(c, sw_strbuf_get(&text), c->width - at.len - KIND_WIDTH - 2, &cut);
	puts(cut.len ? sw_strbuf_get(&cut) : sw_strbuf_get(&text));
	fflush(stdout);
	return ferror(stdout) ? SW_EXIT_NEGATIVE : 0;
}

static int refuse_kind(const char *kind)
{
	static const char *const kinds[] = {
		"packet", "socket", "exec", "decoy", "finding", "ban", "unban", "mode", "trails", "feed", "system"};
	const char *near = sw_nearest(kind, kinds, SW_ARRAY_SIZE(kinds));

	for (size_t i = 0; i < SW_ARRAY_SIZE(kinds); i++) {
		if (sw_streq(kinds[i], kind))
			return 0;
	}
	return sw_cli_error(SW_EXIT_USAGE, NULL, "--kind: there are no events '%s'%s%s%s", kind,
		near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int sw_cli_events(struct sw_cli *c)
{
	struct sw_cli_args a;
	const struct sw_cli_form *form;
	int r = c->o.kind && !strchr(c->o.kind, ',') ? refuse_kind(c->o.kind) : 0;

	if (r || !sw_cli_form_find(c, &form))
		return SW_EXIT_USAGE;
	if (form && (c->o.kind || c->o.all))
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--form is for findings, and takes no --kind and no --all");
	if (c->format == SW_CLI_CSV)
		return sw_cli_error(SW_EXIT_USAGE, "take -o jsonl", "events differ in their fields and make no CSV");
	sw_cli_args_begin(&a);
	sw_json_bool(&a.j, "follow", c->o.follow);
	sw_json_uint(&a.j, "last",
		c->o.last != SW_CLI_UNSET ? c->o.last : c->o.follow ? FOLLOW_DEFAULT : EVENTS_DEFAULT);
	if (c->o.kind || !c->o.all)
		sw_json_string(&a.j, "kind", form ? "finding" : c->o.kind ? c->o.kind : KINDS_DEFAULT);
	r = sw_cli_stream(c, "events", sw_cli_args_end(&a), form ? print_form : print_event, &form);
	sw_strbuf_done(&a.text);
	return r;
}

static const struct sw_cli_column finding_columns[] = {
	{"TIME", "at", SW_COL_TIME},
	{"SEVERITY", "severity", 0, NULL, sw_cli_color_severity},
	{"KIND", "kind"},
	{"SUBJECT", "subject", SW_COL_OPTIONAL},
	{"COUNT", "count", SW_COL_RIGHT | SW_COL_OPTIONAL},
	{"ID", "id", SW_COL_WIDE | SW_COL_RIGHT},
	{"RULE", "rule", SW_COL_WIDE},
	{"PROCESS", "process", SW_COL_WIDE},
	{"PID", "pid", SW_COL_WIDE | SW_COL_RIGHT},
	{"TRAIL", "trail", SW_COL_WIDE},
	{"LIST", "list", SW_COL_WIDE},
	{"TITLE", "title", SW_COL_FLEX},
	{},
};

int sw_cli_findings(struct sw_cli *c)
{
	const struct sw_cli_form *form;
	struct sw_cli_args a;
	json_t *data = NULL, *row;
	size_t i;
	int r;

	if (!sw_cli_form_find(c, &form))
		return SW_EXIT_USAGE;
	sw_cli_args_begin(&a);
	sw_json_uint(&a.j, "last", c->o.last != SW_CLI_UNSET ? c->o.last : FINDINGS_DEFAULT);
	r = sw_cli_ask(c, "findings", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!form)
		sw_cli_print_rows(c, data, "findings", finding_columns, "no findings");
	json_array_foreach(form ? json_object_get(data, "findings") : NULL, i, row)
		sw_cli_form_print(form, row);
	json_decref(data);
	return SW_EXIT_OK;
}
