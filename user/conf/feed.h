/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A feed's settings: those of the table (schema.c), and for a feed that is described
 * (user/feeds/feeds.h) what its row says. Used by whoever reads a configuration, and by the engine for
 * feeds that were added or enabled by a command. Nothing to own.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/strbuf.h"

/* Every default of a feed of this name, the name itself included when it fits. */
void sw_conf_feed_defaults(const char *name, struct sw_config_feed *ret);
/* 0, or -EINVAL with why: what the settings say together cannot be. */
int sw_conf_feed_check(const struct sw_config_feed *f, struct sw_strbuf *why);
/*
 * What sw_conf_feed_check says of the action alone: whether this feed may allow. That may one whose description says
 * so (SW_FEED_MAY_ALLOW), and one that no description knows by its owner's word in the configuration; no block list.
 */
int sw_conf_feed_check_allow(const struct sw_config_feed *f, struct sw_strbuf *why);
/* Sets one setting by its key ("refresh", "action"), as the file does; -EINVAL with why; -ENOENT: no such key. */
int sw_conf_feed_set(struct sw_config_feed *f, const char *key, const char *text, struct sw_strbuf *why);
