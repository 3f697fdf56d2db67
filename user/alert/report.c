// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/report.h"

#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/base/words.h"

static int64_t last_ns(const struct sw_finding *f)
{
	return f->last_wall_ns ? f->last_wall_ns : f->wall_ns;
}

static bool goes_before(const struct sw_finding *a, const struct sw_finding *b)
{
	return a->severity != b->severity ? a->severity > b->severity : last_ns(a) > last_ns(b);
}

void sw_report_finding(struct sw_report *r, const struct sw_finding *f)
{
	size_t at = r->n_findings;

	r->all_findings++;
	while (at && goes_before(f, &r->findings[at - 1]))
		at--;
	if (at == SW_REPORT_TOP)
		return;
	r->n_findings += r->n_findings < SW_REPORT_TOP;
	memmove(&r->findings[at + 1], &r->findings[at], (r->n_findings - at - 1) * sizeof(*f));
	r->findings[at] = *f;
}

void sw_report_ban(struct sw_report *r, const struct sw_decision *d)
{
	r->all_bans++;
	if (r->n_bans < SW_REPORT_TOP)
		r->bans[r->n_bans++] = *d;
}

void sw_report_loss(struct sw_report *r, const char *name, uint64_t count)
{
	if (count && r->n_losses < SW_ARRAY_SIZE(r->losses))
		r->losses[r->n_losses++] = (struct sw_report_loss){name, count};
}

uint32_t sw_report_mark(const struct sw_report *r)
{
	uint32_t mark = sw_crc32(0, &r->n_changes, sizeof(r->n_changes));

	for (size_t i = 0; i < r->n_changes; i++)
		mark = sw_crc32(mark, r->changes[i].text, strlen(r->changes[i].text));
	if (r->more_changes)
		mark = sw_crc32(mark, &r->more_mark, sizeof(r->more_mark));
	return mark ? mark : 1;
}

bool sw_report_is_quiet(const struct sw_report *r, uint32_t mark)
{
	bool is_same = mark ? mark == sw_report_mark(r) : !r->n_changes;

	return is_same && !r->all_bans && !r->all_findings && !r->n_losses;
}

static void add_count(struct sw_strbuf *out, uint64_t n, const char *one, const char *many)
{
	if (n)
		sw_strbuf_printf(out, "%s%llu %s", out->len ? ", " : "", (unsigned long long)n, n == 1 ? one : many);
}

void sw_report_title(const struct sw_report *r, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf title = {};

	add_count(&title, r->n_changes + r->more_changes, "socket differs", "sockets differ");
	add_count(&title, r->all_bans, "ban", "bans");
	add_count(&title, r->all_findings, "finding", "findings");
	if (r->n_losses)
		sw_strbuf_printf(&title, "%slosses", title.len ? ", " : "");
	sw_strbuf_printf(out, "report: %s", title.len ? sw_strbuf_get(&title) : "nothing has changed");
}

/* To the second: "2026-11-22 06:59:46". */
static void put_time(struct sw_strbuf *out, int64_t wall_ns)
{
	char buf[SW_TIME_TEXT_MAX];

	sw_time_format(buf, wall_ns);
	sw_strbuf_printf(out, "%.10s %.8s", buf, buf + 11);
}

static void put_safe(struct sw_strbuf *out, const char *text)
{
	sw_strbuf_safe(out, text, strlen(text));
}

static void write_changes(const struct sw_report *r, bool is_unix, struct sw_strbuf *out)
{
	bool has_any = false;

	for (size_t i = 0; i < r->n_changes; i++) {
		const struct sw_baseline_change *c = &r->changes[i];

		if (is_unix != !c->row.protocol)
			continue;
		if (!has_any)
			sw_strbuf_puts(out, is_unix ? "  UNIX\n" : "  network\n");
		has_any = true;
		sw_strbuf_printf(out, "    %-18s ", sw_baseline_kind_word(c->kind));
		put_safe(out, c->text);
		sw_strbuf_putc(out, '\n');
		if (c->row.executable[0]) {
			sw_strbuf_printf(out, "    %-18s ", "");
			put_safe(out, c->row.executable);
			sw_strbuf_putc(out, '\n');
		}
	}
}

static void write_more(uint64_t all, size_t told, struct sw_strbuf *out)
{
	if (all > told)
		sw_strbuf_printf(out, "    and %llu more\n", (unsigned long long)(all - told));
}

static void write_sockets(const struct sw_report *r, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, "\nSockets: ");
	if (!r->baseline_wall_sec) {
		sw_strbuf_puts(out, "there is no baseline to compare with.\n");
		return;
	}
	if (r->n_changes)
		sw_strbuf_printf(out, "%llu differ from the baseline of ",
			(unsigned long long)(r->n_changes + r->more_changes));
	else
		sw_strbuf_puts(out, "nothing differs from the baseline of ");
	put_time(out, r->baseline_wall_sec * (int64_t)SW_SEC_NS);
	sw_strbuf_puts(out, r->n_changes ? "\n" : ".\n");
	if (r->is_partial)
		sw_strbuf_puts(out, "  (not all sockets are known yet)\n");
	write_changes(r, false, out);
	write_changes(r, true, out);
	write_more(r->n_changes + r->more_changes, r->n_changes, out);
}

static void write_bans(const struct sw_report *r, struct sw_strbuf *out)
{
	char net[SW_NET_TEXT_MAX];

	sw_strbuf_printf(out, "\nBans: %llu made since, %llu in force.\n", (unsigned long long)r->all_bans,
		(unsigned long long)r->bans_in_force);
	for (size_t i = 0; i < r->n_bans; i++) {
		const struct sw_decision *d = &r->bans[i];

		sw_strbuf_puts(out, "    ");
		put_time(out, d->made_wall_sec * (int64_t)SW_SEC_NS);
		sw_strbuf_printf(out, "  %-18s  ", sw_cidr_format(net, &d->net));
		put_safe(out, d->by[0] ? d->by : d->origin);
		if (d->reason[0])
			sw_strbuf_puts(out, ": ");
		put_safe(out, d->reason);
		sw_strbuf_putc(out, '\n');
	}
	write_more(r->all_bans, r->n_bans, out);
}

static void write_findings(const struct sw_report *r, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "\nFindings: %llu%s\n", (unsigned long long)r->all_findings,
		r->all_findings > 1 ? ", the most severe first." : ".");
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct sw_finding *f = &r->findings[i];

		sw_strbuf_puts(out, "    ");
		put_time(out, last_ns(f));
		sw_strbuf_printf(out, "  %-8s  ", sw_severity_word(f->severity));
		put_safe(out, f->title);
		if (f->count > 1)
			sw_strbuf_printf(out, "  (%llu times)", (unsigned long long)f->count);
		sw_strbuf_putc(out, '\n');
	}
	write_more(r->all_findings, r->n_findings, out);
}

void sw_report_text(const struct sw_report *r, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, "sockwarden on ");
	put_safe(out, r->host);
	sw_strbuf_puts(out, ": report of ");
	put_time(out, r->now_wall_sec * (int64_t)SW_SEC_NS);
	sw_strbuf_puts(out, ", since ");
	put_time(out, r->since_wall_sec * (int64_t)SW_SEC_NS);
	sw_strbuf_puts(out, ". Times are UTC.\n");
	write_sockets(r, out);
	write_bans(r, out);
	write_findings(r, out);
	if (r->n_losses)
		sw_strbuf_puts(out, "\nLost, and so not seen or not told:\n");
	for (size_t i = 0; i < r->n_losses; i++)
		sw_strbuf_printf(out, "    %s: %llu\n", r->losses[i].name, (unsigned long long)r->losses[i].count);
	sw_strbuf_puts(out, "\nOn the host: sockwarden sockets diff, sockets baseline accept, bans history, findings\n");
}

void sw_report_json(const struct sw_report *r, struct sw_json *j)
{
	char text[SW_TIME_TEXT_MAX];

	sw_json_string(j, "host", r->host);
	sw_json_string(j, "time", sw_time_format(text, r->now_wall_sec * (int64_t)SW_SEC_NS));
	sw_json_string(j, "since", sw_time_format(text, r->since_wall_sec * (int64_t)SW_SEC_NS));
	if (r->baseline_wall_sec)
		sw_json_string(j, "baseline_at", sw_time_format(text, r->baseline_wall_sec * (int64_t)SW_SEC_NS));
	sw_json_bool(j, "complete", !r->is_partial);
	sw_json_uint(j, "bans_made", r->all_bans);
	sw_json_uint(j, "bans_in_force", r->bans_in_force);
	sw_json_uint(j, "findings_made", r->all_findings);
	sw_json_array_begin(j, "losses");
	for (size_t i = 0; i < r->n_losses; i++) {
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "name", r->losses[i].name);
		sw_json_uint(j, "count", r->losses[i].count);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
}
