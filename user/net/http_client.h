/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A request by HTTP to a server that the configuration names, and its answer. No redirect is followed: it would
 * carry keys elsewhere. In place, zeroed at first; lines of the header are added to transfer before start.
 */
#pragma once

#include "user/net/transfer.h"

struct sw_http_client {
	struct sw_transfer transfer;
	struct sw_strbuf answer;
	size_t answer_max;
	bool is_too_long;
};

struct sw_http_query {
	const char *method; /* NULL: POST of a document, else GET */
	const char *url; /* https://, or http:// to this host: so the configuration was checked */
	const char *ca_file; /* "": the host's own authorities */
	uint64_t timeout_sec;
	const char *json; /* a document to post, borrowed until the end; NULL: none */
	size_t json_len;
	size_t answer_max; /* bytes; a longer answer fails. 0: it is not kept, its status says all */
	bool is_rare; /* the connection is not kept for the next one */
};

/* done is told of the end. 0, or -errno and there will be none. */
int sw_http_client_start(struct sw_http_client *h, const struct sw_http_query *q, struct sw_multi *multi,
	sw_multi_done_fn done, void *arg);
/* HTTP's, 0 when there was no answer. */
long sw_http_client_status(const struct sw_http_client *h);
/* As sw_transfer_error; -EFBIG for an answer longer than answer_max. */
int sw_http_client_error(const struct sw_http_client *h, CURLcode result, const char *url, struct sw_strbuf *out);
/* After done, or before start. The answer is wiped. */
void sw_http_client_end(struct sw_http_client *h);
/* At any time: done is not called any more. */
void sw_http_client_cancel(struct sw_http_client *h);
