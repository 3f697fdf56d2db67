/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listeners as plain rows of stable identity, and what differs between two sets of them. Pure; in
 * the engine. Rows are kept by user/store; nothing here owns anything.
 */
#pragma once

#include "user/sockets/baseline_set.h"
#include "user/sockets/inventory.h"

/*  X(id, word): what a difference means, the gravest first where several hold */
#define SW_BASELINE_CHANGES(X)                                                                     \
	X(OWNERLESS, "ownerless")			/* listens, and no process holds it */             \
	X(DELETED, "deleted-executable")	/* runs from a file without a name, or a memfd */  \
	X(WIDENED, "scope-widened")		/* the same service, now reached from farther */   \
	X(SHARED, "port-shared")		/* SO_REUSEPORT: another program beside the one before */ \
	X(EXECUTABLE, "executable-changed")	/* the same port, another program, user or container */ \
	X(HOST_NETWORK, "container-on-host")	/* new, by a container that has the host's network */ \
	X(BACKLOG, "backlog-changed")		/* the same listener lets more or fewer wait */    \
	X(NEW, "new")                                                                              \
	X(GONE, "gone")
enum sw_baseline_kind {
#define SW_BASELINE_ENUM(id, word) SW_BASELINE_##id,
	SW_BASELINE_CHANGES(SW_BASELINE_ENUM)
#undef SW_BASELINE_ENUM
	SW_BASELINE_KIND_COUNT
};

struct sw_baseline_change {
	enum sw_baseline_kind kind;
	struct sw_baseline_row row; /* as it is now; for GONE as it was */
	char was[288];		    /* what the baseline has instead: a key or an executable; "" when nothing */
	char text[512];		    /* one line for a person; printable ASCII */
};

/* Ports that the kernel gives out by itself (net.ipv4.ip_local_port_range). */
struct sw_port_range {
	uint16_t first, last;
};
/* From the text of /proc/sys/net/ipv4/ip_local_port_range; the kernel's default when it is none. */
struct sw_port_range sw_port_range_parse(const char *text);

/*
 * The row of one socket; reads the owner's names (with /proc, once). 1 filled, 0 s is no listener
 * that a baseline holds. wall_ns and boot_ns are one moment in both times.
 */
int sw_baseline_row_of(struct sw_inventory *inv, const struct sw_sock *s, struct sw_port_range range, int64_t wall_ns,
	uint64_t boot_ns, struct sw_baseline_row *ret);
/* Adds all listeners to an empty set and sorts it. -ENOMEM, -E2BIG: the set is empty again. */
int sw_baseline_rows(struct sw_inventory *inv, struct sw_port_range range, int64_t wall_ns, uint64_t boot_ns,
	struct sw_baseline_set *ret);
/* One listener against a sorted baseline: 1 it differs and *ret says how, 0 it is in it. */
int sw_baseline_check(const struct sw_baseline_set *base, const struct sw_baseline_row *row,
	struct sw_baseline_change *ret);
/* A row that was: true when it is not there any more, neither so nor reached from farther; *ret says so. */
bool sw_baseline_is_gone(const struct sw_baseline_row *was, const struct sw_baseline_set *now,
	struct sw_baseline_change *ret);
/*
 * Calls fn with everything that differs between two sorted sets: changes of now in its order, then what is gone.
 * 0, or what is negative of fn, which ends it; -ENOMEM.
 */
typedef int (*sw_baseline_change_fn)(const struct sw_baseline_change *c, void *arg);
int sw_baseline_compare(const struct sw_baseline_set *base, const struct sw_baseline_set *now, sw_baseline_change_fn fn,
	void *arg);
/* "tcp", "udp", "unix", ... of a row. */
const char *sw_baseline_protocol_word(const struct sw_baseline_row *r);
const char *sw_baseline_kind_word(unsigned int kind);
/* A row's whole identity as one text, for a database's key; returns buf. */
enum { SW_BASELINE_ID_MAX = SW_BASELINE_KEY_MAX + 256 + 128 + 24 };
const char *sw_baseline_id(char buf[static SW_BASELINE_ID_MAX], const struct sw_baseline_row *r);
/* Puts in order what came from outside (a database): NUL-ends texts, checks ranges. False: no row of ours. */
bool sw_baseline_row_fix(struct sw_baseline_row *r);
