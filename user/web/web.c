// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/web.h"

#include <signal.h>
#include <sodium.h>

#include "user/base/json.h"
#include "user/base/log.h"
#include "user/conf/link.h"
#include "user/io/sandbox.h"
#include "user/web/http.h"

struct web {
	const struct sw_web_options *options;
	struct sw_clock clock;
	struct sw_loop *loop;
	struct sw_conf_link *conf_link;
	struct sw_upstream *upstream;
	struct sw_streams *streams;
	struct sw_secrets sessions;
	struct sw_http_env env;
	struct sw_http *http;
	struct sw_source *listen_timer;
	char address[64];
	unsigned int wanted_port, port;
	int listen_error; /* said once */
	int exit_status;
	bool has_started;
};

/* ---- the engine */

static void on_event(const json_t *item, void *arg)
{
	struct web *w = arg;
	_free_ char *text = json_dumps(item, JSON_COMPACT);

	if (text)
		sw_streams_send(w->streams, "event", text);
	sw_http_wake(w->http);
}

/* The engine prints the link, so it is told where the page is: the port may be one that was free. */
static void tell_where(struct web *w)
{
	_strbuf_ struct sw_strbuf args = {};
	struct sw_json j;

	if (!w->http)
		return;
	sw_json_init(&j, &args);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "address", w->address);
	sw_json_uint(&j, "port", w->port);
	sw_json_object_end(&j);
	sw_upstream_ask(w->upstream, "web.listening", sw_strbuf_get(&args), NULL, NULL, NULL);
}

static void on_changed(bool is_connected, void *arg)
{
	struct web *w = arg;

	sw_streams_send(w->streams, "engine",
		is_connected ? "{\"connected\":true}" : "{\"connected\":false}");
	sw_http_wake(w->http);
	if (is_connected)
		tell_where(w);
}

static const struct sw_upstream_calls upstream_calls = {.event = on_event, .changed = on_changed};

/* ---- start and end */

static int try_listen(struct web *w)
{
	int fd = sw_http_listen(w->address, w->wanted_port, &w->port), r;

	if (fd < 0) {
		if (fd != w->listen_error)
			sw_log_warning(fd,
				"the page cannot listen on %s port %u (another program may hold it: ss -ltnp), trying again every %d s",
				w->address, w->wanted_port, SW_WEB_LISTEN_RETRY_SEC);
		w->listen_error = fd;
		return sw_source_set_timer(w->listen_timer, SW_WEB_LISTEN_RETRY_SEC * SW_SEC_NS, 0);
	}
	r = sw_http_new(w->loop, &w->env, fd, &w->http);
	if (r < 0)
		return sw_log_err(r, "libmicrohttpd does not start");
	sw_log_notice("the page is on %s port %u; sockwarden web prints a link to it", w->address,
		w->port);
	tell_where(w);
	return 0;
}

static int on_listen(struct sw_source *s, void *arg)
{
	return try_listen(arg);
}

static int on_beat(struct sw_source *s, void *arg)
{
	struct web *w = arg;

	sw_streams_beat(w->streams);
	sw_http_wake(w->http);
	return 0;
}

static int start(struct web *w, const struct sw_config *config)
{
	int r;

	sw_strcpy(w->address, sizeof(w->address), config->web_address);
	w->wanted_port = config->web_port;
	r = sw_sandbox_enter(SW_ROLE_WEB);
	if (r < 0)
		return sw_log_err(r, "the sandbox cannot be entered");
	r = sw_streams_new(&w->streams);
	if (r < 0)
		return r;
	r = sw_upstream_new(w->loop, w->options->paths.run_dir, &upstream_calls, w, &w->upstream);
	if (r < 0)
		return r;
	w->sessions = (struct sw_secrets){.n = SW_SECRETS_MAX, .life_sec = SW_SESSION_SEC};
	w->env = (struct sw_http_env){.clock = &w->clock,
		.upstream = w->upstream,
		.sessions = &w->sessions,
		.streams = w->streams};
	r = sw_loop_add_timer(w->loop, SW_WEB_BEAT_SEC * SW_SEC_NS, SW_WEB_BEAT_SEC * SW_SEC_NS,
		on_beat, w, NULL);
	if (r < 0)
		return r;
	return sw_loop_add_timer(w->loop, 1, 0, on_listen, w, &w->listen_timer);
}

/*
 * Without a page the process stays and waits for a configuration that wants one: whoever started it
 * would take its end for a failure, and nobody would start it after a reload.
 */
static int on_config(const struct sw_config *config, void *arg)
{
	struct web *w = arg;
	bool is_same =
		sw_streq(w->address, config->web_address) && w->wanted_port == config->web_port;

	sw_log_set_level(config->log_level);
	if (!w->has_started && !config->web_enabled) {
		sw_log_info("the configuration wants no page");
		return 0;
	}
	if (!w->has_started) {
		w->has_started = true;
		return start(w, config);
	}
	if (is_same && config->web_enabled)
		return 0; /* sessions stay */
	sw_log_notice("what is wanted of the page has changed, starting anew");
	w->exit_status = SW_WEB_EXIT_RESTART;
	sw_loop_stop(w->loop, 0);
	return 0;
}

static int on_signal(struct sw_source *s, int signo, void *arg)
{
	struct web *w = arg;

	sw_loop_stop(w->loop, 0);
	return 0;
}

static void free_web(struct web **p)
{
	struct web *w = *p;

	if (!w)
		return;
	if (w->streams)
		sw_streams_close(w->streams);
	sw_upstream_free(
		w->upstream); /* answers what waits: libmicrohttpd does not stop while a request is suspended */
	sw_http_free(w->http);
	sw_streams_free(w->streams);
	sw_conf_link_free(w->conf_link);
	sw_loop_free(w->loop);
	free(w);
}

static int run(struct web *w)
{
	int r = sw_loop_new(&w->loop);

	if (r < 0)
		return r;
	r = sw_loop_add_signal(w->loop, SIGTERM, on_signal, w);
	if (r < 0)
		return r;
	r = sw_loop_add_signal(w->loop, SIGINT, on_signal, w);
	if (r < 0)
		return r;
	r = sw_conf_link_new(
		w->loop, w->options->paths.run_dir, SW_ROLE_WEB, on_config, w, &w->conf_link);
	if (r < 0)
		return r;
	return sw_loop_run(w->loop);
}

int sw_web_run(const struct sw_web_options *o)
{
	_cleanup_(free_web) struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w || sodium_init() < 0)
		return sw_log_err(-ENOMEM, "start"), EXIT_FAILURE;
	w->options = o;
	signal(SIGPIPE, SIG_IGN);
	r = run(w);
	if (r < 0)
		return sw_log_err(r, "ended"), EXIT_FAILURE;
	return w->exit_status;
}
