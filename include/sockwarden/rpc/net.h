/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between the engine and sockwarden-net, on RUN/net.sock (the engine listens, SOCK_SEQPACKET, uid
 * checked). Fixed structs; lists and mail bodies travel as sealed memfds.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "sockwarden/rpc/config.h"

enum { SW_NET_VERSION = 1 };

enum sw_net_op {
	SW_NET_HELLO = 1, /* net to engine, first */
	/*
	 * net to engine: feed and result; with result 0 and is_unchanged 0 one descriptor: a sealed
	 * trail list
	 */
	SW_NET_FEED_DONE,
	/*
	 * engine to net: fetch feed now ("": all, if changed; a list that shrank is taken only by
	 * name)
	 */
	SW_NET_FEED_NOW,
	SW_NET_MAIL,	  /* engine to net: one descriptor, sealed memfd of an RFC 5322 message; id */
	SW_NET_MAIL_DONE, /* net to engine: id, result, text */
	/*
	 * engine to net, struct sw_net_feed each: a feed to fetch on its schedule; after the last one
	 * FEEDS_END, and what was not among them is fetched no more. Until the first, the configuration's.
	 */
	SW_NET_FEED_SET,
	SW_NET_FEEDS_END,
	/*
	 * engine to net, struct sw_net_feed: read this feed once, from the descriptor or, without one,
	 * from its URL; FEED_TESTED answers with the same id, as FEED_DONE does. One at a time.
	 */
	SW_NET_FEED_TEST,
	SW_NET_FEED_TESTED,
	SW_NET_POST,	  /* engine to net: one descriptor, sealed memfd of what the webhook is sent; id */
	SW_NET_POST_DONE, /* net to engine: id, result, text */
	SW_NET_RUN, /* engine to net: one descriptor, sealed memfd of what the command gets; id */
	SW_NET_RUN_DONE, /* net to engine: id, result, text */
	SW_NET_WHOIS,	   /* engine to net, struct sw_net_whois: whose is net, an address? */
	SW_NET_WHOIS_DONE, /* net to engine, struct sw_net_whois: result and text of the head; what was found */
	/*
	 * net to engine: result and text of a question to CrowdSec's local API; with result 0 one descriptor,
	 * a sealed memfd of struct sw_net_crowdsec and its decisions
	 */
	SW_NET_CROWDSEC,
	SW_NET_CROWDSEC_ALL, /* engine to net: ask for every decision, now */
	SW_NET_CROWDSEC_POST, /* engine to net: one descriptor, sealed memfd of alerts for CrowdSec's local API; id */
	SW_NET_CROWDSEC_POSTED, /* net to engine: id, result (-EACCES, -EBADMSG: these alerts are refused), text */
	/* engine to net: end our decisions on host that have the scenario text; id. POSTED: entries of them */
	SW_NET_CROWDSEC_WITHDRAW,
};

struct sw_net_msg {
	__u16 version, op;
	__u32 id;
	__s32 result; /* 0 or -errno */
	__u32 http_status;
	char feed[32];
	__u64 fetched_wall_sec;
	__u64 bytes, entries, bad_lines;
	__u32 is_unchanged; /* 304 */
	__u32 pad;
	__u64 next_wall_sec; /* when it will be fetched again */
	char text[256];	     /* error for a person, keys masked */
	/* what a feed has beside entries */
	__u64 filtered, domains, urls, ports, hashes;
	/* the address (or the proxy's) that a good answer came from, family 0: unknown; or what to withdraw */
	struct sw_net host;
	__u32 pad2;
};

struct sw_net_feed {
	struct sw_net_msg head;
	struct sw_config_feed feed;
};

enum { SW_NET_WHOIS_TEXT_MAX = 1024 };
struct sw_net_whois {
	struct sw_net_msg head;
	struct sw_net net;
	__u32 pad;
	/* what the answer is about: from first to last, in network order; both 0: it does not say */
	__u8 first[16], last[16];
	char text[SW_NET_WHOIS_TEXT_MAX]; /* chosen lines, "key: value\n" each; printable ASCII */
};
_Static_assert(sizeof(struct sw_net_whois) != sizeof(struct sw_net_feed), "told apart by their size");

/*
 * The origin of decisions that a sockwarden has reported. Their scenario is "sockwarden/MACHINE/ORIGIN", MACHINE
 * its crowdsec.machine: so each host knows its own, which it does not ban anew.
 */
#define SW_NET_CROWDSEC_OURS "sockwarden"

/* What CrowdSec's local API answered: the head, and n decisions behind it, those that are over first. */
enum { SW_NET_CROWDSEC_MAX = 200000 };
struct sw_net_crowdsec {
	__u32 n;
	__u32 is_whole; /* every decision there is, else what has changed */
	__u32 malformed, others; /* left out: not understood; not a ban of an address or a network */
	__u32 beyond; /* left out: more than SW_NET_CROWDSEC_MAX */
	__u32 pad;
};
struct sw_net_crowdsec_decision {
	__u64 id;
	__u64 left_sec; /* rounded up; 0: it is over */
	struct sw_net net;
	__u32 pad;
	char origin[24]; /* printable ASCII, as scenario */
	char scenario[96];
};
_Static_assert(sizeof(struct sw_net_crowdsec_decision) == 160, "sent as bytes");
