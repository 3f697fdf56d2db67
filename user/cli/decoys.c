// SPDX-License-Identifier: GPL-3.0-or-later
/* decoys */
#include "user/cli/table.h"

static const struct sw_cli_column port_columns[] = {
	{"PORT", "port", SW_COL_RIGHT},
	{"PROTOCOL", "protocol"},
	{"TOUCHES", "touches", SW_COL_RIGHT},
	{},
};

static const struct sw_cli_column source_columns[] = {
	{"SOURCE", "source"},
	{"PROTOCOL", "protocol"},
	{"TOUCHES", "touches", SW_COL_RIGHT},
	{"FIRST PORT", "first_port", SW_COL_RIGHT},
	{"LAST PORT", "last_port", SW_COL_RIGHT | SW_COL_WIDE},
	{"LAST", "last", SW_COL_TIME},
	{"BANNED", "banned"},
	{"SAID", "said", SW_COL_FLEX | SW_COL_OPTIONAL},
	{},
};

static void print_listed(const json_t *d, const char *key)
{
	_strbuf_ struct sw_strbuf text = {};

	sw_cli_cell(json_object_get(d, key), 0, &text);
	puts(sw_strbuf_get(&text));
}

static void print_cookie(const struct sw_cli *c, const json_t *k)
{
	if (!sw_cli_true(k, "serving"))
		sw_cli_say(c, "decoys with cookies are wanted, but not served: %s", sw_cli_text(k, "error"));
	printf("cookie   %lld TCP ports answered by XDP: %lld answers, %lld over %lld/s a CPU or %lld/s a network, %lld failed\n",
		sw_cli_number(k, "ports"), sw_cli_number(k, "answered"), sw_cli_number(k, "over"),
		sw_cli_number(k, "rate"), sw_cli_number(k, "net_rate"), sw_cli_number(k, "failed"));
	if (!json_array_size(json_object_get(k, "needs_xdp")))
		return;
	fputs("         not on these, which need hook: native or generic: ", stdout);
	print_listed(k, "needs_xdp");
}

static void print_head(const struct sw_cli *c, const json_t *d)
{
	const json_t *cookie = json_object_get(d, "cookie");

	if (cookie)
		print_cookie(c, cookie);
	if (!sw_cli_true(d, "on")) {
		if (cookie) {
			printf("touches  %lld TCP; %lld bans\n", sw_cli_number(d, "touches_tcp"), sw_cli_number(d, "bans"));
			return;
		}
		sw_cli_say(c, "decoys are off: decoys.tcp, decoys.preset and decoys.udp_ports of the configuration turn them on");
		return;
	}
	if (!sw_cli_true(d, "serving"))
		sw_cli_say(c, "decoys are wanted, but not served%s%s", *sw_cli_text(d, "error") ? ": " : "",
			sw_cli_text(d, "error"));
	fputs("tcp      ", stdout);
	if (sw_streq(sw_cli_text(d, "tcp"), "unused"))
		puts("every port that nobody listens on");
	else
		print_listed(d, "tcp_listed");
	fputs("udp      ", stdout);
	print_listed(d, "udp_listed");
	if (sw_cli_number(d, "udp_left_out"))
		printf("         %lld more are left out: the kernel gives them to clients\n",
			sw_cli_number(d, "udp_left_out"));
	printf("touches  %lld TCP, %lld UDP; %lld bans%s\n", sw_cli_number(d, "touches_tcp"),
		sw_cli_number(d, "touches_udp"), sw_cli_number(d, "bans"),
		sw_streq(sw_cli_text(d, "action"), "ban") ? "" : " (decoys.action: alert)");
	printf("held     %lld of at most %lld connections", sw_cli_number(d, "held"), sw_cli_number(d, "held_max"));
	if (sw_cli_number(d, "closed_oldest"))
		printf("; %lld were closed to make room", sw_cli_number(d, "closed_oldest"));
	putchar('\n');
}

int sw_cli_decoys(struct sw_cli *c)
{
	json_t *d = NULL;
	int r = sw_cli_ask(c, "decoys", NULL, -1, &d);

	if (r)
		return r;
	if (c->format == SW_CLI_CSV || c->format == SW_CLI_JSONL) {
		sw_cli_print_rows(c, d, "sources", source_columns, "");
	} else if (!sw_cli_print_json(c, d)) {
		print_head(c, d);
		if (json_array_size(json_object_get(d, "ports"))) {
			putchar('\n');
			sw_cli_table(c, json_object_get(d, "ports"), port_columns, 0);
		}
		if (json_array_size(json_object_get(d, "sources"))) {
			putchar('\n');
			sw_cli_table(c, json_object_get(d, "sources"), source_columns, 0);
		}
	}
	json_decref(d);
	return SW_EXIT_OK;
}
