// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lib/benign.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/trail/static_read.h"

enum {
	TALKS_MAX = 1 << 17, /* at once */
	PACKET_BYTES = 900,
	TEXT_BYTES = 600,
	LOST_ONE_IN = 200,
	TCP = 6,
	UDP = 17,
	ICMP = 1,
	FIN = 1,
	SYN = 2,
	RST = 4,
	PSH = 8,
	ACK = 16,
};

/* Addresses that talk: the first, and how many. */
struct pool {
	uint32_t first, n;
	bool is_six; /* below 2001:db8:: */
};

#define POOL(name, a, b, c, d, n)                                                                  \
	static const struct pool name = {(a##u << 24) | (b << 16) | (c << 8) | d, n, false}
POOL(server, 198, 18, 0, 10, 1);
POOL(ours, 198, 18, 0, 10, 6);
POOL(media, 198, 18, 0, 12, 1);
POOL(resolver, 198, 18, 0, 53, 1);
POOL(monitor, 198, 18, 0, 90, 1);
POOL(balancers, 198, 18, 0, 100, 6);
POOL(visitors, 198, 19, 0, 1, 30000);
POOL(nat, 198, 19, 200, 1, 1); /* 5,000 users behind it */
POOL(crawlers, 198, 19, 210, 1, 24);
POOL(mailers, 198, 19, 212, 1, 1500);
POOL(authorities, 198, 19, 220, 1, 2000);
POOL(registries, 198, 19, 230, 1, 12);
POOL(victims, 198, 19, 231, 1, 20); /* of floods with forged sources, one of which is ours */
POOL(trunks, 198, 19, 232, 1, 2);
POOL(routers, 198, 19, 233, 1, 200);
POOL(swarm, 100, 64, 0, 1, 60000);
POOL(desks, 10, 0, 1, 1, 300);
POOL(phones, 10, 0, 4, 1, 60);
POOL(hosts, 10, 0, 5, 1, 40);
POOL(hosts_down, 10, 0, 5, 200, 6);
POOL(sharer, 10, 0, 6, 1, 1);
POOL(apps, 10, 0, 7, 1, 4);
POOL(database, 10, 0, 7, 50, 1);
POOL(domain_controller, 10, 0, 7, 60, 1);
POOL(backups, 10, 0, 8, 1, 3);
POOL(broadcast, 10, 0, 255, 255, 1);
POOL(everybody, 255, 255, 255, 255, 1);
POOL(mdns, 224, 0, 0, 251, 1);
POOL(ssdp, 239, 255, 255, 250, 1);
static const struct pool visitors6 = {1000, 20000, true}, server6 = {10, 1, true};

struct talk {
	int64_t at_ns;
	const struct kind *kind;
	uint64_t seed; /* both ends say the same of it */
	uint32_t client, server, seq[2];
	uint16_t sport, dport;
	uint8_t step;
	bool has_said;
};

/* What the client says first; of UDP also what is answered. Returns its length, at most TEXT_BYTES. */
typedef size_t (*say_fn)(const struct talk *t, bool is_answer, uint8_t *out);

static uint32_t draw(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

/* ---- what is said */

static size_t say_bytes(const struct talk *t, bool is_answer, uint8_t *out)
{
	memset(out, 0x5a, 200);
	memcpy(out, "\x17\3\3\0\xc3", 5);
	return 200;
}

static size_t say_ssh(const struct talk *t, bool is_answer, uint8_t *out)
{
	return (size_t)snprintf((char *)out, TEXT_BYTES, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
}

static size_t say_mail(const struct talk *t, bool is_answer, uint8_t *out)
{
	return (size_t)snprintf(
		(char *)out, TEXT_BYTES, "EHLO mail%u.example.net\r\n", t->client % 4000);
}

static size_t say_sip(const struct talk *t, bool is_answer, uint8_t *out)
{
	return (size_t)snprintf((char *)out, TEXT_BYTES,
		"REGISTER sip:pbx.example.org SIP/2.0\r\nFrom: <sip:%u@example.org>\r\n\r\n",
		t->client & 255);
}

/* What people type, and what programs make of it; a number where "#" is. */
static size_t say_http(const struct talk *t, bool is_answer, uint8_t *out)
{
	static const char *const paths[] = {"/", "/assets/app.js?v=#&lang=de",
		"/search?q=o%27brien+union+square+#", "/search?q=select+committee+or+1=#",
		"/p/#?utm_source=news&utm_medium=e-mail",
		"/api/v2/items?filter={\"id\":#}&fields=(a,b)",
		"/blog/2024/05/the-exec-function-in-c++-#", "/img/#.webp?w=640;q=80",
		"/search?q=%E6%97%A5%E6%9C%AC+#", "/downloads/setup-#.exe", "/robots.txt",
		"/.well-known/acme-challenge/#", "/favicon.ico", "/a/../b/style.css?#",
		"/cgi-bin/counter?page=#", "/wp-login.php?redirect_to=%2Fwp-admin%2F&n=#",
		"/search?q=drop+table+lamp+#", "/redirect?url=https%3A%2F%2Fwww.example.org%2F#",
		"/jsonp?callback=jQuery#_17", "/search?q=\"data+centre\"+<2024+#"};
	static const char *const agents[] = {
		"Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		"facebookexternalhit/1.1", "curl/7.88.1", "python-requests/2.31.0",
		"Go-http-client/1.1", "kube-probe/1.29", "ELB-HealthChecker/2.0",
		"check_http/v2.3.3 (monitoring-plugins 2.3.3)", "Prometheus/2.45.0",
		"Debian APT-HTTP/1.3 (2.6.1)", "Let's Encrypt validation server",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"};
	uint64_t seed = t->seed;
	const char *path = paths[draw(&seed) % SW_ARRAY_SIZE(paths)], *number = strchr(path, '#');
	int before = (int)(number ? (size_t)(number - path) : strlen(path));

	return (size_t)snprintf((char *)out, TEXT_BYTES,
		"GET %.*s%u%s HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %s\r\nAccept: */*\r\nCookie: s=%08x; theme=dark\r\nReferer: https://www.example.org/\r\n\r\n",
		before, path, draw(&seed) % 10000, number ? number + 1 : "",
		agents[draw(&seed) % SW_ARRAY_SIZE(agents)], draw(&seed));
}

static size_t say_hello(const struct talk *t, bool is_answer, uint8_t *out)
{
	uint64_t seed = t->seed;
	char name[64];
	size_t n = (size_t)snprintf(name, sizeof(name), "cdn%u.example.org", draw(&seed) % 5000),
	       at = 9;

	memset(out, 0, TEXT_BYTES);
	out[at] = out[at + 1] = 3; /* version, random, no session */
	for (size_t i = 0; i < 32; i++)
		out[at + 2 + i] = (uint8_t)draw(&seed);
	at += 35;
	memcpy(out + at, "\0\4\x13\1\xc0\x2f\1\0", 8); /* two ciphers, one compression */
	at += 8;
	out[at + 1] = (uint8_t)(n + 9); /* one extension: the name */
	out[at + 5] = (uint8_t)(n + 5);
	out[at + 7] = (uint8_t)(n + 3);
	out[at + 10] = (uint8_t)n;
	memcpy(out + at + 11, name, n);
	at += 11 + n;
	memcpy(out, "\x16\3\1\0", 4);
	out[4] = (uint8_t)(at - 5);
	out[5] = 1;
	out[8] = (uint8_t)(at - 9);
	return at;
}

/* ---- names */

static void put_hex(char *out, unsigned int n, uint64_t *seed)
{
	for (unsigned int i = 0; i < n; i++)
		out[i] = "0123456789abcdef"[draw(seed) & 15];
	out[n] = 0;
}

static const char *const words[] = {"green", "shop", "river", "cloud", "news", "photo", "mail",
	"game", "bank", "city", "travel", "music", "forum", "health", "radio", "garden", "school",
	"sport", "weather", "market"};

static const char *word(uint64_t *seed)
{
	return words[draw(seed) % SW_ARRAY_SIZE(words)];
}

/* Returns true when the name is there. */
typedef bool (*name_fn)(uint64_t *seed, char *out);

static bool name_usual(uint64_t *seed, char *out)
{
	const char *a = word(seed), *b = word(seed);

	sprintf(out, "www.%s%s%u.example", a, b, draw(seed) % 50);
	return draw(seed) % 50;
}

static bool name_typo(uint64_t *seed, char *out)
{
	const char *a = word(seed), *b = word(seed);

	sprintf(out, draw(seed) % 3 ? "%s%sx%u.test" : "www.%s-%s%u.example.corp.example.org", a, b,
		draw(seed) % 1000);
	return false;
}

static bool name_cdn(uint64_t *seed, char *out)
{
	char hex[40];

	put_hex(hex, 32, seed);
	switch (draw(seed) % 5) {
	case 0:
		sprintf(out, "d%.13s.cloudfront.net", hex);
		break;
	case 1:
		sprintf(out, "r%u---sn-%.8sx-%.4s.googlevideo.com", draw(seed) % 9, hex, hex + 8);
		break;
	case 2:
		sprintf(out, "e%u.dscb.akamaiedge.net", draw(seed) % 20000);
		break;
	case 3:
		sprintf(out, "%s.safeframe.googlesyndication.com", hex);
		break;
	default:
		sprintf(out, "%s-%s-assets-production.s3.eu-central-1.amazonaws.com", word(seed),
			word(seed));
	}
	return true;
}

static bool name_reverse(uint64_t *seed, char *out)
{
	sprintf(out, "%u.%u.19.198.in-addr.arpa", draw(seed) & 255, draw(seed) & 255);
	return draw(seed) % 3;
}

/* A mail server's: by address, old and new, by domain, by digest. */
static bool name_blocklist(uint64_t *seed, char *out)
{
	unsigned int a = draw(seed) % 4;
	char hex[65], *p = out;

	put_hex(hex, 64, seed);
	switch (a) {
	case 0:
		sprintf(out, "%u.%u.19.198.zen.spamhaus.org", draw(seed) & 255, draw(seed) & 255);
		break;
	case 1:
		for (int i = 0; i < 24; i++)
			p += sprintf(p, "%c.", hex[i]);
		sprintf(p, "8.b.d.0.1.0.0.2.zen.spamhaus.org");
		break;
	case 2:
		sprintf(out, "%s%s%u.example.dbl.spamhaus.org", word(seed), word(seed),
			draw(seed) % 9000);
		break;
	default:
		sprintf(out, "%.40s.ebl.msbl.org", hex);
	}
	return draw(seed) % 20 == 0;
}

static bool name_antivirus(uint64_t *seed, char *out)
{
	char hex[65];

	put_hex(hex, 64, seed);
	if (draw(seed) % 2)
		sprintf(out, "%.32s.malware.hash.cymru.com", hex);
	else
		sprintf(out, "4z9p5tjmcbnblehp4557z1d136.%.16s.%.26s.avqs.mcafee.com", hex,
			hex + 16);
	return draw(seed) % 2;
}

/* A browser that asks whether somebody answers for everything. */
static bool name_browser(uint64_t *seed, char *out)
{
	for (int i = 0; i < 10; i++)
		out[i] = (char)('a' + draw(seed) % 26);
	strcpy(out + 10, draw(seed) % 2 ? "" : ".corp.example.org");
	return false;
}

static size_t say_question(const struct talk *t, bool is_answer, uint8_t *out, name_fn name)
{
	uint64_t seed = t->seed;
	char text[256];
	bool is_there = name(&seed, text);
	size_t at = 12;

	memset(out, 0, TEXT_BYTES);
	out[0] = (uint8_t)(t->seed >> 40);
	out[2] = is_answer ? 0x81 : 1;
	out[3] = !is_answer ? 0 : is_there ? 0x80 : 0x83;
	out[5] = 1;
	for (char *p = text, *save; (p = strtok_r(p, ".", &save)); p = NULL) {
		out[at] = (uint8_t)strlen(p);
		memcpy(out + at + 1, p, strlen(p));
		at += 1 + strlen(p);
	}
	out[at + 2] = out[at + 4] = 1;
	at += 5;
	if (!is_answer || !is_there)
		return at;
	out[7] = 1;
	memcpy(out + at, "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc6\x13\x05", 15);
	out[at + 15] = (uint8_t)draw(&seed);
	return at + 16;
}

#define SAY_NAME(what)                                                                             \
	static size_t say_##what(const struct talk *t, bool is_answer, uint8_t *out)               \
	{                                                                                          \
		return say_question(t, is_answer, out, name_##what);                               \
	}
SAY_NAME(usual)
SAY_NAME(typo)
SAY_NAME(cdn)
SAY_NAME(reverse)
SAY_NAME(blocklist)
SAY_NAME(antivirus)
SAY_NAME(browser)

/* ---- kinds */

static const uint16_t mail_ports[] = {587, 993, 465, 995},
		      checked_ports[] = {22, 25, 80, 110, 143, 443, 465, 587, 993, 995, 3000, 6379,
			      8080, 8443, 9090, 9100},
		      closed_ports[] = {8081, 9443, 11211},
		      directory_ports[] = {53, 88, 135, 139, 389, 445, 464, 636, 3268, 3269, 5985,
			      9389, 49664, 49667, 49670},
		      sharing_ports[] = {6881, 6889, 51413, 8999, 4662};

/*
 * steps, of the client in small letters: s SYN, a ACK, d data, f FIN, r reset, q datagram, i ICMP; of the
 * server in capitals: S SYN-ACK, D, F, R, Q. A digit waits so many seconds; each step takes 20 ms or so.
 */
struct kind {
	const char *name;
	unsigned int share; /* of all shares */
	const struct pool *client, *server;
	uint16_t sport; /* 0: a client's */
	uint16_t port, last; /* to one, to any up to the last, ... */
	const uint16_t *list; /* ... or to one of these */
	unsigned int n_list;
	const char *steps;
	say_fn say;
};

#define LIST(l) .list = l, .n_list = SW_ARRAY_SIZE(l)
static const struct kind kinds[] = {
	{"browsing", 170, &visitors, &server, .port = 443, .steps = "sSadDaD1dD5dD9dDfFa",
		.say = say_hello},
	{"browsing, IPv6", 60, &visitors6, &server6, .port = 443, .steps = "sSadDaD1dD5dDfFa",
		.say = say_hello},
	{"browsing, plain", 50, &visitors, &server, .port = 80, .steps = "sSadDa5fFa",
		.say = say_http},
	{"browsing, cut off", 12, &visitors, &server, .port = 443, .steps = "s1s2s",
		.say = say_hello},
	{"a sleeping telephone wakes", 8, &visitors, &server, .port = 443,
		.steps = "sSadD99999999999999999af", .say = say_hello},
	{"QUIC and tunnels", 15, &visitors, &server, .port = 443, .steps = "qQqQ2qQ"},
	{"a NAT's browsing", 60, &nat, &server, .port = 443, .steps = "sSadDaD2dDfFa",
		.say = say_hello},
	{"a NAT's plain browsing", 8, &nat, &server, .port = 80, .steps = "sSadDfFa",
		.say = say_http},
	{"a NAT's mail programs", 12, &nat, &server, LIST(mail_ports), .steps = "sSadDdDfFa",
		.say = say_hello},
	{"a NAT's logins", 1, &nat, &server, .port = 22, .steps = "sSaDdDdDdD9dD9fFa",
		.say = say_ssh},
	{"a NAT's old mail programs", 1, &nat, &server, .port = 143, .steps = "sSaDdDdDfFa"},
	{"a NAT's programs that find a port closed", 3, &nat, &server, .port = 8443,
		.steps = "sR1sR"},
	{"a balancer's check", 30, &balancers, &ours, LIST(checked_ports), .steps = "sSr"},
	{"a balancer's request", 20, &balancers, &ours, .port = 8080, .steps = "sSadDfFa",
		.say = say_http},
	{"crawlers", 15, &crawlers, &server, .port = 80, .steps = "sSadDfFa", .say = say_http},
	{"mail in", 25, &mailers, &server, .port = 25, .steps = "sSaDdDdDdD1dDfFa",
		.say = say_mail},
	{"mail out", 20, &server, &mailers, .port = 25, .steps = "sSaDdDdDfFa", .say = say_mail},
	{"mail out, nobody there", 2, &server, &mailers, .port = 25, .steps = "s1s2s4s"},
	{"names", 120, &desks, &resolver, .port = 53, .steps = "qQ", .say = say_usual},
	{"names asked on", 60, &resolver, &authorities, .port = 53, .steps = "qQ",
		.say = say_usual},
	{"mistyped names", 10, &desks, &resolver, .port = 53, .steps = "qQ", .say = say_typo},
	{"mistyped names asked on", 6, &resolver, &authorities, .port = 53, .steps = "qQ",
		.say = say_typo},
	{"names of content networks", 90, &resolver, &authorities, .port = 53, .steps = "qQ",
		.say = say_cdn},
	{"names asked backwards", 20, &server, &resolver, .port = 53, .steps = "qQ",
		.say = say_reverse},
	{"block lists", 80, &server, &resolver, .port = 53, .steps = "qQ", .say = say_blocklist},
	{"anti-virus", 20, &resolver, &authorities, .port = 53, .steps = "qQ",
		.say = say_antivirus},
	{"browsers' probes", 6, &desks, &resolver, .port = 53, .steps = "qQ", .say = say_browser},
	{"names nobody answers", 3, &resolver, &authorities, .port = 53, .steps = "q",
		.say = say_usual},
	{"backups by rsync", 2, &backups, &server, .port = 873,
		.steps = "sSadDdDdD9dD9dD9dD9dDfFa"},
	{"backups by ssh", 1, &backups, &server, .port = 22, .steps = "sSadDdDdD9dD9dD9dD9dDfFa",
		.say = say_ssh},
	{"images for containers", 10, &ours, &registries, .port = 443, .steps = "sSadDDDDDD1DDDfFa",
		.say = say_hello},
	{"sharing, a peer that is there", 8, &sharer, &swarm, .port = 1024, .last = 65000,
		.steps = "sSadD5dD9dDfFa"},
	{"sharing, a peer that is gone", 20, &sharer, &swarm, .port = 1024, .last = 65000,
		.steps = "s1s2s"},
	{"sharing, gone from its usual port", 12, &sharer, &swarm, LIST(sharing_ports),
		.steps = "s1s2s"},
	{"sharing, datagrams", 20, &sharer, &swarm, .sport = 51413, .port = 1024, .last = 65000,
		.steps = "qQqQ"},
	{"sharing, datagrams to nobody", 15, &sharer, &swarm, .sport = 51413, .port = 1024,
		.last = 65000, .steps = "q"},
	{"sharing, from outside", 15, &swarm, &sharer, .port = 51413, .steps = "sSadDfFa"},
	{"sharing, from outside, datagrams", 15, &swarm, &sharer, .port = 51413, .steps = "qQ"},
	{"telephones sign on", 4, &phones, &media, .sport = 5060, .port = 5060, .steps = "qQ",
		.say = say_sip},
	{"voice of telephones", 4, &phones, &media, .port = 10000, .last = 20000,
		.steps = "qQqQqQqQqQ"},
	{"voice of a trunk", 6, &trunks, &media, .port = 10000, .last = 20000,
		.steps = "qQqQqQqQqQ"},
	{"voice's reports", 6, &trunks, &media, .port = 10000, .last = 20000, .steps = "q5Q5q5Q"},
	{"monitoring", 10, &monitor, &ours, LIST(checked_ports), .steps = "sSaDfFa"},
	{"monitoring finds a port closed", 2, &monitor, &ours, LIST(closed_ports), .steps = "sR"},
	{"monitoring of hosts", 8, &monitor, &hosts, .port = 9100, .steps = "sSadDfFa",
		.say = say_http},
	{"monitoring of hosts that are down", 2, &monitor, &hosts_down, .port = 9100,
		.steps = "s1s"},
	{"monitoring by SNMP", 4, &monitor, &hosts, .port = 161, .steps = "qQ"},
	{"files by FTP", 6, &desks, &server, .port = 49152, .last = 65000, .steps = "sSaDDfFa"},
	{"a directory", 12, &desks, &domain_controller, LIST(directory_ports), .steps = "sSadDfFa"},
	{"a database, a connection a page", 25, &apps, &database, .port = 3306,
		.steps = "sSaDdDdDdDdfFa"},
	{"path MTU", 5, &routers, &server, .steps = "i"},
	{"backscatter, answers", 8, &ours, &victims, .port = 80, .steps = "S1S"},
	{"backscatter, resets", 6, &ours, &victims, .port = 443, .steps = "R"},
	{"time", 4, &ours, &authorities, .sport = 123, .port = 123, .steps = "qQ"},
	{"traceroute", 2, &routers, &server, .port = 33434, .last = 33490, .steps = "q"},
	{"multicast names", 6, &desks, &mdns, .sport = 5353, .port = 5353, .steps = "q"},
	{"multicast discovery", 5, &desks, &ssdp, .port = 1900, .steps = "q"},
	{"broadcasts", 4, &desks, &broadcast, .sport = 137, .port = 137, .steps = "q"},
	{"broadcasts for addresses", 3, &desks, &everybody, .sport = 68, .port = 67, .steps = "q"},
};

/* ---- the world: conversations in a heap, the one that is due first at its root */

struct world {
	struct talk *talks;
	size_t n;
	uint64_t flows_left, flows, random, lost;
	unsigned int shares;
	int64_t next_ns; /* when the next conversation begins */
	struct sw_traffic_packet batch[SW_TRAFFIC_BATCH];
	uint8_t data[SW_TRAFFIC_BATCH][PACKET_BYTES];
	size_t n_batch;
};

static void sink(struct world *w, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct talk t;

		if (child + 1 < w->n && w->talks[child + 1].at_ns < w->talks[child].at_ns)
			child++;
		if (child >= w->n || w->talks[at].at_ns <= w->talks[child].at_ns)
			return;
		t = w->talks[at];
		w->talks[at] = w->talks[child];
		w->talks[child] = t;
		at = child;
	}
}

static void push(struct world *w, struct talk t)
{
	size_t at = w->n++;

	assert(w->n <= TALKS_MAX);
	for (; at && w->talks[(at - 1) / 2].at_ns > t.at_ns; at = (at - 1) / 2)
		w->talks[at] = w->talks[(at - 1) / 2];
	w->talks[at] = t;
}

static const struct kind *draw_kind(struct world *w)
{
	unsigned int at = draw(&w->random) % w->shares;
	const struct kind *k = kinds;

	for (; at >= k->share; k++)
		at -= k->share;
	return k;
}

static void begin_talk(struct world *w)
{
	const struct kind *k = draw_kind(w);
	struct talk t = {.at_ns = w->next_ns, .kind = k};

	t.seed = (uint64_t)draw(&w->random) << 32 | draw(&w->random);
	t.client = draw(&w->random) % k->client->n;
	t.server = draw(&w->random) % k->server->n;
	t.sport = k->sport ? k->sport : (uint16_t)(32768 + draw(&w->random) % 28000);
	t.dport = k->list ? k->list[draw(&w->random) % k->n_list]
		: k->last ? (uint16_t)(k->port + draw(&w->random) % (k->last - k->port))
			  : k->port;
	t.seq[0] = draw(&w->random);
	t.seq[1] = draw(&w->random);
	push(w, t);
	w->flows++;
	w->flows_left--;
	w->next_ns += 2000000000ll / BENIGN_FLOWS_PER_SEC * (draw(&w->random) & 1023) / 1024;
}

/* ---- packets */

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static size_t put_ip(
	uint8_t *p, const struct talk *t, bool from_server, unsigned int protocol, size_t len)
{
	const struct pool *a = from_server ? t->kind->server : t->kind->client,
			  *b = from_server ? t->kind->client : t->kind->server;
	uint32_t from = a->first + (from_server ? t->server : t->client),
		 to = b->first + (from_server ? t->client : t->server);

	memset(p, 0, 54);
	put16(p + 12, a->is_six ? 0x86dd : 0x0800);
	p += 14;
	if (a->is_six) {
		p[0] = 0x60;
		put16(p + 4, (unsigned int)len);
		p[6] = (uint8_t)protocol;
		p[7] = 64;
		put32(p + 8, 0x20010db8);
		put32(p + 20, from);
		put32(p + 24, 0x20010db8);
		put32(p + 36, to);
		return 54;
	}
	p[0] = 0x45;
	put16(p + 2, (unsigned int)(20 + len));
	p[8] = 64;
	p[9] = (uint8_t)protocol;
	put32(p + 12, from);
	put32(p + 16, to);
	return 34;
}

static unsigned int flags_of(char step)
{
	switch (step) {
	case 's':
		return SYN;
	case 'S':
		return SYN | ACK;
	case 'd':
	case 'D':
		return PSH | ACK;
	case 'f':
	case 'F':
		return FIN | ACK;
	case 'r':
		return RST;
	case 'R':
		return RST | ACK;
	default:
		return ACK;
	}
}

static size_t make_packet(struct talk *t, char step, uint8_t *out)
{
	bool from_server = step >= 'A' && step <= 'Z', is_udp = step == 'q' || step == 'Q';
	size_t head = is_udp ? 8 : step == 'i' ? 28 : 20, len = 0, at;
	uint8_t text[TEXT_BYTES];
	unsigned int flags = flags_of(step);

	if (is_udp || step == 'd' || step == 'D')
		len = (t->kind->say && (is_udp || (!t->has_said && !from_server))
				? t->kind->say
				: say_bytes)(t, from_server, text);
	t->has_said |= step == 'd';
	at = put_ip(out, t, from_server, is_udp ? UDP : step == 'i' ? ICMP : TCP, head + len);
	memset(out + at, 0, head);
	memcpy(out + at + head, text, len);
	if (step == 'i') {
		put16(out + at, 0x0304); /* too big */
		return at + head;
	}
	put16(out + at, from_server ? t->dport : t->sport);
	put16(out + at + 2, from_server ? t->sport : t->dport);
	if (is_udp) {
		put16(out + at + 4, (unsigned int)(8 + len));
		return at + head + len;
	}
	put32(out + at + 4, t->seq[from_server]);
	put32(out + at + 8, t->seq[!from_server]);
	out[at + 12] = 0x50;
	out[at + 13] = (uint8_t)flags;
	/* One that is sent again has the same number. */
	t->seq[from_server] += (uint32_t)len +
		(flags & FIN || (flags & SYN && t->kind->steps[t->step + 1] != '1'));
	return at + head + len;
}

/* The next packet of all into the batch; false when there is none any more. */
static bool add_packet(struct world *w, uint64_t number)
{
	struct sw_traffic_packet *p = &w->batch[w->n_batch];
	struct talk *t;
	char step;

	while (w->flows_left && (!w->n || w->next_ns <= w->talks[0].at_ns))
		begin_talk(w);
	if (!w->n)
		return false;
	t = w->talks;
	step = t->kind->steps[t->step];
	if (step >= '1' && step <= '9') {
		t->at_ns += (step - '0') * 1000000000ll;
	} else {
		if (draw(&w->random) % LOST_ONE_IN) {
			*p = (struct sw_traffic_packet){.data = w->data[w->n_batch],
				.len = make_packet(t, step, w->data[w->n_batch]),
				.link = SW_LINK_ETHER,
				.wall_ns = t->at_ns,
				.number = number};
			w->n_batch++;
		}
		t->at_ns += 10000000 + draw(&w->random) % 20000000;
	}
	if (!t->kind->steps[++t->step])
		*t = w->talks[--w->n];
	sink(w, 0);
	return true;
}

/* ---- the run */

struct taker {
	struct benign_result *result;
	bool is_loud;
};

static void take(void *arg, const struct sw_sight *s)
{
	struct taker *taker = arg;
	bool is_bad = sw_rule_severity(s->rule) >= SW_SEV_MEDIUM;

	if (is_bad && taker->is_loud && taker->result->told[s->rule] < 3)
		fprintf(stderr, "%s: %s: %s\n", sw_rule_word(s->rule), s->trail, s->info);
	taker->result->told[s->rule]++;
	taker->result->medium += is_bad;
}

static struct sw_static *make_trails(void)
{
	char *text = malloc((size_t)BENIGN_TRAILS * 64), *p = text;
	struct sw_static *set = NULL;
	uint64_t random = 3;

	assert(text && sw_static_new(&set) == 0);
	for (int i = 0; i < BENIGN_TRAILS; i++) {
		uint32_t a = draw(&random);

		p += i % 10 < 3      ? sprintf(p, "11.%u.%u.%u\n", a >> 24, a >> 16 & 255, a & 255)
			: i % 10 < 4 ? sprintf(p, "u%x.example%u.invalid/gate.php\n", a, i % 100)
				     : sprintf(p, "d%x%x.example%u.invalid\n", a, i, i % 100);
	}
	if (sw_static_read_text(set, "benign.txt", "benign (malware)", "(static)", text,
		    (size_t)(p - text)) < 0 ||
		sw_static_seal(set) < 0)
		abort();
	free(text);
	return set;
}

static double cpu_sec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void benign_run(uint64_t flows, void (*tune)(struct sw_rules *rules), bool is_loud,
	struct benign_result *ret)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sw_static *set = make_trails();
	struct taker taker = {ret, is_loud};
	struct sw_traffic *t = NULL;
	bool is_going = true;

	*ret = (struct benign_result){};
	if (!w || sw_traffic_new(set, SW_LOOK_ALL, take, &taker, &t) < 0)
		abort();
	w->talks = malloc(TALKS_MAX * sizeof(*w->talks));
	if (!w->talks)
		abort();
	w->random = 11;
	w->flows_left = flows;
	w->next_ns = 1700000000000000000ll;
	for (size_t i = 0; i < SW_ARRAY_SIZE(kinds); i++)
		w->shares += kinds[i].share;
	if (tune)
		tune(sw_traffic_rules(t));
	while (is_going) {
		double from;

		for (w->n_batch = 0; is_going && w->n_batch < SW_TRAFFIC_BATCH;)
			is_going = add_packet(w, ret->packets + w->n_batch + 1);
		from = cpu_sec();
		sw_traffic_packets(t, w->batch, w->n_batch);
		ret->cpu_sec += cpu_sec() - from;
		ret->packets += w->n_batch;
	}
	sw_traffic_end(t);
	ret->flows = w->flows;
	ret->stats = *sw_traffic_stats(t);
	sw_traffic_free(t);
	sw_static_free(set);
	free(w->talks);
	free(w);
}
