// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The page's door: web.link makes a one-time link, web.redeem takes it. sockwarden-web alone (by uid)
 * may redeem, and tells where it listens.
 */
#include <sodium.h>

#include "user/engine/engine.h"
#include "user/io/secrets.h"

enum { LINKS_MAX = 16, LINK_SEC = 600 }; /* links to the page that wait, each good once */

struct sw_web_part {
	struct sw_secrets tokens;
	char address[64]; /* as sockwarden-web has told; "" before */
	uint32_t port;
};

static bool is_web(struct sw_engine *e, struct sw_ctl_request *q)
{
	uid_t uid = sw_ctl_request_uid(q);

	if (uid == 0 || uid == e->ids.web_uid)
		return true;
	sw_ctl_fail(q, SW_CERR_PERMISSION, NULL, "only sockwarden-web may ask this");
	return false;
}

static void web_link(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_web_part *w = e->web;
	uint32_t port = w->port ? w->port : e->config->web_port;
	char token[SW_SECRET_TEXT];
	struct sw_json *j;

	if (!e->config->web_enabled) {
		sw_ctl_fail(q, SW_CERR_CONFIG, "set web.enabled: true in the configuration",
			"the page is switched off");
		return;
	}
	if (!port) {
		sw_ctl_fail(q, SW_CERR_NOT_RUNNING, "sockwarden status shows the processes",
			"sockwarden-web does not listen");
		return;
	}
	if (sw_secret_make(&w->tokens, sw_clock_boot_ns(&e->clock), token) < 0) {
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "no random numbers are to be had");
		return;
	}
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "token", token);
	sw_json_string(j, "address", w->address[0] ? w->address : e->config->web_address);
	sw_json_uint(j, "port", port);
	sw_ctl_reply_end(q);
	sodium_memzero(token, sizeof(token));
}

static void web_redeem(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const char *token;

	if (!is_web(e, q) || !sw_ctl_arg_string(q, args, "token", "", &token))
		return;
	if (!sw_secret_redeem(&e->web->tokens, sw_clock_boot_ns(&e->clock), token)) {
		sw_ctl_fail(q, SW_CERR_REFUSED, "run: sockwarden web",
			"the link is unknown, used, or older than ten minutes");
		return;
	}
	sw_event_begin(
		e->events, SW_EVK_SYSTEM, "somebody has logged in to the page by a one-time link");
	sw_event_end(e->events);
	sw_json_string(sw_ctl_reply_begin(q), "role", "viewer");
	sw_ctl_reply_end(q);
}

static void web_listening(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const char *address;
	uint64_t port;

	if (!is_web(e, q) || !sw_ctl_arg_string(q, args, "address", "", &address) ||
		!sw_ctl_arg_uint(q, args, "port", 0, &port))
		return;
	sw_strcpy(e->web->address, sizeof(e->web->address), address);
	e->web->port = port <= UINT16_MAX ? (uint32_t)port : 0;
	sw_ctl_reply_begin(q);
	sw_ctl_reply_end(q);
}

static int init(struct sw_engine *e)
{
	if (sodium_init() < 0)
		return -EIO;
	e->web = calloc(1, sizeof(*e->web));
	if (!e->web)
		return -ENOMEM;
	e->web->tokens = (struct sw_secrets){.n = LINKS_MAX, .life_sec = LINK_SEC};
	return 0;
}

static void done(struct sw_engine *e)
{
	free(TAKE_PTR(e->web));
}

static const struct sw_ctl_verb verbs[] = {
	{"web.link", SW_CTL_READ, web_link},
	{"web.redeem", SW_CTL_READ, web_redeem},
	{"web.listening", SW_CTL_READ, web_listening},
	{},
};

const struct sw_engine_part sw_part_web = {
	.name = "web",
	.verbs = verbs,
	.init = init,
	.done = done,
};
