// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

struct sw_worker {
	int event_fd;
	struct sw_source *source;
	bool is_busy, has_thread;
	pthread_t thread;
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void *body(void *arg)
{
	struct sw_worker *w = arg;

	w->run(w->arg);
	eventfd_write(w->event_fd, 1);
	return NULL;
}

static void join(struct sw_worker *w)
{
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	w->has_thread = false;
	w->is_busy = false;
}

static int on_event(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_worker *w = arg;
	eventfd_t n;

	if (eventfd_read(fd, &n) < 0 || !w->is_busy)
		return 0;
	join(w);
	w->done(w->arg); /* may start the next job */
	return 0;
}

int sw_worker_new(struct sw_loop *l, struct sw_worker **ret)
{
	_cleanup_(sw_worker_freep) struct sw_worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0)
		return -errno;
	r = sw_loop_add_fd(l, w->event_fd, EPOLLIN, on_event, w, &w->source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

void sw_worker_free(struct sw_worker *w)
{
	if (!w)
		return;
	join(w);
	if (w->source)
		sw_source_free(w->source);
	sw_close(w->event_fd);
	free(w);
}

void sw_worker_freep(struct sw_worker **w)
{
	sw_worker_free(*w);
}

bool sw_worker_is_busy(const struct sw_worker *w)
{
	return w->is_busy;
}

int sw_worker_start(struct sw_worker *w, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
	sigset_t all, before;

	if (w->is_busy)
		return -EBUSY;
	w->run = run;
	w->done = done;
	w->arg = arg;
	w->is_busy = true;
	/* signals belong to the loop's thread, which reads them from a descriptor */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	w->has_thread = !pthread_create(&w->thread, NULL, body, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!w->has_thread)
		body(w);
	return 0;
}
