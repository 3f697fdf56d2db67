// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec_machine.h"

#include <jansson.h>
#include <sys/mman.h>

#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/net/crowdsec_session.h"

struct sw_crowdsec_machine {
	const struct sw_config *config;
	struct sw_crowdsec_session *session;
	sw_crowdsec_posted_fn done;
	void *arg;
	/* what is under way */
	enum { IDLE, POSTING, FINDING, DELETING } state;
	uint32_t id;
	const void *alerts;
	size_t len;
	char scenario[128]; /* of the decisions to withdraw */
	json_int_t decisions[SW_CROWDSEC_WITHDRAW_MAX];
	unsigned int n_decisions, n_deleted;
};

static void tell(struct sw_crowdsec_machine *c, uint32_t id, int result, long status, const char *text)
{
	struct sw_net_msg m = {.version = SW_NET_VERSION,
		.op = SW_NET_CROWDSEC_POSTED,
		.id = id,
		.result = result,
		.http_status = (__u32)status,
		.entries = c->n_deleted};

	sw_strcpy(m.text, sizeof(m.text), text);
	c->done(&m, c->arg);
}

static void drop_alerts(struct sw_crowdsec_machine *c)
{
	if (c->alerts)
		munmap((void *)c->alerts, c->len);
	c->alerts = NULL;
}

static void finish(struct sw_crowdsec_machine *c, int result, long status, const char *text)
{
	drop_alerts(c);
	c->state = IDLE;
	tell(c, c->id, result, status, text);
}

static void refuse(struct sw_crowdsec_machine *c, long status, const char *what)
{
	char text[96];

	snprintf(text, sizeof(text), "the local API answers %s with status %ld", what, status);
	if (status == 401 || status == 403)
		finish(c, -EACCES, status, text);
	else
		finish(c, status == 400 || status == 413 || status == 422 ? -EBADMSG : -EPROTO, status, text);
}

/* False where something is under way, or there is no machine; that is told. */
static bool begin(struct sw_crowdsec_machine *c, uint32_t id)
{
	if (c->state != IDLE) {
		tell(c, id, -EBUSY, 0, "another post is under way");
		return false;
	}
	c->id = id;
	c->n_decisions = c->n_deleted = 0;
	if (c->config->crowdsec_url[0] && c->config->crowdsec_machine[0])
		return true;
	finish(c, -EDESTADDRREQ, 0, strerror(EDESTADDRREQ));
	return false;
}

void sw_crowdsec_machine_post(struct sw_crowdsec_machine *c, int fd, uint32_t id)
{
	struct sw_crowdsec_request q = {.path = "/v1/alerts"};
	int r;

	if (!begin(c, id))
		return;
	r = fd >= 0 ? sw_memfd_map_sealed(fd, SW_CROWDSEC_ALERTS_MAX, &c->alerts, &c->len) : -EBADF;
	if (r < 0) {
		finish(c, r, 0, strerror(-r));
		return;
	}
	c->state = POSTING;
	q.json = c->alerts;
	q.json_len = c->len;
	sw_crowdsec_session_ask(c->session, &q);
}

/* ---- withdrawals */

/*
 * Found by network and scenario, so that nothing is kept here or in the database, and a restart in between
 * loses nothing. Only what is in force is asked for.
 */
void sw_crowdsec_machine_withdraw(struct sw_crowdsec_machine *c, const struct sw_net *net, const char *scenario,
	uint32_t id)
{
	char text[SW_NET_TEXT_MAX], path[SW_NET_TEXT_MAX * 3 + 96];
	char *value;

	if (!begin(c, id))
		return;
	c->state = FINDING;
	(void)sw_strcpy(c->scenario, sizeof(c->scenario), scenario);
	value = curl_easy_escape(NULL, sw_cidr_format(text, net), 0);
	snprintf(path, sizeof(path), "/v1/alerts?scope=%s&value=%s&has_active_decision=true&limit=%d",
		sw_net_is_host(net) ? "Ip" : "Range", value ? value : "", SW_CROWDSEC_WITHDRAW_MAX);
	curl_free(value);
	sw_crowdsec_session_ask(c->session, &(struct sw_crowdsec_request){.path = path});
}

static void collect_decisions(struct sw_crowdsec_machine *c, const json_t *alert)
{
	const json_t *decision;
	size_t i;

	json_array_foreach(json_object_get(alert, "decisions"), i, decision) {
		const char *origin = json_string_value(json_object_get(decision, "origin"));
		const char *scenario = json_string_value(json_object_get(decision, "scenario"));
		json_int_t id = json_integer_value(json_object_get(decision, "id"));

		if (!origin || !scenario || !sw_streq(origin, SW_NET_CROWDSEC_OURS) || !sw_streq(scenario, c->scenario))
			continue;
		if (id > 0 && c->n_decisions < SW_CROWDSEC_WITHDRAW_MAX)
			c->decisions[c->n_decisions++] = id;
	}
}

static void delete_next(struct sw_crowdsec_machine *c)
{
	char path[64];

	if (!c->n_decisions) {
		finish(c, 0, 200, "");
		return;
	}
	c->state = DELETING;
	snprintf(path, sizeof(path), "/v1/decisions/%lld", (long long)c->decisions[--c->n_decisions]);
	sw_crowdsec_session_ask(c->session, &(struct sw_crowdsec_request){.method = "DELETE", .path = path});
}

static void on_found(struct sw_crowdsec_machine *c, long status, const struct sw_strbuf *answer)
{
	json_t *list, *alert;
	size_t i;

	if (status != 200) {
		refuse(c, status, "the question for alerts");
		return;
	}
	list = json_loadb(sw_strbuf_get(answer), answer->len, JSON_DECODE_ANY, NULL);
	if (!json_is_array(list) && !json_is_null(list)) { /* null: there is none */
		json_decref(list);
		finish(c, -EPROTO, status, "the local API's answer is not a list of alerts");
		return;
	}
	json_array_foreach(list, i, alert)
		collect_decisions(c, alert);
	json_decref(list);
	delete_next(c);
}

static void on_deleted(struct sw_crowdsec_machine *c)
{
	c->n_deleted++;
	delete_next(c);
}

static void on_answer(int result, long status, const char *text, const struct sw_strbuf *answer, void *arg)
{
	struct sw_crowdsec_machine *c = arg;

	if (result < 0)
		finish(c, result, status, text);
	else if (c->state == FINDING)
		on_found(c, status, answer);
	else if (c->state == DELETING && (status == 200 || status == 404)) /* 404: it is over meanwhile */
		on_deleted(c);
	else if (c->state == POSTING && (status == 200 || status == 201))
		finish(c, 0, status, "");
	else
		refuse(c, status, c->state == POSTING ? "the alerts" : "the withdrawal");
}

/* ---- start and end */

int sw_crowdsec_machine_new(struct sw_multi *multi, const struct sw_clock *clock, const struct sw_config *config,
	sw_crowdsec_posted_fn done, void *arg, struct sw_crowdsec_machine **ret)
{
	struct sw_crowdsec_machine *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->config = config;
	c->done = done;
	c->arg = arg;
	r = sw_crowdsec_session_new(multi, clock, config, on_answer, c, &c->session);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void sw_crowdsec_machine_free(struct sw_crowdsec_machine *c)
{
	if (!c)
		return;
	sw_crowdsec_session_free(c->session);
	drop_alerts(c);
	free(c);
}
