// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the configured databases say of an address, for "why": country and autonomous system. The
 * lists of countries are made in trail_run.c. A database is opened again when its file has changed,
 * which is looked for when somebody asks; while the new file is broken the one before answers.
 */
#include "user/base/country.h"
#include "user/engine/trails.h"
#include "user/trail/mmdb.h"
#include "user/trail/static_read.h"

struct database {
	struct sw_mmdb *db;
	uint64_t key; /* of the file when it was tried last */
	char path[256];
};

struct sw_country_part {
	struct database at[2]; /* by enum sw_mmdb_kind */
};

static const char *const degraded_keys[] = {
	[SW_MMDB_COUNTRY] = "countries-file", [SW_MMDB_ASN] = "countries-asn-file"};

static const char *path_of(const struct sw_config *c, enum sw_mmdb_kind kind)
{
	return kind == SW_MMDB_ASN ? c->country_asn_file : c->country_file;
}

static void refresh(struct sw_engine *e, enum sw_mmdb_kind kind)
{
	struct database *d = &e->countries->at[kind];
	const char *path = path_of(e->config, kind), *why = "";
	struct sw_mmdb *db = NULL;
	uint64_t key = 0;

	if (!sw_streq(path, d->path)) {
		sw_mmdb_free(d->db);
		*d = (struct database){};
		sw_strcpy(d->path, sizeof(d->path), path);
		sw_degraded_clear(e, degraded_keys[kind]);
	}
	if (!*path)
		return;
	if (sw_static_fingerprint(path, &key) == 0 && key && key == d->key)
		return;
	d->key = key;
	if (sw_mmdb_open(path, &db, &why) < 0) {
		sw_degraded_set(e, degraded_keys[kind], SW_SEV_MEDIUM, "%s: %s; %s", path, why,
			d->db ? "the database from before answers"
			      : "countries and networks are not told of addresses");
		return;
	}
	sw_degraded_clear(e, degraded_keys[kind]);
	sw_mmdb_free(d->db);
	d->db = db;
}

static void part_configured(struct sw_engine *e, const struct sw_config *old)
{
	refresh(e, SW_MMDB_COUNTRY);
	refresh(e, SW_MMDB_ASN);
}

static int part_init(struct sw_engine *e)
{
	e->countries = calloc(1, sizeof(*e->countries));
	if (!e->countries)
		return -ENOMEM;
	part_configured(e, NULL);
	return 0;
}

static void part_done(struct sw_engine *e)
{
	if (!e->countries)
		return;
	for (size_t i = 0; i < SW_ARRAY_SIZE(e->countries->at); i++)
		sw_mmdb_free(e->countries->at[i].db);
	free(e->countries);
	e->countries = NULL;
}

static void tell(struct sw_engine *e, enum sw_mmdb_kind kind, const struct sw_net *net,
	struct sw_json *j)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_mmdb_about about;
	char code[3], shown[SW_NET_TEXT_MAX];

	refresh(e, kind);
	if (!e->countries->at[kind].db ||
		!sw_mmdb_find(e->countries->at[kind].db, kind, net, &about))
		return;
	sw_country_format(code, about.value);
	if (kind == SW_MMDB_ASN)
		sw_strbuf_printf(&text, "AS%u", about.value);
	else
		sw_strbuf_puts(&text, code);
	if (about.name[0]) {
		sw_strbuf_puts(&text, ", ");
		sw_strbuf_safe(&text, about.name, strlen(about.name));
	}
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "what", kind == SW_MMDB_ASN ? "asn" : "country");
	sw_json_string(j, "net", sw_cidr_format(shown, net));
	sw_json_string(j, "text", sw_strbuf_get(&text));
	sw_json_object_end(j);
}

static void part_why(
	struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j)
{
	if (!net)
		return;
	tell(e, SW_MMDB_COUNTRY, net, j);
	tell(e, SW_MMDB_ASN, net, j);
}

const struct sw_engine_part sw_part_countries = {
	.name = "countries",
	.init = part_init,
	.done = part_done,
	.configured = part_configured,
	.why = part_why,
};
