/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One transfer of libcurl at a time: what all of ours set alike, how they begin and end, and what their errors
 * say. In place, zeroed at first; the owner sets what is its own between open and start.
 */
#pragma once

#include <curl/curl.h>

#include "user/base/strbuf.h"
#include "user/net/multi.h"

/* Sets an option unless an earlier one failed. r: a CURLcode, CURLE_OK at first. */
#define SW_CURL_SET(r, easy, option, value) \
	((r) = (r) == CURLE_OK ? curl_easy_setopt((easy), CURLOPT_##option, (value)) : (r))

struct sw_transfer {
	struct sw_multi *multi;
	CURL *easy; /* NULL: none */
	struct curl_slist *lines; /* of the header, or recipients */
	struct sw_multi_job job;
	char error[CURL_ERROR_SIZE];
};

struct sw_transfer_server {
	const char *url, *protocols; /* protocols as libcurl's CURLOPT_PROTOCOLS_STR has them */
	const char *ca_file; /* "": the host's own authorities */
	uint64_t timeout_sec;
};

/* Certificates are verified and TLS is 1.2 at least. 0, -ENOMEM, -EINVAL for what libcurl does not take. */
int sw_transfer_open(struct sw_transfer *t, const struct sw_transfer_server *s);
/* 0 or -ENOMEM; possible before open. */
int sw_transfer_add_line(struct sw_transfer *t, const char *line);
/* done: as of struct sw_multi_job. 0 or -errno. */
int sw_transfer_start(struct sw_transfer *t, struct sw_multi *multi, sw_multi_done_fn done, void *arg);
/* After done, or before start: frees what the transfer had. */
void sw_transfer_end(struct sw_transfer *t);
/* At any time: done is not called any more. */
void sw_transfer_cancel(struct sw_transfer *t);
/* What a result other than CURLE_OK is: -ETIMEDOUT or -EIO; its text goes to out, with keys of url masked. */
int sw_transfer_error(const struct sw_transfer *t, CURLcode result, const char *url, struct sw_strbuf *out);

/*
 * The first line of a secret's file. 0, -errno, -ENODATA for an empty one. buf is to be wiped by the caller.
 * Read for each use, so that a changed secret needs no restart.
 */
int sw_secret_read(const char *path, char *buf, size_t size);
/* Why it could not be read, for a person. */
const char *sw_secret_why(int error);
