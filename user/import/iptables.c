// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * iptables-save and iptables -S: the networks that rules drop by source become a list of trails, those of xt_geoip
 * rules over countries; what is let in by source is offered as allowed. A chain counts for what is handed to it, so
 * the chains that hand on are followed first. Sources: iptables(8), iptables-extensions(8), xt_geoip(8).
 */
#include "user/base/cidr.h"
#include "user/base/country.h"
#include "user/import/import.h"

enum {
	WORDS_MAX = 64, /* of one rule */
	CHAINS_MAX = 512,
	DEPTH_MAX = 8, /* of chains within chains */
};

enum fate { UNASKED, NOTHING, DROPPED, ACCEPTED };

/* The packets that a chain is handed. */
enum reach { UNKNOWN, NONE, SOME, ALL };

struct rule {
	unsigned int line;
	char *text; /* as it stands; the words lie in a copy */
	char *words;
	const char *chain, *target, *source, *protocol, *ports, *countries;
	const char *other; /* the first condition that nothing here has */
	bool is_not_source, is_not_countries, is_by_destination;
};

struct chain {
	const char *name;
	bool is_built_in, is_open; /* open: it is being followed */
	enum reach reach;
	enum fate fate;
};

struct reader {
	struct sw_import *im;
	const char *file;
	struct rule *rules;
	size_t n_rules, cap_rules;
	struct chain chains[CHAINS_MAX];
	size_t n_chains;
	bool is_filter; /* of a table that drops, or none was named */
	bool has_built_in;
};

static const char PORTS_ASKED[] = "a list counts for every port: a rule of countries.rules with its country says which";
static const char IS_FIREWALLS[] = "addresses and countries are dropped here: leave this to the firewall";

/* ---- reading */

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (sw_streq(word, *words))
			return true;
	}
	return false;
}

/* Cuts a rule into its words; quotes hold one together. */
static unsigned int cut(char *text, char *words[static WORDS_MAX])
{
	unsigned int n = 0;

	for (char *s = text + strspn(text, " \t\r"); *s && n < WORDS_MAX; s += strspn(s, " \t\r")) {
		char stop = *s == '"' ? '"' : 0;

		s += stop != 0;
		words[n++] = s;
		for (; *s && (stop ? *s != stop : !strchr(" \t\r", *s)); s++)
			s += *s == '\\' && s[1];
		if (*s)
			*s++ = 0;
	}
	return n;
}

/* Conditions that change nothing here, where what begins something is asked. */
static bool is_harmless(const char *option, const char *value)
{
	static const char *const words[] = {"-m", "--match", "--comment", "--reject-with", "--log-prefix",
		"--log-level", "--nflog-prefix", "--nflog-group", NULL};

	if (sw_streq(option, "--ctstate") || sw_streq(option, "--state"))
		return sw_streq(value, "NEW");
	return is_one_of(option, words);
}

static bool take_option(struct rule *r, const char *option, const char *value, bool is_not)
{
	static const char *const source[] = {"-s", "--source", "--src", NULL},
		*const protocol[] = {"-p", "--protocol", NULL},
		*const ports[] = {"--dport", "--destination-port", "--dports", "--destination-ports", NULL},
		*const from[] = {"--source-country", "--src-cc", NULL},
		*const to[] = {"--destination-country", "--dst-cc", NULL},
		*const target[] = {"-j", "--jump", "-g", "--goto", NULL};

	if (is_one_of(option, source)) {
		r->source = value;
		r->is_not_source = is_not;
	} else if (is_one_of(option, from) || is_one_of(option, to)) {
		r->countries = value;
		r->is_not_countries = is_not;
		r->is_by_destination = is_one_of(option, to);
	} else if (is_one_of(option, protocol) && !is_not) {
		r->protocol = value;
	} else if (is_one_of(option, ports) && !is_not) {
		r->ports = value;
	} else if (is_one_of(option, target)) {
		r->target = value;
	} else {
		return !is_not && is_harmless(option, value);
	}
	return true;
}

static void take_words(struct rule *r, char *const *words, unsigned int n)
{
	static const char *const bare[] = {"--log-tcp-options", "--log-ip-options", "--log-uid", "-f", "--syn", NULL};
	bool is_not = false;

	for (unsigned int i = 0; i < n; i++) {
		const char *option = words[i];

		if (sw_streq(option, "!")) {
			is_not = true;
			continue;
		}
		if (is_one_of(option, bare)) {
			if (sw_streq(option, "-f"))
				r->other = option;
			continue;
		}
		if (i + 1 < n && sw_streq(words[i + 1], "!")) { /* as it was once written: -s ! NET */
			is_not = true;
			i++;
		}
		if (!take_option(r, option, i + 1 < n ? words[i + 1] : "", is_not) && !r->other)
			r->other = option;
		is_not = false;
		i++;
	}
	if (r->source && (sw_streq(r->source, "0.0.0.0/0") || sw_streq(r->source, "::/0")) && !r->is_not_source)
		r->source = NULL;
	if (r->protocol && sw_streq(r->protocol, "all"))
		r->protocol = NULL;
}

static struct chain *find_chain(struct reader *rd, const char *name)
{
	for (size_t i = 0; i < rd->n_chains; i++) {
		if (sw_streq(rd->chains[i].name, name))
			return &rd->chains[i];
	}
	return NULL;
}

static void note_chain(struct reader *rd, const char *name)
{
	static const char *const built_in[] = {"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING", NULL};
	bool is_built_in = is_one_of(name, built_in);

	rd->has_built_in |= is_built_in;
	if (!find_chain(rd, name) && rd->n_chains < CHAINS_MAX)
		rd->chains[rd->n_chains++] = (struct chain){.name = name, .is_built_in = is_built_in};
}

static struct rule *add_rule(struct reader *rd, const char *line, unsigned int number)
{
	struct rule *r;

	if (rd->n_rules == rd->cap_rules) {
		size_t cap = rd->cap_rules ? rd->cap_rules * 2 : 256;
		struct rule *more = reallocarray(rd->rules, cap, sizeof(*more));

		if (!more)
			return NULL;
		rd->rules = more;
		rd->cap_rules = cap;
	}
	r = &rd->rules[rd->n_rules];
	*r = (struct rule){.line = number, .text = strdup(line), .words = strdup(line)};
	if (r->text && r->words) {
		rd->n_rules++;
		return r;
	}
	free(r->text);
	free(r->words);
	return NULL;
}

/* "*filter", ":INPUT DROP [0:0]", "-P INPUT DROP", "-N NAME", "-A NAME ...". */
static int read_line(struct reader *rd, const char *line, unsigned int number)
{
	char *words[WORDS_MAX];
	struct rule *r;
	unsigned int n, at = 0;

	if (*line == '*')
		rd->is_filter = !sw_streq(line, "*nat") && !sw_streq(line, "*security");
	if (!strncmp(line, "table ", strlen("table "))) {
		sw_strbuf_printf(&rd->im->error, "%s:%u: this is nft's form; iptables-save prints what is read here",
			rd->file, number);
		return -EINVAL;
	}
	if (!*line || *line == '#' || *line == '*' || sw_streq(line, "COMMIT"))
		return 0;
	if (!rd->is_filter) {
		if (line[0] == '-' && line[1] == 'A')
			sw_import_note(rd->im, rd->file, number, line, SW_IMPORT_LEFT, "%s", IS_FIREWALLS);
		return 0;
	}
	r = add_rule(rd, *line == ':' ? line + 1 : line, number);
	if (!r)
		return -ENOMEM;
	n = cut(r->words, words);
	if (*line == ':' || (n > 1 && (sw_streq(words[0], "-P") || sw_streq(words[0], "-N")))) {
		const char *const *name = (const char *const *)words + (*line != ':');
		const char *policy = name < (const char *const *)words + n - 1 ? name[1] : "";

		note_chain(rd, n ? *name : "");
		if (sw_streq(policy, "DROP"))
			sw_import_note(rd->im, rd->file, number, line, SW_IMPORT_LEFT,
				"nothing is closed by default here: leave this to the firewall");
		return 0;
	}
	at = n && words[0][0] == '['; /* counters of iptables-save -c */
	if (n < at + 2 || !is_one_of(words[at], (const char *const[]){"-A", "--append", "-I", NULL})) {
		sw_import_note(rd->im, rd->file, number, line, SW_IMPORT_LEFT,
			"this is no line of iptables-save or iptables -S");
		return 0;
	}
	r->chain = words[at + 1];
	note_chain(rd, r->chain);
	take_words(r, words + at + 2, n - at - 2);
	return 0;
}

/* ---- chains */

static bool has_condition(const struct rule *r)
{
	return r->source || r->protocol || r->ports || r->countries || r->other;
}

static enum fate fate_of(struct reader *rd, const char *target, unsigned int depth);

static enum fate follow(struct reader *rd, const struct chain *c, unsigned int depth)
{
	for (size_t i = 0; i < rd->n_rules; i++) {
		const struct rule *r = &rd->rules[i];
		enum fate fate;

		if (!r->chain || !sw_streq(r->chain, c->name))
			continue;
		fate = fate_of(rd, r->target, depth + 1);
		if (fate != NOTHING)
			return has_condition(r) ? NOTHING : fate; /* some meet another end than the others */
	}
	return NOTHING;
}

/* What becomes of all that is handed to a target. */
static enum fate fate_of(struct reader *rd, const char *target, unsigned int depth)
{
	struct chain *c;

	if (!target || depth > DEPTH_MAX)
		return NOTHING;
	if (sw_streq(target, "DROP") || sw_streq(target, "REJECT"))
		return DROPPED;
	if (sw_streq(target, "ACCEPT"))
		return ACCEPTED;
	c = find_chain(rd, target);
	if (!c)
		return NOTHING;
	if (c->fate == UNASKED)
		c->fate = follow(rd, c, depth);
	return c->fate;
}

static enum reach reach_of(struct reader *rd, struct chain *c, unsigned int depth)
{
	enum reach most = NONE;

	if (c->is_built_in)
		return sw_streq(c->name, "OUTPUT") || sw_streq(c->name, "POSTROUTING") ? SOME : ALL;
	if (!rd->has_built_in)
		return ALL; /* a chain by itself was asked for */
	if (c->reach != UNKNOWN || c->is_open || depth > DEPTH_MAX)
		return c->reach;
	c->is_open = true;
	for (size_t i = 0; i < rd->n_rules && most != ALL; i++) {
		const struct rule *r = &rd->rules[i];
		bool is_to_it = r->chain && r->target && sw_streq(r->target, c->name);
		struct chain *from = is_to_it ? find_chain(rd, r->chain) : NULL;
		enum reach reach = from ? reach_of(rd, from, depth + 1) : NONE;

		if (reach > NONE && has_condition(r))
			reach = SOME;
		most = SW_MAX(most, reach);
	}
	c->is_open = false;
	c->reach = most;
	return most;
}

/* ---- what a rule comes to */

static void leave(struct reader *rd, const struct rule *r, const char *why)
{
	sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_LEFT, "%s", why);
}

/* "80,443,8000:8100" of a protocol as ports of a rule; false: it is none. */
static bool put_ports(const struct rule *r, struct sw_strbuf *out)
{
	const char *protocol = r->protocol ? r->protocol : "";

	if (!r->protocol)
		return !r->ports;
	if (!sw_streq(protocol, "tcp") && !sw_streq(protocol, "udp"))
		return false;
	sw_strbuf_puts(out, "ports: [");
	if (!r->ports)
		sw_strbuf_puts(out, protocol);
	for (const char *s = r->ports; s && *s;) {
		size_t n = strcspn(s, ",");

		if (strspn(s, "0123456789:") < n)
			return false;
		sw_strbuf_printf(out, "%s%s/", s == r->ports ? "" : ", ", protocol);
		for (size_t i = 0; i < n; i++)
			sw_strbuf_putc(out, s[i] == ':' ? '-' : s[i]);
		s += n + (s[n] == ',');
	}
	sw_strbuf_puts(out, "]\n");
	return true;
}

static bool put_countries(const char *codes, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, "countries: [");
	for (const char *s = codes; *s;) {
		size_t n = strcspn(s, ",");
		char code[3] = "";

		if (n == 2)
			memcpy(code, s, n);
		if (!sw_country_is_known(sw_country_parse(code)))
			return false;
		sw_strbuf_printf(out, "%s%s", s == codes ? "" : ", ", code);
		s += n + (s[n] == ',');
	}
	sw_strbuf_puts(out, "]\n");
	return true;
}

static void take_countries(struct reader *rd, const struct rule *r, enum fate fate)
{
	_strbuf_ struct sw_strbuf rule = {};
	bool is_out = sw_streq(r->chain, "OUTPUT") || r->is_by_destination;

	if (fate != DROPPED)
		leave(rd, r, "a rule of countries.rules with action allow-only lets in these alone, for the ports that it says");
	else if (r->source || r->other || (is_out && !r->is_by_destination))
		leave(rd, r, IS_FIREWALLS);
	else if (!put_countries(r->countries, &rule))
		leave(rd, r, "this is no list of country codes");
	else if (!put_ports(r, &rule))
		leave(rd, r, "rules over countries know TCP and UDP with their ports, and everything");
	else {
		if (is_out)
			sw_strbuf_puts(&rule, "direction: out\n");
		if (r->is_not_countries)
			sw_strbuf_puts(&rule, "action: allow-only\n");
		sw_import_add(rd->im,
			sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_ASKED,
				"countries.file has to name your database of countries"),
			"countries.rules", sw_strbuf_get(&rule));
	}
}

static void take_source(struct reader *rd, const struct rule *r, enum fate fate, enum reach reach)
{
	char shown[SW_NET_TEXT_MAX];
	struct sw_net net;
	size_t line;

	if (sw_cidr_parse(r->source, SIZE_MAX, &net) < 0 || !net.plen)
		leave(rd, r, "its source is no address and no network");
	else if (r->is_not_source)
		leave(rd, r, "it means all but a network: leave this to the firewall");
	else if (r->protocol || r->ports)
		leave(rd, r, fate == DROPPED ? PORTS_ASKED : "the allow list counts for every port");
	else if (r->other)
		leave(rd, r, IS_FIREWALLS);
	else if (reach == NONE)
		leave(rd, r, "no rule hands packets to its chain");
	else if (reach == SOME)
		leave(rd, r, "its chain is handed some packets alone, and a list counts for all");
	else if (fate == ACCEPTED) {
		line = sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_ASKED,
			"what it lets in would never be dropped, whatever bans and lists say");
		sw_import_add(rd->im, line, "allow", sw_cidr_format(shown, &net));
	} else if (sw_net_reach(&net) != SW_REACH_PUBLIC)
		leave(rd, r, "a private network: as a trail it would be your own");
	else {
		line = sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_TAKEN, "of the list");
		sw_import_list(rd->im, line, sw_cidr_format(shown, &net));
	}
}

static void take_rule(struct reader *rd, const struct rule *r)
{
	static const char *const logs[] = {"LOG", "NFLOG", "ULOG", NULL};
	struct chain *chain = find_chain(rd, r->chain);
	enum fate fate = fate_of(rd, r->target, 0);

	if (r->target && is_one_of(r->target, logs))
		sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_NEEDLESS, "what is dropped is told of");
	else if (r->target && sw_streq(r->target, "RETURN"))
		leave(rd, r, "what it spares, an exception or the allow list may: trails import --action except");
	else if (fate == NOTHING && r->target && find_chain(rd, r->target) && !r->other)
		sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_NEEDLESS, "the rules of that chain are looked at");
	else if (fate == NOTHING)
		leave(rd, r, IS_FIREWALLS);
	else if (r->countries && chain)
		take_countries(rd, r, fate);
	else if (r->source && chain)
		take_source(rd, r, fate, reach_of(rd, chain, 0));
	else if (!has_condition(r) && chain && !chain->is_built_in)
		sw_import_note(rd->im, rd->file, r->line, r->text, SW_IMPORT_NEEDLESS, "it is counted where packets are handed to it");
	else
		leave(rd, r, IS_FIREWALLS);
}

/* ---- files */

static void done(struct reader *rd)
{
	for (size_t i = 0; i < rd->n_rules; i++) {
		free(rd->rules[i].text);
		free(rd->rules[i].words);
	}
	free(rd->rules);
}

static int read_text(struct sw_import *im, const char *file, char *text)
{
	_cleanup_(done) struct reader rd = {.im = im, .file = file, .is_filter = true};
	unsigned int number = 0;
	int r = 0;

	for (char *next, *line = text; line && r >= 0; line = next) {
		size_t n = strcspn(line, "\n");

		next = line[n] ? line + n + 1 : NULL;
		line[n] = 0;
		while (n && strchr(" \t\r", line[n - 1]))
			line[--n] = 0;
		r = read_line(&rd, line + strspn(line, " \t"), ++number);
	}
	for (size_t i = 0; i < rd.n_rules && r >= 0; i++) {
		if (rd.rules[i].chain)
			take_rule(&rd, &rd.rules[i]);
	}
	return r;
}

int sw_import_iptables(struct sw_import *im, const struct sw_import_args *args)
{
	for (unsigned int i = 0; i < args->n_files; i++) {
		_free_ char *text = NULL;
		int r = sw_import_read_file(args->files[i], &text);

		if (r >= 0)
			r = read_text(im, args->files[i], text);
		if (r < 0 && !im->error.len)
			sw_strbuf_printf(&im->error, "%s: %s", args->files[i], strerror(-r));
		if (r < 0)
			return r;
	}
	return im->is_failed ? -ENOMEM : 0;
}
