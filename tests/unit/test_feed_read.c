// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Every form that a feed may have, and every feed of the table: samples in the published form that are
 * written for this test, with addresses of documentation and benchmarks. Nothing here is a publisher's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/trail/feed_read.h"
#include "user/trail/list.h"
#include "user/trail/times.h"

#define NOW_SEC 1795000000 /* 2026-11-18 */

struct sample {
	const char *feed; /* of the table; NULL: form */
	const char *form;
	const char *text;
	const char *nets; /* sorted, by blanks */
	struct sw_feed_counts counts;
	uint64_t bad;
};

static const struct sample samples[] = {
	{"spamhaus-drop", NULL,
		"{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL000001\",\"rir\":\"arin\"}\n"
		"{\"cidr\":\"192.0.2.0/25\",\"sblid\":\"SBL000002\",\"rir\":\"ripencc\"}\n"
		"{\"type\":\"metadata\",\"timestamp\":1795000000,\"size\":130,\"records\":2,\"copyright\":\"(c) nobody\",\"terms\":\"none\"}\n",
		"192.0.2.0/25 198.51.100.0/24", {.rows = 2}, 0},
	{"spamhaus-drop6", NULL,
		"{\"cidr\":\"2001:db8:10::/44\",\"sblid\":\"SBL000003\",\"rir\":\"apnic\"}\n"
		"{\"type\":\"metadata\",\"timestamp\":1795000000,\"size\":60,\"records\":1,\"copyright\":\"(c) nobody\"}\n",
		"2001:db8:10::/44", {.rows = 1}, 0},
	{"dshield-block", NULL,
		"#\n# a block list\n#\n#    columns\nStart\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n"
		"198.51.100.0\t198.51.100.255\t24\t4321\tNOBODY\tZZ\tabuse@example.net\n"
		"203.0.113.0\t203.0.113.255\t24\t12\t\t\t\n",
		"198.51.100.0/24 203.0.113.0/24", {.rows = 3}, 1},
	{"feodo", NULL,
		"################\r\n# a list #\r\n################\r\n"
		"\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\r\n"
		"\"2026-11-01 10:00:00\",\"198.51.100.7\",\"443\",\"online\",\"2026-11-17\",\"Example\"\r\n"
		"\"2026-11-02 10:00:00\",\"203.0.113.9\",\"8080\",\"offline\",\"2026-11-16\",\"Example\"\r\n# END (2 entries)\r\n",
		"198.51.100.7/32 203.0.113.9/32", {.rows = 2}, 0},
	{"urlhaus", NULL,
		"# a list\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"
		"\"1\",\"2026-11-17 00:00:00\",\"http://bad.example/a.sh\",\"online\",\"2026-11-17\",\"malware_download\",\"a,b\",\"https://info.example/1/\",\"x\"\n"
		"\"2\",\"2026-11-17 00:00:01\",\"http://198.51.100.4:81/b\",\"online\",\"\",\"malware_download\",\"say \"\"b\"\"\",\"https://info.example/2/\",\"y\"\n",
		"", {.rows = 2, .urls = 2}, 0},
	{"threatfox", NULL,
		"# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n"
		"\"2026-11-17\", \"1\", \"198.51.100.5:4321\", \"ip:port\", \"botnet_cc\", \"x\", \"\", \"X\", \"\", \"100\", \"False\", \"None\", \"a,b\", \"0\", \"r\"\n"
		"\"2026-11-17\", \"2\", \"bad.example\", \"domain\", \"botnet_cc\", \"x\", \"\", \"X\", \"\", \"75\", \"False\", \"None\", \"a\", \"0\", \"r\"\n"
		"\"2026-11-17\", \"3\", \"203.0.113.77\", \"ip\", \"botnet_cc\", \"x\", \"\", \"X\", \"\", \"80\", \"False\", \"None\", \"a\", \"0\", \"r\"\n"
		"\"2026-11-17\", \"4\", \"203.0.113.78\", \"ip\", \"botnet_cc\", \"x\", \"\", \"X\", \"\", \"50\", \"False\", \"None\", \"a\", \"0\", \"r\"\n"
		"\"2026-11-17\", \"5\", \"00112233445566778899aabbccddeeff\", \"md5_hash\", \"payload\", \"x\", \"\", \"X\", \"\", \"90\", \"False\", \"None\", \"a\", \"0\", \"r\"\n",
		"203.0.113.77/32", {.rows = 5, .filtered = 1, .domains = 1, .ports = 1, .hashes = 1}, 0},
	{"sslbl", NULL,
		"# Listingdate,SHA1,Listingreason\r\n2026-11-17 00:00:00,00112233445566778899aabbccddeeff00112233,Example C&C\r\n",
		"", {.rows = 1, .hashes = 1}, 0},
	{"blocklist-de", NULL, "198.51.100.1\n2001:db8::7\n192.0.2.3\n", "192.0.2.3/32 198.51.100.1/32 2001:db8::7/128",
		{.rows = 3}, 0},
	{"cins", NULL, "198.51.100.1\r\n192.0.2.3\r\n", "192.0.2.3/32 198.51.100.1/32", {.rows = 2}, 0},
	{"greensnow", NULL, "198.51.100.1\n192.0.2.3", "192.0.2.3/32 198.51.100.1/32", {.rows = 2}, 0},
	{"binarydefense", NULL, "#\n# a ban list, not for sale\n#\n\n198.51.100.1\n192.0.2.3\n", "192.0.2.3/32 198.51.100.1/32",
		{.rows = 2}, 0},
	{"et-compromised", NULL, "198.51.100.1\n198.51.100.1\n", "198.51.100.1/32", {.rows = 2}, 0},
	{"openphish", NULL, "https://bad.example/login\nhttp://198.51.100.9/x?y=1\n", "", {.rows = 2, .urls = 2}, 0},
	{"ipsum", NULL, "# IPsum\n# columns\n198.51.100.1\t9\n198.51.100.2\t3\n198.51.100.3\t2\n198.51.100.4\t1\n",
		"198.51.100.1/32 198.51.100.2/32", {.rows = 4, .filtered = 2}, 0},
	{"firehol-level1", NULL,
		"#\n# firehol_level1\n#\n# Maintainer      : nobody\n# Entries         : 3 subnets, 514 unique IPs\n#\n"
		"192.0.2.0/24\n198.51.100.0/24\n203.0.113.1\n",
		"192.0.2.0/24 198.51.100.0/24 203.0.113.1/32", {.rows = 3}, 0},
	{"firehol-level2", NULL, "# Entries         : 1 unique IPs\n203.0.113.1\n", "203.0.113.1/32", {.rows = 1}, 0},
	{"firehol-level3", NULL, "203.0.113.1\n", "203.0.113.1/32", {.rows = 1}, 0},
	{"tor-exits", NULL,
		"@type tordnsel 1.0\nExitNode 0123456789ABCDEF0123456789ABCDEF01234567\nPublished 2026-11-17 10:11:12\n"
		"LastStatus 2026-11-17 11:00:00\nExitAddress 198.51.100.200 2026-11-17 11:02:03\n"
		"ExitAddress 198.51.100.201 2026-11-17 11:02:04\n"
		"ExitNode 1123456789ABCDEF0123456789ABCDEF01234567\nPublished 2026-11-17 10:11:12\n"
		"LastStatus 2026-11-17 11:00:00\nExitAddress 192.0.2.200 2026-11-17 11:02:03\n",
		"192.0.2.200/32 198.51.100.200/32 198.51.100.201/32", {.rows = 3}, 0},
	{"googlebot", NULL,
		"{\"creationTime\":\"2026-11-17T00:00:00.000000\",\"prefixes\":[{\"ipv6Prefix\":\"2001:db8:4860::/64\"},\n"
		"{\"ipv4Prefix\":\"198.51.100.0/27\"},{\"ipv4Prefix\":\"198.51.100.32/27\"}]}\n",
		"198.51.100.0/27 198.51.100.32/27 2001:db8:4860::/64", {.rows = 3}, 0},
	{"bingbot", NULL, "{\"creationTime\":\"2026-11-17\",\"prefixes\":[{\"ipv4Prefix\":\"203.0.113.0/28\"}]}", "203.0.113.0/28",
		{.rows = 1}, 0},
	{"google-special", NULL,
		"{\n  \"creationTime\": \"2026-11-17T00:00:00.000000\",\n  \"prefixes\": [{\n    \"ipv6Prefix\": \"2001:db8:4861::/64\"\n  }, {\n"
		"    \"ipv4Prefix\": \"198.51.100.64/27\"\n  }]\n}\n",
		"198.51.100.64/27 2001:db8:4861::/64", {.rows = 2}, 0},
	{"google-fetchers", NULL,
		"{\"creationTime\":\"2026-11-17T00:00:00.000000\",\"prefixes\":[{\"ipv6Prefix\":\"2001:db8:4862::/64\"},"
		"{\"ipv4Prefix\":\"203.0.113.128/26\"}]}",
		"203.0.113.128/26 2001:db8:4862::/64", {.rows = 2}, 0},
	{"applebot", NULL, "{\"creationTime\": \"2026-11-17T00:00:00.000000\", \"prefixes\": [{\"ipv4Prefix\": \"192.0.2.0/24\"}]}",
		"192.0.2.0/24", {.rows = 1}, 0},
	{"duckduckbot", NULL,
		"{\"creationTime\":\"2026-11-17T00:00:00.000000\",\"prefixes\":[{\"ipv4Prefix\":\"198.51.100.7/32\"},{\"ipv4Prefix\":\"198.51.100.9/32\"}]}",
		"198.51.100.7/32 198.51.100.9/32", {.rows = 2}, 0},
	{"gptbot", NULL, "{\"creationTime\":\"2026-11-17T00:00:00.000000\",\"prefixes\":[{\"ipv4Prefix\":\"198.51.100.0/25\"}]}",
		"198.51.100.0/25", {.rows = 1}, 0},
	{"oai-searchbot", NULL, "{\"creationTime\":\"2026-11-17T00:00:00.000000\",\"prefixes\":[{\"ipv4Prefix\":\"203.0.113.16/28\"}]}",
		"203.0.113.16/28", {.rows = 1}, 0},
	{"uptimerobot", NULL, "192.0.2.17\r\n192.0.2.18\r\n2001:db8:17::1\r\n", "192.0.2.17/32 192.0.2.18/32 2001:db8:17::1/128",
		{.rows = 3}, 0},
	{"pingdom", NULL, "192.0.2.33\n192.0.2.34\n", "192.0.2.33/32 192.0.2.34/32", {.rows = 2}, 0},
	{"pingdom6", NULL, "2001:db8:33::1\n2001:db8:33::2\n", "2001:db8:33::1/128 2001:db8:33::2/128", {.rows = 2}, 0},

	{NULL, "plain",
		"\xef\xbb\xbf# a list\n192.0.2.1 # a note\n198.51.100.0/24;x\n203.0.113.0-203.0.113.3\nbad.example\nhttp://bad.example/x\n"
		"192.0.2.9:80\n[2001:db8::1]:443\n0.0.0.0 worse.example\nnonsense here!\n",
		"192.0.2.1/32 198.51.100.0/24 203.0.113.0/30", {.rows = 9, .domains = 2, .urls = 1, .ports = 2}, 1},
	{NULL, "hosts", "# hosts\n0.0.0.0 bad.example worse.example # both\n127.0.0.1\tlocalhost\n::1 ip6-localhost\n", "",
		{.rows = 3, .domains = 4}, 0},
	{NULL, "csv:2", "1,198.51.100.1,a\n2, \"198.51.100.2\" ,\"b, c\"\n3\n4,\"198.51.100.3\n", "198.51.100.1/32 198.51.100.2/32",
		{.rows = 4}, 2},
	{NULL, "csv:1@//2", "198.51.100.1,2026-11-18\n198.51.100.2,2099-01-01\n198.51.100.3,soon\n198.51.100.4,\n",
		"198.51.100.2/32 198.51.100.4/32", {.rows = 4, .filtered = 1}, 1},
	{NULL, "csv:ip", "IP,note\n198.51.100.1,x\n\"192.0.2.0/24\",y\n", "192.0.2.0/24 198.51.100.1/32", {.rows = 2}, 0},
	{NULL, "tsv:net", "net\tn\n198.51.100.1\t1\n", "198.51.100.1/32", {.rows = 1}, 0},
	{NULL, "pipe:2", "# AS | address | name\n64500 | 198.51.100.1 | EXAMPLE\n64501|192.0.2.1|EXAMPLE\n",
		"192.0.2.1/32 198.51.100.1/32", {.rows = 2}, 0},
	{NULL, "jsonl:ip", "{\"ip\":\"198.51.100.1\"}\n{\"ip\":7}\nnot JSON\n", "198.51.100.1/32", {.rows = 3}, 2},
	{NULL, "json:[]", "[\"198.51.100.1\",\"192.0.2.0/24\"]", "192.0.2.0/24 198.51.100.1/32", {.rows = 2}, 0},
	{NULL, "json:list[].ip@//end", "{\"list\":[{\"ip\":\"192.0.2.1\",\"end\":\"2020-01-01\"},{\"ip\":\"192.0.2.2\",\"end\":4102444800},"
		"{\"ip\":\"192.0.2.3\",\"end\":\"soon\"}]}", "192.0.2.2/32", {.rows = 3, .filtered = 1}, 1},
	{NULL, "json:data.list[].net.cidr", "{\"data\":{\"list\":[{\"net\":{\"cidr\":\"192.0.2.0/24\"}},{\"net\":{}}]}}", "192.0.2.0/24",
		{.rows = 1}, 0},
	{NULL, "stix",
		"{\"more\":false,\"objects\":[{\"type\":\"identity\",\"name\":\"x\"},"
		"{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value = '198.51.100.1']\"},"
		"{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value = '198.51.100.0/24' OR ipv6-addr:value='2001:db8::/64']\"},"
		"{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value = '192.0.2.1' AND url:value = 'http://x.example/']\"},"
		"{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'bad.example']\"},"
		"{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value ISSUBSET '192.0.2.0/24']\"},"
		"{\"type\":\"indicator\",\"revoked\":true,\"pattern\":\"[ipv4-addr:value = '203.0.113.1']\"},"
		"{\"type\":\"indicator\",\"valid_until\":\"2020-01-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '203.0.113.2']\"},"
		"{\"type\":\"indicator\",\"valid_until\":\"2099-01-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '203.0.113.3']\"}]}",
		"198.51.100.0/24 198.51.100.1/32 203.0.113.3/32 2001:db8::/64",
		{.rows = 5, .filtered = 2, .domains = 1, .others = 2}, 0},
	{NULL, "misp",
		"{\"Event\":{\"info\":\"x\",\"Attribute\":[{\"type\":\"ip-dst\",\"value\":\"198.51.100.1\",\"to_ids\":true},"
		"{\"type\":\"ip-src\",\"value\":\"198.51.100.2\",\"to_ids\":false},{\"type\":\"ip-dst|port\",\"value\":\"198.51.100.3|80\",\"to_ids\":true},"
		"{\"type\":\"domain\",\"value\":\"bad.example\",\"to_ids\":true}],"
		"\"Object\":[{\"name\":\"y\",\"Attribute\":[{\"type\":\"ip-src\",\"value\":\"192.0.2.0/24\",\"to_ids\":true}]}]}}",
		"192.0.2.0/24 198.51.100.1/32", {.rows = 2, .filtered = 1, .domains = 1, .ports = 1}, 0},
};

static struct sw_feed_reader *new_reader(const char *form, bool may_be_empty)
{
	const struct sw_trail_rules rules = {.min_plen4 = 8, .min_plen6 = 16, .max_entries = 100, .may_be_empty = may_be_empty};
	struct sw_feed_reader *r = NULL;
	struct sw_feed_form f;
	const char *why;

	assert_int_equal(sw_feed_form_parse(form, &f, &why), 0);
	assert_int_equal(sw_feed_reader_new(&f, &rules, NOW_SEC, &r), 0);
	return r;
}

static const char *form_of(const struct sample *s)
{
	return s->feed ? sw_feed_desc_find(s->feed)->parser : s->form;
}

/* Feeds text in pieces of step bytes; the result. */
static int read_in_pieces(struct sw_feed_reader *r, const char *text, size_t len, size_t step)
{
	int error = 0;

	for (size_t at = 0; at < len && !error; at += step) {
		/* memory of its own, so that a read beyond its end is seen */
		size_t n = SW_MIN(step, len - at);
		char *piece = malloc(n);

		memcpy(piece, text + at, n);
		error = sw_feed_reader_feed(r, piece, n);
		free(piece);
	}
	return sw_feed_reader_end(r);
}

static void nets_of(struct sw_feed_reader *r, struct sw_strbuf *out)
{
	_close_ int fd = sw_trail_list_build(sw_feed_reader_parser(r), "x", "x", SW_TRAIL_DROP, 0);
	struct sw_trail_list *l = NULL;

	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &l, NULL), 0);
	for (size_t i = 0; i < sw_trail_list_count(l); i++) {
		char text[SW_NET_TEXT_MAX];

		sw_cidr_format(text, &l->view.entries4[i].net);
		sw_strbuf_printf(out, "%s%s", i ? " " : "", text);
		if (!strchr(text, '/'))
			sw_strbuf_printf(out, "/%u", l->view.entries4[i].net.plen);
	}
	sw_trail_list_free(l);
}

static void check_sample(const struct sample *s, size_t step)
{
	struct sw_feed_reader *r = new_reader(form_of(s), true);
	_strbuf_ struct sw_strbuf nets = {};
	const struct sw_feed_counts *c;

	if (read_in_pieces(r, s->text, strlen(s->text), step) < 0)
		fail_msg("%s refused: %s", s->feed ? s->feed : s->form, sw_feed_reader_why(r));
	nets_of(r, &nets);
	c = sw_feed_reader_counts(r);
	if (!sw_streq(sw_strbuf_get(&nets), s->nets))
		fail_msg("%s: got '%s', expected '%s'", form_of(s), sw_strbuf_get(&nets), s->nets);
	if (memcmp(c, &s->counts, sizeof(*c)) != 0)
		fail_msg("%s: rows %" PRIu64 " filtered %" PRIu64 " domains %" PRIu64 " urls %" PRIu64 " ports %" PRIu64
			 " hashes %" PRIu64 " others %" PRIu64,
			form_of(s), c->rows, c->filtered, c->domains, c->urls, c->ports, c->hashes, c->others);
	if (sw_trail_parser_report(sw_feed_reader_parser(r))->bad != s->bad)
		fail_msg("%s: %" PRIu64 " bad lines", form_of(s), sw_trail_parser_report(sw_feed_reader_parser(r))->bad);
	sw_feed_reader_free(r);
}

static void every_sample_is_read_whole_and_in_pieces(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(samples); i++) {
		check_sample(&samples[i], strlen(samples[i].text));
		check_sample(&samples[i], 1);
		check_sample(&samples[i], 7);
	}
}

/* "TRAIL first last until" of an entry, seconds since 1970. */
struct timed {
	const char *form, *text, *trail;
	uint32_t first, last, until;
};

static const struct timed timed[] = {
	{"csv:dst_ip@first_seen_utc/last_online",
		"first_seen_utc,dst_ip,last_online\n2026-11-01 10:00:00,198.51.100.7,2026-11-17\n", "198.51.100.7", 1793527200,
		1794873600, 0},
	{"csv:url@dateadded/last_online", "# id,dateadded,url,last_online\n1,2026-11-17 00:00:00,http://bad.example/a.sh,\n",
		"http://bad.example/a.sh", 1794873600, 0, 0},
	{"csv:ioc_value@first_seen_utc/last_seen_utc?confidence_level>=75",
		"first_seen_utc,ioc_value,last_seen_utc,confidence_level\n"
		"2026-11-17 00:00:00,198.51.100.5:4321,None,80\n2026-11-16 00:00:00,198.51.100.5:4321,2026-11-17,80\n",
		"198.51.100.5:4321", 1794787200, 1794873600, 0},
	{"csv:SHA1@Listingdate", "# Listingdate,SHA1,Listingreason\n2026-11-17 00:00:00,da39a3ee5e6b4b0d3255bfef95601890afd80709,X\n",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", 1794873600, 0, 0},
	{"csv:1@//2", "198.51.100.1,2026-11-19\n", "198.51.100.1", 0, 0, 1795046400},
	{"csv:1@//2", "198.51.100.1,\n", "198.51.100.1", 0, 0, 0},
	{"jsonl:ip+n@a/b/c", "{\"ip\":\"192.0.2.1\",\"a\":\"2026-11-16\",\"b\":\"2026-11-17\",\"c\":\"2026-11-19T00:00:00Z\"}\n{\"n\":1}\n",
		"192.0.2.1", 1794787200, 1794873600, 1795046400},
	{"json:data.list[].net.cidr,data.list[].ip@seen/last", "{\"data\":{\"list\":[{\"ip\":\"192.0.2.9\",\"seen\":\"2026-11-10\"},"
		"{\"net\":{\"cidr\":\"192.0.2.0/28\"},\"seen\":\"2026-11-16\",\"last\":1794873600}]}}",
		"192.0.2.0/28", 1794787200, 1794873600, 0},
	{"json:@graph[].ip@@first//end", "{\"@graph\":[{\"ip\":\"192.0.2.1\",\"@first\":1794787200123,\"end\":\"2026-11-19\"}]}",
		"192.0.2.1", 1794787200, 0, 1795046400},
	{"json:[]@first", "[\"192.0.2.1\"]", "192.0.2.1", 0, 0, 0},
	{"json:list[].ips[]@first", "{\"list\":[{\"first\":\"2026-11-16\",\"ips\":[\"192.0.2.1\",\"192.0.2.2\"]}]}", "192.0.2.2", 1794787200, 0, 0},
	{"jsonl:ip@a", "{\"ip\":\"192.0.2.1\",\"a\":1794787200}\n", "192.0.2.1", 1794787200, 0, 0},
	{"csv:1@2", "198.51.100.1,1794787200\n", "198.51.100.1", 1794787200, 0, 0},
	{"stix", "{\"objects\":[{\"type\":\"indicator\",\"valid_from\":\"2026-11-16T00:00:00.000Z\",\"valid_until\":\"2026-11-19T00:00:00Z\","
		 "\"pattern\":\"[ipv4-addr:value = '192.0.2.2' OR domain-name:value = 'bad.example']\"}]}",
		"bad.example", 1794787200, 0, 1795046400},
	{"misp", "{\"Event\":{\"Attribute\":[{\"type\":\"ip-dst\",\"value\":\"192.0.2.2\",\"to_ids\":true,"
		 "\"first_seen\":\"2026-11-16T00:00:00.000000+00:00\",\"last_seen\":\"2026-11-17\"}]}}",
		"192.0.2.2", 1794787200, 1794873600, 0},
};

static void entries_keep_the_times_that_their_publisher_tells(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(timed); i++) {
		const struct timed *t = &timed[i];
		struct sw_feed_reader *r = new_reader(t->form, true);
		const struct sw_trail_times *got;
		struct sw_trail_list *l = NULL;
		struct sw_static_line line;
		_close_ int fd = -1;

		if (read_in_pieces(r, t->text, strlen(t->text), 5) < 0)
			fail_msg("%s refused: %s", t->form, sw_feed_reader_why(r));
		fd = sw_trail_list_build(sw_feed_reader_parser(r), "x", "x", SW_TRAIL_DROP, 0);
		assert_int_equal(sw_trail_list_open(fd, &l, NULL), 0);
		sw_static_line_read(t->trail, strlen(t->trail), false, &line);
		got = sw_trail_times_find(&l->view, &line);
		if (!got && (t->first || t->last || t->until))
			fail_msg("%s: no times of %s", t->form, t->trail);
		if (got && (got->first_sec != t->first || got->last_sec != t->last || got->until_sec != t->until))
			fail_msg("%s: %s %u %u %u", t->form, t->trail, got->first_sec, got->last_sec, got->until_sec);
		sw_trail_list_free(l);
		sw_feed_reader_free(r);
	}
}

static void every_feed_of_the_table_is_sound_and_has_a_sample(void **state)
{
	for (const struct sw_feed_desc *d = sw_feed_table; d->name; d++) {
		struct sw_feed_form f;
		const char *why = "";
		bool has_sample = false;

		for (size_t i = 0; i < SW_ARRAY_SIZE(samples); i++)
			has_sample |= samples[i].feed && sw_streq(samples[i].feed, d->name);
		if (!has_sample)
			fail_msg("%s has no sample", d->name);
		if (sw_feed_form_parse(d->parser, &f, &why) < 0)
			fail_msg("%s: %s", d->name, why);
		assert_true(d->title && d->meaning && d->licence && d->home);
		assert_true(strlen(d->name) < 32 && strlen(d->parser) < SW_FEED_PARSER_MAX);
		assert_true((d->url == NULL) == !!(d->flags & SW_FEED_OWN_KEY));
		assert_true(!d->url || !strncmp(d->url, "https://", 8));
		assert_true(d->refresh_sec >= d->refresh_min_sec && d->refresh_min_sec >= 60);
		assert_true(d->min_entries <= d->max_entries && d->max_entries && d->max_age_sec && d->max_change);
		/* what only says who somebody is does not drop, and nothing gets to the allow list */
		assert_true(!(d->flags & SW_FEED_TAG) || d->action != SW_TRAIL_DROP);
		assert_ptr_equal(sw_feed_desc_find(d->name), d);
	}
	assert_null(sw_feed_desc_find("spamhaus"));
	assert_string_equal(sw_feed_desc_suggest("spamhaus-dorp"), "spamhaus-drop");
}

/* A text that is cut off anywhere is refused, or gives no more than its part; never a crash or a hang. */
static void every_truncation_is_refused_or_gives_less(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		size_t len = strlen(s->text);

		for (size_t cut = 0; cut < len; cut++) {
			struct sw_feed_reader *r = new_reader(form_of(s), true);
			int error = read_in_pieces(r, s->text, cut, SW_MAX(cut, (size_t)1));

			if (error < 0)
				assert_true(sw_feed_reader_why(r)[0]);
			else
				assert_true(sw_feed_reader_counts(r)->rows <= s->counts.rows);
			sw_feed_reader_free(r);
		}
	}
}

static void a_list_that_counts_itself_is_refused_when_it_is_cut_off(void **state)
{
	static const struct {
		const char *form, *text, *why;
	} rows[] = {
		{"jsonl:cidr+records", "{\"cidr\":\"192.0.2.0/24\"}\n", "without its last line"},
		{"jsonl:cidr+records", "{\"cidr\":\"192.0.2.0/24\"}\n{\"type\":\"metadata\",\"records\":2}\n", "says that it has 2 entries and has 1"},
		{"jsonl:cidr+records", "{\"type\":\"metadata\",\"records\":0}\n{\"cidr\":\"192.0.2.0/24\"}\n", "something follows"},
		{"netset", "# Entries : 3 subnets, 9 unique IPs\n192.0.2.0/24\n198.51.100.1\n", "says that it has 3 entries and has 2"},
		{"csv:ip", "ip\n192.0.2.1\n# END (2 entries)\n", "says that it has 2 entries and has 1"},
		{"json:[]", "[\"192.0.2.1\",", "not JSON"},
		{"stix", "{\"more\":true,\"objects\":[]}", "there is more"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_feed_reader *r = new_reader(rows[i].form, false);

		assert_true(read_in_pieces(r, rows[i].text, strlen(rows[i].text), 5) < 0);
		if (!strstr(sw_feed_reader_why(r), rows[i].why))
			fail_msg("%s: '%s', expected '%s'", rows[i].form, sw_feed_reader_why(r), rows[i].why);
		sw_feed_reader_free(r);
	}
}

static void what_is_not_in_the_form_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *form, *text, *why;
	} rows[] = {
		{"csv:dst_ip", "a,b,c\n1,2,3\n", "no column 'dst_ip'"},
		{"csv:dst_ip", "# nothing\n", "no header"},
		{"csv:ip?level>=3", "ip,other\n192.0.2.1,9\n", "no column"},
		{"plain", "# nothing\n", "no trail in"},
		{"csv:1", "44d88612fea8a8f36de82e1278abb02f\n", "1 hashes of files"},
		{"plain", "192.0.2.1\n0.0.0.0/0\n", "wider than /8"},
		{"plain", "<html>\n<body>an error</body>\n</html>\n", "not a"},
		{"json:list[]", "{\"list\":7}", "not a list"},
		{"json:list[]", "{\"other\":[]}", "no trail in"},
		{"stix", "[1]", "no list of objects"},
		{"misp", "{\"0f\":{\"info\":\"a manifest\"}}", "no Event"},
		{"tor", "ExitAddress\n", "not a"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_feed_reader *r = new_reader(rows[i].form, false);

		assert_true(read_in_pieces(r, rows[i].text, strlen(rows[i].text), 100) < 0);
		if (!strstr(sw_feed_reader_why(r), rows[i].why))
			fail_msg("%s: '%s', expected '%s'", rows[i].form, sw_feed_reader_why(r), rows[i].why);
		sw_feed_reader_free(r);
	}
}

static void a_nul_byte_and_an_endless_line_are_no_list(void **state)
{
	struct sw_feed_reader *r = new_reader("csv:1", false);
	size_t n = SW_FEED_LINE_MAX * 3;
	char *text = malloc(n);

	memset(text, 'a', n);
	assert_int_equal(read_in_pieces(r, text, n, 4096), -EBADMSG);
	sw_feed_reader_free(r);
	r = new_reader("json:[]", false);
	assert_int_equal(read_in_pieces(r, "[\0]", 3, 3), -EBADMSG);
	sw_feed_reader_free(r);
	free(text);
}

static void forms_are_read_from_their_words(void **state)
{
	static const char *const bad[] = {"", "xml", "csv", "csv:", "csv:0", "csv:a?b", "csv:a?b>=", "csv:a?b>=x", "csv:a@", "csv:a@b/c/d/e", "csv:a@b/0", "jsonl", "jsonl:",
		"jsonl:a+", "json:", "json:a,,b", "json:a,b,c,d,e", "json:a@", "json:a@b/c/d/e", "json:a@2", "json:@a,", "plain:x", "tsv:1/", "tsv:/3", "tsv:1?>=3", "plainly"};
	struct sw_feed_form f;
	const char *why = "";

	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++)
		if (sw_feed_form_parse(bad[i], &f, &why) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(sw_feed_form_parse("csv:a b/len?c>=12", &f, &why), 0);
	assert_string_equal(f.value.name, "a b");
	assert_string_equal(f.plen.name, "len");
	assert_string_equal(f.filter.name, "c");
	assert_int_equal(f.filter_min, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_is_read_whole_and_in_pieces),
		cmocka_unit_test(entries_keep_the_times_that_their_publisher_tells),
		cmocka_unit_test(every_feed_of_the_table_is_sound_and_has_a_sample),
		cmocka_unit_test(every_truncation_is_refused_or_gives_less),
		cmocka_unit_test(a_list_that_counts_itself_is_refused_when_it_is_cut_off),
		cmocka_unit_test(what_is_not_in_the_form_is_refused_with_a_reason),
		cmocka_unit_test(a_nul_byte_and_an_endless_line_are_no_list),
		cmocka_unit_test(forms_are_read_from_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
