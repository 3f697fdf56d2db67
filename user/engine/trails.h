/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's set of trail lists: the configuration's files, the feeds that sockwarden-net brings,
 * and what was imported. Owned by the engine (e->trails), in its loop's thread.
 *
 * Every change is an operation in a queue, one at a time: a thread reads, checks, merges all lists
 * into an image; the guard swaps it in; only then is the set changed, the list saved, and who asked
 * told. Whatever fails on the way leaves the old set in force. The set is not changed while the
 * thread runs, so the thread may read it.
 */
#pragma once

#include "user/engine/engine.h"
#include "user/io/worker.h"
#include "user/policy/policy.h"
#include "user/trail/feed_judge.h"
#include "user/trail/directory.h"
#include "user/trail/image.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"
#include "user/trail/seen.h"

/*  X(id, word): where a list comes from */
#define SW_TRAIL_KINDS(X)                                                                          \
	X(FILE, "file") X(FEED, "feed") X(IMPORT, "import") X(DIRECTORY, "directory")                       \
	X(COUNTRY, "country")
enum sw_trail_kind {
#define SW_TRAIL_KIND_ENUM(id, word) SW_TRAIL_KIND_##id,
	SW_TRAIL_KINDS(SW_TRAIL_KIND_ENUM)
#undef SW_TRAIL_KIND_ENUM
		SW_TRAIL_KIND_COUNT
};

enum {
	SW_TRAIL_TEXT_MAX =
		512 << 20, /* bytes of a text that is read: 8 M entries of 40 bytes and more */
	SW_TRAIL_CHANGE_PERCENT =
		30, /* a feed that changes more than this at once is kept as it was, where it says nothing else */
	SW_TRAIL_OPS_MAX = 256, /* operations that wait; more are refused */
};

/* A list of the set; its index is the number that packet events carry. */
struct sw_trail_slot {
	char name[SW_TRAIL_NAME_MAX + 1]; /* "": free */
	enum sw_trail_kind kind;
	enum sw_trail_action action;
	char origin[256];
	struct sw_trail_list *list; /* NULL: never read with success */
	struct sw_trail_seen *seen; /* since when its trails are in it; NULL: not known */
	uint64_t hits; /* packets told of, since the engine's start */
	char error[192]; /* why the last try failed; the list is the one before */
};

/* What a list is, for who changes it: 0 is one that does not exist. */
#define SW_TRAIL_ANY_BASE UINT64_MAX
uint64_t sw_trail_stamp(const struct sw_trail_list *l);

enum sw_trail_op_kind {
	SW_TRAIL_OP_LOAD, /* the saved lists, at the start */
	SW_TRAIL_OP_PUT, /* a list from text (file, import) or sealed (feed) */
	SW_TRAIL_OP_REMOVE, /* a list leaves */
	SW_TRAIL_OP_SWAP, /* nothing changes, but the guard must be given the set */
	SW_TRAIL_OP_COMPILE, /* the trails of other kinds of all lists, to one static set */
};

/* Called when an operation is over; result as in its fields. */
struct sw_trail_op;
typedef void (*sw_trail_op_fn)(struct sw_engine *e, struct sw_trail_op *op);

struct sw_trail_op {
	struct sw_trail_op *next;
	struct sw_engine *engine;
	enum sw_trail_op_kind kind;
	struct sw_trail_slot slot; /* what is to be; .list is the result of the thread */
	int fd; /* PUT: text, or sealed list */
	bool is_sealed;
	bool is_recast; /* a feed's: the list that is there, with the slot's action */
	bool is_allow; /* a feed's: its networks are to be allowed, and it is held to more */
	bool is_own; /* ... and it is the operator's own */
	size_t allow_room; /* networks that it may hold beside those of other such feeds */
	uint64_t min_entries, max_entries; /* feeds; 0: no such limit */
	unsigned int max_change, max_cover; /* feeds, percent; 0: the default, and no limit */
	bool is_accepted; /* feeds: a person has said that it may change by whatever it does */
	uint64_t base; /* the list was made of the one with this stamp (sw_trail_stamp); SW_TRAIL_ANY_BASE: of none */
	uint32_t
		frozen_crc; /* feeds: the content that left because it was the same for too long; 0: none */
	struct sw_ctl_request *request; /* who waits for it; NULL */
	sw_trail_op_fn over;

	/* made before the thread starts, read by it */
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	size_t n_sources;
	const struct sw_trail_list *old; /* the slot's list so far */
	size_t index; /* the slot's number */
	int dirfd;
	struct sw_trail_rules rules;
	int64_t wall_sec;
	enum sw_trail_engine form; /* of the image */

	/* results */
	int result; /* 0 or -errno */
	char text[256]; /* when negative: for a person */
	struct sw_trail_report report;
	struct sw_feed_change change; /* feeds */
	bool is_unchanged; /* the same entries are in force already */
	bool is_in_force; /* the guard has swapped it in */
	int image_fd;
	int domains_fd; /* COMPILE: the domains to refuse, for the guard; -1: not made */
	struct sw_trail_image_stats stats;
	uint64_t posted_ns, swapped_ns;
	int save_result;
	struct sw_trail_list *saved; /* the same list, mapped from its file */
	struct sw_trail_seen *saved_seen;
	struct sw_trail_list **loaded;
	size_t n_loaded;
	char corrupt[256]; /* LOAD: names set aside */
	struct sw_static *compiled; /* COMPILE; NULL: no list has trails of other kinds */
	uint64_t compiled_key;
	uint64_t compile_ns; /* how long it took */
	bool is_mapped; /* from the file of the last time */
};

struct sw_trail_part {
	struct sw_worker *worker;
	struct sw_trail_slot slots[SW_TRAIL_SETS_MAX];
	struct sw_trail_op *running, *waiting;
	size_t n_waiting;
	int dirfd; /* STATE/trails; -1: lists cannot be saved */
	bool is_loaded, needs_swap;
	bool is_packed_refused; /* by the kernel: the tries are used instead */
	int64_t judged_wall_sec; /* trails that were over by then are not in the set; 0: not judged yet */
	struct sw_source *end_timer; /* the next end of a trail */
	struct sw_static *compiled; /* of all lists; NULL: none */
	uint64_t compiled_key; /* of what it was made of; 0: of nothing */
	uint64_t compile_ns; /* how long the last time took */
	bool is_mapped; /* it came from the file of an earlier run */
	int domains_fd; /* the domains to refuse, for the guard; -1: none were gathered yet */
	struct sw_trail_watch *watch; /* trail_files.c */
	struct sw_trail_top *top; /* trail_top.c */
};

/* ---- for the other parts of the engine; sw_trails_take_feed is in net_peer.h */

/* Counts packets that a list caught by an address. */
void sw_trails_hit(struct sw_engine *e, __u32 set, const struct sw_net *net, uint64_t packets);
/* The list that packet events of this number mean; "" when it is gone. */
const char *sw_trails_name(const struct sw_engine *e, __u32 set);
/* The list that decides for an address, as packet events number it; SW_TRAIL_SET_ASK when none does any more. */
__u32 sw_trails_set_of(const struct sw_engine *e, const struct sw_net *net);
/* A list that holds the address with the port, one that drops first; SW_TRAIL_SET_ASK when none does. */
__u32 sw_trails_port_set(const struct sw_engine *e, const struct sw_net *host, uint16_t port);
/* The entry that decides for net: its list and itself as text ("192.0.2.0/24"). False: none. */
bool sw_trails_find(const struct sw_engine *e, const struct sw_net *net, const char **ret_list,
	char ret_text[static SW_NET_TEXT_MAX]);

/*
 * The trails of every kind that lists and directories hold, compiled: domains, URLs, user agents,
 * fingerprints, and the addresses of directories. NULL while there are none. Borrowed until the
 * parts' compiled (engine.h) was called with another. sw_static_about's list is what
 * sw_trails_name takes.
 */
struct sw_static *sw_trails_static(const struct sw_engine *e);
/* The domains of dropping lists as SW_GUARD_DOMAINS takes them; borrowed as the set is. -1: not known yet. */
int sw_trails_domains(const struct sw_engine *e);
enum sw_trail_action sw_trails_action(const struct sw_engine *e, __u32 set);

/* ---- among trails.c, trail_run.c, trail_files.c and verb_trails.c */

/* A zeroed operation, owned by the caller until it is queued. NULL: out of memory. */
struct sw_trail_op *sw_trail_op_new(enum sw_trail_op_kind kind);
/* Takes op over; over is called whatever happens, -ENOSPC when too many wait. */
void sw_trails_queue(struct sw_engine *e, struct sw_trail_op *op);
/* At the end: fails who waits, frees lists and operations. The worker is gone already. */
void sw_trails_drop(struct sw_trail_part *t);
struct sw_trail_slot *sw_trails_slot(struct sw_trail_part *t, const char *name);
/* Whether lists have come or gone that the compiled set does not know; walks all of them and their times. */
bool sw_trails_are_compiling(const struct sw_trail_part *t);
/* What keeps a list from being told of in full, for a person; NULL: nothing. are_compiling: as above. */
const char *sw_trails_unready(const struct sw_trail_part *t, const struct sw_trail_slot *s, bool are_compiling);
/* The set as the look-ups want it. Number of lists; ret has room for SW_TRAIL_SETS_MAX. */
size_t sw_trails_sources(const struct sw_trail_part *t, int64_t now_wall_sec, struct sw_trail_source *ret);
/*
 * Takes trails that are over out of the set, and puts those back that a clock set back has not ended; the lists
 * are merged anew, nothing is read. Asks again at the next end. By a timer, and each minute: clocks are set.
 */
void sw_trails_end_due(struct sw_engine *e);
/* Notes or clears (NULL) a slot's error, and says in "degraded" what is wrong with lists as a whole. */
void sw_trails_set_error(struct sw_engine *e, struct sw_trail_slot *slot, const char *error);
const char *sw_trail_kind_word(unsigned int kind);
/* trail_run.c: the thread's parts of an operation: to the image, and after the swap to the disk. */
void sw_trail_op_run(void *arg);
void sw_trail_op_save(void *arg);
/* trail_domains.c, in the thread: a sealed memfd, or -errno. */
int sw_trails_domains_make(const struct sw_trail_op *op);
/* What the lists' texts are and which trails of them are over: changes when they do. 0: no list has any. */
uint64_t sw_trails_compile_key(const struct sw_trail_part *t);
/* The image alone once more, in op->form. */
void sw_trail_op_remake(void *arg);
/*
 * Calls fn for every allow entry that the list names, wider or narrower, with one entry of the list that
 * does: the kernel lets it pass anyway, and a person should know. Number of them.
 */
typedef void (*sw_trail_protected_fn)(
	void *arg, const struct sw_allow *allow, const struct sw_trail_entry *entry);
size_t sw_trails_each_protected(
	struct sw_engine *e, const struct sw_trail_list *l, sw_trail_protected_fn fn, void *arg);

/* trail_top.c: the trails that were hit most. */
enum { SW_TRAIL_TOP_MAX = 1024 }; /* trails counted one by one; of more the least hit are forgotten */
int sw_trail_top_new(struct sw_trail_top **ret);
void sw_trail_top_free(struct sw_trail_top *t);
void sw_trail_top_add(struct sw_trail_top *t, __u32 set, const struct sw_net *net, uint64_t hits, int64_t wall_sec);
/* The list's trails are counted no more. */
void sw_trail_top_forget(struct sw_trail_top *t, __u32 set);
void sw_trail_top_write(const struct sw_engine *e, struct sw_json *j, unsigned int max);

/* trail_search.c: which trails touch a subject. */
void sw_trails_verb_search(struct sw_ctl_request *q, const json_t *args, void *arg);
void sw_trails_why(struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j);
enum sw_listed sw_trails_listed(
	struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_strbuf *because);

/* trail_files.c: follows the configuration's files. */
int sw_trail_watch_new(struct sw_engine *e, struct sw_trail_watch **ret);
void sw_trail_watch_free(struct sw_trail_watch *w);
/* The kind of the list that the configuration has under a name, read or not; NULL: none. */
const char *sw_trail_watch_kind(const struct sw_trail_watch *w, const char *name);
/* Tries soon what else is tried each minute: files with errors, and a swap that is due. */
void sw_trail_watch_retry(struct sw_trail_watch *w);
/* Queues what is needed so that the set is that of e->config: new files, gone ones, all of them read. */
void sw_trail_watch_apply(struct sw_engine *e);
