/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record about the socket of a cgroup program's context. */
#pragma once

#include "lib/sock_emit.bpf.h"
#include "lib/sock_limit.bpf.h"

#include <bpf/bpf_endian.h>

enum { REFUSE = 0, ALLOW = 1, REFUSED_RESULT = 0x80, EPERM = 1 };

/* The note on a socket; made where there is none yet, because the socket is older than we are. */
static __always_inline struct sock_note *note_of(void *sk)
{
	struct sock_note *note = bpf_sk_storage_get(&sock_owner, sk, 0, 0);

	if (note)
		return note;
	note = bpf_sk_storage_get(&sock_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!note) {
		sw_stat_inc(SW_STAT_OWNER_LOST);
		return NULL;
	}
	owner_of_task(&note->owner, current_task());
	return note;
}

/* A record about the socket of ctx, a bpf_sock or a bpf_sock_addr: both have these members. */
#define event_about(event_type, note, ctx)                                                                    \
	({                                                                                                     \
		struct sw_sock_event *_e = sock_event_begin(event_type, note);                                 \
		if (_e) {                                                                                      \
			_e->cookie = bpf_get_socket_cookie(ctx);                                               \
			_e->family = (ctx)->family;                                                            \
			_e->type = (ctx)->type;                                                                \
			_e->protocol = (ctx)->protocol;                                                        \
		}                                                                                              \
		_e;                                                                                            \
	})

/* words: four of an IPv6 address in a context, which can be read but a word at a time. */
#define copy6_words(to, words)                                                                                 \
	({                                                                                                     \
		__u32 *_a = (__u32 *)(to);                                                                     \
		_a[0] = (words)[0];                                                                            \
		_a[1] = (words)[1];                                                                            \
		_a[2] = (words)[2];                                                                            \
		_a[3] = (words)[3];                                                                            \
	})
