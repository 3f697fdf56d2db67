// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/backends.h"

#include "user/guard/actions.h"
#include "user/guard/cut.h"
#include "user/guard/files.h"
#include "user/guard/nft.h"

struct sw_backends {
	struct sw_nft *nft;
	struct sw_files *files;
	struct sw_actions *actions;
	struct sw_cut *cut;
};

static void on_written(unsigned int i, void *arg)
{
	struct sw_backends *b = arg;

	sw_actions_reload(b->actions, i);
}

int sw_backends_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	bool is_adopting, struct sw_backends **ret)
{
	_cleanup_(sw_backends_freep) struct sw_backends *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = sw_nft_new(l, clock, maps, is_adopting, &b->nft);
	if (r >= 0)
		r = sw_files_new(l, clock, maps, on_written, b, &b->files);
	if (r >= 0)
		r = sw_actions_new(l, clock, maps, &b->actions);
	if (r >= 0)
		r = sw_cut_new(l, clock, maps, &b->cut);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

void sw_backends_free(struct sw_backends *b)
{
	if (!b)
		return;
	sw_cut_free(b->cut);
	sw_files_free(b->files);
	sw_actions_free(b->actions);
	sw_nft_free(b->nft);
	free(b);
}

void sw_backends_freep(struct sw_backends **b)
{
	sw_backends_free(*b);
}

void sw_backends_configure(
	struct sw_backends *b, const struct sw_config *c, const struct sw_gate_ctl *ctl)
{
	sw_nft_configure(b->nft, c, ctl);
	sw_actions_configure(b->actions, c, ctl);
	sw_files_configure(b->files, c, ctl);
	sw_cut_configure(b->cut, c, ctl);
}

void sw_backends_put(
	struct sw_backends *b, const struct sw_guard_ban *bans, size_t n, bool is_fresh)
{
	sw_nft_put(b->nft, bans, n, is_fresh);
	if (!n)
		return;
	sw_actions_put(b->actions, bans, n);
	sw_files_changed(b->files);
	if (is_fresh)
		sw_cut_put(b->cut, bans, n);
}

void sw_backends_del(struct sw_backends *b, const struct sw_guard_ban *bans, size_t n)
{
	sw_nft_del(b->nft, bans, n);
	sw_actions_del(b->actions, bans, n);
	sw_files_changed(b->files);
}

void sw_backends_allow(struct sw_backends *b, const struct sw_guard_allow *allows, size_t n)
{
	sw_nft_allow(b->nft, allows, n);
	sw_files_changed(b->files);
}

void sw_backends_geo(struct sw_backends *b)
{
	sw_nft_geo(b->nft);
}

void sw_backends_bare(bool has_bare, void *backends)
{
	struct sw_backends *b = backends;

	sw_nft_bare(b->nft, has_bare);
}

void sw_backends_trails(struct sw_backends *b)
{
	sw_nft_trails(b->nft);
}

bool sw_backends_cut(struct sw_backends *b, const struct sw_guard_cut *cut)
{
	return sw_cut_flow(b->cut, cut);
}

void sw_backends_status(struct sw_backends *b, struct sw_guard_status *ret)
{
	sw_nft_status(b->nft, &ret->backends[SW_BACKEND_NFTABLES], &ret->nft);
	sw_files_status(b->files, &ret->backends[SW_BACKEND_HOSTS_DENY]);
	sw_actions_status(b->actions, &ret->backends[SW_BACKEND_EXEC]);
}

void sw_backends_verdict(
	struct sw_backends *b, const struct sw_net *net, struct sw_guard_verdict *ret)
{
	ret->state[SW_BACKEND_NFTABLES] = (__u8)sw_nft_verdict(b->nft, net, &ret->nft_hits);
	ret->state[SW_BACKEND_HOSTS_DENY] = (__u8)sw_files_verdict(b->files, net);
	ret->state[SW_BACKEND_EXEC] = (__u8)sw_actions_verdict(b->actions, net);
}

void sw_backends_remove(struct sw_backends *b)
{
	sw_files_remove(b->files);
	sw_actions_finish(b->actions);
	sw_nft_remove(b->nft);
}
