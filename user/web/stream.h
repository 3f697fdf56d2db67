/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server-sent events to the pages that are open. Each has a bounded buffer: a slow one loses events
 * and is told how many. Owned by sockwarden-web; a page's part is freed when its response ends.
 */
#pragma once

#include <microhttpd.h>

#include "user/base/strbuf.h"

enum {
	SW_STREAMS_MAX = 16,
	SW_STREAM_BUFFER_MAX = 256 * 1024,
};

struct sw_streams;

int sw_streams_new(struct sw_streams **ret);
void sw_streams_free(struct sw_streams *s);
/* A response that goes on until the page closes; NULL when there are too many. The caller queues and destroys it. */
struct MHD_Response *sw_stream_open(struct sw_streams *s, struct MHD_Connection *connection);
/* event: a word of ours; data: one line. */
void sw_streams_send(struct sw_streams *s, const char *event, const char *data);
/* A comment to each: tells the kernel's "gone" early, and keeps proxies awake. */
void sw_streams_beat(struct sw_streams *s);
/* Ends all of them, before the daemon is stopped. */
void sw_streams_close(struct sw_streams *s);
