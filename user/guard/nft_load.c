// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft_load.h"

#include "user/guard/nft_private.h"

static void end_loads(struct sw_nft_load *l)
{
	sw_nft_geo_load_free(TAKE_PTR(l->geo_load));
	sw_nft_trail_load_free(TAKE_PTR(l->trail_load));
}

void sw_nft_load_done(struct sw_nft_load *l)
{
	end_loads(l);
}

void sw_nft_load_look(struct sw_nft_load *l)
{
	l->geo = (struct sw_nft_geo){};
	l->trails = (struct sw_nft_trails){};
}

void sw_nft_load_forget(struct sw_nft_load *l)
{
	end_loads(l);
	sw_nft_load_look(l);
	l->facts.trails_held = l->facts.trails_left_out = 0;
	l->is_geo_due = l->is_trails_due = true;
}

bool sw_nft_load_note(struct sw_nft_load *l, const struct sw_nft_rule_seen *rule)
{
	return sw_nft_geo_note(&l->geo, rule) || sw_nft_trails_note(&l->trails, rule);
}

void sw_nft_load_geo(struct sw_nft_load *l)
{
	sw_nft_geo_load_free(TAKE_PTR(l->geo_load));
	l->is_geo_due = true;
}

void sw_nft_load_trails(struct sw_nft_load *l)
{
	sw_nft_trail_load_free(TAKE_PTR(l->trail_load));
	l->is_trails_due = true;
}

/* ---- sets that nothing asks: of what was in force, or of a load that a guard before did not end */

struct sweep {
	const struct sw_nft_load *load;
	struct sw_nft_batch batch;
};

static int sweep_set(const char *set, void *arg)
{
	struct sweep *s = arg;
	const struct sw_nft_load *l = s->load;
	int geo = sw_nft_geo_bank(set), trails = sw_nft_trails_bank(set);
	bool is_asked = (geo >= 0 && l->geo.is_there && (unsigned int)geo == l->geo.bank) ||
		(trails >= 0 && l->trails.is_there && (unsigned int)trails == l->trails.bank);

	if ((geo >= 0 || trails >= 0) && !is_asked)
		nft_del_set(&s->batch, set);
	return 0;
}

static int note_rule(const struct sw_nft_rule_seen *rule, void *arg)
{
	(void)sw_nft_load_note(arg, rule);
	return 0;
}

static int look(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq)
{
	sw_nft_load_look(l);
	return sw_nft_each_rule(s, seq, note_rule, l);
}

static int sweep(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq)
{
	struct sweep sweep = {.load = l};
	int r = look(l, s, seq);

	if (r < 0)
		return r;
	sw_nft_begin(&sweep.batch, seq);
	*seq += SW_NFT_READ_SEQ; /* what is read meanwhile has numbers of its own */
	r = sw_nft_each_set(s, seq, sweep_set, &sweep);
	if (r < 0) {
		free(sweep.batch.buf);
		return r;
	}
	return sw_nft_commit(&sweep.batch, s, seq);
}

/* ---- the work */

static unsigned int other_bank(bool is_there, unsigned int bank)
{
	return is_there ? !bank : 0;
}

static int begin(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq)
{
	int r = sweep(l, s, seq);

	if (r >= 0 && l->is_geo_due)
		r = sw_nft_geo_load_new(
			l->maps, other_bank(l->geo.is_there, l->geo.bank), l->is_out_dropped, &l->geo_load);
	else if (r >= 0)
		r = sw_nft_trail_load_new(
			l->maps, other_bank(l->trails.is_there, l->trails.bank), l->is_out_dropped, &l->trail_load);
	return r;
}

static struct sw_nft_hits sum(const struct sw_nft_hits *a, const struct sw_nft_hits *b)
{
	return (struct sw_nft_hits){a->packets + b->packets, a->bytes + b->bytes};
}

/* What was counted before there were none for a while, too. */
static void take_kept(struct sw_nft_load *l)
{
	l->trails.in = sum(&l->trails.in, &l->kept_in);
	l->trails.out = sum(&l->trails.out, &l->kept_out);
}

/* Counts go on with the rules that they are of. */
static void swap(struct sw_nft_load *l, struct sw_nft_batch *b)
{
	if (l->trail_load) {
		take_kept(l);
		sw_nft_trail_load_swap(l->trail_load, b, &l->trails);
		return;
	}
	if (sw_nft_geo_load_id(l->geo_load) != l->geo_id)
		memset(l->geo.hits, 0, sizeof(l->geo.hits));
	sw_nft_geo_load_swap(l->geo_load, b, &l->geo);
}

static void note_swapped(struct sw_nft_load *l)
{
	if (l->trail_load) {
		bool has_any = sw_nft_trail_load_has_any(l->trail_load);

		l->kept_in = has_any ? (struct sw_nft_hits){} : l->trails.in;
		l->kept_out = has_any ? (struct sw_nft_hits){} : l->trails.out;
		sw_nft_trail_load_facts(l->trail_load, &l->facts);
		l->is_trails_due = false;
	} else {
		l->geo_id = sw_nft_geo_load_id(l->geo_load);
		l->is_geo_due = false;
	}
	end_loads(l);
}

static int add_part(struct sw_nft_load *l, struct sw_nft_batch *b)
{
	return l->trail_load ? sw_nft_trail_load_part(l->trail_load, b) : sw_nft_geo_load_part(l->geo_load, b);
}

/* The last part goes in with the rules that ask for all of it. */
static int do_part(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq)
{
	struct sw_nft_batch b;
	int more, r;

	sw_nft_begin(&b, seq);
	*seq += SW_NFT_READ_SEQ;
	more = add_part(l, &b);
	r = more == 0 ? look(l, s, seq) : SW_MIN(more, 0);
	if (r < 0) {
		free(b.buf);
		return r;
	}
	if (!more)
		swap(l, &b);
	r = sw_nft_commit(&b, s, seq);
	if (r >= 0 && !more)
		note_swapped(l);
	return r < 0 ? r : more;
}

int sw_nft_load_step(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq)
{
	int r;

	if (!l->geo_load && !l->trail_load) {
		if (!l->is_geo_due && !l->is_trails_due)
			return 0;
		r = begin(l, s, seq);
		if (r < 0)
			return r;
	}
	r = do_part(l, s, seq);
	if (r < 0)
		end_loads(l);
	else if (r == 0) /* what was asked before is nobody's any more */
		r = sweep(l, s, seq);
	return r < 0 ? r : l->geo_load || l->trail_load || l->is_geo_due || l->is_trails_due;
}

void sw_nft_load_status(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq, struct sw_guard_nft *ret)
{
	*ret = l->facts;
	ret->is_loading = l->geo_load || l->trail_load;
	if (look(l, s, seq) < 0)
		return;
	take_kept(l);
	ret->trails_in = (struct sw_guard_hits){l->trails.in.packets, l->trails.in.bytes};
	ret->trails_out = (struct sw_guard_hits){l->trails.out.packets, l->trails.out.bytes};
	for (size_t i = 0; i < SW_GEO_RULES_MAX; i++)
		ret->geo[i] = (struct sw_guard_hits){l->geo.hits[i].packets, l->geo.hits[i].bytes};
}
