/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log files as they grow, line by line, through every way of rotation: renamed, made anew, truncated,
 * copied and truncated, gone and back, new files of a pattern. A file is known by its inode, not by its
 * name: the one that was renamed is read to its end, and for a while longer, because programs go on
 * writing to it until they are told.
 *
 * Who owns it gives the descriptors (the engine has them from the guard) and the events of an inotify
 * instance; it never opens a path. Reading positions (inode, offset, and a hash of the file's first
 * bytes) come out as text and go in again at the next start; what was written meanwhile is read, out of
 * rotated and compressed files too, and no line twice. Belongs to one thread.
 */
#pragma once

#include "user/base/clock.h"
#include "user/base/strbuf.h"

enum {
	SW_LOG_LINE_MAX = 65536, /* bytes; a longer line comes cut, the rest of it is skipped */
	SW_LOG_FILES_MAX = 256, /* open at once; more are left out and counted */
	SW_LOG_HEAD_MAX = 256, /* bytes at a file's beginning by which it is known again */
	SW_LOG_RETIRED_SEC = 600, /* a file whose name is gone is followed so long */
	SW_LOG_BACK_MAX = 64 << 20, /* bytes of the past that are read for one file at a start */
	SW_LOG_LIST_SHARE = 20, /* listing rests so many times as long as it took: 5 % of a core at most */
	SW_LOG_TURN_BYTES = 1 << 20, /* of one file before others get their turn */
};

struct sw_log_follow;

typedef void (*sw_log_file_fn)(void *ctx, const char *path, int fd, int wd, int error);

struct sw_log_port {
	/*
	 * Calls fn for each file that the source names now, is_past: for the rotated ones beside them. fd is
	 * fn's (-1 with an error), wd its watch or -1. -errno: the answer is not whole, nothing is concluded.
	 */
	int (*each)(void *arg, unsigned int source, bool is_past, sw_log_file_fn fn, void *ctx);
	/*
	 * A line without its end; good until it returns. is_back: it was written before anything was ever
	 * followed here, and may be old.
	 */
	void (*line)(void *arg, unsigned int source, const char *line, size_t len, bool is_back);
	/* An event of a watch that is no followed file's; true when it is known there. May be NULL. */
	bool (*other)(void *arg, int wd);
	void *arg;
};

struct sw_log_follow_source {
	unsigned int number; /* for the port */
	const char *pattern; /* as configured: names the source over a reload and a restart */
};

struct sw_log_stats {
	uint64_t lines, bytes;
	uint64_t cut; /* lines longer than SW_LOG_LINE_MAX */
	uint64_t truncations; /* files that became shorter, or other, in place */
	uint64_t rotations; /* names that lead to another file now */
	uint64_t
		overflows; /* of the event queue: everything was looked at again, nothing is lost */
	uint64_t back_left_out; /* bytes of the past that were too many */
	uint64_t unreadable; /* reads that failed, and compressed files that are damaged or not gzip's */
	unsigned int files, retired, left_out, unwatched;
};

/* port is copied; clock is borrowed. */
int sw_log_follow_new(
	const struct sw_log_port *port, const struct sw_clock *clock, struct sw_log_follow **ret);
void sw_log_follow_free(struct sw_log_follow *f);
void sw_log_follow_freep(struct sw_log_follow **f);
/*
 * What is to be followed; files of a source that stays (by its pattern) are kept with their positions.
 * back_sec: how far back files are read that were never followed.
 */
int sw_log_follow_configure(struct sw_log_follow *f, const struct sw_log_follow_source *sources,
	size_t n, uint64_t back_sec);
/* Positions of an earlier life, before the first _work; what is not understood is left out. */
void sw_log_follow_restore(struct sw_log_follow *f, const char *text);
void sw_log_follow_positions(const struct sw_log_follow *f, struct sw_strbuf *out);
/* True when a position moved since it was last asked for by _positions. */
bool sw_log_follow_has_moved(const struct sw_log_follow *f);
/* The guard has another instance: watches are void, everything is listed and read anew. */
void sw_log_follow_reset_watches(struct sw_log_follow *f);
/* Takes what the inotify descriptor has. 0, -errno. */
int sw_log_follow_events(struct sw_log_follow *f, int inotify_fd);
/* Everything is to be listed and looked at: for now and then, where events do not come (NFS). */
void sw_log_follow_poll(struct sw_log_follow *f);
/* Lists and reads what is due. True when there is more: call again soon. */
bool sw_log_follow_work(struct sw_log_follow *f);
/* Files came or went, but were listed a moment ago: work again after so long. 0: nothing waits. */
uint64_t sw_log_follow_rest_ns(const struct sw_log_follow *f);
/* When the newest of the source's files that are followed by name was last written (wall time); -1: there is none. */
int64_t sw_log_follow_written_sec(const struct sw_log_follow *f, const char *pattern);
struct sw_log_stats sw_log_follow_stats(const struct sw_log_follow *f);
/* Calls fn for each file that is followed, and for each that cannot be (error negative). */
typedef void (*sw_log_follow_fn)(void *arg, const char *pattern, const char *path, uint64_t lines,
	bool is_retired, int error);
void sw_log_follow_each(const struct sw_log_follow *f, sw_log_follow_fn fn, void *arg);
