/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trail lists and trail images, all in sealed memfds.
 *
 * A list (net to engine; also the engine's file per list under STATE/trails) holds one feed's or
 * file's networks, normalised, sorted by sw_net_cmp, without duplicates. The image (engine to guard)
 * holds all lists merged: what the guard writes into the kernel, one entry per network. Both: header,
 * then count entries back to back, then addresses with a port, and of a list of the timed version then the times
 * of trails that have any, as many as its size says. Header and size are validated before anything is read.
 *
 * A list's text has its trails of other kinds (domains, URLs, user agents, fingerprints), for the engine
 * alone. Lines of "NUMBER<TAB>TRAIL", the number that of the source's line ("~NUMBER" of an expression
 * for user agents); where it tells of files, "F<TAB>FILE<TAB>INFO<TAB>REFERENCE<TAB>CITATION" begins
 * those of one, and "G<TAB>N" goes on with those of the Nth F, from 0. Where lines of the source were no trails,
 * the last line is "B<TAB>NUMBER<TAB>FIRST": how many, and the first of them for a person to find.
 *
 * A packed image (engine to guard) holds the same set compiled: struct sw_trail_packed, then a
 * generation of each family as abi/packed.h says, behind that of IPv6 its SW_MARK_WORDS of marks, and at
 * last the addresses with a port.
 */
#pragma once

#include "sockwarden/model/addr.h"

enum {
	SW_TRAIL_LIST_MAGIC = 0x7377746c, /* "swtl" */
	SW_TRAIL_IMAGE_MAGIC = 0x73777469, /* "swti" */
	SW_TRAIL_PACKED_MAGIC = 0x73777470, /* "swtp" */
	SW_TRAIL_VERSION = 2,
	SW_TRAIL_TIMED_VERSION = 3, /* a list whose trails have times of their own */
	SW_TRAIL_PACKED_VERSION = 6,
};

struct sw_trail_head {
	__u32 magic, version;
	__u64 size; /* bytes of the whole, this header included */
	__u32 crc; /* crc-32 of everything after this header */
	__u32 sets; /* image: number of lists merged; list: 1, and from bit 8 on its action plus one (0: not said) */
	__u64 count4, count6; /* IPv4 entries come first, then IPv6 */
	__u64 n_ports; /* struct sw_trail_port, behind the entries */
	__u64 text_bytes; /* list: its trails of other kinds, behind these; image: 0 */
	__s64 made_wall_sec;
	__u64 key; /* list of a file or directory: what it was when it was read; 0: unknown */
	__u64 n_texts; /* list: trails of other kinds, those with a port among them; image: what tags, ports too */
	char name[64]; /* list: its name; image: "" */
	char origin[256]; /* list: file path or URL with keys masked */
};

struct sw_trail_entry {
	struct sw_net net;
	__u32 set; /* image: number of the list that decides; list: the place of its times, from 1; 0: it has none */
	__u32 line; /* list: line of the source file; image: 0 */
	__u32 action; /* enum sw_trail_action */
};

/* An address that is listed with a port, of TCP and UDP; sorted by sw_net_cmp, then port. */
struct sw_trail_port {
	struct sw_net net; /* a host */
	__u16 port;
	__u8 action; /* enum sw_trail_action */
	__u8 pad;
	__u32 set, line; /* as in struct sw_trail_entry */
};

/*
 * When a trail of a list, of whatever kind, was seen first and last by who tells of it, and when it ends: wall
 * time in seconds since 1970; 0: not known, never. Sorted by key, which is the trail's (user/trail/times.h).
 */
struct sw_trail_times {
	__u64 key;
	__u32 first_sec, last_sec, until_sec;
	__u32 pad;
};
_Static_assert(sizeof(struct sw_trail_times) == 24, "shared with files");

/* Head of a packed image. head: counts are those of the entries compiled, crc is of all behind it. */
struct sw_trail_packed {
	struct sw_trail_head head;
	__u64 elements4; /* union sw_packed4 that follow; 0: no IPv4 trails */
	__u64 elements6; /* union sw_packed6 behind them, and then the marks; 0: none of these */
};
_Static_assert(sizeof(struct sw_trail_packed) % 16 == 0, "what follows is aligned");
