// SPDX-License-Identifier: GPL-3.0-or-later
/* status: one screen, from the engine, or from the guard alone where there is no engine. */
#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/cli/guard_ask.h"
#include "user/cli/table.h"
#include "user/ctl/guard_status.h"

enum {
	LABEL = 12,
	STATUS_WAIT_MS = 5000, /* then the guard is asked: a hanging engine is worth knowing about */
};

static void label(const struct sw_cli *c, const char *text)
{
	_strbuf_ struct sw_strbuf padded = {};

	sw_strbuf_printf(&padded, "%-*s", LABEL, text);
	sw_cli_put(c, "1", sw_strbuf_get(&padded));
}

static const char *color_hook(const char *text)
{
	return sw_streq(text, "none") ? "31" : sw_streq(text, "generic") ? "33" : NULL;
}

static const char *color_dropped(const char *text)
{
	return sw_streq(text, "0") || sw_streq(text, "-") ? NULL : "31";
}

static void print_mode(const struct sw_cli *c, const json_t *s)
{
	const char *mode = sw_cli_text(s, "mode");
	bool is_enforcing = sw_cli_true(s, "enforcing");
	long long left = sw_cli_number(s, "enforce_left_sec");
	char text[SW_TIME_TEXT_MAX];

	label(c, "mode");
	sw_cli_put(c, is_enforcing ? "32" : "33", mode);
	if (is_enforcing && left > 0)
		printf(": dropping for %s more, unless kept: sockwarden arm --keep",
			sw_duration_format(text, (uint64_t)left));
	else if (is_enforcing)
		fputs(": what is judged bad is dropped", stdout);
	else if (sw_streq(mode, "off"))
		fputs(": every packet passes, nothing is judged", stdout);
	else
		fputs(": everything is judged and told, nothing is dropped", stdout);
	putchar('\n');
}

/* Somebody else's program is never replaced: it is named, and where ours is by tc, it sees packets first. */
static void print_foreign(const struct sw_cli *c, const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const json_t *foreign = json_object_get(row, "foreign_xdp");
		const char *name = sw_cli_text(foreign, "name");

		if (!foreign)
			continue;
		sw_cli_put(c, "33", sw_cli_text(row, "name"));
		printf(": XDP program %lld (", sw_cli_number(foreign, "id"));
		sw_cli_put(c, NULL, *name ? name : "unnamed");
		printf(", tag %s, loaded by uid %lld) of somebody else is there%s\n", sw_cli_text(foreign, "tag"),
			sw_cli_number(foreign, "uid"),
			sw_streq(sw_cli_text(row, "hook"), "none") ? "" : " and sees packets first");
		if (sw_streq(name, "xdp_dispatcher"))
			puts("  it calls several: set hook: dispatcher to be one of them");
	}
}

/* The operator's own program, after ours. */
static void print_chain(const struct sw_cli *c, const json_t *s)
{
	const json_t *chain = json_object_get(s, "chain");
	const char *name = sw_cli_text(chain, "name");

	if (!chain)
		return;
	label(c, "chained");
	printf("XDP program %lld (", sw_cli_number(chain, "id"));
	sw_cli_put(c, NULL, *name ? name : "unnamed");
	printf(", tag %s, loaded by uid %lld) gets what passes at XDP\n", sw_cli_text(chain, "tag"), sw_cli_number(chain, "uid"));
}

/* How often somebody took our program off a device and it was put back: seldom any. */
static void cell_put_back(const json_t *row, struct sw_strbuf *out)
{
	if (sw_cli_number(row, "put_back"))
		sw_strbuf_printf(out, "%lld", sw_cli_number(row, "put_back"));
	else
		sw_strbuf_putc(out, '-');
}

static void print_interfaces(const struct sw_cli *c, const json_t *s)
{
	static const struct sw_cli_column cols[] = {{"INTERFACE", "name"}, {"HOOK", "hook", 0, NULL, color_hook},
		{"DRIVER", "driver"}, {"FORWARDED", "forward", SW_COL_OPTIONAL}, {"MARKS", "tag", SW_COL_OPTIONAL},
		{"PUT BACK", NULL, SW_COL_RIGHT | SW_COL_OPTIONAL, cell_put_back},
		{"WHY", "why", SW_COL_FLEX}, {}};
	const json_t *rows = json_object_get(s, "interfaces");

	putchar('\n');
	if (json_array_size(rows)) {
		sw_cli_table(c, rows, cols, 0);
		print_foreign(c, rows);
		return;
	}
	label(c, "interfaces");
	sw_cli_put(c, "31", "none: no packets are seen");
	putchar('\n');
}

/* What is done with what this host sends. */
static void print_egress(const struct sw_cli *c, const json_t *s)
{
	const json_t *e = json_object_get(s, "egress");
	const char *action = sw_cli_text(e, "action");
	bool is_off = sw_streq(action, "off");

	if (!e)
		return;
	label(c, "egress");
	if (is_off || sw_cli_true(e, "attached"))
		printf("%s%s", action, sw_streq(action, "drop") ? " when enforcing" : "");
	else
		sw_cli_put(c, "33", "not looked at: the kernel refused the program");
	putchar('\n');
}

static void cell_sentence(const json_t *row, struct sw_strbuf *out)
{
	const char *word = sw_cli_text(row, "reason");

	for (unsigned int i = 0; i < SW_R_COUNT; i++) {
		if (sw_streq(sw_reason_word(i), word))
			sw_strbuf_puts(out, sw_reason_sentence(i));
	}
}

static void print_counters(const struct sw_cli *c, const json_t *s)
{
	static const struct sw_cli_column cols[] = {{"JUDGED", "reason"}, {"PACKETS", "packets", SW_COL_RIGHT},
		{"BYTES", "bytes", SW_COL_RIGHT | SW_COL_BYTES},
		{"DROPPED", "dropped", SW_COL_RIGHT, NULL, color_dropped}, {"MEANS", NULL, SW_COL_FLEX, cell_sentence}, {}};

	json_t *rows = json_object_get(s, "counters"), *shown, *row;
	bool has_all = c->o.verbose || c->format == SW_CLI_WIDE;
	size_t i;

	if (!json_array_size(rows))
		return;
	shown = json_array();
	json_array_foreach(rows, i, row) {
		if (has_all || sw_cli_number(row, "packets") || sw_cli_number(row, "dropped"))
			json_array_append(shown, row);
	}
	putchar('\n');
	if (json_array_size(shown)) {
		sw_cli_table(c, shown, cols, 0);
	} else {
		label(c, "judged");
		puts("no packet yet that a ban, a list, a rule or a scan named (-v: all that is counted)");
	}
	json_decref(shown);
}

/* The counter of the packet and socket programs that has this name; SW_STAT_COUNT: it is one of the engine's. */
static unsigned int find_stat(const char *name)
{
	unsigned int i = 0;

	while (i < SW_STAT_COUNT && !sw_streq(sw_stat_word(i), name))
		i++;
	return i;
}

/* The word a counter stands under; NULL: it tells of work done, which -j has. What the engine counts are losses. */
static const char *counter_label(const char *name)
{
	unsigned int stat = find_stat(name);

	switch (stat) {
	case SW_STAT_EV_PKT_LIMITED:
	case SW_STAT_EV_SOCK_LIMITED:
		return "summed";
	case SW_STAT_CONNECT_REFUSED:
	case SW_STAT_BIND_REFUSED:
	case SW_STAT_SHUNNED:
		return "refused";
	default:
		return stat == SW_STAT_COUNT || sw_stat_is_loss(stat) ? "lost" : NULL;
	}
}

uint64_t sw_cli_losses(const json_t *status)
{
	uint64_t sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "losses"), i, row) {
		const char *word = counter_label(sw_cli_text(row, "name"));

		if (word && sw_streq(word, "lost"))
			sum += (uint64_t)SW_MAX(sw_cli_number(row, "count"), 0);
	}
	return sum;
}

/* "lost        packet-events-lost 2: packet events lost because the ring was full": a line each, and none of 0. */
static void print_counts(const struct sw_cli *c, const json_t *s)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(s, "losses"), i, row) {
		const char *name = sw_cli_text(row, "name"), *word = counter_label(name);
		unsigned int stat = find_stat(name);

		if (!word || !sw_cli_number(row, "count"))
			continue;
		label(c, word);
		sw_cli_put(c, sw_streq(word, "lost") ? "33" : NULL, name);
		printf(" %lld", sw_cli_number(row, "count"));
		printf(stat < SW_STAT_COUNT ? ": %s\n" : "\n", sw_stat_sentence(stat));
	}
}

/* ", engine packed"; and why when it is not the one asked for. */
static void print_engine(const struct sw_cli *c, const json_t *trails)
{
	const char *engine = sw_cli_text(trails, "engine"), *why = sw_cli_text(trails, "engine_why");

	if (*engine)
		printf(", engine ");
	sw_cli_put(c, NULL, engine);
	if (*why)
		printf(": ");
	sw_cli_put(c, "33", why);
}

static void print_count(long long n, const char *noun)
{
	printf("%lld %s%s", n, noun, n == 1 ? "" : "s");
}

static void print_decoys(const struct sw_cli *c, const json_t *d)
{
	if (!sw_cli_true(d, "on"))
		return;
	label(c, "decoys");
	printf("%lld TCP and %lld UDP ports%s; %lld touches, %lld held\n", sw_cli_number(d, "tcp_ports"),
		sw_cli_number(d, "udp_ports"), sw_cli_true(d, "serving") ? "" : ", not served",
		sw_cli_number(d, "touches_tcp") + sw_cli_number(d, "touches_udp"), sw_cli_number(d, "held"));
}

static void print_reports(const struct sw_cli *c, const json_t *reports)
{
	const char *error = sw_cli_text(reports, "error");

	if (!reports)
		return;
	label(c, "reported");
	print_count(sw_cli_number(reports, "reported"), "ban");
	printf(" to CrowdSec, %lld withdrawn, %lld waiting", sw_cli_number(reports, "withdrawn"),
		sw_cli_number(reports, "waiting"));
	if (sw_cli_number(reports, "lost"))
		printf("; %lld lost, the queue was full", sw_cli_number(reports, "lost"));
	if (sw_cli_number(reports, "refused"))
		printf("; %lld refused", sw_cli_number(reports, "refused"));
	if (*error) {
		fputs(": ", stdout);
		sw_cli_put(c, "31", error);
	}
	putchar('\n');
}

static void print_crowdsec(const struct sw_cli *c, const json_t *crowdsec)
{
	static const struct {
		const char *key, *words;
	} left[] = {{"waiting", "waiting for bans.per_minute"}, {"protected", "name what is never banned"},
		{"too_wide", "too wide"}, {"malformed", "not understood"}};
	const char *error = sw_cli_text(crowdsec, "error"), *good = sw_cli_text(crowdsec, "last_good_at");

	if (!crowdsec)
		return;
	label(c, "CrowdSec");
	print_count(sw_cli_number(crowdsec, "decisions"), "decision");
	fputs(", ", stdout);
	print_count(sw_cli_number(crowdsec, "bans"), "ban");
	printf("; last answer %s", *good ? good : "none yet");
	for (size_t i = 0; i < SW_ARRAY_SIZE(left); i++) {
		if (sw_cli_number(crowdsec, left[i].key))
			printf("; %lld %s", sw_cli_number(crowdsec, left[i].key), left[i].words);
	}
	if (*error) {
		fputs(": ", stdout);
		sw_cli_put(c, "31", error);
	}
	putchar('\n');
	print_reports(c, json_object_get(crowdsec, "reports"));
}

/* What nftables has besides bans. */
static void print_nft(const struct sw_cli *c, const json_t *nft)
{
	long long left_out = sw_cli_number(nft, "trails_left_out"),
		  dropped = sw_cli_number(json_object_get(nft, "dropped_by_source"), "packets") +
		sw_cli_number(json_object_get(nft, "dropped_by_destination"), "packets");
	char text[64];

	fputs(", ", stdout);
	print_count(sw_cli_number(nft, "trails_held"), "trail");
	if (left_out) {
		snprintf(text, sizeof(text), " (%lld more do not fit)", left_out);
		sw_cli_put(c, "33", text);
	}
	if (sw_cli_true(nft, "is_loading"))
		fputs(" (others are on their way in)", stdout);
	if (dropped)
		printf(", which dropped %lld packets", dropped);
	if (sw_cli_true(nft, "is_fallback"))
		fputs(", for devices without the packet program", stdout);
}

/* Those beside the packet program, and what is wrong with one. */
static void print_backends(const struct sw_cli *c, const json_t *s)
{
	json_t *b;
	size_t i;

	if (json_array_size(json_object_get(s, "backends")) < 2)
		return;
	label(c, "backends");
	json_array_foreach(json_object_get(s, "backends"), i, b) {
		const char *state = sw_cli_text(b, "state");
		bool is_good = sw_streq(state, "installed");

		printf("%s%s: ", i ? ", " : "", sw_cli_text(b, "name"));
		if (is_good)
			print_count(sw_cli_number(b, "bans"), "ban");
		else
			sw_cli_put(c, "31", sw_cli_text(b, "text"));
		if (is_good && sw_streq(sw_cli_text(b, "name"), "nftables"))
			print_nft(c, json_object_get(s, "nftables"));
		if (sw_cli_number(b, "repairs"))
			printf(" (put back %lld times)", sw_cli_number(b, "repairs"));
	}
	putchar('\n');
}

static void print_logs(const struct sw_cli *c, const json_t *l)
{
	if (!sw_cli_number(l, "files") && !sw_cli_number(l, "lines"))
		return;
	label(c, "logs");
	print_count(sw_cli_number(l, "files"), "file");
	printf(", %lld lines, %lld hits, ", sw_cli_number(l, "lines"), sw_cli_number(l, "hits"));
	print_count(sw_cli_number(l, "bans"), "ban");
	if (sw_cli_number(l, "files_unreadable"))
		printf("; %lld files cannot be read", sw_cli_number(l, "files_unreadable"));
	putchar('\n');
}

static void print_country_rules(const struct sw_cli *c, const json_t *rules)
{
	if (!sw_cli_number(rules, "rules"))
		return;
	label(c, "countries");
	print_count(sw_cli_number(rules, "rules"), "rule");
	fputs(" over countries and systems, ", stdout);
	if (sw_cli_true(rules, "in_force"))
		printf("%lld bounds of networks", sw_cli_number(rules, "networks"));
	else
		sw_cli_put(c, "33", "not in force as they are written");
	putchar('\n');
}

static void print_held(const struct sw_cli *c, const json_t *s)
{
	const json_t *trails = json_object_get(s, "trails"), *store = json_object_get(s, "store");
	_strbuf_ struct sw_strbuf size = {};

	label(c, "in force");
	print_count(sw_cli_number(s, "bans"), "ban");
	printf(", %lld allowed", sw_cli_number(s, "allow"));
	if (sw_cli_number(s, "allow_feeds"))
		printf(" (%lld by feeds)", sw_cli_number(s, "allow_feeds"));
	fputs(", ", stdout);
	print_count(sw_cli_number(trails, "lists"), "trail list");
	if (sw_cli_number(trails, "lists"))
		printf(": %lld IPv4 and %lld IPv6 entries", sw_cli_number(trails, "entries4"),
			sw_cli_number(trails, "entries6"));
	print_engine(c, trails);
	putchar('\n');
	print_country_rules(c, json_object_get(s, "country_rules"));
	label(c, "sockets");
	print_count(sw_cli_number(s, "listeners"), "listener");
	fputs(", ", stdout);
	print_count(sw_cli_number(s, "sockets"), "socket");
	fputs("; tier ", stdout);
	sw_cli_put(c, NULL, *sw_cli_text(s, "tier") ? sw_cli_text(s, "tier") : "none");
	if (c->o.verbose || c->format == SW_CLI_WIDE) {
		fputs(": ", stdout);
		sw_cli_put(c, NULL, sw_cli_text(s, "hooks"));
	}
	putchar('\n');
	print_backends(c, s);
	print_crowdsec(c, json_object_get(s, "crowdsec"));
	print_decoys(c, json_object_get(s, "decoys"));
	print_logs(c, json_object_get(s, "logs"));
	label(c, "findings");
	printf("%lld\n", sw_cli_number(s, "findings"));
	if (!store)
		return;
	label(c, "store");
	sw_cli_cell(json_object_get(store, "bytes"), SW_COL_BYTES, &size);
	printf("%s in ", sw_strbuf_get(&size));
	sw_cli_put(c, NULL, sw_cli_text(store, "path"));
	if (sw_cli_number(store, "unsaved"))
		printf(", %lld not saved", sw_cli_number(store, "unsaved"));
	if (*sw_cli_text(store, "error")) {
		fputs(": ", stdout);
		sw_cli_put(c, "31", sw_cli_text(store, "error"));
	}
	putchar('\n');
}

static void print_processes(const struct sw_cli *c, const json_t *s)
{
	json_t *p;
	size_t i;

	label(c, "processes");
	json_array_foreach(json_object_get(s, "processes"), i, p) {
		long long pid = sw_cli_number(p, "pid"), restarts = sw_cli_number(p, "restarts");

		fputs(i ? ", " : "", stdout);
		sw_cli_put(c, pid ? NULL : "31", sw_cli_text(p, "name"));
		if (pid)
			printf(" %lld", pid);
		else
			fputs(" not running", stdout);
		if (restarts)
			printf(" (%lld restart%s)", restarts, restarts == 1 ? "" : "s");
	}
	putchar('\n');
}

static void print_degraded(const struct sw_cli *c, const json_t *s)
{
	const json_t *list = json_object_get(s, "degraded");
	json_t *v;
	size_t i;

	if (!json_array_size(list))
		return;
	putchar('\n');
	sw_cli_put(c, "31;1", "degraded");
	putchar('\n');
	json_array_foreach(list, i, v) {
		fputs("  ", stdout);
		sw_cli_put_wrapped(c, json_is_string(v) ? json_string_value(v) : sw_cli_text(v, "text"), 2);
		if (*sw_cli_text(v, "fix")) {
			fputs("    ", stdout);
			sw_cli_put_wrapped(c, sw_cli_text(v, "fix"), 4);
		}
	}
}

static void print_screen(const struct sw_cli *c, const json_t *s, bool is_whole)
{
	char text[SW_TIME_TEXT_MAX];

	printf("sockwarden ");
	sw_cli_put(c, "1", *sw_cli_text(s, "version") ? sw_cli_text(s, "version") : SW_VERSION);
	if (*sw_cli_text(s, "host")) {
		fputs(" on ", stdout);
		sw_cli_put(c, "1", sw_cli_text(s, "host"));
	}
	printf(", up %s%s\n", sw_duration_format(text, (uint64_t)sw_cli_number(s, "uptime_sec")),
		sw_cli_true(s, "adopted") ? ", took over what was in force" : "");
	print_mode(c, s);
	if (is_whole) {
		print_held(c, s);
		print_egress(c, s);
		print_counts(c, s);
	}
	print_processes(c, s);
	print_interfaces(c, s);
	print_chain(c, s);
	print_counters(c, s);
	print_degraded(c, s);
}

/* The guard's fixed structs as the engine would have put them in JSON. */
static void guard_json(const struct sw_guard_status *g, struct sw_strbuf *out)
{
	const struct sw_clock clock = {};
	uint64_t now = sw_clock_boot_ns(&clock);
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "schema_version", 1);
	sw_json_string(&j, "mode", sw_mode_word(g->mode));
	sw_json_bool(&j, "enforcing", g->is_enforcing);
	sw_json_uint(&j, "enforce_left_sec", g->enforce_until_ns > now ? (g->enforce_until_ns - now) / SW_SEC_NS : 0);
	sw_json_uint(&j, "uptime_sec", now > g->started_boot_ns ? (now - g->started_boot_ns) / SW_SEC_NS : 0);
	sw_json_stringf(&j, "tier", "%c", g->tier >= 'A' && g->tier <= 'C' ? (char)g->tier : '-');
	sw_json_stringn(&j, "hooks", g->hooks, strnlen(g->hooks, sizeof(g->hooks)));
	sw_json_bool(&j, "adopted", g->has_adopted);
	sw_ctl_write_guard_status(&j, g);
	sw_json_array_begin(&j, "degraded");
	sw_json_string(&j, NULL, "the engine does not answer: nothing is decided, told or stored; what is in force stays");
	sw_json_array_end(&j);
	sw_json_object_end(&j);
}

/* The engine is away: what the guard knows, and exit 7, since it is only a part. */
static int status_from_guard(struct sw_cli *c)
{
	struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	_strbuf_ struct sw_strbuf text = {};
	json_t *data;
	int r;

	if (!reply)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = sw_cli_guard_status(c, reply);
	if (r == 0 && reply->result == 0)
		guard_json(&reply->status, &text);
	else
		r = r < 0 ? r : -EACCES;
	free(reply);
	if (r < 0)
		return sw_cli_not_running(c, -ENOENT);
	data = json_loads(sw_strbuf_get(&text), 0, NULL);
	if (!data)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (!sw_cli_print_json(c, data))
		print_screen(c, data, false);
	json_decref(data);
	return SW_EXIT_PARTIAL;
}

int sw_cli_status(struct sw_cli *c)
{
	json_t *data = NULL;
	int r;

	c->wait_ms = STATUS_WAIT_MS;
	r = sw_cli_ask_quietly(c, "status", NULL, -1, &data);
	if (r == SW_EXIT_NOT_RUNNING)
		return status_from_guard(c);
	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		print_screen(c, data, true);
	r = json_array_size(json_object_get(data, "degraded")) ? SW_EXIT_DEGRADED : SW_EXIT_OK;
	json_decref(data);
	return r;
}
