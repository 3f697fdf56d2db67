// SPDX-License-Identifier: GPL-3.0-or-later
/* What feeds allow, on its way to the allow list (bans.h). */
#include "user/enforce/enforce.h"
#include "user/engine/bans.h"

static void say(struct sw_engine *e, const struct sw_allow_change *c)
{
	_strbuf_ struct sw_strbuf more = {};
	struct sw_json *j;

	if (!c->added && !c->removed)
		return;
	if (c->ended)
		sw_strbuf_printf(&more, "; %zu %s", c->ended, c->ended == 1 ? "ban was ended" : "bans were ended");
	if (c->holes)
		sw_strbuf_printf(&more, "; %zu of them are stopped by a wider ban no more", c->holes);
	j = sw_event_begin(e->events, SW_EVK_FEED, "feeds allow %zu networks: %zu came, %zu went%s", c->n, c->added,
		c->removed, sw_strbuf_get(&more));
	sw_json_uint(j, "allowed", c->n);
	sw_json_uint(j, "added", c->added);
	sw_json_uint(j, "removed", c->removed);
	sw_json_uint(j, "unbanned", c->ended);
	sw_event_end(e->events);
}

int sw_engine_take_listed(struct sw_engine *e, const struct sw_allow_listed *rows, size_t n)
{
	struct sw_allow_change c = {};
	int r;

	sw_engine_bans_hold(e); /* one commit for all bans that it ends */
	r = sw_engine_set_listed(e, rows, n, &c);
	sw_engine_bans_release(e);
	say(e, &c);
	return r;
}

struct kept {
	struct sw_allow_listed *at;
	size_t n;
};

static int keep(void *arg, const struct sw_net *net, uint32_t origins)
{
	struct kept *k = arg;

	if (origins & SW_ALLOW_LIST && k->n < SW_ALLOW_FEEDS_ENTRIES)
		k->at[k->n++] = (struct sw_allow_listed){*net, ""};
	return 0;
}

void sw_engine_keep_listed(struct sw_engine *e)
{
	_free_ struct sw_allow_listed *at = calloc(SW_ALLOW_FEEDS_ENTRIES, sizeof(*at));
	struct kept k = {.at = at};
	struct sw_allow_change c;

	if (at && sw_enforce_each_allow_in_kernel(e->enforce, keep, &k) >= 0 && k.n)
		(void)sw_policy_allow_listed(e->policy, at, k.n, &c);
}

static void count(void *arg, const struct sw_allow *a)
{
	unsigned int *n = arg;

	*n += (a->origins & SW_ALLOW_LIST) != 0;
}

unsigned int sw_engine_n_listed(const struct sw_engine *e)
{
	unsigned int n = 0;

	sw_policy_each_allow(e->policy, count, &n);
	return n;
}

unsigned int sw_engine_n_unsaved(const struct sw_engine *e)
{
	return sw_policy_n_unsaved(e->policy);
}

unsigned int sw_engine_n_bans(const struct sw_engine *e)
{
	return sw_policy_n_bans(e->policy);
}

unsigned int sw_engine_n_allow(const struct sw_engine *e)
{
	return sw_policy_n_allow(e->policy);
}
