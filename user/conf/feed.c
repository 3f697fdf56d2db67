// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/feed.h"

#include <assert.h>

#include "user/base/clock.h"
#include "user/conf/schema.h"
#include "user/conf/value.h"
#include "user/feeds/feeds.h"

static void take_description(const struct sw_feed_desc *d, struct sw_config_feed *f)
{
	sw_strcpy(f->url, sizeof(f->url), d->url ? d->url : "");
	sw_strcpy(f->parser, sizeof(f->parser), d->parser);
	f->refresh_sec = d->refresh_sec;
	f->min_entries = d->min_entries;
	f->max_entries = d->max_entries;
	f->max_age_sec = d->max_age_sec;
	f->max_frozen_sec = d->max_frozen_sec;
	f->max_change = d->max_change;
	f->action = d->action;
}

void sw_conf_feed_defaults(const char *name, struct sw_config_feed *ret)
{
	const struct sw_feed_desc *d = sw_feed_desc_find(name);
	_strbuf_ struct sw_strbuf why = {};

	*ret = (struct sw_config_feed){};
	for (const struct sw_conf_row *row = sw_conf_feed_rows; row->key; row++) {
		int r = row->fallback ? sw_conf_value_set(row, ret, row->fallback, &why) : 0;

		assert(r == 0); /* a default that its own row refuses is a mistake in the table */
		(void)r;
	}
	sw_strcpy(ret->name, sizeof(ret->name), name);
	if (d)
		take_description(d, ret);
}

static void say_no_url(const struct sw_config_feed *f, struct sw_strbuf *why)
{
	const struct sw_feed_desc *d = sw_feed_desc_find(f->name);
	const char *near = sw_feed_desc_suggest(f->name);

	sw_strbuf_puts(why, "'url' is missing");
	if (d)
		sw_strbuf_printf(why, ": that of %s holds a key of your own, see %s", d->name, d->home);
	else if (near)
		sw_strbuf_printf(why, ", and no feed of this name is described: did you mean '%s'?", near);
}

int sw_conf_feed_check_allow(const struct sw_config_feed *f, struct sw_strbuf *why)
{
	const struct sw_feed_desc *d = sw_feed_desc_find(f->name);

	if (f->action != SW_FEED_ALLOW || (d ? d->flags & SW_FEED_MAY_ALLOW : f->may_allow))
		return 0;
	sw_strbuf_printf(why, "'allow' is no action of this feed, for %s would choose whom nothing stops; ",
		d ? "its publisher" : "whoever writes it");
	if (d)
		sw_strbuf_printf(why, "%s lists no crawler and no monitoring service: 'sockwarden feeds list' says which may", d->name);
	else
		sw_strbuf_puts(why, "list under 'allow:' what you allow, take googlebot and bingbot for crawlers, or say 'may_allow: true' of a list that is your own");
	return -EINVAL;
}

int sw_conf_feed_check(const struct sw_config_feed *f, struct sw_strbuf *why)
{
	const struct sw_feed_desc *d = sw_feed_desc_find(f->name);
	char min[SW_TIME_TEXT_MAX];
	struct sw_feed_form form;
	const char *text;

	if (!f->url[0])
		say_no_url(f, why);
	else if (f->min_entries > f->max_entries)
		sw_strbuf_puts(why, "min_entries is larger than max_entries");
	else if (sw_feed_form_parse(f->parser, &form, &text) < 0)
		sw_strbuf_printf(why, "parser: %s", text);
	else if (f->action == SW_TRAIL_EXCEPT && (!d || d->action != SW_TRAIL_EXCEPT))
		sw_strbuf_puts(why, "action: 'except' is for feeds that are described so: who writes any other would choose whom to spare");
	else if (sw_conf_feed_check_allow(f, why) < 0)
		return -EINVAL;
	else if (f->action == SW_FEED_ALLOW && (!f->max_age_sec || f->max_age_sec > SW_ALLOW_FEED_AGE_DAYS * 86400ull))
		sw_strbuf_printf(why, "max_age: a list that allows leaves when it is not renewed, within %dd: addresses change hands",
			SW_ALLOW_FEED_AGE_DAYS);
	else if (d && d->url && sw_streq(d->url, f->url) && f->refresh_sec < d->refresh_min_sec)
		sw_strbuf_printf(why, "refresh: its publisher asks for %s at least",
			sw_duration_format(min, d->refresh_min_sec));
	else
		return 0;
	return -EINVAL;
}

int sw_conf_feed_set(struct sw_config_feed *f, const char *key, const char *text, struct sw_strbuf *why)
{
	for (const struct sw_conf_row *row = sw_conf_feed_rows; row->key; row++)
		if (sw_streq(row->key, key))
			return sw_conf_value_set(row, f, text, why);
	return -ENOENT;
}
