// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/events.h"

enum {
	ADMIT_PER_SEC = 200,  /* events of one kind that can come in floods */
	LAST_DEFAULT = 20,    /* events told when not asked for a number */
	TEXT_MAX = 1024,      /* bytes of an event's line before it is made safe */
	MEMORY_MIN = 16,
};

struct event {
	enum sw_event_word kind;
	size_t len;
	char *json;
};

struct sw_events {
	const struct sw_clock *clock;
	struct sw_ctl_server *server;
	struct event *ring; /* the newest at (first + len - 1) % size */
	size_t size, first, len;
	struct sw_strbuf buf;
	struct sw_json json;
	enum sw_event_word kind; /* of the event being written */
	struct {
		uint64_t second;
		uint32_t told, held;
	} admit[SW_EVK_COUNT];
};

static const char *const words[] = {
#define SW_EVENT_WORD(id, word) word,
	SW_EVENT_KINDS(SW_EVENT_WORD)
#undef SW_EVENT_WORD
};

const char *sw_event_kind_word(unsigned int kind)
{
	return kind < SW_EVK_COUNT ? words[kind] : "?";
}

int sw_events_new(const struct sw_clock *clock, uint32_t memory, struct sw_events **ret)
{
	struct sw_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	ev->clock = clock;
	ev->size = SW_MAX(memory, (uint32_t)MEMORY_MIN);
	ev->ring = calloc(ev->size, sizeof(*ev->ring));
	if (!ev->ring) {
		free(ev);
		return -ENOMEM;
	}
	*ret = ev;
	return 0;
}

void sw_events_free(struct sw_events *ev)
{
	if (!ev)
		return;
	for (size_t i = 0; i < ev->size; i++)
		free(ev->ring[i].json);
	free(ev->ring);
	sw_strbuf_done(&ev->buf);
	free(ev);
}

void sw_events_set_server(struct sw_events *ev, struct sw_ctl_server *s)
{
	ev->server = s;
}

static void begin(struct sw_events *ev, enum sw_event_word kind, int64_t wall_ns, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
static void begin(struct sw_events *ev, enum sw_event_word kind, int64_t wall_ns, const char *fmt, va_list ap)
{
	_strbuf_ struct sw_strbuf safe = {};
	char at[SW_TIME_TEXT_MAX], text[TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	sw_strbuf_safe(&safe, text, strlen(text));
	sw_strbuf_reset(&ev->buf);
	sw_json_init(&ev->json, &ev->buf);
	ev->kind = kind;
	sw_json_object_begin(&ev->json, NULL);
	sw_json_string(&ev->json, "at", sw_time_format(at, wall_ns));
	sw_json_string(&ev->json, "kind", sw_event_kind_word(kind));
	sw_json_string(&ev->json, "text", sw_strbuf_get(&safe));
}

struct sw_json *sw_event_begin(struct sw_events *ev, enum sw_event_word kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(ev, kind, sw_clock_wall_ns(ev->clock), fmt, ap);
	va_end(ap);
	return &ev->json;
}

struct sw_json *sw_event_begin_at(struct sw_events *ev, enum sw_event_word kind, int64_t wall_ns, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(ev, kind, wall_ns, fmt, ap);
	va_end(ap);
	return &ev->json;
}

/* kinds: NULL for all, else words with commas between. */
static bool wants(const char *kinds, enum sw_event_word kind)
{
	const char *word = sw_event_kind_word(kind);
	size_t len = strlen(word);

	if (!kinds || !*kinds)
		return true;
	while (kinds) {
		if (strncmp(kinds, word, len) == 0 && (kinds[len] == ',' || kinds[len] == '\0'))
			return true;
		kinds = strchr(kinds, ',');
		if (kinds)
			kinds++;
	}
	return false;
}

static void tell(struct sw_ctl_request *q, void *arg)
{
	const struct event *e = arg;
	const json_t *args = sw_ctl_request_args(q);

	if (wants(json_string_value(json_object_get(args, "kind")), e->kind))
		sw_ctl_item(q, e->json, e->len);
}

void sw_event_end(struct sw_events *ev)
{
	struct event *e;

	sw_json_object_end(&ev->json);
	if (ev->buf.is_failed) {
		sw_strbuf_done(&ev->buf);
		return;
	}
	if (ev->len == ev->size) {
		ev->first = (ev->first + 1) % ev->size;
		ev->len--;
	}
	e = &ev->ring[(ev->first + ev->len) % ev->size];
	free(e->json);
	e->kind = ev->kind;
	e->len = ev->buf.len;
	e->json = strndup(sw_strbuf_get(&ev->buf), ev->buf.len);
	if (!e->json)
		return; /* not counted in: the slot is used by the next */
	ev->len++;
	if (ev->server)
		sw_ctl_each_follower(ev->server, tell, e);
}

static void tell_held(struct sw_events *ev, enum sw_event_word kind, uint32_t held)
{
	struct sw_json *j = sw_event_begin(
		ev, SW_EVK_SYSTEM, "%u more %s events in this second were counted, not told", held, sw_event_kind_word(kind));

	sw_json_string(j, "held_kind", sw_event_kind_word(kind));
	sw_json_uint(j, "held", held);
	sw_event_end(ev);
}

bool sw_event_admit(struct sw_events *ev, enum sw_event_word kind)
{
	uint64_t second = sw_clock_boot_ns(ev->clock) / SW_SEC_NS;

	if (second != ev->admit[kind].second) {
		uint32_t held = ev->admit[kind].held;

		ev->admit[kind].second = second;
		ev->admit[kind].told = ev->admit[kind].held = 0;
		if (held)
			tell_held(ev, kind, held);
	}
	if (ev->admit[kind].told < ADMIT_PER_SEC) {
		ev->admit[kind].told++;
		return true;
	}
	ev->admit[kind].held++;
	return false;
}

/* Every word of a list with commas is one of ours. */
static bool are_kinds(const char *kinds)
{
	while (kinds) {
		size_t len = strcspn(kinds, ",");
		bool is_known = false;

		for (size_t i = 0; i < SW_EVK_COUNT; i++)
			is_known |= strlen(words[i]) == len && strncmp(words[i], kinds, len) == 0;
		if (!is_known)
			return false;
		kinds = kinds[len] ? kinds + len + 1 : NULL;
	}
	return true;
}

void sw_events_verb(struct sw_events *ev, struct sw_ctl_request *q, const json_t *args)
{
	const char *kinds;
	uint64_t last;
	size_t skip = 0, matching = 0;
	bool is_follow;

	if (!sw_ctl_arg_string(q, args, "kind", NULL, &kinds) || !sw_ctl_arg_bool(q, args, "follow", false, &is_follow) ||
		!sw_ctl_arg_uint(q, args, "last", LAST_DEFAULT, &last))
		return;
	if (kinds && *kinds && !are_kinds(kinds))
		return sw_ctl_fail(q, SW_CERR_USAGE,
			"kinds are packet, socket, exec, finding, ban, unban, mode, trails, feed, system", "no such kind of event: %s",
			kinds);
	for (size_t i = 0; i < ev->len; i++)
		matching += wants(kinds, ev->ring[(ev->first + i) % ev->size].kind);
	skip = matching > last ? matching - last : 0;
	sw_ctl_follow(q);
	for (size_t i = 0; i < ev->len; i++) {
		const struct event *e = &ev->ring[(ev->first + i) % ev->size];

		if (!wants(kinds, e->kind))
			continue;
		if (skip)
			skip--;
		else
			sw_ctl_item(q, e->json, e->len);
	}
	if (!is_follow)
		sw_ctl_stream_end(q);
}
