// SPDX-License-Identifier: GPL-3.0-or-later
/* detect list */
#include "user/cli/cli.h"
#include "user/cli/table.h"

int sw_cli_detect_list(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {{"RULE", "rule"}, {"ON", "enabled"},
		{"THRESHOLD", "threshold"}, {"OF", "unit"}, {"SECONDS", "window_sec"},
		{"SEVERITY", "severity"}, {"FINDINGS", "findings"},
		{"SPARED", "spared", SW_COL_WIDE}, {"WHAT", "text", SW_COL_FLEX}, {}};
	json_t *d = NULL;
	int r = sw_cli_ask(c, "detect.list", NULL, -1, &d);

	if (r)
		return r;
	sw_cli_print_rows(c, d, "rules", columns, "");
	json_decref(d);
	return SW_EXIT_OK;
}
