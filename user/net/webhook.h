/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Posts alerts to alerts.webhook.url. One at a time: the engine has no second one until the first is
 * answered, and tries again what failed. No redirect is followed: it would carry the headers elsewhere.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/net/multi.h"

enum {
	SW_WEBHOOK_BYTES_MAX = 4 << 20, /* a document; the engine's are far smaller */
	SW_WEBHOOK_TIMEOUT_SEC = 60,
	SW_WEBHOOK_HEADER_BYTES_MAX = 4096, /* of alerts.webhook.header_file */
};

struct sw_webhook;

/* result 0 or -errno, text for a person, with keys of the URL masked. */
typedef void (*sw_webhook_done_fn)(uint32_t id, int result, const char *text, void *arg);

/* config: borrowed. */
int sw_webhook_new(struct sw_multi *multi, const struct sw_config *config, sw_webhook_done_fn done, void *arg,
	struct sw_webhook **ret);
void sw_webhook_free(struct sw_webhook *h);
void sw_webhook_freep(struct sw_webhook **h);
/* fd: sealed memfd of the document, borrowed, or -1. done follows, at once when it cannot begin. */
void sw_webhook_send(struct sw_webhook *h, int fd, uint32_t id);
