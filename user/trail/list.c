// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/list.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/io/msg.h"

#define SUFFIX ".swtl"
enum { FILE_NAME_MAX = SW_TRAIL_NAME_MAX + sizeof(SUFFIX ".bad") };

/* version, size, counts and key are there. */
static void finish_head(struct sw_trail_head *h, const char *name, const char *origin,
	enum sw_trail_action action, int64_t made_wall_sec)
{
	h->magic = SW_TRAIL_LIST_MAGIC;
	h->sets = 1u | ((__u32)action + 1) << 8;
	h->made_wall_sec = made_wall_sec;
	sw_strcpy(h->name, sizeof(h->name), name);
	sw_strcpy(h->origin, sizeof(h->origin), origin);
	h->crc = sw_crc32(0, h + 1, h->size - sizeof(*h));
}

int sw_trail_list_build(struct sw_trail_parser *p, const char *name, const char *origin,
	enum sw_trail_action action, int64_t made_wall_sec)
{
	struct sw_trail_head head = {};
	_close_ int fd = -1;
	size_t len;
	void *map;
	int r;

	if (!sw_trail_name_ok(name))
		return -EINVAL;
	r = sw_trail_parser_sort(p, &head);
	if (r < 0)
		return r;
	len = head.size;
	fd = sw_memfd_create("trail-list", len, &map);
	if (fd < 0)
		return fd;
	sw_trail_parser_fill(p, action, (struct sw_trail_entry *)((struct sw_trail_head *)map + 1));
	*(struct sw_trail_head *)map = head;
	finish_head(map, name, origin, action, made_wall_sec);
	r = sw_memfd_seal(fd, map, len);
	return r < 0 ? r : TAKE_FD(fd);
}

/* Takes the mapping over, whatever comes of it. */
static int open_map(const void *map, size_t len, struct sw_trail_list **ret, const char **ret_why)
{
	_cleanup_(sw_trail_list_freep) struct sw_trail_list *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		munmap((void *)map, len);
		return -ENOMEM;
	}
	l->map = map;
	l->len = len;
	r = sw_trail_check(map, len, SW_TRAIL_LIST_MAGIC, &l->view, ret_why);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

int sw_trail_list_open(int fd, struct sw_trail_list **ret, const char **ret_why)
{
	const void *map;
	size_t len;
	int r;

	if (ret_why)
		*ret_why = "not sealed memory of a size that can be";
	r = sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len);
	return r < 0 ? r : open_map(map, len, ret, ret_why);
}

void sw_trail_list_free(struct sw_trail_list *l)
{
	if (!l)
		return;
	if (l->map)
		munmap((void *)l->map, l->len);
	free(l);
}

void sw_trail_list_freep(struct sw_trail_list **l)
{
	sw_trail_list_free(*l);
}

int sw_trail_list_recast(const struct sw_trail_list *l, enum sw_trail_action action)
{
	const struct sw_trail_view *v = &l->view;
	struct sw_trail_entry *entries;
	struct sw_trail_port *ports;
	_close_ int fd = -1;
	void *map;
	int r;

	fd = sw_memfd_create("trail-list", l->len, &map);
	if (fd < 0)
		return fd;
	memcpy(map, l->map, l->len);
	entries = (struct sw_trail_entry *)((struct sw_trail_head *)map + 1);
	for (size_t i = 0; i < v->n4 + v->n6; i++)
		entries[i].action = action;
	ports = (struct sw_trail_port *)(entries + v->n4 + v->n6);
	for (size_t i = 0; i < v->n_ports; i++)
		ports[i].action = (__u8)action;
	finish_head(map, v->head->name, v->head->origin, action, v->head->made_wall_sec);
	r = sw_memfd_seal(fd, map, l->len);
	return r < 0 ? r : TAKE_FD(fd);
}

enum sw_trail_action sw_trail_list_action(const struct sw_trail_list *l)
{
	if (l->view.head->sets >> 8)
		return (enum sw_trail_action)((l->view.head->sets >> 8) - 1);
	if (l->view.n4 + l->view.n6)
		return l->view.entries4[0].action;
	return l->view.n_ports ? l->view.ports[0].action : SW_TRAIL_OBSERVE;
}

size_t sw_trail_list_count(const struct sw_trail_list *l)
{
	return l->view.n4 + l->view.n6;
}

size_t sw_trail_list_total(const struct sw_trail_list *l)
{
	return sw_trail_list_count(l) + (size_t)l->view.head->n_texts;
}

/* The text's last line, by itself: what stands before it may be long, and is not walked. */
uint64_t sw_trail_list_bad(const struct sw_trail_list *l, char ret_first[static SW_TRAIL_BAD_TEXT_MAX])
{
	const struct sw_trail_view *v = &l->view;
	const char *end = v->text + v->n_text, *line, *tab;
	char number[24];
	size_t len;

	*ret_first = 0;
	if (v->n_text < 2 || end[-1] != '\n')
		return 0;
	end--;
	line = memrchr(v->text, '\n', (size_t)(end - v->text));
	line = line ? line + 1 : v->text;
	if (end - line < 3 || line[0] != 'B' || line[1] != '\t')
		return 0;
	line += 2;
	tab = memchr(line, '\t', (size_t)(end - line));
	if (!tab || (size_t)(tab - line) >= sizeof(number))
		return 0;
	memcpy(number, line, (size_t)(tab - line));
	number[tab - line] = 0;
	len = SW_MIN((size_t)(end - tab - 1), (size_t)SW_TRAIL_BAD_TEXT_MAX - 1);
	memcpy(ret_first, tab + 1, len);
	ret_first[len] = 0;
	return strtoull(number, NULL, 10);
}

static void file_name(char ret[static FILE_NAME_MAX], const char *name, const char *suffix)
{
	snprintf(ret, FILE_NAME_MAX, "%s%s", name, suffix);
}

int sw_trail_list_save(const struct sw_trail_list *l, int dirfd)
{
	char file[FILE_NAME_MAX];

	file_name(file, l->view.head->name, SUFFIX);
	return sw_write_file_atomic(dirfd, file, l->map, l->len, 0640);
}

int sw_trail_list_load(
	int dirfd, const char *name, struct sw_trail_list **ret, const char **ret_why)
{
	_cleanup_(sw_trail_list_freep) struct sw_trail_list *l = NULL;
	_close_ int fd = -1;
	char file[FILE_NAME_MAX];
	const char *why = "cannot be read";
	struct stat st;
	void *map;
	int r = -EINVAL;

	if (ret_why)
		*ret_why = why;
	if (!sw_trail_name_ok(name))
		return r;
	file_name(file, name, SUFFIX);
	fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > SW_TRAIL_BYTES_MAX) {
		why = "not a file of a size that can be";
		r = -EBADMSG;
	} else {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED)
			return -errno;
		r = open_map(map, (size_t)st.st_size, &l, &why);
	}
	if (!r && !sw_streq(l->view.head->name, name)) {
		why = "it holds a list of another name";
		r = -EBADMSG;
	}
	if (ret_why)
		*ret_why = why;
	if (!r)
		*ret = TAKE_PTR(l);
	return r;
}

int sw_trail_list_unlink(int dirfd, const char *name)
{
	char file[FILE_NAME_MAX];

	if (!sw_trail_name_ok(name))
		return -EINVAL;
	file_name(file, name, SUFFIX);
	return unlinkat(dirfd, file, 0) < 0 ? -errno : 0;
}

/* The corrupt file stays for a person to look at, under a name that is not loaded again. */
static void set_aside(int dirfd, const char *name)
{
	char from[FILE_NAME_MAX], to[FILE_NAME_MAX];

	file_name(from, name, SUFFIX);
	file_name(to, name, SUFFIX ".bad");
	if (renameat(dirfd, from, dirfd, to) < 0)
		unlinkat(dirfd, from, 0);
}

/* "NAME.swtl" to NAME; false for any other file. */
static bool take_name(char ret[static SW_TRAIL_NAME_MAX + 1], const char *file)
{
	size_t n = strlen(file), suffix = sizeof(SUFFIX) - 1;

	if (n <= suffix || n - suffix > SW_TRAIL_NAME_MAX || !sw_streq(file + n - suffix, SUFFIX))
		return false;
	memcpy(ret, file, n - suffix);
	ret[n - suffix] = 0;
	return sw_trail_name_ok(ret);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int sw_trail_list_load_all(int dirfd, sw_trail_load_fn fn, void *arg)
{
	_cleanup_(closedirp) DIR *d = NULL;
	_close_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[SW_TRAIL_NAME_MAX + 1];
	struct sw_trail_list *l;
	struct dirent *ent;
	const char *why;
	int n = 0;

	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	fd = -1; /* the stream's now */
	while ((ent = readdir(d))) {
		if (!take_name(name, ent->d_name))
			continue;
		l = NULL;
		if (sw_trail_list_load(dirfd, name, &l, &why) < 0) {
			set_aside(dirfd, name);
			fn(name, NULL, why, arg);
			continue;
		}
		fn(name, l, NULL, arg);
		n++;
	}
	return n;
}

void sw_trail_name_make(char ret[static SW_TRAIL_NAME_MAX + 1], const char *from)
{
	static const char *const endings[] = {".txt", ".list", ".netset", ".ipset", ".csv", ".lst"};
	const char *base = strrchr(from, '/');
	size_t n = 0, end;

	for (base = base ? base + 1 : from; *base && n < SW_TRAIL_NAME_MAX; base++) {
		char c = (char)tolower((unsigned char)*base);
		bool is_good = c && strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", c);

		if (n || (is_good && c != '.'))
			ret[n++] = is_good ? c : '-';
	}
	ret[n] = 0;
	for (size_t i = 0; i < SW_ARRAY_SIZE(endings); i++) {
		end = strlen(endings[i]);
		if (n > end && sw_streq(ret + n - end, endings[i])) {
			ret[n - end] = 0;
			break;
		}
	}
	if (!ret[0])
		sw_strcpy(ret, SW_TRAIL_NAME_MAX + 1, "list");
}
