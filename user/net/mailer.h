/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sends mail as the configuration says: to an SMTP server by libcurl, or to a sendmail program, which
 * a process starts that was forked before the sandbox closed (runner.h). One message at a
 * time; the engine has no second one until the first is answered.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/net/multi.h"

enum {
	SW_MAIL_BYTES_MAX = 4 << 20, /* a message; the engine's are far smaller */
	SW_MAIL_TIMEOUT_SEC = 60,
	SW_MAIL_RECIPIENTS_MAX = 32,
	SW_MAIL_ADDRESS_MAX = 256,
};

struct sw_mailer;

/* result 0 or -errno, text for a person. */
typedef void (*sw_mailer_done_fn)(uint32_t id, int result, const char *text, void *arg);

/* Call before the sandbox. config: borrowed. */
int sw_mailer_new(struct sw_loop *loop, struct sw_multi *multi, const struct sw_config *config,
	sw_mailer_done_fn done, void *arg, struct sw_mailer **ret);
void sw_mailer_free(struct sw_mailer *m);
void sw_mailer_freep(struct sw_mailer **m);
/* fd: sealed memfd of the message, borrowed. 0: done follows; -EBUSY, -EDESTADDRREQ no mail_to, -errno. */
int sw_mailer_send(struct sw_mailer *m, int fd, uint32_t id);

/* The bare addresses of a "To" text: "a@x, Name <b@y>". Their number, -EINVAL for one that begins with "-" or is empty. */
int sw_mail_addresses(const char *text, char ret[][SW_MAIL_ADDRESS_MAX], size_t max);
/* The envelope's sender: that of mail_from, else sockwarden@host. */
int sw_mail_sender(const struct sw_config *c, char ret[static SW_MAIL_ADDRESS_MAX]);
