/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trail lists: one feed's or one file's networks, sealed in memory or in a file of the state
 * directory, STATE/trails/NAME.swtl. sockwarden-net builds them and hands them over; the engine
 * builds, keeps, saves and loads them. A list is immutable; it owns the mapping its view borrows.
 */
#pragma once

#include "user/trail/image_check.h"
#include "user/trail/parse.h"

struct sw_trail_list {
	struct sw_trail_view view; /* view.head has name, origin, counts, time */
	const void *map;
	size_t len;
};

/*
 * Seals what p has read (after sw_trail_parser_end) as a list. origin: file path or URL with keys
 * masked; cut when too long. A descriptor of a sealed memfd, or -errno (-EINVAL: a bad name).
 */
int sw_trail_list_build(struct sw_trail_parser *p, const char *name, const char *origin,
	enum sw_trail_action action, int64_t made_wall_sec);
/* Maps and checks a sealed memfd that somebody sent; fd stays the caller's. ret_why as sw_trail_check's. */
int sw_trail_list_open(int fd, struct sw_trail_list **ret, const char **ret_why);
void sw_trail_list_free(struct sw_trail_list *l);
void sw_trail_list_freep(struct sw_trail_list **l);
/* The same list with another action, as a sealed memfd; or -errno. */
int sw_trail_list_recast(const struct sw_trail_list *l, enum sw_trail_action action);
/* What its header says, else that of its first entry; a list of mixed actions is not made here. */
enum sw_trail_action sw_trail_list_action(const struct sw_trail_list *l);
/* Its networks; and all of its trails. */
size_t sw_trail_list_count(const struct sw_trail_list *l);
size_t sw_trail_list_total(const struct sw_trail_list *l);

/* How many lines of its source were no trails, and the first of them for a person; 0: none, or not said. */
uint64_t sw_trail_list_bad(const struct sw_trail_list *l, char ret_first[static SW_TRAIL_BAD_TEXT_MAX]);

/* Writes NAME.swtl in dirfd, replacing it at once. */
int sw_trail_list_save(const struct sw_trail_list *l, int dirfd);
/* Maps and checks NAME.swtl of dirfd; its name in the header must be NAME. */
int sw_trail_list_load(
	int dirfd, const char *name, struct sw_trail_list **ret, const char **ret_why);
/* Removes NAME.swtl; -ENOENT when there is none. */
int sw_trail_list_unlink(int dirfd, const char *name);

/*
 * Loads every NAME.swtl of dirfd: fn takes each list, with why NULL; for a corrupt one l is NULL and
 * why says what is wrong, and the file has been set aside as NAME.swtl.bad. Lists loaded, or -errno.
 */
typedef void (*sw_trail_load_fn)(
	const char *name, struct sw_trail_list *l, const char *why, void *arg);
int sw_trail_list_load_all(int dirfd, sw_trail_load_fn fn, void *arg);

/* A name made of what a person or a path gave: base name, lower case, other bytes as '-', without .txt and the like. */
void sw_trail_name_make(char ret[static SW_TRAIL_NAME_MAX + 1], const char *from);
