/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record about the socket of a cgroup program's context. */
#pragma once

#include "lib/sock_emit.bpf.h"
#include "lib/sock_limit.bpf.h"
#include "lib/sock_note.bpf.h"

#include <bpf/bpf_endian.h>

enum { REFUSE = 0, ALLOW = 1, REFUSED_RESULT = 0x80, EPERM = 1 };

/* The note on a socket; made where there is none yet: then who acts is its owner. */
static __always_inline struct sock_note *note_of(__u64 cookie, void *sk)
{
	struct sock_note *note = note_find(cookie, sk);

	if (note)
		return note;
	note = note_make(cookie, sk);
	if (note)
		owner_of_task(&note->owner, current_task());
	return note;
}

/* A record about the socket of ctx, a bpf_sock or a bpf_sock_addr: both have these members. at: its time, 0: now. */
#define event_about_at(event_type, note, about, ctx, at)                                                       \
	({                                                                                                     \
		struct sw_sock_event *_e = sock_event_begin_at(event_type, note, at);                          \
		if (_e) {                                                                                      \
			(note)->told_low = (__u32)_e->head.boot_ns;                                            \
			_e->cookie = (about);                                                                  \
			_e->family = (ctx)->family;                                                            \
			_e->type = (ctx)->type;                                                                \
			_e->protocol = (ctx)->protocol;                                                        \
		}                                                                                              \
		_e;                                                                                            \
	})

#define event_about(event_type, note, about, ctx) event_about_at(event_type, note, about, ctx, 0)

/* words: four of an IPv6 address in a context, which can be read but a word at a time. */
#define copy6_words(to, words)                                                                                 \
	({                                                                                                     \
		__u32 *_a = (__u32 *)(to);                                                                     \
		_a[0] = (words)[0];                                                                            \
		_a[1] = (words)[1];                                                                            \
		_a[2] = (words)[2];                                                                            \
		_a[3] = (words)[3];                                                                            \
	})
