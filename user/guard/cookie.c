// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/cookie.h"

#include <bpf/bpf.h>

#include "skel/cookie.skel.h"
#include "sockwarden/abi/cookie.h"
#include "user/base/log.h"
#include "user/base/ports.h"
#include "user/guard/chain.h"
#include "user/kern/bpffs.h"

static int set_ports(const struct bpf_object *o, const struct sw_config *c, __u32 *ret_n)
{
	_free_ struct sw_cookie_ctl *ctl = calloc(1, sizeof(*ctl));

	if (!ctl)
		return -ENOMEM;
	sw_ports_list(&c->decoy_cookie_ports, ctl->ports);
	ctl->cpu_rate = c->decoy_cookie_rate;
	ctl->net_rate = c->decoy_cookie_net_rate;
	*ret_n = sw_ports_count(ctl->ports);
	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(o, "cookie_ctl"), &(__u32){0}, ctl, BPF_ANY);
}

/* The gate first: the kernel holds all that is in a slot to the program that was loaded with it first. */
static int fill_slot(struct sw_plant *p, const char *pin_dir, const struct bpf_object *o)
{
	int prog = bpf_program__fd(bpf_object__find_program_by_name(o, "xdp_cookie"));
	int r = sw_plant_load_chain(p, pin_dir);

	return r < 0 ? r : bpf_map_update_elem(p->maps.fd[SW_MAP_COOKIE], &(__u32){0}, &prog, BPF_ANY);
}

static const char *turn_on(struct sw_plant *p, const char *pin_dir, const struct sw_config *c,
	struct sw_guard_cookie *ret)
{
	const struct sw_load_opts opts = {.pin_dir = pin_dir};
	_cleanup_(sw_load_closep) struct bpf_object *o = NULL;
	size_t size;
	const void *elf = cookie__elf_bytes(&size);

	ret->error = sw_load_one("cookie", elf, size, &opts, "xdp_cookie", &o);
	if (ret->error < 0)
		return "the kernel refuses the program (it takes 6.0 or newer, with CONFIG_SYN_COOKIES)";
	ret->error = set_ports(o, c, &ret->n_ports);
	if (ret->error < 0)
		return "the ports cannot be set";
	ret->error = fill_slot(p, pin_dir, o);
	return ret->error < 0 ? "the gate cannot be made to call the program" : NULL;
}

void sw_cookie_stop(struct sw_plant *p)
{
	if (p->maps.fd[SW_MAP_COOKIE] >= 0)
		(void)bpf_map_delete_elem(p->maps.fd[SW_MAP_COOKIE], &(__u32){0});
	p->has_cookie = false;
}

static void unpin(const char *pin_dir)
{
	static const char *const names[] = {"cookie_ctl", "cookie_cpu", "cookie_nets", "cookie_told"};
	char path[SW_PIN_PATH_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", pin_dir, names[i]) < (int)sizeof(path))
			unlink(path);
	}
}

/* The gate that calls others stays for the operator's program alone, too. */
static void turn_off(struct sw_plant *p, struct sw_follow *f, const char *pin_dir)
{
	struct sw_guard_chain chain;

	sw_cookie_stop(p);
	unpin(pin_dir);
	sw_chain_status(p, &chain);
	if (chain.id || p->progs.chain_fd < 0)
		return;
	if (!f || sw_follow_set_chain(f, -1) == 0)
		sw_plant_drop_chain(p);
}

void sw_cookie_configure(struct sw_plant *p, struct sw_follow *f, const char *pin_dir, const struct sw_config *c,
	struct sw_guard_cookie *ret)
{
	const char *why;

	*ret = (struct sw_guard_cookie){.is_on = c->decoy_cookie_ports.n > 0};
	if (!ret->is_on) {
		turn_off(p, f, pin_dir);
		return;
	}
	why = turn_on(p, pin_dir, c, ret);
	if (why) {
		sw_strcpy(ret->why, sizeof(ret->why), why);
		sw_log_err(ret->error, "no decoys with cookies: %s", why);
		turn_off(p, f, pin_dir);
		return;
	}
	p->has_cookie = true;
	if (f)
		(void)sw_follow_set_chain(f, p->progs.chain_fd); /* which device keeps the gate it had is logged */
	sw_log_notice("decoys with cookies: %u TCP ports, answered by XDP", ret->n_ports);
}
