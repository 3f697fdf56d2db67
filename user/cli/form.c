// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/form.h"

#include <time.h>
#include <unistd.h>

#include "user/base/words.h"
#include "user/cli/table.h"

enum { FACILITY_DAEMON = 3, MSEC = 1000 };

/* What all forms are made of; texts that are not known are "". */
struct about {
	const char *time, *rule, *kind, *trail, *info, *title, *reference; /* time: RFC 3339, UTC */
	const char *source, *destination, *peer, *protocol;
	const char *process, *executable, *container, *container_name, *pod, *namespace;
	int64_t sport, dport, pid, uid; /* -1: not known */
	int64_t count;
	int64_t sec;
	unsigned int usec;
	unsigned int severity;
	char host[256];
};

struct sw_cli_form {
	const char *name;
	void (*write)(const struct about *a, struct sw_strbuf *out);
};

/* ---- a row, understood */

/* Whom the address of a finding is of: where it is not plain it is neither. */
static bool begins_with_one_of(const char *rule, const char *const *list)
{
	for (; *list; list++) {
		if (!strncmp(rule, *list, strlen(*list)))
			return true;
	}
	return false;
}

static bool is_source(const char *rule)
{
	static const char *const list[] = {"scan-", "decoy-", "brute-force", "trail-source", "ban-source", NULL};

	return begins_with_one_of(rule, list);
}

static bool is_destination(const char *rule)
{
	static const char *const list[] = {"trail-connect", "trail-egress", "trail-destination", "ban-egress", "beacon",
		"listener-talks", "first-destination", NULL};

	return begins_with_one_of(rule, list);
}

static const char *first_text(const json_t *row, const char *one, const char *other)
{
	const char *text = sw_cli_text(row, one);

	return *text ? text : sw_cli_text(row, other);
}

static int64_t number(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void read_time(struct about *a)
{
	struct tm tm = {};
	const char *rest = strptime(a->time, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned int digit = 100000;

	if (!rest)
		return;
	a->sec = timegm(&tm);
	for (rest += *rest == '.'; *rest >= '0' && *rest <= '9' && digit; rest++, digit /= 10)
		a->usec += (unsigned int)(*rest - '0') * digit;
}

static void read_row(const json_t *row, struct about *a)
{
	const char *word = sw_cli_text(row, "severity");

	*a = (struct about){.time = first_text(row, "time", "at"),
		.rule = sw_cli_text(row, "rule"),
		.kind = first_text(row, "finding", "kind"),
		.trail = sw_cli_text(row, "trail"),
		.info = first_text(row, "info", "list"),
		.title = first_text(row, "title", "info"),
		.reference = sw_cli_text(row, "reference"),
		.source = sw_cli_text(row, "source"),
		.destination = sw_cli_text(row, "destination"),
		.peer = sw_cli_text(row, "subject"),
		.protocol = sw_cli_text(row, "protocol"),
		.process = sw_cli_text(row, "process"),
		.executable = sw_cli_text(row, "executable"),
		.container = sw_cli_text(row, "container"),
		.container_name = sw_cli_text(row, "container_name"),
		.pod = sw_cli_text(row, "pod"),
		.namespace = sw_cli_text(row, "namespace"),
		.sport = number(row, "source_port"),
		.dport = number(row, "destination_port"),
		.pid = number(row, "pid"),
		.uid = number(row, "uid"),
		.count = SW_MAX(number(row, "count"), (int64_t)1)};
	if (is_source(a->rule) && !*a->source)
		a->source = a->peer;
	else if (is_destination(a->rule) && !*a->destination)
		a->destination = a->peer;
	while (a->severity + 1 < SW_SEV_COUNT && !sw_streq(word, sw_severity_word(a->severity)))
		a->severity++;
	if (gethostname(a->host, sizeof(a->host) - 1) < 0 || !*a->host)
		(void)sw_strcpy(a->host, sizeof(a->host), "localhost");
	read_time(a);
}

static int64_t milliseconds(const struct about *a)
{
	return a->sec * MSEC + a->usec / MSEC;
}

/* ---- JSON of others */

static void put_number(struct sw_json *j, const char *key, int64_t value)
{
	if (value >= 0)
		sw_json_int(j, key, value);
}

static void put_end(struct sw_json *j, const char *name, const char *address, int64_t port)
{
	if (!*address && port < 0)
		return;
	sw_json_object_begin(j, name);
	sw_json_string_if(j, "ip", address);
	put_number(j, "port", port);
	sw_json_object_end(j);
}

/* An object of one or two texts; none when both are empty. */
static void put_pair(
	struct sw_json *j, const char *name, const char *key, const char *text, const char *key2, const char *text2)
{
	if (!*text && !*text2)
		return;
	sw_json_object_begin(j, name);
	sw_json_string_if(j, key, text);
	sw_json_string_if(j, key2, text2);
	sw_json_object_end(j);
}

static void put_ecs_who(struct sw_json *j, const struct about *a)
{
	if (*a->process || a->pid > 0) {
		sw_json_object_begin(j, "process");
		sw_json_string_if(j, "name", a->process);
		sw_json_string_if(j, "executable", a->executable);
		put_number(j, "pid", a->pid);
		sw_json_object_end(j);
	}
	if (a->uid >= 0) {
		sw_json_object_begin(j, "user");
		sw_json_stringf(j, "id", "%lld", (long long)a->uid);
		sw_json_object_end(j);
	}
	put_pair(j, "container", "id", a->container, "name", a->container_name);
	if (!*a->pod)
		return;
	sw_json_object_begin(j, "orchestrator");
	sw_json_string_if(j, "namespace", a->namespace);
	put_pair(j, "resource", "name", a->pod, "type", "pod");
	sw_json_object_end(j);
}

static void write_ecs(const struct about *a, struct sw_strbuf *out)
{
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "@timestamp", a->time);
	put_pair(&j, "ecs", "version", "9.0.0", "", "");
	sw_json_string(&j, "message", a->title);
	sw_json_object_begin(&j, "event");
	sw_json_string(&j, "kind", "alert");
	sw_json_array_begin(&j, "category");
	sw_json_string(&j, NULL, "network");
	sw_json_string(&j, NULL, "intrusion_detection");
	sw_json_array_end(&j);
	sw_json_array_begin(&j, "type");
	sw_json_string(&j, NULL, "info");
	sw_json_array_end(&j);
	sw_json_string(&j, "module", "sockwarden");
	sw_json_string(&j, "dataset", "sockwarden.finding");
	sw_json_string(&j, "action", a->rule);
	sw_json_uint(&j, "severity", a->severity);
	sw_json_object_end(&j);
	sw_json_object_begin(&j, "log");
	sw_json_string(&j, "level", sw_severity_word(a->severity));
	sw_json_object_end(&j);
	put_pair(&j, "rule", "name", a->rule, "category", a->kind);
	if (!strncmp(a->rule, "trail-", strlen("trail-"))) {
		sw_json_object_begin(&j, "threat");
		put_pair(&j, "indicator", "name", a->trail, "description", a->info);
		put_pair(&j, "feed", "name", a->info, "reference", a->reference);
		sw_json_object_end(&j);
	}
	put_end(&j, "source", a->source, a->sport);
	put_end(&j, "destination", a->destination, a->dport);
	if (*a->peer) {
		sw_json_object_begin(&j, "related");
		sw_json_array_begin(&j, "ip");
		sw_json_string(&j, NULL, a->peer);
		sw_json_array_end(&j);
		sw_json_object_end(&j);
	}
	put_pair(&j, "network", "transport", a->protocol, "", "");
	put_ecs_who(&j, a);
	put_pair(&j, "host", "hostname", a->host, "", "");
	put_pair(&j, "observer", "product", "sockwarden", "type", "ids");
	sw_json_object_end(&j);
}

static void put_ocsf_evidence(struct sw_json *j, const struct about *a)
{
	sw_json_array_begin(j, "evidences");
	sw_json_object_begin(j, NULL);
	put_end(j, "src_endpoint", a->source, a->sport);
	put_end(j, "dst_endpoint", a->destination, a->dport);
	put_pair(j, "connection_info", "protocol_name", a->protocol, "", "");
	if (*a->process || a->pid > 0) {
		sw_json_object_begin(j, "process");
		sw_json_string_if(j, "name", a->process);
		put_number(j, "pid", a->pid);
		put_pair(j, "file", "path", a->executable, "", "");
		sw_json_object_end(j);
	}
	put_pair(j, "container", "uid", a->container, "name", a->container_name);
	sw_json_object_end(j);
	sw_json_array_end(j);
}

/* Class Detection Finding, activity Create. */
static void write_ocsf(const struct about *a, struct sw_strbuf *out)
{
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "category_uid", 2);
	sw_json_uint(&j, "class_uid", 2004);
	sw_json_uint(&j, "activity_id", 1);
	sw_json_uint(&j, "type_uid", 200401);
	sw_json_uint(&j, "severity_id", a->severity + 1);
	sw_json_int(&j, "time", milliseconds(a));
	sw_json_int(&j, "count", a->count);
	sw_json_string(&j, "message", a->title);
	sw_json_object_begin(&j, "metadata");
	sw_json_string(&j, "version", "1.3.0");
	sw_json_object_begin(&j, "product");
	sw_json_string(&j, "name", "sockwarden");
	sw_json_string(&j, "vendor_name", "sockwarden");
	sw_json_string(&j, "version", SW_VERSION);
	sw_json_object_end(&j);
	sw_json_object_end(&j);
	sw_json_object_begin(&j, "finding_info");
	sw_json_stringf(&j, "uid", "%s:%s:%lld%06u", a->host, a->rule, (long long)a->sec, a->usec);
	sw_json_string(&j, "title", a->title);
	sw_json_array_begin(&j, "types");
	sw_json_string(&j, NULL, a->rule);
	sw_json_array_end(&j);
	sw_json_object_end(&j);
	put_ocsf_evidence(&j, a);
	if (*a->peer) {
		sw_json_array_begin(&j, "observables");
		sw_json_object_begin(&j, NULL);
		sw_json_uint(&j, "type_id", 2); /* IP Address */
		sw_json_string(&j, "name", "peer");
		sw_json_string(&j, "value", a->peer);
		sw_json_object_end(&j);
		sw_json_array_end(&j);
	}
	put_pair(&j, "device", "hostname", a->host, "", "");
	sw_json_object_end(&j);
}

/* ---- CEF */

/* A backslash before each character of special, newlines as \n. */
static void put_escaped(struct sw_strbuf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\n' || *text == '\r') {
			sw_strbuf_puts(out, "\\n");
			continue;
		}
		if (strchr(special, *text))
			sw_strbuf_putc(out, '\\');
		sw_strbuf_putc(out, *text);
	}
}

static void put_cef(struct sw_strbuf *out, const char *key, const char *text)
{
	if (!*text)
		return;
	sw_strbuf_printf(out, " %s=", key);
	put_escaped(out, text, "\\=");
}

static void put_cef_number(struct sw_strbuf *out, const char *key, int64_t value)
{
	if (value >= 0)
		sw_strbuf_printf(out, " %s=%lld", key, (long long)value);
}

static void put_cef_labelled(struct sw_strbuf *out, unsigned int n, const char *label, const char *text)
{
	char key[16];

	if (!*text)
		return;
	sw_strbuf_printf(out, " cs%uLabel=%s", n, label);
	snprintf(key, sizeof(key), "cs%u", n);
	put_cef(out, key, text);
}

static void write_cef(const struct about *a, struct sw_strbuf *out)
{
	static const unsigned int levels[SW_SEV_COUNT] = {1, 3, 5, 8, 10};

	sw_strbuf_puts(out, "CEF:0|sockwarden|sockwarden|" SW_VERSION "|");
	put_escaped(out, a->rule, "\\|");
	sw_strbuf_putc(out, '|');
	put_escaped(out, *a->title ? a->title : a->rule, "\\|");
	sw_strbuf_printf(out, "|%u|rt=%lld", levels[a->severity], (long long)milliseconds(a));
	put_cef(out, strchr(a->source, ':') ? "c6a2" : "src", a->source);
	put_cef_number(out, "spt", a->sport);
	put_cef(out, strchr(a->destination, ':') ? "c6a3" : "dst", a->destination);
	put_cef_number(out, "dpt", a->dport);
	put_cef(out, "proto", a->protocol);
	put_cef(out, "dvchost", a->host);
	put_cef_number(out, "cnt", a->count);
	put_cef(out, "sproc", a->process);
	put_cef_number(out, "spid", a->pid);
	put_cef_number(out, "suid", a->uid);
	put_cef_labelled(out, 1, "trail", a->trail);
	put_cef_labelled(out, 2, "list", a->info);
	put_cef_labelled(out, 3, "container", a->container);
	put_cef_labelled(out, 4, "pod", a->pod);
	put_cef_labelled(out, 5, "peer", a->peer);
}

/* ---- syslog */

static void put_field(struct sw_strbuf *out, const char *key, const char *text)
{
	if (!*text)
		return;
	sw_strbuf_printf(out, " %s=", key);
	sw_strbuf_safe(out, text, strlen(text));
}

/* RFC 5424, without structured data: that wants a number of an enterprise. */
static void write_syslog(const struct about *a, struct sw_strbuf *out)
{
	static const unsigned int levels[SW_SEV_COUNT] = {6, 5, 4, 3, 2};

	sw_strbuf_printf(out, "<%u>1 %s %s sockwarden - %s - ", FACILITY_DAEMON * 8 + levels[a->severity],
		*a->time ? a->time : "-", a->host, *a->rule ? a->rule : "-");
	sw_strbuf_safe(out, a->title, strlen(a->title));
	put_field(out, "source", a->source);
	put_field(out, "destination", a->destination);
	put_field(out, "address", a->peer);
	put_field(out, "protocol", a->protocol);
	put_field(out, "trail", a->trail);
	put_field(out, "list", a->info);
	put_field(out, "process", a->process);
	put_field(out, "container", a->container);
	put_field(out, "pod", a->pod);
}

/* ---- Maltrail */

/* What is empty is "-"; what has a blank or a quote stands in quotes, each quote doubled. */
static void put_word(struct sw_strbuf *out, const char *text, bool is_quoted)
{
	is_quoted |= *text && strpbrk(text, " \"\t");
	if (is_quoted)
		sw_strbuf_putc(out, '"');
	for (const char *p = *text ? text : "-"; *p; p++) {
		if (*p == '"')
			sw_strbuf_putc(out, '"');
		sw_strbuf_putc(out, (unsigned char)*p < ' ' ? ' ' : *p);
	}
	if (is_quoted)
		sw_strbuf_putc(out, '"');
	sw_strbuf_putc(out, ' ');
}

static void put_upper(struct sw_strbuf *out, const char *text)
{
	for (const char *p = *text ? text : "-"; *p; p++)
		sw_strbuf_putc(out, *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
	sw_strbuf_putc(out, ' ');
}

static const char *daily_type(const char *kind)
{
	static const struct {
		const char *kind, *type;
	} rows[] = {{"cidr", "IP"}, {"ip-port", "IPORT"}, {"domain", "DNS"}, {"regex", "DNS"}, {"user-agent", "UA"},
		{"trail-connect", "IP"}, {"trail-hit", "IP"}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_streq(rows[i].kind, kind))
			return rows[i].type;
	}
	return kind;
}

static void put_port(struct sw_strbuf *out, int64_t port)
{
	if (port < 0)
		sw_strbuf_puts(out, "- ");
	else
		sw_strbuf_printf(out, "%lld ", (long long)port);
}

/* "YYYY-MM-DD HH:MM:SS.uuuuuu" sensor src sport dst dport proto TYPE trail "info" reference */
static void write_maltrail(const struct about *a, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "\"%.10s %.8s.%06u\" ", a->time, strlen(a->time) > 11 ? a->time + 11 : "", a->usec);
	put_word(out, a->host, false);
	put_word(out, *a->source || *a->destination ? a->source : a->peer, false);
	put_port(out, a->sport);
	put_word(out, a->destination, false);
	put_port(out, a->dport);
	put_upper(out, a->protocol);
	put_upper(out, daily_type(a->kind));
	put_word(out, *a->trail ? a->trail : a->rule, false);
	put_word(out, *a->info ? a->info : a->title, true);
	put_word(out, *a->reference ? a->reference : "(sockwarden)", false);
	out->len--;
	out->text[out->len] = '\0';
}

/* ---- by name */

static const struct sw_cli_form forms[] = {
	{"ecs", write_ecs},
	{"ocsf", write_ocsf},
	{"cef", write_cef},
	{"syslog", write_syslog},
	{"maltrail", write_maltrail},
};

bool sw_cli_form_find(const struct sw_cli *c, const struct sw_cli_form **ret)
{
	const char *names[SW_ARRAY_SIZE(forms)], *near;

	*ret = NULL;
	if (!c->o.form)
		return true;
	for (size_t i = 0; i < SW_ARRAY_SIZE(forms); i++) {
		names[i] = forms[i].name;
		if (sw_streq(c->o.form, forms[i].name))
			*ret = &forms[i];
	}
	if (*ret)
		return true;
	near = sw_nearest(c->o.form, names, SW_ARRAY_SIZE(names));
	(void)sw_cli_error(SW_EXIT_USAGE, "ecs, ocsf, cef, syslog, maltrail", "--form: there is no form '%s'%s%s%s", c->o.form,
		near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	return false;
}

void sw_cli_form_print(const struct sw_cli_form *form, const json_t *row)
{
	_strbuf_ struct sw_strbuf line = {};
	struct about a;

	read_row(row, &a);
	form->write(&a, &line);
	if (line.is_failed)
		return;
	puts(sw_strbuf_get(&line));
	fflush(stdout);
}
