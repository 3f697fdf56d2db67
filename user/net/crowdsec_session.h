/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests to CrowdSec's local API as a machine: crowdsec.machine logs in with the password of
 * crowdsec.machine_password_file, and the token is kept until it ends or is refused. One request at a time.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/clock.h"
#include "user/base/strbuf.h"
#include "user/net/http_client.h"

enum {
	SW_CROWDSEC_ANSWER_MAX = 1 << 20,
	SW_CROWDSEC_PASSWORD_MAX = 256,
	SW_CROWDSEC_EARLY_SEC = 60, /* so long before its end a token is not used any more */
};

struct sw_crowdsec_session;

struct sw_crowdsec_request {
	const char *method, *path; /* method NULL: POST of a document, else GET. path from "/v1", copied */
	const char *json; /* NULL: none; borrowed until the answer */
	size_t json_len;
};

/*
 * result 0: status is HTTP's, and answer its text; else -errno (-EACCES: the machine is refused) with text for a
 * person. The next request may be made from here.
 */
typedef void (*sw_crowdsec_answer_fn)(int result, long status, const char *text, const struct sw_strbuf *answer,
	void *arg);

/* config and clock: borrowed. */
int sw_crowdsec_session_new(struct sw_multi *multi, const struct sw_clock *clock, const struct sw_config *config,
	sw_crowdsec_answer_fn done, void *arg, struct sw_crowdsec_session **ret);
void sw_crowdsec_session_free(struct sw_crowdsec_session *s);
/* Always told by done, maybe at once. */
void sw_crowdsec_session_ask(struct sw_crowdsec_session *s, const struct sw_crowdsec_request *q);
/* A time as Go writes it, "2026-11-22T05:53:17.1+01:00", to seconds since 1970. 0 or -EINVAL. */
int sw_go_time_parse(const char *text, int64_t *ret_wall_sec);
