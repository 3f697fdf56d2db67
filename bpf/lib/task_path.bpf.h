/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of an executable, from its dentries up to the root of its mount namespace. bpf_d_path may
 * not be called where an exec is seen, and where it may (the iterator) nothing holds the file of a
 * process that is exiting; reads that cannot fault are safe in both, and say the same.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "lib/lockdown.bpf.h"
#include "sockwarden/abi/limits.h"

enum {
	TASK_PATH_DEPTH = 24,			    /* directories and mounts followed before the path is cut */
	TASK_PATH_ROOM = SW_EXEC_PATH_MAX + 256, /* a name may be 255 bytes: room that the verifier can see */
};

struct task_path {
	__u16 len;
	__u8 is_cut, is_deleted;
};

struct path_walk {
	struct dentry *dentry, *mnt_root;
	struct mount *mnt;
	__u32 pos; /* where the part of the path that is known begins */
};

/* One step up: 0 at the root, 1 when there is more, -1 when buf is full. */
static __always_inline int path_step(struct path_walk *w, char *buf)
{
	struct dentry *dentry = w->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	struct mount *mnt = w->mnt, *up;
	const unsigned char *name;
	__u32 len;

	if (dentry == w->mnt_root) {
		up = BPF_CORE_READ(mnt, mnt_parent);
		if (!up || up == mnt)
			return 0;
		w->dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		w->mnt = up;
		w->mnt_root = BPF_CORE_READ(up, mnt.mnt_root);
		return 1;
	}
	len = BPF_CORE_READ(dentry, d_name.len);
	name = BPF_CORE_READ(dentry, d_name.name);
	if (len > 255 || len + 1 > w->pos)
		return -1;
	w->pos -= len;
	if (w->pos >= SW_EXEC_PATH_MAX)
		return -1;
	bpf_probe_read_kernel(buf + w->pos, len & 255, name);
	w->pos--;
	if (w->pos >= SW_EXEC_PATH_MAX)
		return -1;
	buf[w->pos] = '/';
	w->dentry = parent;
	return dentry != parent; /* a memfd hangs nowhere: its name alone */
}

/* buf: TASK_PATH_ROOM bytes; the path comes to stand at its start, NUL-ended, in SW_EXEC_PATH_MAX bytes. */
static __always_inline struct task_path task_path_read(struct file *file, char *buf)
{
	struct task_path ret = {};
	struct path_walk w = {.pos = SW_EXEC_PATH_MAX - 1};
	struct vfsmount *vfs;
	int i, more = 1;
	__u32 len;

	buf[0] = 0;
	if (!file)
		return ret;
	ret.is_deleted = file->f_inode->i_nlink == 0;
	if (!can_read_kernel)
		return ret;
	vfs = BPF_CORE_READ(file, f_path.mnt);
	w.dentry = BPF_CORE_READ(file, f_path.dentry);
	w.mnt = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	w.mnt_root = BPF_CORE_READ(vfs, mnt_root);
	buf[SW_EXEC_PATH_MAX - 1] = 0;
	for (i = 0; i < TASK_PATH_DEPTH && more > 0; i++)
		more = path_step(&w, buf);
	ret.is_cut = more != 0;
	if (w.pos >= SW_EXEC_PATH_MAX)
		return ret;
	len = SW_EXEC_PATH_MAX - 1 - w.pos;
	if (len >= SW_EXEC_PATH_MAX)
		return ret;
	bpf_probe_read_kernel(buf, len & (SW_EXEC_PATH_MAX - 1), buf + w.pos);
	buf[len] = 0;
	ret.len = len;
	return ret;
}
