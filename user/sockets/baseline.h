/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listeners as plain rows of stable identity, and what differs between two sets of them. Pure; in
 * the engine. Rows are kept by user/store; nothing here owns anything but the arrays it returns.
 */
#pragma once

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

enum { SW_BASELINE_ROWS_MAX = 65536 }; /* listeners on one host */

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
/*
 * Rows of all listeners, each identity once, sorted by sw_baseline_cmp; *ret is the caller's.
 * Rows or -ENOMEM, -E2BIG.
 */
ssize_t sw_baseline_rows(struct sw_inventory *inv, struct sw_port_range range, int64_t wall_ns, uint64_t boot_ns,
	struct sw_baseline_row **ret);
/* Order by identity: key, executable, uid, image or container. 0: the same listener. */
int sw_baseline_cmp(const void *a, const void *b);
/*
 * One listener against a sorted baseline: 1 it differs and *ret says how, 0 it is in it.
 */
int sw_baseline_check(const struct sw_baseline_row *base, size_t n_base, const struct sw_baseline_row *row,
	struct sw_baseline_change *ret);
/*
 * Everything that differs between two sorted sets: changes of now in its order, then what is gone.
 * *ret is the caller's. Changes or -ENOMEM.
 */
ssize_t sw_baseline_compare(const struct sw_baseline_row *base, size_t n_base,
	const struct sw_baseline_row *now, size_t n_now, struct sw_baseline_change **ret);
/* "tcp", "udp", "unix", ... of a row. */
const char *sw_baseline_protocol_word(const struct sw_baseline_row *r);
const char *sw_baseline_kind_word(unsigned int kind);
/* A row's whole identity as one text, for a database's key; returns buf. */
enum { SW_BASELINE_ID_MAX = SW_BASELINE_KEY_MAX + 256 + 128 + 24 };
const char *sw_baseline_id(char buf[static SW_BASELINE_ID_MAX], const struct sw_baseline_row *r);
/* Puts in order what came from outside (a database): NUL-ends texts, checks ranges. False: no row of ours. */
bool sw_baseline_row_fix(struct sw_baseline_row *r);
