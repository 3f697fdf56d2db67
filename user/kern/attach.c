// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/if_link.h>

#include "user/kern/bpffs.h"
#include "user/kern/dispatch.h"

enum {
	TCX_INGRESS = 46, /* BPF_TCX_INGRESS of kernel 6.6; Debian 12's headers do not have it */
	TCX_EGRESS = 47,
	TCX_FIRST = 1 << 3, /* BPF_F_BEFORE, of none: ahead of all */
	CLSACT_HANDLE = 0x5357, /* "SW": tells our filter from others' */
	CLSACT_PRIORITY = 1,
};

static bool pin_path(
	char buf[static SW_PIN_PATH_MAX], const char *pin_dir, enum sw_attach hook, __u32 ifindex)
{
	return snprintf(buf, SW_PIN_PATH_MAX, "%s/link-%s-%u", pin_dir, sw_attach_word(hook),
		       ifindex) < SW_PIN_PATH_MAX;
}

/* The device a link is on, 0 when that is gone. Links of XDP and tcx both begin with it. */
static __u32 link_ifindex(int fd)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.xdp.ifindex;
}

/* The pinned link of ours at the device, or -1; the pin of a dead one is removed. */
static int open_pin(const char *pin_dir, enum sw_attach hook, __u32 ifindex)
{
	char path[SW_PIN_PATH_MAX];
	int fd;

	if (!pin_path(path, pin_dir, hook, ifindex))
		return -1;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	if (link_ifindex(fd) == ifindex)
		return fd;
	close(fd);
	unlink(path);
	return -1;
}

static int tc_prog(const struct sw_gate_progs *p, const struct sw_device *d)
{
	return d->is_layer3 ? p->tc_l3_fd : p->tc_fd;
}

static int xdp_prog(const struct sw_gate_progs *p)
{
	return p->chain_fd >= 0 ? p->chain_fd : p->xdp_fd;
}

static int create_link(int prog, __u32 ifindex, enum sw_attach hook)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd;

	if (hook == SW_ATTACH_TCX) {
		fd = bpf_link_create(prog, (int)ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
		return fd < 0 ? -errno : fd;
	}
	opts.flags = hook == SW_ATTACH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	fd = bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
	return fd < 0 ? -errno : fd;
}

/* Removing the pin alone lets the kernel detach when it comes to it; the next hook cannot wait for that. */
static int drop_pin(const char *pin_dir, enum sw_attach hook, __u32 ifindex)
{
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;

	if (!pin_path(path, pin_dir, hook, ifindex))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int attach_link(int prog, __u32 ifindex, enum sw_attach hook, const char *pin_dir)
{
	_close_ int fd = open_pin(pin_dir, hook, ifindex);
	char path[SW_PIN_PATH_MAX];

	if (fd >= 0) {
		if (bpf_link_update(fd, prog, NULL) == 0)
			return 1;
		drop_pin(pin_dir, hook, ifindex);
		sw_close(TAKE_FD(fd));
	}
	fd = create_link(prog, ifindex, hook);
	if (fd < 0)
		return fd;
	if (!pin_path(path, pin_dir, hook, ifindex))
		return -ENAMETOOLONG;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static int attach_clsact(int prog, __u32 ifindex, enum bpf_tc_attach_point at)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = at);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY,
		.prog_fd = prog, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (r < 0 && r != -EEXIST)
		return r;
	return bpf_tc_attach(&hook, &opts);
}

/* The id of our program there; 0: no clsact, or no filter of ours. */
static __u32 clsact_prog(__u32 ifindex, enum bpf_tc_attach_point at)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = at);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	return bpf_tc_query(&hook, &opts) < 0 ? 0 : opts.prog_id;
}

static int detach_clsact(__u32 ifindex, enum bpf_tc_attach_point at)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = at);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	return clsact_prog(ifindex, at) ? bpf_tc_detach(&hook, &opts) : 0;
}

/* The ways of XDP exclude each other on a device: the old one has to go first. */
bool sw_attach_is_xdp(enum sw_attach hook)
{
	return hook == SW_ATTACH_NATIVE || hook == SW_ATTACH_GENERIC || hook == SW_ATTACH_DISPATCHER;
}

bool sw_attach_is_alone(enum sw_attach hook)
{
	return hook == SW_ATTACH_NATIVE || hook == SW_ATTACH_GENERIC;
}

static void drop_others(const char *pin_dir, __u32 ifindex, enum sw_attach keep, bool xdp_only)
{
	for (enum sw_attach h = SW_ATTACH_NATIVE; h < SW_ATTACH_COUNT; h++) {
		if (h == keep || (xdp_only && !sw_attach_is_xdp(h)))
			continue;
		if (h == SW_ATTACH_CLSACT)
			detach_clsact(ifindex, BPF_TC_INGRESS);
		else if (h == SW_ATTACH_DISPATCHER)
			sw_dispatch_detach(ifindex);
		else
			drop_pin(pin_dir, h, ifindex);
	}
}

static int attach_by(int prog, const struct sw_device *d, enum sw_attach hook, const char *pin_dir)
{
	switch (hook) {
	case SW_ATTACH_CLSACT:
		return attach_clsact(prog, d->ifindex, BPF_TC_INGRESS);
	case SW_ATTACH_DISPATCHER:
		return sw_dispatch_attach(d, pin_dir);
	default:
		return attach_link(prog, d->ifindex, hook, pin_dir);
	}
}

int sw_attach_packet(const struct sw_gate_progs *p, const struct sw_device *d, enum sw_attach hook,
	const char *pin_dir, bool *ret_is_adopted)
{
	int prog = sw_attach_is_xdp(hook) ? xdp_prog(p) : tc_prog(p, d), r;

	if (hook == SW_ATTACH_NONE || prog < 0)
		return -EOPNOTSUPP;
	if (sw_attach_is_xdp(hook))
		drop_others(pin_dir, d->ifindex, hook, true);
	r = attach_by(prog, d, hook, pin_dir);
	if (r < 0)
		return r;
	drop_others(pin_dir, d->ifindex, hook, false);
	if (ret_is_adopted)
		*ret_is_adopted = r == 1;
	return 0;
}

bool sw_attach_is_there(__u32 ifindex, enum sw_attach hook, const char *pin_dir)
{
	_close_ int fd = -1;

	if (hook == SW_ATTACH_CLSACT)
		return clsact_prog(ifindex, BPF_TC_INGRESS);
	if (hook == SW_ATTACH_DISPATCHER)
		return sw_dispatch_is_there(ifindex);
	fd = open_pin(pin_dir, hook, ifindex);
	return fd >= 0;
}

/* ---- beside the gate: what looks at the way out, and what writes marks behind XDP */

struct beside {
	const char *pin;
	int tcx;
	__u32 flags;
	enum bpf_tc_attach_point clsact;
};
static const struct beside way_out = {"forward", TCX_EGRESS, 0, BPF_TC_EGRESS},
			   behind_xdp = {"tag", TCX_INGRESS, TCX_FIRST, BPF_TC_INGRESS};

static bool beside_path(
	char buf[static SW_PIN_PATH_MAX], const struct beside *b, const char *pin_dir, __u32 ifindex)
{
	return snprintf(buf, SW_PIN_PATH_MAX, "%s/%s-%u", pin_dir, b->pin, ifindex) < SW_PIN_PATH_MAX;
}

static void drop_beside(const struct beside *b, const char *pin_dir, __u32 ifindex)
{
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;

	if (!beside_path(path, b, pin_dir, ifindex))
		return;
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
	unlink(path);
}

/* 1: put there, 0: it was there and has this program now. */
static int beside_by_tcx(const struct beside *b, int prog, __u32 ifindex, const char *pin_dir)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = b->flags);
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;

	if (!beside_path(path, b, pin_dir, ifindex))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd >= 0 && link_ifindex(fd) == ifindex && bpf_link_update(fd, prog, NULL) == 0)
		return 0;
	if (fd >= 0)
		drop_beside(b, pin_dir, ifindex);
	sw_close(TAKE_FD(fd));
	fd = bpf_link_create(prog, (int)ifindex, (enum bpf_attach_type)b->tcx, &opts);
	if (fd < 0 || bpf_obj_pin(fd, path) < 0)
		return -errno;
	return 1;
}

static int beside_by_clsact(const struct beside *b, int prog, __u32 ifindex)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int r;

	if (bpf_obj_get_info_by_fd(prog, &info, &len) == 0 && clsact_prog(ifindex, b->clsact) == info.id)
		return 0;
	r = attach_clsact(prog, ifindex, b->clsact);
	return r < 0 ? r : 1;
}

static int attach_beside(const struct beside *b, int prog, __u32 ifindex, bool has_tcx, const char *pin_dir,
	enum sw_attach *ret)
{
	int r = -EOPNOTSUPP;

	if (prog < 0)
		return r;
	*ret = SW_ATTACH_TCX;
	if (has_tcx)
		r = beside_by_tcx(b, prog, ifindex, pin_dir);
	if (r >= 0)
		return r;
	*ret = SW_ATTACH_CLSACT;
	return beside_by_clsact(b, prog, ifindex);
}

int sw_attach_forward(const struct sw_gate_progs *p, const struct sw_device *d, bool has_tcx, const char *pin_dir,
	enum sw_attach *ret)
{
	return attach_beside(
		&way_out, d->is_layer3 ? p->forward_l3_fd : p->forward_fd, d->ifindex, has_tcx, pin_dir, ret);
}

int sw_attach_tag(const struct sw_gate_progs *p, const struct sw_device *d, bool has_tcx, const char *pin_dir,
	enum sw_attach *ret)
{
	return attach_beside(&behind_xdp, p->tag_fd, d->ifindex, has_tcx, pin_dir, ret);
}

/* At clsact the gate has the same place: who calls knows that it is at XDP. */
void sw_detach_tag(__u32 ifindex, const char *pin_dir)
{
	drop_beside(&behind_xdp, pin_dir, ifindex);
	(void)detach_clsact(ifindex, behind_xdp.clsact);
}

int sw_detach_packet(__u32 ifindex, const char *pin_dir)
{
	int r = detach_clsact(ifindex, BPF_TC_INGRESS), out = detach_clsact(ifindex, BPF_TC_EGRESS);

	drop_beside(&way_out, pin_dir, ifindex);
	drop_beside(&behind_xdp, pin_dir, ifindex);
	if (r >= 0)
		r = out;

	for (enum sw_attach h = SW_ATTACH_NATIVE; h < SW_ATTACH_COUNT; h++) {
		int x = h == SW_ATTACH_DISPATCHER ? sw_dispatch_detach(ifindex) : drop_pin(pin_dir, h, ifindex);

		if (r >= 0)
			r = x;
	}
	return r;
}

bool sw_attach_is_own(__u32 ifindex, const char *pin_dir)
{
	static const enum sw_attach hooks[] = {SW_ATTACH_NATIVE, SW_ATTACH_GENERIC};

	for (size_t i = 0; i < SW_ARRAY_SIZE(hooks); i++) {
		_close_ int fd = open_pin(pin_dir, hooks[i], ifindex);

		if (fd >= 0)
			return true;
	}
	return sw_dispatch_is_there(ifindex);
}

/* The pin of a device that is gone is of no use to anybody. */
static void drop_stale(const struct beside *b, const char *pin_dir, const char *name)
{
	char path[SW_PIN_PATH_MAX];
	size_t len = strlen(b->pin);
	_close_ int fd = -1;
	__u32 ifindex;

	if (strncmp(name, b->pin, len) || sscanf(name + len, "-%u", &ifindex) != 1 ||
		!beside_path(path, b, pin_dir, ifindex))
		return;
	fd = bpf_obj_get(path);
	if (fd >= 0 && link_ifindex(fd) != ifindex)
		unlink(path);
}

static int parse_pin(const char *name, enum sw_attach *ret_hook, __u32 *ret_ifindex)
{
	char word[16];

	if (sscanf(name, "link-%15[a-z]-%u", word, ret_ifindex) != 2)
		return -EINVAL;
	for (enum sw_attach h = SW_ATTACH_NATIVE; h < SW_ATTACH_COUNT; h++) {
		if (sw_streq(word, sw_attach_word(h))) {
			*ret_hook = h;
			return 0;
		}
	}
	return -EINVAL;
}

int sw_attach_each_pin(
	const char *pin_dir, void (*fn)(__u32 ifindex, enum sw_attach hook, void *arg), void *arg)
{
	DIR *d = opendir(pin_dir);
	int n = 0;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		enum sw_attach hook;
		__u32 ifindex;
		_close_ int fd = -1;

		drop_stale(&way_out, pin_dir, e->d_name);
		drop_stale(&behind_xdp, pin_dir, e->d_name);
		if (parse_pin(e->d_name, &hook, &ifindex) < 0)
			continue;
		fd = open_pin(pin_dir, hook, ifindex);
		if (fd < 0)
			continue;
		n++;
		if (fn)
			fn(ifindex, hook, arg);
	}
	closedir(d);
	if (fn)
		sw_dispatch_each(fn, arg);
	return n;
}
