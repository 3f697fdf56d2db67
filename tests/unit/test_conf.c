// SPDX-License-Identifier: GPL-3.0-or-later
/* The configuration: what is right is read, what is wrong is told with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/conf/feed.h"
#include "user/conf/image.h"
#include "user/conf/tree.h"
#include "user/feeds/feeds.h"
#include "user/io/msg.h"

static int parse(const char *text, struct sw_config *c, struct sw_strbuf *errors)
{
	return sw_conf_parse("f", text, strlen(text), c, errors);
}

static void must_parse(const char *text, struct sw_config *c)
{
	_strbuf_ struct sw_strbuf errors = {};
	int r = parse(text, c, &errors);

	if (r < 0)
		print_error("%s\n%s", text, sw_strbuf_get(&errors));
	assert_int_equal(r, 0);
}

static void nothing_written_gives_every_default(void **state)
{
	static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n", "{}\n", "~\n", "bans:\nmode:\nallow:\nweb: ~\n"};
	struct sw_config want, got;

	sw_conf_defaults(&want);
	assert_int_equal(want.mode, SW_MODE_OBSERVE);
	assert_int_equal(want.ban_default_sec, 86400);
	assert_int_equal(want.ban_min_plen4, 16);
	assert_int_equal(want.ban_min_plen6, 32);
	assert_int_equal(want.store_max_mb, 1024);
	assert_int_equal(want.log_level, SW_LOG_INFO);
	assert_int_equal(want.syslog_facility, 3);
	assert_string_equal(want.web_address, "127.0.0.1");
	for (size_t i = 0; i < SW_ARRAY_SIZE(texts); i++) {
		must_parse(texts[i], &got);
		assert_memory_equal(&got, &want, sizeof(got));
	}
}

static void every_kind_of_value_reaches_its_field(void **state)
{
	struct sw_config c;

	must_parse("mode: enforce\non_exit: remove\nlog_level: debug\nhook: tcx\n"
		   "interfaces:\n- eth0\n- pattern: 'wg*'\n  hook: generic\n- {pattern: en*}\n"
		   "allow: [192.0.2.7, \"2001:db8::1/48\", '::ffff:198.51.100.1']\n"
		   "bans: {length: forever, widest_ipv4: 24, total: 5, trail_sources: true}\n"
		   "events:\n  rate: 0\n"
		   "store: {max_size: 2G}\n"
		   "trails:\n  files:\n  - /etc/a\n  - /etc/b\n  max_entries: 1_000\n"
		   "feeds:\n- name: one\n  url: https://a.example/x?y=1\n  refresh: 1h30m\n  action: observe\n  enabled: false\n"
		   "alerts:\n  mail:\n    to: root@example.net\n    min_severity: critical\n    smtp:\n      url: smtps://m.example:465\n"
		   "  syslog: {facility: local7}\n"
		   "web: {port: 0, address: \"::1\"}\n",
		&c);
	assert_int_equal(c.mode, SW_MODE_ENFORCE);
	assert_int_equal(c.on_exit, SW_ON_EXIT_REMOVE);
	assert_int_equal(c.log_level, SW_LOG_DEBUG);
	assert_int_equal(c.n_ifaces, 3);
	assert_string_equal(c.ifaces[0].pattern, "eth0");
	assert_int_equal(c.ifaces[0].hook, SW_HOOK_TCX);
	assert_int_equal(c.ifaces[1].hook, SW_HOOK_GENERIC);
	assert_int_equal(c.ifaces[2].hook, SW_HOOK_TCX);
	assert_int_equal(c.n_allow, 3);
	assert_int_equal(c.allow[1].family, SW_AF_IP6);
	assert_int_equal(c.allow[1].plen, 48);
	assert_int_equal(c.allow[2].family, SW_AF_IP4);
	assert_int_equal(c.ban_default_sec, 0);
	assert_int_equal(c.ban_min_plen4, 24);
	assert_int_equal(c.ban_max_total, 5);
	assert_int_equal(c.ban_trail_hits, 1);
	assert_int_equal(c.event_rate, 0);
	assert_int_equal(c.store_max_mb, 2048);
	assert_int_equal(c.n_trail_files, 2);
	assert_string_equal(c.trail_files[1], "/etc/b");
	assert_int_equal(c.trail_max_entries, 1000);
	assert_int_equal(c.n_feeds, 1);
	assert_string_equal(c.feeds[0].url, "https://a.example/x?y=1");
	assert_int_equal(c.feeds[0].refresh_sec, 5400);
	assert_int_equal(c.feeds[0].action, SW_TRAIL_OBSERVE);
	assert_int_equal(c.feeds[0].is_enabled, 0);
	assert_int_equal(c.feeds[0].max_entries, 1000000);
	assert_int_equal(c.mail_min_severity, SW_SEV_CRITICAL);
	assert_string_equal(c.smtp_url, "smtps://m.example:465");
	assert_int_equal(c.syslog_facility, 23);
	assert_int_equal(c.web_port, 0);
}

static void a_described_feed_needs_its_name_alone(void **state)
{
	struct sw_config c;

	must_parse("feeds:\n- name: spamhaus-drop\n- refresh: 6h\n  name: tor-exits\n- name: googlebot\n", &c);
	assert_int_equal(c.n_feeds, 3);
	assert_string_equal(c.feeds[0].name, "spamhaus-drop");
	assert_string_equal(c.feeds[0].url, "https://www.spamhaus.org/drop/drop_v4.json");
	assert_string_equal(c.feeds[0].parser, "jsonl:cidr+records");
	assert_int_equal(c.feeds[0].action, SW_TRAIL_DROP);
	assert_int_equal(c.feeds[0].min_entries, 200);
	assert_int_equal(c.feeds[0].max_cover, 5);
	assert_int_equal(c.feeds[0].is_enabled, 1);
	assert_int_equal(c.feeds[1].refresh_sec, 6 * 3600);
	assert_int_equal(c.feeds[1].action, SW_TRAIL_TAG);
	assert_int_equal(c.feeds[2].action, SW_TRAIL_EXCEPT);
}

static void a_crawlers_feed_and_one_of_the_operators_own_may_allow(void **state)
{
	static const char *const may[] = {"googlebot", "google-special", "google-fetchers", "bingbot", "applebot",
		"duckduckbot", "gptbot", "oai-searchbot", "uptimerobot", "pingdom", "pingdom6"};
	struct sw_config_feed f;
	struct sw_config c;
	size_t n = 0;

	must_parse("feeds:\n- name: googlebot\n  action: allow\n- name: bingbot\n"
		   "- name: ours\n  url: https://x.example\n  may_allow: true\n  action: allow\n",
		&c);
	assert_int_equal(c.feeds[0].action, SW_FEED_ALLOW);
	assert_int_equal(sw_feed_trail_action(&c.feeds[0]), SW_TRAIL_EXCEPT);
	assert_int_equal(c.feeds[1].action, SW_TRAIL_EXCEPT);
	assert_int_equal(c.feeds[2].action, SW_FEED_ALLOW);
	for (const struct sw_feed_desc *d = sw_feed_table; d->name; d++) {
		_strbuf_ struct sw_strbuf why = {};
		bool is_named = false;

		sw_conf_feed_defaults(d->name, &f);
		assert_int_not_equal(f.action, SW_FEED_ALLOW); /* never by itself */
		f.action = SW_FEED_ALLOW;
		for (size_t i = 0; i < SW_ARRAY_SIZE(may); i++)
			is_named |= sw_streq(may[i], d->name);
		if ((sw_conf_feed_check_allow(&f, &why) == 0) != is_named)
			fail_msg("%s: %s", d->name, sw_strbuf_get(&why));
		n += is_named;
	}
	assert_int_equal(n, SW_ARRAY_SIZE(may));
}

static void an_error_says_where_it_is_and_what_to_write(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"mode: enforcing\n", "f:1:7: mode: 'enforcing' is not observe or enforce: did you mean 'enforce'?\n"},
		{"\n\n  mode: 1\n", "f:3:9: mode: '1' is not observe or enforce\n"},
		{"log_level: warn\n",
			"f:1:12: log_level: 'warn' is not error, warning, notice, info or debug: did you mean 'warning'?\n"},
		{"mod: x\n", "f:1:1: mod: unknown key: did you mean 'mode'?\n"},
		{"zzzzzzzzzz: x\n", "f:1:1: zzzzzzzzzz: unknown key\n"},
		{"bans:\n  lenght: 1h\n", "f:2:3: bans.lenght: unknown key: did you mean 'bans.length'?\n"},
		{"bans.length: 1h\n", "f:1:1: bans.length: unknown key\n"},
		{"smtp: x\n", "f:1:1: smtp: unknown key: did you mean 'alerts.mail.smtp'?\n"},
		{"mode: observe\nmode: enforce\n", "f:2:1: mode: given twice; the first is in line 1\n"},
		{"web: {port: 1, port: 2}\n", "f:1:16: web.port: given twice; the first is in line 1\n"},
		{"bans: 3\n", "f:1:7: bans: wants a section of keys, not a single value\n"},
		{"bans: [1]\n", "f:1:7: bans: wants a section of keys, not a list\n"},
		{"- mode\n", "f:1:1: top level: wants a section of keys, not a list\n"},
		{"mode\n", "f:1:1: top level: wants a section of keys, not a single value\n"},
		{"mode: [observe]\n", "f:1:7: mode: wants observe or enforce, not a list\n"},
		{"? [a]\n: b\n", "f:1:3: top level: a key must be a word\n"},
		{"allow: 192.0.2.1\n",
			"f:1:8: allow: wants a list of addresses and networks, at most 256, not a single value\n"},
		{"allow:\n- 300.0.2.1\n",
			"f:2:3: allow[1]: '300.0.2.1' is not an address or a network such as 192.0.2.7 or 2001:db8::/32\n"},
		{"allow:\n- 192.0.2.1\n- example.net\n",
			"f:3:3: allow[2]: 'example.net' is not an address or a network such as 192.0.2.7 or 2001:db8::/32\n"},
		{"allow: [0.0.0.0/0]\n", "f:1:9: allow[1]: would allow every address there is\n"},
		{"allow: [[1.2.3.4]]\n", "f:1:9: allow[1]: wants an address or a network\n"},
		{"bans: {length: soon}\n",
			"f:1:16: bans.length: 'soon' is not a duration such as 90s, 10m, 24h or 7d, or forever\n"},
		{"alerts: {mail: {throttle: 0s}}\n",
			"f:1:27: alerts.mail.throttle: '0s' is not a duration such as 90s, 10m, 24h or 7d, from 1s to 7d\n"},
		{"alerts: {mail: {throttle: forever}}\n",
			"f:1:27: alerts.mail.throttle: 'forever' is not a duration such as 90s, 10m, 24h or 7d, from 1s to 7d\n"},
		{"bans: {widest_ipv4: 33}\n", "f:1:21: bans.widest_ipv4: '33' is not a whole number from 1 to 32\n"},
		{"bans: {widest_ipv4: -1}\n", "f:1:21: bans.widest_ipv4: '-1' is not a whole number from 1 to 32\n"},
		{"bans: {widest_ipv4: 0x10}\n", "f:1:21: bans.widest_ipv4: '0x10' is not a whole number from 1 to 32\n"},
		{"bans: {total: 99999999999999999999}\n",
			"f:1:15: bans.total: '99999999999999999999' is not a whole number from 1 to 262144\n"},
		{"web: {enabled: yes}\n", "f:1:16: web.enabled: 'yes' is not true or false: did you mean 'true'?\n"},
		{"web: {enabled: Off}\n", "f:1:16: web.enabled: 'Off' is not true or false: did you mean 'false'?\n"},
		{"web: {address: localhost}\n", "f:1:16: web.address: 'localhost' is not an IP address\n"},
		{"store: {max_size: 12}\n",
			"f:1:19: store.max_size: '12' is not a size such as 512M or 2G, from 16M to 1024G\n"},
		{"store: {max_size: 1M}\n",
			"f:1:19: store.max_size: '1M' is not a size such as 512M or 2G, from 16M to 1024G\n"},
		{"trails: {files: [etc/a]}\n", "f:1:18: trails.files[1]: 'etc/a' is not an absolute path\n"},
		{"interfaces: [eth0/1]\n",
			"f:1:14: interfaces[1]: 'eth0/1' is not the name of a device, or a pattern\n"},
		{"interfaces: [a, b, a]\n", "f:1:20: interfaces[3]: this device is in the list already\n"},
		{"interfaces: [a-very-long-name]\n", "f:1:14: interfaces[1]: longer than 15 bytes\n"},
		{"interfaces: [{hook: tcx}]\n", "f:1:14: interfaces[1]: 'pattern' is missing\n"},
		{"interfaces: [{pattern: a, hok: tcx}]\n",
			"f:1:27: interfaces[1].hok: unknown key: did you mean 'hook'?\n"},
		{"feeds: [a]\n", "f:1:9: feeds[1]: a feed wants the keys name and url\n"},
		{"feeds:\n- name: a\n", "f:2:3: feeds[1]: 'url' is missing\n"},
		{"feeds:\n- name: a b\n  url: https://x.example\n",
			"f:2:9: feeds[1].name: 'a b' is not a name of letters, digits, '.', '_' and '-'\n"},
		{"feeds:\n- name: ../a\n  url: https://x.example\n",
			"f:2:9: feeds[1].name: '../a' is not a name of letters, digits, '.', '_' and '-'\n"},
		{"feeds:\n- name: a\n  url: http://x.example\n",
			"f:3:8: feeds[1].url: must be https://: a list that anybody on the way can change bans anybody\n"},
		{"feeds:\n- name: a\n  url: https://u:p@x.example\n",
			"f:3:8: feeds[1].url: 'https://u:p@x.example' is not a URL that begins with https://, without a password\n"},
		{"feeds:\n- name: a\n  url: file:///etc/passwd\n",
			"f:3:8: feeds[1].url: 'file:///etc/passwd' is not a URL that begins with https://, without a password\n"},
		{"feeds:\n- name: a\n  url: https://x.example\n  action: except\n",
			"f:2:3: feeds[1]: action: 'except' is for feeds that are described so: who writes any other would choose whom to spare\n"},
		{"feeds:\n- name: a\n  url: https://x.example\n  action: allow\n",
			"f:4:11: feeds[1].action: 'allow' is no action of this feed, for whoever writes it would choose whom nothing stops; "
			"list under 'allow:' what you allow, take googlebot and bingbot for crawlers, or say 'may_allow: true' of a list that is your own\n"},
		{"feeds:\n- action: allow\n  name: spamhaus-drop\n  may_allow: true\n",
			"f:2:11: feeds[1].action: 'allow' is no action of this feed, for its publisher would choose whom nothing stops; "
			"spamhaus-drop lists no crawler and no monitoring service: 'sockwarden feeds list' says which may\n"},
		{"feeds:\n- name: googlebot\n  action: allowed\n",
			"f:3:11: feeds[1].action: 'allowed' is not observe, drop, except, tag or allow: did you mean 'allow'?\n"},
		{"feeds:\n- name: googlebot\n  action: allow\n  max_age: forever\n",
			"f:2:3: feeds[1]: max_age: a list that allows leaves when it is not renewed, within 30d: addresses change hands\n"},
		{"feeds:\n- name: googlebot\n  action: allow\n  max_age: 31d\n",
			"f:2:3: feeds[1]: max_age: a list that allows leaves when it is not renewed, within 30d: addresses change hands\n"},
		{"feeds:\n- name: spamhaus-dorp\n",
			"f:2:3: feeds[1]: 'url' is missing, and no feed of this name is described: did you mean 'spamhaus-drop'?\n"},
		{"feeds:\n- name: threatfox\n",
			"f:2:3: feeds[1]: 'url' is missing: that of threatfox holds a key of your own, see https://threatfox.abuse.ch/export/\n"},
		{"feeds:\n- name: spamhaus-drop\n  refresh: 5m\n",
			"f:2:3: feeds[1]: refresh: its publisher asks for 1h at least\n"},
		{"feeds:\n- name: a\n  url: https://x.example\n  parser: csv\n",
			"f:2:3: feeds[1]: parser: wants a column, as csv:NAME, tsv:2 or csv:NAME?OTHER>=75\n"},
		{"feeds:\n- {name: a, url: https://x.example, min_entries: 9, max_entries: 8}\n",
			"f:2:3: feeds[1]: min_entries is larger than max_entries\n"},
		{"feeds:\n- {name: a, url: https://x.example}\n- {name: a, url: https://y.example}\n",
			"f:3:3: feeds[2]: another feed has this name already\n"},
		{"alerts: {mail: {to: -oQ/tmp}}\n", "f:1:21: alerts.mail.to: must not begin with '-'\n"},
		{"alerts: {mail: {to: \"a\\nBcc: b\"}}\n",
			"f:1:21: yaml: a line break or another control character in a value\n"},
		{"alerts: {quiet: {hours: '22:00-25:00'}}\n",
			"f:1:25: alerts.quiet.hours: '22:00-25:00' is not days and hours such as '22:00-07:00', 'mon-fri 20:00-08:00' or 'sat,sun', with ';' between several\n"},
		{"alerts: {quiet: {hours: 'mon 1:00-2:00; sit'}}\n",
			"f:1:25: alerts.quiet.hours: 'mon 1:00-2:00; sit' is not days and hours such as '22:00-07:00', 'mon-fri 20:00-08:00' or 'sat,sun', with ';' between several\n"},
		{"alerts: {report: {schedule: every 5s}}\n",
			"f:1:29: alerts.report.schedule: 'every 5s' is not 'hourly', 'daily', 'weekly', 'every 15m', '07:00' or 'mon-fri 06:30'\n"},
		{"alerts: {command: {run: 'reboot now'}}\n",
			"f:1:25: alerts.command.run: 'reboot now' is not an absolute path and arguments, divided by blanks\n"},
		{"alerts: {webhook: {url: 'http://127.evil.example/x'}}\n",
			"f:1:25: alerts.webhook.url: 'http://127.evil.example/x' is not a URL that begins with https://, or with http:// and an address of this host itself, without a password\n"},
		{"alerts: {webhook: {url: 'http://localhost.example/'}}\n",
			"f:1:25: alerts.webhook.url: 'http://localhost.example/' is not a URL that begins with https://, or with http:// and an address of this host itself, without a password\n"},
		{"alerts: {mail: {smtp: {user: a}}}\n",
			"f:1:1: alerts.mail.smtp: user is set, but no password_file\n"},
		{"crowdsec:\n  url: http://127.0.0.1/\n  machine: lab\n",
			"f:3:12: crowdsec.machine: is set, but crowdsec.machine_password_file is not\n"},
		{"crowdsec:\n  machine_password_file: /p\n",
			"f:2:26: crowdsec.machine_password_file: is set, but crowdsec.machine is not\n"},
		{"crowdsec:\n  machine: lab\n  machine_password_file: /p\n",
			"f:2:12: crowdsec.machine: is set, but crowdsec.url is not\n"},
		{"policy: {connect: [{protocol: raw}]}\n",
			"f:1:20: policy.connect[1]: raw and packet sockets do not connect: such a rule belongs to policy.listen\n"},
		{"policy: {connect: [{ports: 0}]}\n",
			"f:1:20: policy.connect[1]: port 0 is a port to listen on that the kernel chooses: it belongs to policy.listen\n"},
		{"policy: {listen: [{protocol: packet, ports: 1}]}\n",
			"f:1:19: policy.listen[1]: a packet socket has no ports\n"},
		{"policy: {listen: [{protocol: raw, networks: 192.0.2.1}]}\n",
			"f:1:19: policy.listen[1]: a raw or packet socket is of no network\n"},
		{"policy: {listen: [{protocol: udp, ports: 0}]}\n",
			"f:1:19: policy.listen[1]: a UDP port that the kernel chooses is a client's, and is not judged\n"},
		{"a: &x b\n", "f:1:4: yaml: anchors, aliases and tags are not used here\n"},
		{"a: *x\n", "f:1:4: yaml: anchors, aliases and tags are not used here\n"},
		{"a: !!python/object b\n", "f:1:4: yaml: anchors, aliases and tags are not used here\n"},
		{"mode: observe\n---\nmode: enforce\n",
			"f:2:1: yaml: a second document: there is only one configuration in a file\n"},
		{"[[[[[[[[[[1]]]]]]]]]]\n", "f:1:9: yaml: nested too deep\n"},
		{"mode: 'observe\n", "f:2:1: yaml: found unexpected end of stream while scanning a quoted scalar that begins in line 1\n"},
		{"mode: observe\n bans: x\n", "f:2:6: yaml: mapping values are not allowed in this context\n"},
		{"bans:\n\tlength: 1h\n",
			"f:2:1: yaml: found character that cannot start any token while scanning for the next token that begins in line 2\n"},
		{"mode: ob\x01serve\n", "f:1:9: yaml: control characters are not allowed\n"},
		{"mode: \xff\n", "f:1:7: yaml: invalid leading UTF-8 octet\n"},
		{"\x1b[31m: x\n", "f:1:1: yaml: control characters are not allowed\n"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf errors = {};
		struct sw_config c = {.size = 77};
		int r = parse(rows[i].text, &c, &errors);

		if (r != -EINVAL || !sw_streq(sw_strbuf_get(&errors), rows[i].error))
			print_error("input:\n%sgot:  %swant: %s", rows[i].text, sw_strbuf_get(&errors), rows[i].error);
		assert_string_equal(sw_strbuf_get(&errors), rows[i].error);
		assert_int_equal(r, -EINVAL);
		assert_int_equal(c.size, 77);
	}
}

static void several_errors_are_told_at_once_and_beyond_twenty_counted(void **state)
{
	_strbuf_ struct sw_strbuf text = {}, errors = {};
	struct sw_config c;
	size_t lines = 0;

	for (int i = 0; i < 25; i++)
		sw_strbuf_printf(&text, "unknown%d: 1\n", i);
	assert_int_equal(parse(sw_strbuf_get(&text), &c, &errors), -EINVAL);
	for (const char *p = sw_strbuf_get(&errors); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, SW_CONF_ERRORS_MAX + 1);
	assert_non_null(strstr(sw_strbuf_get(&errors), "f:20:1: unknown19"));
	assert_null(strstr(sw_strbuf_get(&errors), "unknown20"));
	assert_non_null(strstr(sw_strbuf_get(&errors), "f: and 5 more\n"));
}

static void lists_and_files_beyond_their_limits_are_refused(void **state)
{
	_strbuf_ struct sw_strbuf text = {}, errors = {}, big = {};
	struct sw_config c;

	sw_strbuf_puts(&text, "allow:\n");
	for (int i = 0; i <= SW_CONFIG_ALLOW_MAX; i++)
		sw_strbuf_printf(&text, "- 192.0.%d.%d\n", i / 256, i % 256);
	assert_int_equal(parse(sw_strbuf_get(&text), &c, &errors), -EINVAL);
	assert_string_equal(sw_strbuf_get(&errors), "f:258:3: allow[257]: more than 256 entries\n");

	sw_strbuf_reset(&errors);
	for (int i = 0; i <= SW_CONF_NODES_MAX; i++)
		sw_strbuf_puts(&big, "- 1\n");
	assert_int_equal(parse(sw_strbuf_get(&big), &c, &errors), -EINVAL);
	assert_string_equal(sw_strbuf_get(&errors),
		"f:16384:3: yaml: more than 16384 entries: this is no configuration\n");

	sw_strbuf_reset(&errors);
	sw_strbuf_reset(&big);
	while (big.len <= SW_CONF_BYTES_MAX)
		sw_strbuf_puts(&big, "# fill fill fill fill fill fill fill\n");
	assert_int_equal(parse(sw_strbuf_get(&big), &c, &errors), -EINVAL);
	assert_string_equal(sw_strbuf_get(&errors), "f:1:1: yaml: larger than 1 MiB: this is no configuration\n");
}

/* Cut anywhere, and with a byte changed anywhere, a file gives an answer and no fault. */
static void broken_files_are_answered(void **state)
{
	static const char whole[] = "mode: enforce\ninterfaces:\n- eth0\n- {pattern: wg*, hook: tcx}\nallow: [192.0.2.1]\n"
				    "feeds:\n- name: a\n  url: https://x.example\nweb: {port: 1}\n";
	static const char bytes[] = "\n :-[]{}&*!|>'\"%@`\t\x00\xff";
	struct sw_config c;
	char copy[sizeof(whole)];

	for (size_t n = 0; n < sizeof(whole); n++) {
		_strbuf_ struct sw_strbuf errors = {};
		int r = sw_conf_parse("f", whole, n, &c, &errors);

		assert_true(r == 0 || (r == -EINVAL && errors.len));
	}
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		for (size_t b = 0; b < sizeof(bytes); b++) {
			_strbuf_ struct sw_strbuf errors = {};
			int r;

			memcpy(copy, whole, sizeof(whole));
			copy[i] = bytes[b];
			r = sw_conf_parse("f", copy, sizeof(whole) - 1, &c, &errors);
			assert_true(r == 0 || (r == -EINVAL && errors.len));
			for (size_t k = 0; k < errors.len; k++)
				assert_true(errors.text[k] == '\n' || (unsigned char)errors.text[k] >= 0x20);
		}
	}
}

static void the_default_file_in_deploy_is_what_the_table_says(void **state)
{
	_strbuf_ struct sw_strbuf want = {};
	_close_ int fd = open("deploy/sockwarden.yaml", O_RDONLY | O_CLOEXEC);
	_free_ char *got = NULL;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(sw_read_all(fd, SW_CONF_BYTES_MAX, &got, &len), 0);
	sw_conf_render_default(&want);
	assert_string_equal(got, sw_strbuf_get(&want));
}

static void the_default_file_reads_as_the_defaults_commented_or_not(void **state)
{
	_strbuf_ struct sw_strbuf text = {}, bare = {};
	struct sw_config want, got;
	const char *p;

	sw_conf_defaults(&want);
	sw_conf_render_default(&text);
	must_parse(sw_strbuf_get(&text), &got);
	assert_memory_equal(&got, &want, sizeof(got));
	for (p = sw_strbuf_get(&text); *p; p++) {
		if (*p != '#' || p[1] < 'a' || p[1] > 'z')
			sw_strbuf_putc(&bare, *p);
	}
	assert_non_null(strstr(sw_strbuf_get(&bare), "\nmode: observe\n"));
	assert_non_null(strstr(sw_strbuf_get(&bare), "\n      url: \"\"\n"));
	must_parse(sw_strbuf_get(&bare), &got);
	assert_memory_equal(&got, &want, sizeof(got));
}

static void every_example_is_accepted(void **state)
{
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		_strbuf_ struct sw_strbuf text = {};
		const char *dot = strrchr(row->key, '.');
		struct sw_config c;

		if (!row->example)
			continue;
		if (dot)
			sw_strbuf_printf(&text, "%.*s:\n ", (int)(dot - row->key), row->key);
		if (!strncmp(row->key, "countries.", 10)) /* codes want a database */
			sw_strbuf_puts(&text, "file: /c.mmdb\n asn_file: /a.mmdb\n ");
		sw_strbuf_printf(&text, "%s:\n", dot ? dot + 1 : row->key);
		for (const char *l = row->example; *l; l += strcspn(l, "\n") + 1)
			sw_strbuf_printf(&text, "  %.*s\n", (int)strcspn(l, "\n"), l);
		must_parse(sw_strbuf_get(&text), &c);
	}
}

static void what_is_shown_reads_back_the_same(void **state)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_config c, again;

	must_parse("mode: enforce\ninterfaces: ['wg*', eth0]\nallow: [192.0.2.0/24, '2001:db8::1']\nbans: {length: 90s}\n"
		   "store: {max_size: 100M}\ntrails: {files: ['/a b']}\nalerts: {mail: {subject: 'a \"b\" \\c: #d'}}\n"
		   "countries: {file: /c, drop: [no, KP], asn_file: /a, observe_asn: [AS64500, 64501]}\n"
		   "feeds: [{name: a, url: 'https://x.example/#y', refresh: 2h}]\nweb: {address: '::'}\n",
		&c);
	sw_conf_render(&c, &text);
	must_parse(sw_strbuf_get(&text), &again);
	assert_memory_equal(&c, &again, sizeof(c));
}

static void explain_knows_every_key_and_suggests_for_others(void **state)
{
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		_strbuf_ struct sw_strbuf out = {};

		assert_int_equal(sw_conf_explain(row->key, &out), 0);
		assert_non_null(strstr(sw_strbuf_get(&out), row->help));
		assert_non_null(strstr(sw_strbuf_get(&out), "Default: "));
	}
	_strbuf_ struct sw_strbuf out = {};

	assert_int_equal(sw_conf_explain("bans", &out), 0);
	assert_non_null(strstr(sw_strbuf_get(&out), "bans.total"));
	sw_strbuf_reset(&out);
	assert_int_equal(sw_conf_explain("bans.lenght", &out), -ENOENT);
	assert_string_equal(sw_strbuf_get(&out), "bans.length");
	sw_strbuf_reset(&out);
	assert_int_equal(sw_conf_explain("qqqqqqqq", &out), -ENOENT);
	assert_string_equal(sw_strbuf_get(&out), "");
}

static void the_json_schema_is_json_and_has_every_key(void **state)
{
	_strbuf_ struct sw_strbuf out = {};
	json_t *root, *at;

	sw_conf_render_schema(&out);
	root = json_loads(sw_strbuf_get(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		const char *part = row->key;

		at = root;
		while (part && *part) {
			char name[64];
			size_t n = strcspn(part, ".");

			snprintf(name, sizeof(name), "%.*s", (int)n, part);
			at = json_object_get(json_object_get(at, "properties"), name);
			part += n + (part[n] == '.');
		}
		assert_non_null(at);
		assert_string_equal(json_string_value(json_object_get(at, "description")), row->help);
	}
	json_decref(root);
}

static void an_image_is_taken_whole_or_not_at_all(void **state)
{
	static const struct {
		size_t offset;
		__u32 value;
		bool is_resealed; /* with a right checksum */
		const char *why;
	} rows[] = {
		{offsetof(struct sw_config, magic), 1, false, "not a configuration image"},
		{offsetof(struct sw_config, version), 99, false, "made by another version of sockwarden-config"},
		{offsetof(struct sw_config, size), 9, false, "made by another version of sockwarden-config"},
		{offsetof(struct sw_config, crc), 1, false, "wrong checksum"},
		{offsetof(struct sw_config, ban_max_total), 1, false, "wrong checksum"},
		{offsetof(struct sw_config, alert_gone_listeners), 7, false, "wrong checksum"},
		{offsetof(struct sw_config, n_feeds), 33, true, "a list is longer than its limit"},
		{offsetof(struct sw_config, n_allow), 0xffffffff, true, "a list is longer than its limit"},
		{offsetof(struct sw_config, mode), 0, true, "a value out of its range"},
		{offsetof(struct sw_config, hook), 9, true, "a value out of its range"},
		{offsetof(struct sw_config, n_allow), 1, true, "a value out of its range"},
	};
	struct sw_config good, c;
	const char *why = NULL;
	int fd;

	sw_conf_defaults(&good);
	sw_conf_image_finish(&good);
	assert_int_equal(sw_conf_image_check(&good, sizeof(good), &why), 0);
	assert_int_equal(sw_conf_image_check(&good, sizeof(good) - 1, &why), -EBADMSG);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		c = good;
		memcpy((char *)&c + rows[i].offset, &rows[i].value, sizeof(__u32));
		if (rows[i].is_resealed)
			sw_conf_image_finish(&c);
		assert_int_equal(sw_conf_image_check(&c, sizeof(c), &why), -EBADMSG);
		assert_string_equal(why, rows[i].why);
	}
	c = good;
	memset(c.mail_to, 'x', sizeof(c.mail_to));
	sw_conf_image_finish(&c);
	assert_int_equal(sw_conf_image_check(&c, sizeof(c), &why), -EBADMSG);
	assert_string_equal(why, "a text without an end");

	fd = sw_memfd_sealed("conf", &good, sizeof(good));
	assert_int_equal(sw_conf_image_read(fd, true, &c, &why), 0);
	assert_memory_equal(&c, &good, sizeof(c));
	sw_close(fd);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(sw_conf_image_read(fd, true, &c, &why), -EPERM);
	assert_int_equal(sw_conf_image_read(fd, false, &c, &why), -EBADMSG);
	sw_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_written_gives_every_default),
		cmocka_unit_test(every_kind_of_value_reaches_its_field),
		cmocka_unit_test(a_described_feed_needs_its_name_alone),
		cmocka_unit_test(a_crawlers_feed_and_one_of_the_operators_own_may_allow),
		cmocka_unit_test(an_error_says_where_it_is_and_what_to_write),
		cmocka_unit_test(several_errors_are_told_at_once_and_beyond_twenty_counted),
		cmocka_unit_test(lists_and_files_beyond_their_limits_are_refused),
		cmocka_unit_test(broken_files_are_answered),
		cmocka_unit_test(the_default_file_in_deploy_is_what_the_table_says),
		cmocka_unit_test(the_default_file_reads_as_the_defaults_commented_or_not),
		cmocka_unit_test(every_example_is_accepted),
		cmocka_unit_test(what_is_shown_reads_back_the_same),
		cmocka_unit_test(explain_knows_every_key_and_suggests_for_others),
		cmocka_unit_test(the_json_schema_is_json_and_has_every_key),
		cmocka_unit_test(an_image_is_taken_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
