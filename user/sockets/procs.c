// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/procs.h"

#include <uthash.h>

#include "user/base/progname.h"
#include "user/sockets/names.h"

enum {
	TICK_NS = 10000000,   /* of /proc/PID/stat: USER_HZ is 100 everywhere */
	CGROUP_TEXT_MAX = 8192, /* /proc/PID/cgroup with a dozen v1 hierarchies */
	CHAIN_MAX = 16,	      /* parents asked for an executable's name */
};
#define KEEP_GONE_NS (10 * SW_SEC_NS) /* events of other CPUs may still name it */
#define ASK_AGAIN_NS (5 * SW_SEC_NS)  /* what a runtime had not written yet */

struct sw_proc {
	struct sw_proc_key key;
	uint32_t ppid, uid;
	uint64_t parent_start_ns;
	char comm[SW_COMM_MAX];
	char *executable; /* NULL while unknown */
	char *cmdline;
	struct sw_names *names; /* NULL until /proc was read */
	uint64_t cgroup_id;
	bool is_deleted, is_kernel, is_gone;
	uint64_t gone_ns;
	uint32_t holds;
	uint32_t generation;
	struct sw_proc *next_gone; /* in order of their end */
	UT_hash_handle hh;
};

/* A cgroup v2, by the kernel's number. */
struct cgroup {
	uint64_t id;
	struct sw_names names; /* all "" where its path says nothing */
	UT_hash_handle hh;
};

struct container {
	char id[sizeof(((struct sw_names *)0)->id)];
	struct sw_container facts;
	uint64_t again_ns; /* when to ask again; 0: all is known */
	UT_hash_handle hh;
};

struct sw_procs {
	struct cgroup *cgroups;
	struct container *containers;
	const struct sw_clock *clock;
	const struct sw_proc_reader *reader;
	struct sw_proc *by_key;
	struct sw_proc *last; /* found, which is as a rule the next, or NULL */
	struct sw_proc *gone_first, *gone_last;
	uint32_t generation;
};

static ssize_t read_system(void *arg, uint32_t pid, const char *file, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	return sw_read_file(path, buf, size);
}

const struct sw_proc_reader sw_proc_reader_system = {.read = read_system};

int sw_procs_new(const struct sw_clock *clock, const struct sw_proc_reader *reader, struct sw_procs **ret)
{
	struct sw_procs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->clock = clock;
	p->reader = reader;
	*ret = p;
	return 0;
}

static void free_proc(struct sw_procs *p, struct sw_proc *proc)
{
	HASH_DEL(p->by_key, proc);
	if (p->last == proc)
		p->last = NULL;
	free(proc->executable);
	free(proc->cmdline);
	free(proc->names);
	free(proc);
}

static void forget_cgroups(struct sw_procs *p)
{
	struct cgroup *c, *next;

	HASH_ITER(hh, p->cgroups, c, next) {
		HASH_DEL(p->cgroups, c);
		free(c);
	}
}

static void forget_containers(struct sw_procs *p)
{
	struct container *c, *next;

	HASH_ITER(hh, p->containers, c, next) {
		HASH_DEL(p->containers, c);
		free(c);
	}
}

void sw_procs_free(struct sw_procs *p)
{
	struct sw_proc *proc, *next;

	if (!p)
		return;
	forget_cgroups(p);
	forget_containers(p);
	HASH_ITER(hh, p->by_key, proc, next)
		free_proc(p, proc);
	free(p);
}

void sw_procs_freep(struct sw_procs **p)
{
	sw_procs_free(*p);
}

struct sw_proc_key sw_proc_key_of(const struct sw_owner *o)
{
	return (struct sw_proc_key){.start_ns = o->start_ns, .tgid = o->tgid};
}

struct sw_proc *sw_procs_find(struct sw_procs *p, const struct sw_proc_key *key)
{
	struct sw_proc *proc;

	if (p->last && !memcmp(&p->last->key, key, sizeof(*key)))
		return p->last;
	HASH_FIND(hh, p->by_key, key, sizeof(*key), proc);
	if (proc)
		p->last = proc;
	return proc;
}

static struct sw_proc *find_or_make(struct sw_procs *p, const struct sw_owner *o)
{
	struct sw_proc_key key = sw_proc_key_of(o);
	struct sw_proc *proc = sw_procs_find(p, &key);

	if (!proc) {
		if (HASH_COUNT(p->by_key) >= SW_PROCS_MAX)
			sw_procs_sweep(p);
		proc = HASH_COUNT(p->by_key) < SW_PROCS_MAX ? calloc(1, sizeof(*proc)) : NULL;
		if (!proc)
			return NULL;
		proc->key = key;
		HASH_ADD(hh, p->by_key, key, sizeof(key), proc);
	}
	proc->uid = o->uid;
	proc->cgroup_id = o->cgroup_id ? o->cgroup_id : proc->cgroup_id;
	proc->generation = p->generation;
	return proc;
}

static void set_text(char **to, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		return; /* what was known stays */
	free(*to);
	*to = copy;
}

static void set_comm(struct sw_proc *proc, const char comm[SW_COMM_MAX])
{
	memcpy(proc->comm, comm, SW_COMM_MAX);
	proc->comm[SW_COMM_MAX - 1] = 0;
}

/* Arguments are NUL-separated; a NUL at the end ends nothing. */
static void set_args(struct sw_proc *proc, const char *args, size_t len)
{
	char line[SW_PROC_CMDLINE_MAX];
	size_t n = SW_MIN(len, sizeof(line) - 1);

	while (n && !args[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		line[i] = args[i] ? args[i] : ' ';
	set_text(&proc->cmdline, line, n);
}

void sw_procs_exec(struct sw_procs *p, const struct sw_exec_event *e)
{
	struct sw_proc *proc = find_or_make(p, &e->owner);

	if (!proc)
		return;
	proc->ppid = e->ppid;
	set_comm(proc, e->comm);
	set_text(&proc->executable, e->path, e->path_len);
	proc->is_deleted = e->is_deleted;
	set_args(proc, e->args, e->args_len);
	/* Moved to its own unit before the exec, as a rule: names are read anew when asked for. */
	free(TAKE_PTR(proc->names));
}

void sw_procs_fork(struct sw_procs *p, const struct sw_fork_event *e)
{
	struct sw_proc_key parent = {.start_ns = e->parent_start_ns, .tgid = e->ppid};
	struct sw_proc *proc = find_or_make(p, &e->owner), *from;

	if (!proc || proc->executable)
		return; /* its exec was told first */
	proc->ppid = e->ppid;
	proc->parent_start_ns = e->parent_start_ns;
	from = sw_procs_find(p, &parent);
	if (!from)
		return;
	memcpy(proc->comm, from->comm, sizeof(proc->comm));
	proc->is_deleted = from->is_deleted;
	if (from->executable)
		set_text(&proc->executable, from->executable, strlen(from->executable));
	if (from->cmdline)
		set_text(&proc->cmdline, from->cmdline, strlen(from->cmdline));
}

static void mark_gone(struct sw_procs *p, struct sw_proc *proc)
{
	if (proc->is_gone)
		return;
	proc->is_gone = true;
	proc->gone_ns = sw_clock_boot_ns(p->clock);
	if (p->gone_last)
		p->gone_last->next_gone = proc;
	else
		p->gone_first = proc;
	p->gone_last = proc;
}

bool sw_procs_exit(struct sw_procs *p, const struct sw_exit_event *e)
{
	struct sw_proc_key key = sw_proc_key_of(&e->owner);
	struct sw_proc *proc = sw_procs_find(p, &key);

	if (proc)
		mark_gone(p, proc);
	return proc && proc->holds;
}

void sw_procs_task(struct sw_procs *p, const struct sw_it_task *t)
{
	struct sw_proc *proc = find_or_make(p, &t->owner);

	if (!proc)
		return;
	proc->ppid = t->ppid;
	proc->is_kernel = t->is_kernel;
	set_comm(proc, t->comm);
	proc->is_deleted = t->is_deleted;
	if (t->path_len)
		set_text(&proc->executable, t->path, t->path_len);
}

void sw_procs_snapshot_begin(struct sw_procs *p)
{
	p->generation++;
}

void sw_procs_snapshot_end(struct sw_procs *p)
{
	struct sw_proc *proc, *next;

	HASH_ITER(hh, p->by_key, proc, next)
		if (proc->generation != p->generation)
			mark_gone(p, proc);
}

struct sw_proc *sw_procs_hold(struct sw_procs *p, const struct sw_owner *o)
{
	struct sw_proc *proc = find_or_make(p, o);

	if (proc)
		proc->holds++;
	return proc;
}

void sw_procs_release(struct sw_procs *p, struct sw_proc *proc)
{
	if (proc && proc->holds)
		proc->holds--;
}

bool sw_proc_is_gone(const struct sw_proc *proc)
{
	return proc->is_gone;
}

void sw_procs_sweep(struct sw_procs *p)
{
	uint64_t now = sw_clock_boot_ns(p->clock);
	struct sw_proc *kept_first = NULL, *kept_last = NULL;

	if (HASH_COUNT(p->cgroups) >= SW_PROC_CGROUPS_MAX)
		forget_cgroups(p);
	if (HASH_COUNT(p->containers) >= SW_PROC_CGROUPS_MAX)
		forget_containers(p);
	while (p->gone_first && p->gone_first->gone_ns + KEEP_GONE_NS <= now) {
		struct sw_proc *proc = p->gone_first;

		p->gone_first = proc->next_gone;
		proc->next_gone = NULL;
		if (!proc->holds) {
			free_proc(p, proc);
			continue;
		}
		/* A socket of its outlives it: looked at again with the youngest. */
		proc->gone_ns = now;
		if (kept_last)
			kept_last->next_gone = proc;
		else
			kept_first = proc;
		kept_last = proc;
	}
	if (!p->gone_first)
		p->gone_last = NULL;
	if (!kept_first)
		return;
	if (p->gone_last)
		p->gone_last->next_gone = kept_first;
	else
		p->gone_first = kept_first;
	p->gone_last = kept_last;
}

size_t sw_procs_count(const struct sw_procs *p)
{
	return HASH_COUNT(p->by_key);
}

/*
 * Fields 4 (parent) and 22 (start, in ticks) of /proc/PID/stat; the name in field 2 may hold
 * anything but is the last ")".
 */
static bool read_stat(struct sw_procs *p, uint32_t pid, uint32_t *ret_ppid, uint64_t *ret_ticks)
{
	char buf[1024], *at;
	unsigned long long ticks;
	unsigned int ppid;

	if (p->reader->read(p->reader->arg, pid, "stat", buf, sizeof(buf)) <= 0)
		return false;
	at = strrchr(buf, ')');
	if (!at || sscanf(at + 1,
			   " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			   &ppid, &ticks) != 2)
		return false;
	*ret_ppid = ppid;
	*ret_ticks = ticks;
	return true;
}

/*
 * The same process still, not another that has its number by now: the kernel divides the very start_boottime that
 * its records carry, and drops the rest (nsec_to_clock_t() in kernel/time/time.c).
 */
static bool is_same(const struct sw_proc *proc, uint64_t ticks)
{
	return proc->key.start_ns / TICK_NS == ticks;
}

static void read_names(struct sw_procs *p, struct sw_proc *proc)
{
	const struct sw_proc_reader *rd = p->reader;
	char buf[CGROUP_TEXT_MAX];
	uint64_t ticks;
	uint32_t ppid;
	ssize_t n;

	if (proc->names)
		return;
	proc->names = calloc(1, sizeof(*proc->names));
	if (!proc->names || proc->is_gone || !read_stat(p, proc->key.tgid, &ppid, &ticks) || !is_same(proc, ticks))
		return;
	if (!proc->ppid)
		proc->ppid = ppid;
	if (!*proc->comm && rd->read(rd->arg, proc->key.tgid, "comm", buf, sizeof(buf)) > 0) {
		buf[strcspn(buf, "\n")] = 0;
		sw_strcpy(proc->comm, sizeof(proc->comm), buf);
	}
	n = rd->read(rd->arg, proc->key.tgid, "cmdline", buf, sizeof(buf));
	if (n > 0)
		set_args(proc, buf, (size_t)n);
	if (rd->read(rd->arg, proc->key.tgid, "cgroup", buf, sizeof(buf)) > 0)
		sw_names_from_cgroup(buf, proc->names);
}

/*
 * By the kernel's number of its cgroup, so that a process that lived for a moment has names, too; asked for once
 * for all that are in it.
 */
static const struct sw_names *names_of_cgroup(struct sw_procs *p, uint64_t id)
{
	char path[1024];
	struct cgroup *c;
	int r;

	HASH_FIND(hh, p->cgroups, &id, sizeof(id), c);
	if (c || !id || !p->reader->cgroup || HASH_COUNT(p->cgroups) >= 2 * SW_PROC_CGROUPS_MAX)
		return c ? &c->names : NULL;
	r = p->reader->cgroup(p->reader->arg, id, path, sizeof(path));
	if (r == -EAGAIN)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->id = id;
	if (r >= 0)
		sw_names_from_path(path, &c->names);
	HASH_ADD(hh, p->cgroups, id, sizeof(c->id), c);
	return &c->names;
}

static const struct sw_names *names_of(struct sw_procs *p, struct sw_proc *proc)
{
	static const struct sw_names none;
	const struct sw_names *names = proc->names;

	if (!names || (!*names->container && !*names->unit))
		names = names_of_cgroup(p, proc->cgroup_id);
	return names ? names : proc->names ? proc->names : &none;
}

static const struct sw_container *container_of(struct sw_procs *p, const char *id)
{
	static const struct sw_container none;
	uint64_t now = sw_clock_boot_ns(p->clock);
	struct container *c;
	int r;

	if (!*id || !p->reader->container)
		return &none;
	HASH_FIND_STR(p->containers, id, c);
	if (c && (!c->again_ns || now < c->again_ns))
		return &c->facts;
	if (!c) {
		c = HASH_COUNT(p->containers) < 2 * SW_PROC_CGROUPS_MAX ? calloc(1, sizeof(*c)) : NULL;
		if (!c)
			return &none;
		sw_strcpy(c->id, sizeof(c->id), id);
		HASH_ADD_STR(p->containers, id, c);
	}
	r = p->reader->container(p->reader->arg, id, &c->facts);
	c->again_ns = r < 0 ? now + ASK_AGAIN_NS : 0;
	return &c->facts;
}

void sw_procs_info(struct sw_procs *p, struct sw_proc *proc, bool with_names, struct sw_proc_info *ret)
{
	const struct sw_container *container;
	const struct sw_names *names;

	if (with_names)
		read_names(p, proc);
	names = names_of(p, proc);
	container = container_of(p, names->id);
	*ret = (struct sw_proc_info){
		.key = proc->key,
		.ppid = proc->ppid,
		.uid = proc->uid,
		.comm = proc->comm,
		.name = sw_program_name(proc->executable ? proc->executable : "", proc->comm),
		.executable = proc->executable ? proc->executable : "",
		.is_deleted = proc->is_deleted,
		.is_kernel = proc->is_kernel,
		.is_gone = proc->is_gone,
		.cmdline = proc->cmdline ? proc->cmdline : "",
		.container = names->container,
		.runtime = names->runtime,
		.unit = names->unit,
		.container_name = container->name,
		.image = container->image,
		.pod = container->pod,
		.pod_namespace = container->namespace,
		.pod_uid = names->pod_uid,
	};
}
