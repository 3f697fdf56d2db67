/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How sockwarden-net and sockwarden-web get their configuration: a connection to RUN/guard.sock,
 * HELLO with their role, one sealed image. The guard ends the connection after a reload; the image
 * that comes then is compared with the old one. One object, owned by the process, in its loop.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/link.h"

struct sw_conf_link;

/* config: borrowed during the call. Called for the first image and for a changed one. Negative stops the loop. */
typedef int (*sw_conf_link_fn)(const struct sw_config *config, void *arg);

int sw_conf_link_new(struct sw_loop *loop, const char *run_dir, enum sw_role role,
	sw_conf_link_fn fn, void *arg, struct sw_conf_link **ret);
void sw_conf_link_free(struct sw_conf_link *c);
void sw_conf_link_freep(struct sw_conf_link **c);
/* Why there is no configuration yet, for a person; "" when there is one. */
const char *sw_conf_link_error(const struct sw_conf_link *c);
