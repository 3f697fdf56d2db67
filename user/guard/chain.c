// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/chain.h"

#include <bpf/bpf.h>

#include "user/base/log.h"

/* A map has a type of the same number: what kind of object a descriptor is, its link alone tells. */
static bool is_program(int fd)
{
	char path[32], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return sw_streq(target, "anon_inode:bpf-prog");
}

static int check_type(int prog, char *text, size_t size)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	const char *type;

	if (!is_program(prog) || bpf_obj_get_info_by_fd(prog, &info, &len) < 0) {
		snprintf(text, size, "that is no BPF program");
		return -EINVAL;
	}
	if (info.type == BPF_PROG_TYPE_XDP)
		return 0;
	type = libbpf_bpf_prog_type_str((enum bpf_prog_type)info.type);
	snprintf(text, size, "program %u (%s) is of type %s: the gate hands its packets to XDP programs alone", info.id,
		info.name, type ? type : "unknown");
	return -EINVAL;
}

/* The gate first: the kernel holds all that is in a slot to the program that was loaded with it first. */
static int fill_slot(struct sw_plant *p, const char *pin_dir, int prog, char *text, size_t size)
{
	__u32 zero = 0;
	int r = check_type(prog, text, size);

	if (r < 0)
		return r;
	r = sw_plant_load_chain(p, pin_dir);
	if (r < 0) {
		snprintf(text, size, "the kernel refuses the gate that calls another program: %s", strerror(-r));
		return r;
	}
	if (bpf_map_update_elem(p->maps.fd[SW_MAP_CHAIN], &zero, &prog, BPF_ANY) == 0)
		return 0;
	r = -errno;
	snprintf(text, size, "the kernel will not call it from the gate (%s): it must be made for packets in one piece "
			     "(SEC(\"xdp\"), not xdp.frags), and not be for one device's hardware", strerror(-r));
	return r;
}

static int empty_slot(struct sw_plant *p, char *text, size_t size)
{
	__u32 zero = 0;

	if (bpf_map_delete_elem(p->maps.fd[SW_MAP_CHAIN], &zero) < 0 && errno != ENOENT) {
		snprintf(text, size, "its slot cannot be emptied: %s", strerror(errno));
		return -EIO;
	}
	if (!p->has_cookie)
		sw_plant_drop_chain(p);
	return 0;
}

void sw_chain_status(const struct sw_plant *p, struct sw_guard_chain *ret)
{
	struct bpf_prog_info info = {};
	__u32 zero = 0, id = 0, len = sizeof(info);
	_close_ int fd = -1;

	*ret = (struct sw_guard_chain){};
	if (bpf_map_lookup_elem(p->maps.fd[SW_MAP_CHAIN], &zero, &id) < 0)
		return;
	ret->id = id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return;
	ret->uid = info.created_by_uid;
	sw_strcpy(ret->name, sizeof(ret->name), info.name);
	for (size_t i = 0; i < sizeof(info.tag); i++)
		snprintf(ret->tag + 2 * i, sizeof(ret->tag) - 2 * i, "%02x", info.tag[i]);
}

void sw_chain_adopt(struct sw_plant *p, const char *pin_dir)
{
	struct sw_guard_chain c;
	int r = 0;

	sw_chain_status(p, &c);
	if (c.id)
		r = sw_plant_load_chain(p, pin_dir);
	if (r < 0)
		sw_log_err(r, "chained program %u (%s) gets no packets: the kernel refuses the gate before it", c.id, c.name);
}

/* A slot is full before the gate that calls it is on a device, and empty after that is off. */
int sw_chain_set(struct sw_plant *p, struct sw_follow *f, const char *pin_dir, int prog, char *text, size_t size)
{
	struct sw_guard_chain c;
	int r = prog < 0 ? 0 : fill_slot(p, pin_dir, prog, text, size);

	if (r < 0)
		return r;
	r = sw_follow_set_chain(f, prog < 0 && !p->has_cookie ? -1 : p->progs.chain_fd);
	if (r < 0)
		snprintf(text, size, "a device keeps the gate that it had: the log says which");
	else if (prog < 0)
		r = empty_slot(p, text, size);
	if (r < 0)
		return r;
	sw_chain_status(p, &c);
	if (c.id)
		sw_log_notice("chained: XDP program %u (%s) gets what the gate passes", c.id, c.name);
	else
		sw_log_notice("no program is chained any more");
	return 0;
}
