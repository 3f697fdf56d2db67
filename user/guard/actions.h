/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backend exec: commands of the configuration's actions, run for bans. By argv and environment, never
 * by a shell; as the action's user, without capabilities; one at a time for each action and in order, with
 * a time limit; what they print goes to the log, cut and escaped. Only when enforcing for good. In the
 * guard, which owns it.
 */
#pragma once

#include "sockwarden/model/verdict.h"
#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

enum {
	SW_ACTION_WORDS_MAX = 32, /* of a command */
	SW_ACTION_BANS_MAX = 65536, /* bans that are followed, a table of 6 MB */
	SW_ACTION_QUEUE_MAX =
		65536, /* jobs that wait for one action; beyond it the oldest answer is to start anew */
	SW_ACTION_OUTPUT_MAX = 1024, /* bytes of a run's output that are looked at */
	SW_ACTION_CHECK_SEC = 60,
	SW_ACTION_FINISH_SEC = 10,
};

enum sw_action_verb {
	SW_VERB_START,
	SW_VERB_STOP,
	SW_VERB_BAN,
	SW_VERB_UNBAN,
	SW_VERB_CHECK,
	SW_VERB_RELOAD,
	SW_VERB_COUNT
};

struct sw_actions;

int sw_actions_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_actions **ret);
/* Kills what runs. */
void sw_actions_free(struct sw_actions *a);
void sw_actions_freep(struct sw_actions **a);
void sw_actions_configure(
	struct sw_actions *a, const struct sw_config *c, const struct sw_gate_ctl *ctl);
void sw_actions_put(struct sw_actions *a, const struct sw_guard_ban *bans, size_t n);
void sw_actions_del(struct sw_actions *a, const struct sw_guard_ban *bans, size_t n);
/* Queues reload of action number i. */
void sw_actions_reload(struct sw_actions *a, unsigned int i);
/* Ends what is in force, and waits for it, at most SW_ACTION_FINISH_SEC. */
void sw_actions_finish(struct sw_actions *a);
void sw_actions_status(const struct sw_actions *a, struct sw_guard_backend *ret);
enum sw_verdict_state sw_actions_verdict(const struct sw_actions *a, const struct sw_net *net);

/* What a placeholder stands for. */
struct sw_action_subject {
	struct sw_net net; /* family 0: none */
	__u64 id, for_sec;
};
/*
 * Pure: cuts command at blanks into argv, and puts values in place of words that are a placeholder, as a whole or
 * in part. Texts go to buf. The number of words, -E2BIG, -EINVAL for an empty command.
 */
int sw_action_argv(const char *command, const struct sw_action_subject *s, char *buf, size_t size,
	char *argv[SW_ACTION_WORDS_MAX + 1]);
