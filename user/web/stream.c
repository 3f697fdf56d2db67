// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/stream.h"

enum { BLOCK = 16 * 1024 };

struct stream {
	struct sw_streams *all;
	struct MHD_Connection *connection; /* NULL: free */
	struct sw_strbuf buffer;
	uint64_t lost;
	bool is_suspended;
};

struct sw_streams {
	struct stream rows[SW_STREAMS_MAX];
	bool is_closing;
};

int sw_streams_new(struct sw_streams **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void sw_streams_free(struct sw_streams *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SW_STREAMS_MAX; i++)
		sw_strbuf_done(&s->rows[i].buffer);
	free(s);
}

static void resume(struct stream *t)
{
	if (!t->is_suspended)
		return;
	t->is_suspended = false;
	MHD_resume_connection(t->connection);
}

static ssize_t on_wanted(void *arg, uint64_t at, char *buf, size_t max)
{
	struct stream *t = arg;
	size_t n = SW_MIN(max, t->buffer.len);

	if (!n) {
		if (t->all->is_closing)
			return MHD_CONTENT_READER_END_OF_STREAM;
		t->is_suspended = true;
		MHD_suspend_connection(t->connection);
		return 0;
	}
	memcpy(buf, t->buffer.text, n);
	sw_strbuf_shift(&t->buffer, n);
	return (ssize_t)n;
}

static void on_gone(void *arg)
{
	struct stream *t = arg;

	sw_strbuf_done(&t->buffer);
	*t = (struct stream){};
}

struct MHD_Response *sw_stream_open(struct sw_streams *s, struct MHD_Connection *connection)
{
	struct stream *t = NULL;
	struct MHD_Response *response;

	for (size_t i = 0; i < SW_STREAMS_MAX && !t; i++) {
		if (!s->rows[i].connection)
			t = &s->rows[i];
	}
	if (!t || s->is_closing)
		return NULL;
	response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_wanted, t, on_gone);
	if (!response)
		return NULL;
	*t = (struct stream){.all = s, .connection = connection};
	sw_strbuf_puts(&t->buffer, "retry: 2000\n\n");
	return response;
}

static void add(struct stream *t, const char *text, size_t len)
{
	if (t->buffer.len + len > SW_STREAM_BUFFER_MAX) {
		t->lost++;
		return;
	}
	if (t->lost) {
		sw_strbuf_printf(&t->buffer, "event: lost\ndata: {\"count\":%llu}\n\n",
			(unsigned long long)t->lost);
		t->lost = 0;
	}
	sw_strbuf_add(&t->buffer, text, len);
	resume(t);
}

static void add_all(struct sw_streams *s, const char *text, size_t len)
{
	for (size_t i = 0; i < SW_STREAMS_MAX; i++) {
		if (s->rows[i].connection)
			add(&s->rows[i], text, len);
	}
}

void sw_streams_send(struct sw_streams *s, const char *event, const char *data)
{
	_strbuf_ struct sw_strbuf b = {};

	sw_strbuf_printf(&b, "event: %s\ndata: %s\n\n", event, data);
	if (!b.is_failed)
		add_all(s, b.text, b.len);
}

void sw_streams_beat(struct sw_streams *s)
{
	static const char beat[] = ": beat\n\n";

	add_all(s, beat, sizeof(beat) - 1);
}

void sw_streams_close(struct sw_streams *s)
{
	s->is_closing = true;
	for (size_t i = 0; i < SW_STREAMS_MAX; i++) {
		if (s->rows[i].connection)
			resume(&s->rows[i]);
	}
}
