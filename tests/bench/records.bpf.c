// SPDX-License-Identifier: GPL-3.0-or-later
/* Fills the ring of socket records as fast as it is run: a listener and its end by turns, of many sockets. */
#include "lib/sock_emit.bpf.h"

enum { COOKIES = 8192 };

__u64 made;

SEC("tc")
int make_record(struct __sk_buff *ctx)
{
	struct sock_note note = {.owner = {.tgid = 1, .start_ns = 1}};
	struct sw_sock_event *e;
	__u64 n = made++;

	e = sock_event_begin(n & 1 ? SW_EV_CLOSE : SW_EV_LISTEN, &note);
	if (!e)
		return 0;
	e->cookie = 1 + (n >> 1) % COOKIES;
	e->family = AF_INET;
	e->type = 1;
	e->protocol = 6;
	e->state = TCP_LISTEN;
	e->lport = 1024 + (n >> 1) % COOKIES;
	event_commit(&e->head);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
