// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/top_rows.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/cli/table.h"

int sw_top_new(struct sw_top **ret)
{
	struct sw_top *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->rows = calloc(SW_TOP_ROWS, sizeof(*t->rows));
	if (!t->rows) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void sw_top_free(struct sw_top *t)
{
	if (t)
		free(t->rows);
	free(t);
}

/* ---- rows */

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static struct sw_top_row *find(struct sw_top *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (sw_streq(t->rows[i].name, name))
			return &t->rows[i];
	}
	return NULL;
}

/* A ban outlives what is said of it: its row goes last. */
static struct sw_top_row *oldest(struct sw_top *t)
{
	struct sw_top_row *r = &t->rows[0];

	for (size_t i = 1; i < t->n; i++) {
		struct sw_top_row *x = &t->rows[i];

		if (x->is_banned != r->is_banned ? r->is_banned : x->last_ns < r->last_ns)
			r = x;
	}
	return r;
}

static struct sw_top_row *get(struct sw_top *t, const char *name, bool is_address)
{
	struct sw_top_row *r = find(t, name);

	if (r)
		return r;
	r = t->n < SW_TOP_ROWS ? &t->rows[t->n++] : oldest(t);
	*r = (struct sw_top_row){.is_address = is_address};
	copy(r->name, sizeof(r->name), name);
	return r;
}

/* "192.0.2.7/32" of a ban and "192.0.2.7" of a packet are the same. */
static const char *canonical(
	const char *text, char buf[static SW_NET_TEXT_MAX], bool *ret_is_address)
{
	struct sw_net net;

	*ret_is_address = sw_cidr_parse(text, SIZE_MAX, &net) == 0;
	return *ret_is_address ? sw_cidr_format(buf, &net) : text;
}

static struct sw_top_row *row_of(struct sw_top *t, const char *text)
{
	char buf[SW_NET_TEXT_MAX];
	bool is_address;
	const char *name = canonical(text, buf, &is_address);

	return *name ? get(t, name, is_address) : NULL;
}

/* ---- events */

static unsigned int severity_of(const char *word)
{
	static const char *const words[] = {"info", "low", "medium", "high", "critical"};

	for (unsigned int i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (sw_streq(words[i], word))
			return i + 1;
	}
	return 0;
}

static void remember(struct sw_top *t, const json_t *item)
{
	struct sw_top_line *l = &t->lines[t->n_lines++ % SW_TOP_EVENTS];
	const char *at = sw_cli_text(item, "at");

	*l = (struct sw_top_line){};
	if (strlen(at) >= 19) /* 2026-11-22T12:34:56 */
		snprintf(l->at, sizeof(l->at), "%.8s", at + 11);
	copy(l->kind, sizeof(l->kind), sw_cli_text(item, "kind"));
	copy(l->text, sizeof(l->text), sw_cli_text(item, "text"));
}

static void take_packet(struct sw_top *t, const json_t *item, uint64_t now_ns)
{
	const char *reason = sw_cli_text(item, "reason"), *trail = sw_cli_text(item, "trail");
	bool is_outbound = sw_streq(reason, "trail-dst");
	struct sw_top_row *r = row_of(t, sw_cli_text(item, is_outbound ? "destination" : "source"));

	if (!r)
		return;
	r->hits += (uint64_t)SW_MAX(sw_cli_number(item, "packets"), 1);
	r->last_ns = now_ns;
	r->is_dropped = sw_cli_true(item, "dropped");
	snprintf(r->what, sizeof(r->what), "%s%s%s", reason, *trail ? " " : "", trail);
	if (*sw_cli_text(item, "process"))
		copy(r->process, sizeof(r->process), sw_cli_text(item, "process"));
}

static void take_decoy(struct sw_top *t, const json_t *item, uint64_t now_ns)
{
	struct sw_top_row *r = row_of(t, sw_cli_text(item, "source"));

	if (!r)
		return;
	r->hits++;
	r->last_ns = now_ns;
	r->is_banned |= sw_cli_true(item, "banned");
	snprintf(r->what, sizeof(r->what), "decoy %s/%lld", sw_cli_text(item, "protocol"),
		sw_cli_number(item, "port"));
}

/* Of these each packet or touch is an event of its own, and was counted by it. */
static bool is_counted(const char *finding)
{
	return sw_streq(finding, "trail-hit") || sw_streq(finding, "ban-hit") ||
		sw_streq(finding, "decoy-touch");
}

/* Of whom a finding is: the address, or else the process. */
static void take_finding(struct sw_top *t, const json_t *item, uint64_t now_ns)
{
	const char *subject = sw_cli_text(item, "subject"), *process = sw_cli_text(item, "process");
	unsigned int severity = severity_of(sw_cli_text(item, "severity"));
	struct sw_top_row *r = *subject ? row_of(t, subject)
		: *process              ? get(t, process, false)
					: NULL;

	if (!r)
		return;
	r->hits += !is_counted(sw_cli_text(item, "finding"));
	r->last_ns = now_ns;
	r->severity = SW_MAX(r->severity, severity);
	copy(r->what, sizeof(r->what),
		*sw_cli_text(item, "rule") ? sw_cli_text(item, "rule")
					   : sw_cli_text(item, "finding"));
	if (*process)
		copy(r->process, sizeof(r->process), process);
}

static void take_ban(struct sw_top *t, const json_t *item, bool is_banned, uint64_t now_ns)
{
	struct sw_top_row *r = row_of(t, sw_cli_text(item, "net"));

	if (!r)
		return;
	r->is_banned = is_banned;
	r->last_ns = now_ns;
	if (is_banned)
		copy(r->what, sizeof(r->what), sw_cli_text(item, "reason"));
}

void sw_top_event(struct sw_top *t, const json_t *item, uint64_t now_ns)
{
	const char *kind = sw_cli_text(item, "kind");

	if (sw_streq(kind, "packet"))
		take_packet(t, item, now_ns);
	else if (sw_streq(kind, "decoy"))
		take_decoy(t, item, now_ns);
	else if (sw_streq(kind, "finding"))
		take_finding(t, item, now_ns);
	else if (sw_streq(kind, "ban") || sw_streq(kind, "unban"))
		take_ban(t, item, sw_streq(kind, "ban"), now_ns);
	remember(t, item);
}

/* ---- sums */

static uint64_t sum_of(const json_t *rows, const char *key)
{
	uint64_t sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) sum += (uint64_t)SW_MAX(sw_cli_number(row, key), 0);
	return sum;
}

static double per_second(uint64_t now, uint64_t before, uint64_t took_ns)
{
	return took_ns && now > before ? (double)(now - before) * 1e9 / (double)took_ns : 0;
}

static void take_degraded(struct sw_top_sums *s, const json_t *list)
{
	const json_t *first = json_array_get(list, 0);

	s->degraded = json_array_size(list);
	copy(s->first_degraded, sizeof(s->first_degraded),
		!first                          ? ""
			: json_is_string(first) ? json_string_value(first)
						: sw_cli_text(first, "text"));
}

void sw_top_status(struct sw_top *t, const json_t *status, uint64_t now_ns)
{
	const json_t *counters = json_object_get(status, "counters"),
		     *trails = json_object_get(status, "trails");
	struct sw_top_sums *s = &t->sums;
	uint64_t judged = sum_of(counters, "packets"), dropped = sum_of(counters, "dropped");
	uint64_t took_ns = s->is_there ? now_ns - t->status_ns : 0;

	s->is_there = status != NULL;
	if (!status)
		return;
	s->judged_rate = per_second(judged, s->judged, took_ns);
	s->dropped_rate = per_second(dropped, s->dropped, took_ns);
	s->judged = judged;
	s->dropped = dropped;
	t->status_ns = now_ns;
	copy(s->mode, sizeof(s->mode), sw_cli_text(status, "mode"));
	copy(s->host, sizeof(s->host), sw_cli_text(status, "host"));
	copy(s->version, sizeof(s->version), sw_cli_text(status, "version"));
	s->is_enforcing = sw_cli_true(status, "enforcing");
	s->enforce_left_sec = sw_cli_number(status, "enforce_left_sec");
	s->uptime_sec = (uint64_t)SW_MAX(sw_cli_number(status, "uptime_sec"), 0);
	s->lost = sw_cli_losses(status);
	s->bans = (uint64_t)SW_MAX(sw_cli_number(status, "bans"), 0);
	s->findings = (uint64_t)SW_MAX(sw_cli_number(status, "findings"), 0);
	s->listeners = (uint64_t)SW_MAX(sw_cli_number(status, "listeners"), 0);
	s->sockets = (uint64_t)SW_MAX(sw_cli_number(status, "sockets"), 0);
	s->entries = (uint64_t)SW_MAX(
		sw_cli_number(trails, "entries4") + sw_cli_number(trails, "entries6"), 0);
	take_degraded(s, json_object_get(status, "degraded"));
}

void sw_top_tick(struct sw_top *t, uint64_t now_ns)
{
	uint64_t took_ns = t->tick_ns ? now_ns - t->tick_ns : 0;

	for (size_t i = 0; i < t->n; i++) {
		t->rows[i].rate = per_second(t->rows[i].hits, t->rows[i].before, took_ns);
		t->rows[i].before = t->rows[i].hits;
	}
	t->tick_ns = now_ns;
}

/* ---- a view */

static int by_number(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct sw_top_row *x = *(const struct sw_top_row *const *)a,
				*y = *(const struct sw_top_row *const *)b;
	enum sw_top_sort sort = *(const enum sw_top_sort *)arg;
	int r = sort == SW_TOP_BY_RATE   ? by_number(x->rate, y->rate)
		: sort == SW_TOP_BY_HITS ? by_number((double)x->hits, (double)y->hits)
		: sort == SW_TOP_BY_NAME ? strcmp(x->name, y->name)
					 : 0;

	if (!r)
		r = by_number((double)x->last_ns, (double)y->last_ns);
	return r ? r : strcmp(x->name, y->name);
}

static bool is_wanted(const struct sw_top_row *r, const char *filter)
{
	return !*filter || strcasestr(r->name, filter) || strcasestr(r->what, filter) ||
		strcasestr(r->process, filter) || (r->is_banned && strcasestr("banned", filter));
}

size_t sw_top_view(const struct sw_top *t, enum sw_top_sort sort, const char *filter, size_t max,
	const struct sw_top_row **ret)
{
	const struct sw_top_row *every[SW_TOP_ROWS];
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (is_wanted(&t->rows[i], filter))
			every[n++] = &t->rows[i];
	}
	qsort_r(every, n, sizeof(*every), compare, &sort);
	n = SW_MIN(n, max);
	memcpy(ret, every, n * sizeof(*ret));
	return n;
}

const struct sw_top_line *sw_top_last(const struct sw_top *t, size_t i)
{
	if (i >= SW_MIN(t->n_lines, (uint64_t)SW_TOP_EVENTS))
		return NULL;
	return &t->lines[(t->n_lines - 1 - i) % SW_TOP_EVENTS];
}

const char *sw_top_sort_word(enum sw_top_sort sort)
{
	static const char *const words[SW_TOP_SORTS] = {"rate", "hits", "last", "name"};

	return words[sort];
}
