// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/multi.h"

struct sw_multi {
	struct sw_loop *loop;
	CURLM *curl;
	struct sw_source *timer;
};

static void reap(struct sw_multi *m)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->curl, &left))) {
		CURL *easy = msg->easy_handle;
		CURLcode result = msg->data.result;
		struct sw_multi_job *job = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&job);
		curl_multi_remove_handle(m->curl, easy);
		job->done(easy, result, job->arg);
	}
}

static int on_socket(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_multi *m = arg;
	int what = 0, running;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(m->curl, fd, what, &running);
	reap(m);
	return 0;
}

static int on_timer(struct sw_source *s, void *arg)
{
	struct sw_multi *m = arg;
	int running;

	curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(m);
	return 0;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
	struct sw_multi *m = arg;
	struct sw_source *source = socketp;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		sw_source_free(source);
		return curl_multi_assign(m->curl, fd, NULL) == CURLM_OK ? 0 : -1;
	}
	if (source)
		return sw_source_set_events(source, events);
	if (sw_loop_add_fd(m->loop, fd, events, on_socket, m, &source) < 0)
		return -1;
	return curl_multi_assign(m->curl, fd, source) == CURLM_OK ? 0 : -1;
}

static int watch_timer(CURLM *curl, long timeout_ms, void *arg)
{
	struct sw_multi *m = arg;

	if (timeout_ms < 0)
		return sw_source_set_timer(m->timer, 0, 0);
	return sw_source_set_timer(m->timer, timeout_ms ? (uint64_t)timeout_ms * SW_MSEC_NS : 1, 0);
}

int sw_multi_new(struct sw_loop *loop, struct sw_multi **ret)
{
	_cleanup_(sw_multi_freep) struct sw_multi *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	r = sw_loop_add_timer(loop, 0, 0, on_timer, m, &m->timer);
	if (r < 0)
		return r;
	m->curl = curl_multi_init();
	if (!m->curl)
		return -ENOMEM;
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, watch_timer);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	*ret = TAKE_PTR(m);
	return 0;
}

void sw_multi_free(struct sw_multi *m)
{
	if (!m)
		return;
	if (m->curl)
		curl_multi_cleanup(m->curl);
	sw_source_free(m->timer);
	free(m);
}

void sw_multi_freep(struct sw_multi **m)
{
	sw_multi_free(*m);
}

int sw_multi_start(struct sw_multi *m, CURL *easy, struct sw_multi_job *job)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
	return curl_multi_add_handle(m->curl, easy) == CURLM_OK ? 0 : -EIO;
}

void sw_multi_cancel(struct sw_multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->curl, easy);
}
