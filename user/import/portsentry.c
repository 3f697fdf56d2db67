// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PortSentry 1.2 and 2: portsentry.conf, the ignore file it names, Debian's /etc/default/portsentry (the
 * modes), hosts.allow. Source: README.install and portsentry.conf(5) of these versions.
 */
#include <arpa/inet.h>

#include "user/base/cidr.h"
#include "user/base/ports.h"
#include "user/import/import.h"

enum { PORTS_END = 65536, VALUE_MAX = 512 };

/*
 * The daemon's modes: -tcp, -udp listen on a list; -stcp, -sudp watch it raw; -atcp, -audp all below a port.
 * Version 2 has two: --connect listens on both lists, --stealth watches both.
 */
struct modes {
	bool tcp, udp, atcp, audp;
};

/* A value, and the line that gave it: what it means depends on the modes, which may come in a later file. */
struct kept {
	char value[VALUE_MAX * 4];
	size_t line;
	bool is_given;
};

struct reader {
	struct sw_import *im;
	struct modes modes;
	struct kept tcp_ports, udp_ports, below_tcp, below_udp, exclude_tcp, exclude_udp, block_tcp,
		block_udp, banner;
};

struct directive {
	const char *key;
	void (*read)(struct reader *r, const struct sw_import_entry *e);
	size_t keep; /* offset of a struct kept, with read NULL */
	const char *needless; /* why nothing has to be set */
};

static bool is_on(const char *value)
{
	return *value && !sw_streq(value, "0");
}

/* ---- the ignore file and hosts.allow */

/* 0.0.0.0 is what a host without an address calls itself: one address, and never the whole network. */
static bool read_net(const char *text, size_t len, struct sw_net *ret)
{
	const char *slash = memchr(text, '/', len), *mask = slash ? slash + 1 : NULL;
	struct in_addr m;
	char buf[SW_NET_TEXT_MAX];
	__u32 bits;

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	if (!mask || !memchr(mask, '.', len - (size_t)(mask - text)))
		return sw_cidr_parse(buf, SIZE_MAX, ret) == 0 && (ret->plen || !slash);
	if (inet_pton(AF_INET, buf + (mask - text), &m) != 1)
		return false;
	bits = ~ntohl(m.s_addr);
	if ((bits & (bits + 1)) || sw_cidr_parse(buf, (size_t)(slash - text), ret) < 0)
		return false;
	*ret = sw_net_trim(ret, (unsigned int)__builtin_popcount(~bits));
	return ret->plen > 0;
}

static void allow_net(void *arg, const char *file, unsigned int number, char *text, size_t len)
{
	struct reader *r = arg;
	char shown[SW_NET_TEXT_MAX];
	struct sw_net net;

	if (len > 2 && sw_streq(text + len - 2, "/0")) {
		sw_import_note(r->im, file, number, text, SW_IMPORT_LEFT, "every address there is: nothing would ever be dropped");
		return;
	}
	if (!read_net(text, len, &net)) {
		sw_import_note(r->im, file, number, text, SW_IMPORT_LEFT,
			"this is no address and no network; a name is never resolved to decide about a ban");
		return;
	}
	sw_import_add(r->im, sw_import_note(r->im, file, number, text, SW_IMPORT_TAKEN, "%s", ""),
		"allow", sw_cidr_format(shown, &net));
}

static void read_ignore_file(struct reader *r, const struct sw_import_entry *e)
{
	_free_ char *text = NULL;
	char path[VALUE_MAX], *slash;
	int err = sw_import_read_file(e->value, &text);

	snprintf(path, sizeof(path), "%s", e->value);
	if (err == -ENOENT) { /* a copy of the configuration has its files beside it */
		slash = strrchr(e->value, '/');
		snprintf(path, sizeof(path), "%.*s%s",
			(int)(strrchr(e->file, '/') ? strrchr(e->file, '/') + 1 - e->file : 0),
			e->file, slash ? slash + 1 : e->value);
		err = sw_import_read_file(path, &text);
	}
	if (err < 0) {
		sw_import_note(r->im, e->file, e->number, e->text, SW_IMPORT_LEFT,
			"%s: %s; give the file too", e->value, strerror(-err));
		return;
	}
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "its addresses are never dropped");
	sw_import_words(path, text, allow_net, r);
}

/* hosts_access(5): "daemons : clients [: options]"; what may come in may be wanted as never banned. */
static void read_hosts_allow(struct reader *r, const char *file, char *text)
{
	unsigned int number = 0;

	for (char *next, *line = text; line; line = next) {
		char *clients, *save = NULL, shown[SW_NET_TEXT_MAX];
		_free_ char *whole = NULL;
		struct sw_net net;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		number++;
		clients = strchr(line, ':');
		if (line[strspn(line, " \t")] == '#' || !clients)
			continue;
		whole = strdup(line);
		if (!whole)
			return;
		for (char *w = strtok_r(clients + 1, " ,\t\r", &save); w && *w != ':';
			w = strtok_r(NULL, " ,\t\r", &save)) {
			size_t n = strlen(w);

			if (n > 1 &&
				w[n - 1] == '.') { /* "192.0.2." is the network of these octets */
				unsigned int dots = 0;

				for (size_t i = 0; i < n; i++)
					dots += w[i] == '.';
				snprintf(shown, sizeof(shown), "%s%s/%u", w,
					dots == 3           ? "0"
						: dots == 2 ? "0.0"
							    : "0.0.0",
					dots * 8);
				w = shown;
				n = strlen(shown);
			}
			if (read_net(w, n, &net))
				sw_import_add(r->im,
					sw_import_note(r->im, file, number, whole, SW_IMPORT_ASKED,
						"tcp wrappers let it in, so it may be one to never ban"),
					"allow", sw_cidr_format(shown, &net));
			else
				sw_import_note(r->im, file, number, whole, SW_IMPORT_LEFT,
					"'%s' is no address and no network; a name is never resolved to decide about a ban",
					w);
		}
	}
}

/* ---- the directives */

static void read_tcp_mode(struct reader *r, const struct sw_import_entry *e);
static void read_udp_mode(struct reader *r, const struct sw_import_entry *e);

static void read_resolve(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, is_on(e->value) ? SW_IMPORT_LEFT : SW_IMPORT_NEEDLESS,
		"no name is ever looked up for an attacker: who owns the name could forge or delay it");
}

static void read_kill_route(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_NEEDLESS,
		"a ban is dropped in the packet hook, without a command; arm to have it so");
}

static void read_hosts_deny(struct reader *r, const struct sw_import_entry *e)
{
	size_t line;

	if (!*e->value)
		return;
	line = sw_import_say(r->im, e, SW_IMPORT_TAKEN, "a marked block of the file, beside the packet hook");
	sw_import_add(r->im, line, "bans.backends", "xdp");
	sw_import_add(r->im, line, "bans.backends", "hosts.deny");
}

/*
 * The command as words without a shell; false for one that only a shell understands. $TARGET$ becomes the
 * address; a ban knows neither port nor mode, so that '-' stands for them.
 */
static bool read_command(const char *value, char *ret, size_t size, bool *ret_has_dash)
{
	static const struct {
		const char *macro, *put;
	} macros[] = {{"$TARGET$", "<ip>"}, {"$PORT$", "-"}, {"$MODE$", "-"}};
	size_t n = 0;

	if (*value != '/')
		return false;
	while (*value) {
		const char *put = value;
		size_t len = 1, used = 1;

		for (size_t i = 0; i < SW_ARRAY_SIZE(macros); i++) {
			if (strncmp(value, macros[i].macro, strlen(macros[i].macro)))
				continue;
			put = macros[i].put;
			len = strlen(put);
			used = strlen(macros[i].macro);
			*ret_has_dash |= i > 0;
		}
		if (n + len >= size || (used == 1 && strchr("$`|;&<>()\"'\\*?#~", *value)))
			return false;
		memcpy(ret + n, put, len);
		n += len;
		value += used;
	}
	ret[n] = 0;
	return true;
}

static void read_run_cmd(struct reader *r, const struct sw_import_entry *e)
{
	char command[VALUE_MAX], element[VALUE_MAX + 64];
	bool has_dash = false;
	size_t line;

	if (!*e->value)
		return;
	if (!read_command(e->value, command, sizeof(command), &has_dash)) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT,
			"an action is a path and words, seen by no shell: put it into a script; and one that strikes back hits whoever was forged");
		return;
	}
	line = sw_import_say(r->im, e, SW_IMPORT_ASKED,
		has_dash ? "the attacker chooses when it runs and on whom: one that strikes back hits whoever was forged; '-' stands for port and mode, since a ban is of an address"
			 : "the attacker chooses when it runs and on whom: one that strikes back hits whoever was forged");
	sw_import_add(r->im, line, "bans.backends", "xdp");
	sw_import_add(r->im, line, "bans.backends", "exec");
	snprintf(element, sizeof(element), "name: portsentry\nban: \"%s\"", command);
	sw_import_add(r->im, line, "actions", element);
}

static void read_run_first(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_NEEDLESS, "the ban comes first: it takes microseconds");
}

static void read_trigger(struct reader *r, const struct sw_import_entry *e)
{
	if (!is_on(e->value)) {
		sw_import_say(
			r->im, e, SW_IMPORT_NEEDLESS, "the first completed connection counts");
		return;
	}
	sw_import_set(r->im,
		sw_import_say(r->im, e, SW_IMPORT_TAKEN,
			"so many connections of one source are forgiven"),
		"decoys.trigger", e->value);
}

#define KEEP(member)  NULL, offsetof(struct reader, member), NULL
#define READ(fn)      fn, 0, NULL
#define NEEDLESS(why) NULL, 0, why

static const struct directive directives[] = {
	{"TCP_PORTS", KEEP(tcp_ports)},
	{"UDP_PORTS", KEEP(udp_ports)},
	{"ADVANCED_PORTS_TCP", KEEP(below_tcp)},
	{"ADVANCED_PORTS_UDP", KEEP(below_udp)},
	{"ADVANCED_EXCLUDE_TCP", KEEP(exclude_tcp)},
	{"ADVANCED_EXCLUDE_UDP", KEEP(exclude_udp)},
	{"BLOCK_TCP", KEEP(block_tcp)},
	{"BLOCK_UDP", KEEP(block_udp)},
	{"PORT_BANNER", KEEP(banner)},
	{"IGNORE_FILE", READ(read_ignore_file)},
	{"RESOLVE_HOST", READ(read_resolve)},
	{"KILL_ROUTE", READ(read_kill_route)},
	{"KILL_HOSTS_DENY", READ(read_hosts_deny)},
	{"KILL_RUN_CMD", READ(read_run_cmd)},
	{"KILL_RUN_CMD_FIRST", READ(read_run_first)},
	{"SCAN_TRIGGER", READ(read_trigger)},
	{"TCP_MODE", READ(read_tcp_mode)},
	{"UDP_MODE", READ(read_udp_mode)},
	{"HISTORY_FILE",
		NEEDLESS(
			"findings and bans are in the database: sockwarden findings, sockwarden bans")},
	{"BLOCKED_FILE",
		NEEDLESS(
			"findings and bans are in the database: sockwarden findings, sockwarden bans")},
};

static void on_entry(void *arg, const struct sw_import_entry *e)
{
	struct reader *r = arg;
	struct kept *k;

	for (size_t i = 0; i < SW_ARRAY_SIZE(directives); i++) {
		const struct directive *d = &directives[i];

		if (!sw_streq(d->key, e->key))
			continue;
		if (d->needless) {
			sw_import_say(r->im, e, SW_IMPORT_NEEDLESS, d->needless);
		} else if (d->read) {
			d->read(r, e);
		} else {
			k = (struct kept *)((char *)r + d->keep);
			k->is_given = snprintf(k->value, sizeof(k->value), "%s", e->value) <
				(int)sizeof(k->value);
			k->line = sw_import_say(r->im, e,
				k->is_given ? SW_IMPORT_TAKEN : SW_IMPORT_LEFT,
				k->is_given ? "" : "too long");
		}
		return;
	}
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "no directive of PortSentry has this name");
}

/* ---- the modes */

static bool read_mode(struct modes *m, const char *word)
{
	static const struct {
		const char *word;
		struct modes modes;
	} rows[] = {{"tcp", {.tcp = true}}, {"stcp", {.tcp = true}}, {"atcp", {.atcp = true}}, {"udp", {.udp = true}},
		{"sudp", {.udp = true}}, {"audp", {.audp = true}}, {"connect", {.tcp = true, .udp = true}},
		{"stealth", {.tcp = true, .udp = true}}};

	word += strspn(word, "-");
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (!sw_streq(word, rows[i].word))
			continue;
		m->tcp |= rows[i].modes.tcp;
		m->udp |= rows[i].modes.udp;
		m->atcp |= rows[i].modes.atcp;
		m->audp |= rows[i].modes.audp;
		return true;
	}
	return false;
}

static void read_tcp_mode(struct reader *r, const struct sw_import_entry *e)
{
	bool is_known = read_mode(&r->modes, e->value);

	sw_import_say(r->im, e, is_known ? SW_IMPORT_TAKEN : SW_IMPORT_LEFT,
		is_known
			? (*e->value == 's'
					  ? "stealth scans of any port are seen in the packet hook as well"
					  : "")
			: "tcp, stcp, atcp, udp, sudp, audp, connect and stealth are the modes there are");
}

static void read_udp_mode(struct reader *r, const struct sw_import_entry *e)
{
	read_tcp_mode(r, e);
}

/* ---- what it comes to */

/* "1,11,15" and "6000-6063" into bits; false with the word that is no port. */
static bool read_ports(const char *list, __u8 *bits, char *bad, size_t size)
{
	const char *at = list;

	while (*at) {
		unsigned int first = 0, last = 0;
		size_t n = strcspn(at, ", \t");
		int used = 0;

		if (n &&
			(sscanf(at, "%5u-%5u%n", &first, &last, &used) == 2 ||
				sscanf(at, "%5u%n", &first, &used) == 1) &&
			(size_t)used == n) {
			last = last ? last : first;
			if (first && first <= last && last < PORTS_END) {
				sw_ports_set(bits, first, last);
				n += at[n] != 0;
				at += n;
				continue;
			}
		}
		if (n) {
			snprintf(bad, size, "%.*s", (int)n, at);
			return false;
		}
		at++;
	}
	return true;
}

static void leave(struct reader *r, const struct kept *k, const char *why)
{
	struct sw_import_line *l = &r->im->lines[k->line];
	char *text;

	if (!k->is_given || l->state != SW_IMPORT_TAKEN)
		return;
	text = strdup(why);
	if (!text)
		return;
	free(l->note);
	l->note = text;
	l->state = SW_IMPORT_LEFT;
	r->im->counts[SW_IMPORT_TAKEN]--;
	r->im->counts[SW_IMPORT_LEFT]++;
}

/* The ports as ranges into the list at key; the number of ranges, at most what the setting takes. */
static void put_ports(struct reader *r, const struct kept *k, const __u8 *bits, const char *key)
{
	unsigned int n = 0;

	for (unsigned int first = 1, last; first < PORTS_END; first = last + 1) {
		char text[24];

		last = first;
		if (!sw_ports_has(bits, first))
			continue;
		while (last + 1 < PORTS_END && sw_ports_has(bits, last + 1))
			last++;
		if (n++ == SW_CONFIG_PORTS_MAX) {
			sw_import_note(r->im, "decoys", 0, "", SW_IMPORT_LEFT,
				"more than %d ports and ranges: those from %u on",
				SW_CONFIG_PORTS_MAX, first);
			return;
		}
		snprintf(text, sizeof(text), first == last ? "%u" : "%u-%u", first, last);
		sw_import_add(r->im, k->line, key, text);
	}
}

static void put_listed(struct reader *r, const struct kept *k, const char *key)
{
	__u8 bits[SW_DECOY_PORT_BYTES] = {};
	char bad[32], why[96];

	if (!k->is_given || !*k->value)
		return;
	if (!read_ports(k->value, bits, bad, sizeof(bad))) {
		snprintf(why, sizeof(why), "'%s' is no port", bad);
		leave(r, k, why);
		return;
	}
	put_ports(r, k, bits, key);
	if (sw_streq(key, "decoys.tcp_ports"))
		sw_import_set(r->im, k->line, "decoys.tcp", "listed");
}

/* All ports below one, without the excluded ones. */
static void put_below(
	struct reader *r, const struct kept *below, const struct kept *exclude, const char *key)
{
	__u8 bits[SW_DECOY_PORT_BYTES] = {}, out[SW_DECOY_PORT_BYTES] = {};
	unsigned long end = below->is_given ? strtoul(below->value, NULL, 10) : 0;
	char bad[32], why[96];
	bool is_tcp = sw_streq(key, "decoys.tcp_ports");

	if (!below->is_given)
		return;
	if (end < 2 || end > PORTS_END) {
		leave(r, below, "this is no port");
		return;
	}
	if (exclude->is_given && !read_ports(exclude->value, out, bad, sizeof(bad))) {
		snprintf(why, sizeof(why), "'%s' is no port", bad);
		leave(r, exclude, why);
		return;
	}
	if (is_tcp && !sw_ports_count(out)) {
		sw_import_set(r->im, below->line, "decoys.tcp", "below");
		sw_import_set(r->im, below->line, "decoys.below", below->value);
		return;
	}
	sw_ports_set(bits, 1, (unsigned int)end - 1);
	for (size_t i = 0; i < sizeof(bits); i++)
		bits[i] &= (__u8)~out[i];
	if (is_tcp)
		sw_import_set(r->im, below->line, "decoys.tcp", "listed");
	put_ports(r, below, bits, key);
}

static void ask(
	struct reader *r, const struct kept *k, const char *why, const char *key, const char *value)
{
	const struct sw_import_line *l = &r->im->lines[k->line];
	size_t line =
		sw_import_note(r->im, l->file, l->number, l->text, SW_IMPORT_ASKED, "%s", why);

	sw_import_set(r->im, line, key, value);
}

static void put_blocking(struct reader *r)
{
	const struct kept *tcp = &r->block_tcp, *udp = &r->block_udp;

	if (tcp->is_given && sw_streq(tcp->value, "1")) {
		sw_import_set(r->im, tcp->line, "decoys.action", "ban");
		sw_import_set(r->im, tcp->line, "decoys.ban_for", "forever");
	} else if (tcp->is_given && sw_streq(tcp->value, "0")) {
		sw_import_set(r->im, tcp->line, "decoys.action", "alert");
	} else if (tcp->is_given) {
		sw_import_set(r->im, tcp->line, "decoys.action", "alert");
		leave(r, tcp, "only the command of KILL_RUN_CMD would run: an alert stands for it");
	}
	if (udp->is_given && sw_streq(udp->value, "1"))
		ask(r, udp, "a datagram's source is easily forged, so that others get banned",
			"decoys.udp_bans", "true");
	else if (udp->is_given && !sw_streq(udp->value, "0"))
		leave(r, udp, "only the command of KILL_RUN_CMD would run: an alert stands for it");
}

static void put_banner(struct reader *r)
{
	const char *banner = r->banner.value;
	_strbuf_ struct sw_strbuf element = {};

	if (!r->banner.is_given || !*banner)
		return;
	if (strlen(banner) >= sizeof(((struct sw_config_banner *)0)->text)) {
		leave(r, &r->banner, "longer than a banner may be");
		return;
	}
	sw_strbuf_puts(&element, "port: 0\ntext: \"");
	for (const char *s = banner; *s; s++) {
		if (*s == '"' || *s == '\\')
			sw_strbuf_putc(&element, '\\');
		sw_strbuf_putc(&element, *s);
	}
	sw_strbuf_putc(&element, '"');
	sw_import_add(r->im, r->banner.line, "decoys.banner", sw_strbuf_get(&element));
}

static void put_all(struct reader *r)
{
	struct modes *m = &r->modes;
	bool is_said = m->tcp || m->udp || m->atcp || m->audp;

	if (m->tcp || !is_said)
		put_listed(r, &r->tcp_ports, "decoys.tcp_ports");
	else
		leave(r, &r->tcp_ports, "only the modes tcp and stcp use it");
	if (m->udp || !is_said)
		put_listed(r, &r->udp_ports, "decoys.udp_ports");
	else
		leave(r, &r->udp_ports, "only the modes udp and sudp use it");
	if (m->atcp) {
		put_below(r, &r->below_tcp, &r->exclude_tcp, "decoys.tcp_ports");
	} else {
		leave(r, &r->below_tcp, "only the mode atcp uses it: --mode atcp, if it is run so");
		leave(r, &r->exclude_tcp,
			"only the mode atcp uses it: --mode atcp, if it is run so");
	}
	if (m->audp) {
		put_below(r, &r->below_udp, &r->exclude_udp, "decoys.udp_ports");
	} else {
		leave(r, &r->below_udp, "only the mode audp uses it: --mode audp, if it is run so");
		leave(r, &r->exclude_udp,
			"only the mode audp uses it: --mode audp, if it is run so");
	}
	put_blocking(r);
	put_banner(r);
	if (sw_import_has(r->im, "decoys.tcp_ports") || sw_import_has(r->im, "decoys.below"))
		sw_import_set(r->im,
			sw_import_note(r->im, "portsentry", 0, "", SW_IMPORT_TAKEN,
				"its attackalert: lines in the system log, for tools that read them"),
			"decoys.attackalert", "true");
}

/* A file whose name or content is of another kind than portsentry.conf. */
static bool is_named(const char *path, const char *part)
{
	const char *slash = strrchr(path, '/');

	return strstr(slash ? slash + 1 : path, part) != NULL;
}

int sw_import_portsentry(struct sw_import *im, const struct sw_import_args *args)
{
	_free_ struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->im = im;
	for (unsigned int i = 0; i < args->n_modes; i++) {
		if (!read_mode(&r->modes, args->modes[i])) {
			sw_strbuf_printf(&im->error,
				"'%s' is no mode: tcp, stcp, atcp, udp, sudp, audp, or connect and stealth of version 2",
				args->modes[i]);
			return -EINVAL;
		}
	}
	for (unsigned int i = 0; i < args->n_files; i++) {
		_free_ char *text = NULL;
		int err = sw_import_read_file(args->files[i], &text);

		if (err < 0) {
			sw_strbuf_printf(&im->error, "%s: %s", args->files[i], strerror(-err));
			return err;
		}
		if (is_named(args->files[i], "hosts.allow"))
			read_hosts_allow(r, args->files[i], text);
		else if (is_named(args->files[i], "ignore"))
			sw_import_words(args->files[i], text, allow_net, r);
		else
			sw_import_assignments(im, args->files[i], text, on_entry, r);
	}
	put_all(r);
	return im->is_failed ? -ENOMEM : 0;
}
