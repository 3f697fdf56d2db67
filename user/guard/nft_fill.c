// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "user/guard/nft_private.h"
#include "user/trail/drops.h"

void nft_fill_end(struct nft_fill *f)
{
	if (f->message) {
		mnl_attr_nest_end(f->message, f->list);
		nft_close_message(f->batch, f->message);
	}
	f->message = NULL;
	f->n = 0;
}

void nft_fill_key(struct nft_fill *f, const void *key, bool is_end)
{
	struct nlattr *elem, *value;

	if (!f->message)
		f->message = nft_elems_message(f->batch, NFT_MSG_NEWSETELEM, f->set);
	if (!f->message)
		return;
	if (!f->n++)
		f->list = mnl_attr_nest_start(f->message, NFTA_SET_ELEM_LIST_ELEMENTS);
	f->total++;
	elem = mnl_attr_nest_start(f->message, NFTA_LIST_ELEM);
	value = mnl_attr_nest_start(f->message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(f->message, NFTA_DATA_VALUE, f->key_len, key);
	mnl_attr_nest_end(f->message, value);
	if (is_end)
		mnl_attr_put_u32(f->message, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(f->message, elem);
}

static void put_bound(struct nft_fill *f, const struct sw_geo_key *key, bool is_end)
{
	const uint64_t address[2] = {htobe64(key->high), htobe64(key->low)};

	nft_fill_key(f, (const char *)address + sizeof(address) - f->key_len, is_end);
}

/* Both ends in one message. The end is the first that is not of it, which the last of all addresses has none. */
void nft_fill_run(struct nft_fill *f, const struct sw_geo_key *first, const struct sw_geo_key *last)
{
	struct sw_geo_key end = {last->high + (last->low == UINT64_MAX), last->low + 1};
	bool is_to_the_end = f->key_len == 4 ? end.low > (SW_DROPS_IP4_LOW | UINT32_MAX) : !end.high && !end.low;

	put_bound(f, first, false);
	if (!is_to_the_end)
		put_bound(f, &end, true);
	if (f->n > SW_NFT_ELEMS_MAX - 2)
		nft_fill_end(f);
}

void nft_fill_host(struct nft_fill *f, const struct sw_geo_key *key)
{
	put_bound(f, key, false);
	if (f->n >= SW_NFT_ELEMS_MAX)
		nft_fill_end(f);
}
