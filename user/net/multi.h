/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl's transfers in our loop: sockets and its one timer. The easy handles stay their owners'. */
#pragma once

#include <curl/curl.h>

#include "user/io/loop.h"

struct sw_multi;

/* A transfer has ended; the handle has been taken out and may be freed or used again. */
typedef void (*sw_multi_done_fn)(CURL *easy, CURLcode result, void *arg);

int sw_multi_new(struct sw_loop *loop, struct sw_multi **ret);
void sw_multi_free(struct sw_multi *m);
void sw_multi_freep(struct sw_multi **m);
/* Starts a transfer; CURLOPT_PRIVATE of the handle is used here. job: the caller's, until done. */
struct sw_multi_job {
	sw_multi_done_fn done;
	void *arg;
};
int sw_multi_start(struct sw_multi *m, CURL *easy, struct sw_multi_job *job);
/* Takes a running transfer out; done is not called. */
void sw_multi_cancel(struct sw_multi *m, CURL *easy);
