/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that hold the bans for programs that read them: hosts.deny, in a marked block between other
 * people's lines, and those of actions (nginx, HAProxy), replaced whole. Written from the packet program's
 * maps a moment after they changed, and put right when somebody else changed them. They cannot end by
 * themselves, so they hold nothing unless enforcing for good: not while observing, not for a trial. In the guard.
 */
#pragma once

#include "sockwarden/model/verdict.h"
#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/base/strbuf.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

enum {
	SW_FILE_BANS_MAX = 16384, /* such files are read from the start for each connection */
	SW_FILE_BYTES_MAX = 4 << 20, /* of one that is there */
	SW_FILE_SETTLE_MS = 200,
	SW_FILE_LOOK_SEC = 5,
};

struct sw_files;

/* Called after the file of action number i was written. */
typedef void (*sw_files_written_fn)(unsigned int i, void *arg);

int sw_files_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	sw_files_written_fn fn, void *arg, struct sw_files **ret);
void sw_files_free(struct sw_files *f);
void sw_files_freep(struct sw_files **f);
/* config is borrowed until the next call. Writes at once. */
void sw_files_configure(
	struct sw_files *f, const struct sw_config *c, const struct sw_gate_ctl *ctl);
/* Bans or allow entries changed. */
void sw_files_changed(struct sw_files *f);
/* Takes our block out, and empties the files of actions. */
void sw_files_remove(struct sw_files *f);
/* Of the backend hosts.deny. */
void sw_files_status(const struct sw_files *f, struct sw_guard_backend *ret);
enum sw_verdict_state sw_files_verdict(const struct sw_files *f, const struct sw_net *net);
/* Whether the file of action i could be written: 0 or -errno. */
int sw_files_error(const struct sw_files *f, unsigned int i);

/* Pure. The lines for nets in a format; allows in a banned network are excepted where the format can. */
void sw_files_render(enum sw_action_format format, const struct sw_net *nets, size_t n,
	const struct sw_net *allows, size_t n_allows, struct sw_strbuf *out);
/*
 * Pure. text with our block replaced by lines ("": taken out); other lines are kept byte for byte. -EBADMSG: the
 * block has a beginning and no end, or the other way round.
 */
int sw_files_splice(const char *text, size_t len, const char *lines, struct sw_strbuf *out);
