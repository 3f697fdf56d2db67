// SPDX-License-Identifier: GPL-3.0-or-later
/* report: the text that would be mailed now. */
#include <time.h>

#include "user/cli/table.h"

int sw_cli_report(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {
		{"CHANGE", "change"}, {"KEY", "key"}, {"TEXT", "text", SW_COL_FLEX}, {}};
	struct sw_cli_args a;
	json_t *d = NULL;
	int r;

	sw_cli_args_begin(&a);
	if (c->o.since_sec != SW_CLI_UNSET)
		sw_json_int(&a.j, "since_sec", SW_MAX((int64_t)time(NULL) - (int64_t)c->o.since_sec, 1));
	r = sw_cli_ask(c, "report", sw_cli_args_end(&a), -1, &d);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (c->format == SW_CLI_TABLE || c->format == SW_CLI_WIDE)
		fputs(sw_cli_text(d, "text"), stdout);
	else
		sw_cli_print_rows(c, d, "changes", columns, "");
	json_decref(d);
	return SW_EXIT_OK;
}
