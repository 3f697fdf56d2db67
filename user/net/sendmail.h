/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail by a sendmail program. The sandbox of sockwarden-net allows no new process, so a small helper
 * is forked before it closes: the helper knows program, sender and recipients, gets sealed messages
 * over a socket pair, and starts the program by argv, never through a shell, the message on its
 * standard input. The helper ends with us.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/io/loop.h"
#include "user/net/mailer.h"

struct sw_sendmail;

/* Forks. config: borrowed until it returns. -EINVAL: sender or recipients are no addresses. */
int sw_sendmail_new(struct sw_loop *loop, const struct sw_config *config, sw_mailer_done_fn done,
	void *arg, struct sw_sendmail **ret);
void sw_sendmail_free(struct sw_sendmail *s);
int sw_sendmail_send(struct sw_sendmail *s, int fd, uint32_t id);
