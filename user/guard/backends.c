// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/backends.h"

#include "user/guard/nft.h"

struct sw_backends {
	struct sw_nft *nft;
};

int sw_backends_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	bool is_adopting, struct sw_backends **ret)
{
	_cleanup_(sw_backends_freep) struct sw_backends *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = sw_nft_new(l, clock, maps, is_adopting, &b->nft);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

void sw_backends_free(struct sw_backends *b)
{
	if (!b)
		return;
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
	sw_nft_configure(b->nft, c->ban_backends & 1U << SW_BACKEND_NFTABLES, ctl);
}

void sw_backends_put(
	struct sw_backends *b, const struct sw_guard_ban *bans, size_t n, bool is_fresh)
{
	sw_nft_put(b->nft, bans, n, is_fresh);
}

void sw_backends_del(struct sw_backends *b, const struct sw_guard_ban *bans, size_t n)
{
	sw_nft_del(b->nft, bans, n);
}

void sw_backends_allow(struct sw_backends *b, const struct sw_guard_allow *allows, size_t n)
{
	sw_nft_allow(b->nft, allows, n);
}

void sw_backends_status(const struct sw_backends *b, struct sw_guard_backend *ret)
{
	sw_nft_status(b->nft, &ret[SW_BACKEND_NFTABLES]);
}

void sw_backends_verdict(
	struct sw_backends *b, const struct sw_net *net, struct sw_guard_verdict *ret)
{
	ret->state[SW_BACKEND_NFTABLES] = (__u8)sw_nft_verdict(b->nft, net, &ret->nft_hits);
}

void sw_backends_remove(struct sw_backends *b)
{
	sw_nft_remove(b->nft);
}
