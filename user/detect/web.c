// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/web.h"

#include <ctype.h>

enum { TEXT_MAX = 2048 }; /* bytes of a target or body looked at */

/* In decoded text: lower case, one space where there was any white space, '+' or an SQL comment. */
static const struct {
	const char *token;
	bool in_body; /* rare enough in what people write */
} attacks[] = {
	{"union select", true},
	{"union all select", true},
	{"' or '1'='1", true},
	{"' or 1=1", true},
	{"\" or 1=1", true},
	{"or 1=1--", true},
	{"information_schema", false},
	{"sleep(", false},
	{"benchmark(", false},
	{"xp_cmdshell", true},
	{"waitfor delay", true},
	{"; drop table", true},
	{"extractvalue(", true},
	{"updatexml(", true},
	{"load_file(", true},
	{"into outfile", true},
	{"concat(0x", true},
	{"<script", false},
	{"javascript:", false},
	{"onerror=", false},
	{"<svg", false},
	{"<iframe", false},
	{"document.cookie", false},
	{"alert(", false},
	{"../../", false},
	{"..\\..\\", true},
	{"/etc/passwd", true},
	{"/etc/shadow", true},
	{"/proc/self/", true},
	{"php://", true},
	{"file:///", true},
	{"expect://", true},
	{"data://text", true},
	{"boot.ini", false},
	{"${jndi:", true},
	{"${${", true},
	{"() {", false},
	{";wget ", true},
	{"; wget ", true},
	{";curl ", true},
	{"|wget ", true},
	{"wget http", true},
	{"curl http", false},
	{"cmd.exe", true},
	{"/bin/sh", true},
	{"/bin/bash", true},
	{"eval(", false},
	{"system(", false},
	{"passthru(", true},
	{"base64_decode(", true},
	{"shell_exec(", true},
	{"invokefunction", true},
	{"allow_url_include", true},
	{"auto_prepend_file", true},
	{"class.module.classloader", true},
	{"#_memberaccess", true},
	{"<!entity", true},
	{"{{7*7}}", true},
};

static int hex_value(char c)
{
	return c >= '0' && c <= '9'                      ? c - '0'
		: (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
							 : -1;
}

/* Percent signs once; where they were doubled a second time does it. Returns the length. */
static size_t decode(const char *p, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int hi = p[i] == '%' && i + 2 < len ? hex_value(p[i + 1]) : -1;
		int lo = hi >= 0 ? hex_value(p[i + 2]) : -1;
		char c = lo >= 0 ? (char)(hi << 4 | lo) : p[i] == '+' ? ' ' : p[i];

		i += lo >= 0 ? 2 : 0;
		out[n++] = (char)tolower((unsigned char)c);
	}
	return n;
}

static size_t squeeze(char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_comment = p[i] == '/' && i + 3 < len && p[i + 1] == '*' &&
			p[i + 2] == '*' && p[i + 3] == '/';

		if (is_comment || isspace((unsigned char)p[i])) {
			i += is_comment ? 3 : 0;
			if (n && p[n - 1] == ' ')
				continue;
			p[n++] = ' ';
		} else {
			p[n++] = p[i];
		}
	}
	return n;
}

enum { ODD = 1, FIRST = 2, SECOND = 4 };

/* Words of attacks that hold no odd byte, by their first. */
static bool begins_word(const char *p, size_t left)
{
	static const struct {
		const char *word;
		size_t len;
	} words[] = {{"..", 2}, {".exe", 4}, {"/etc/", 5}, {"/proc/", 6}, {"/bin/", 5},
		{"invokefunction", 14}, {"class.module", 12}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (words[i].word[0] == p[0] && words[i].len <= left && words[i].word[1] == p[1] &&
			!memcmp(p, words[i].word, words[i].len))
			return true;
	}
	return false;
}

/* Most requests hold none of the bytes that attacks are made of, and none of the words without them. */
static bool is_plain(const char *p, size_t len)
{
	static const uint8_t class[256] = {['\''] = ODD,
		['"'] = ODD,
		['<'] = ODD,
		['('] = ODD,
		['{'] = ODD,
		['$'] = ODD,
		[';'] = ODD,
		['|'] = ODD,
		['\\'] = ODD,
		['%'] = ODD,
		['+'] = ODD,
		[':'] = ODD,
		[' '] = ODD,
		['*'] = ODD,
		['.'] = FIRST | SECOND,
		['/'] = FIRST,
		['i'] = FIRST,
		['c'] = FIRST,
		['e'] = SECOND,
		['p'] = SECOND,
		['b'] = SECOND,
		['n'] = SECOND,
		['l'] = SECOND};

	for (size_t i = 0; i < len; i++) {
		uint8_t kind = class[(unsigned char)p[i]];

		if (kind & ODD)
			return false;
		if (kind & FIRST && i + 1 < len && class[(unsigned char)p[i + 1]] & SECOND &&
			begins_word(p + i, len - i))
			return false;
	}
	return true;
}

static const char *find_attack(const char *p, size_t len, bool is_body)
{
	char text[TEXT_MAX];
	size_t n;

	len = SW_MIN(len, (size_t)TEXT_MAX);
	if (!len || is_plain(p, len))
		return NULL;
	n = decode(p, len, text);
	if (memchr(text, '%', n))
		n = decode(text, n, text);
	n = squeeze(text, n);
	for (size_t i = 0; i < SW_ARRAY_SIZE(attacks); i++) {
		if ((!is_body || attacks[i].in_body) &&
			memmem(text, n, attacks[i].token, strlen(attacks[i].token)))
			return attacks[i].token;
	}
	return NULL;
}

/* Look-ups of log4j and definitions of shellshock; anything else of headers is too common. */
static const char *find_in_headers(struct sw_http_text t)
{
	char text[TEXT_MAX];
	size_t n;

	if (!t.n || !memchr(t.p, '{', t.n))
		return NULL;
	if (memmem(t.p, t.n, "() {", 4))
		return "() {";
	if (!memmem(t.p, t.n, "${", 2))
		return NULL;
	n = decode(t.p, SW_MIN(t.n, (size_t)TEXT_MAX), text);
	return memmem(text, n, "${jndi:", 7) ? "${jndi:"
		: memmem(text, n, "${${", 4) || memmem(text, n, "${lower:", 8) ||
			memmem(text, n, "${env:", 6) || memmem(text, n, ":-j}", 4)
		? "${${"
		: NULL;
}

const char *sw_web_attack(const struct sw_http *h)
{
	const char *token = find_attack(h->path.p, h->path.n, false);

	if (!token)
		token = find_in_headers(h->headers);
	if (!token)
		token = find_attack(h->body.p, h->body.n, true);
	return token;
}

static const char *find_word(struct sw_http_text t, const char *const *words, size_t n)
{
	char text[256];
	size_t len = SW_MIN(t.n, sizeof(text));

	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)t.p[i]);
	for (size_t i = 0; i < n; i++) {
		if (memmem(text, len, words[i], strlen(words[i])))
			return words[i];
	}
	return NULL;
}

const char *sw_web_scanner(struct sw_http_text agent)
{
	static const char *const names[] = {"sqlmap", "nikto", "zgrab", "nuclei", "masscan",
		"nmap scripting", "gobuster", "dirbuster", "wpscan", "acunetix", "nessus",
		"openvas", "w3af", "havij", "wfuzz", "fuzz faster u fool", "feroxbuster", "arachni",
		"whatweb", "zmeu", "morfeus", "jorgee", "hydra", "l9explore", "l9tcpid",
		"httpx - open-source", "netsparker", "joomscan", "commix", "libredtail-http",
		"muieblackcat"};

	return find_word(agent, names, SW_ARRAY_SIZE(names));
}

const char *sw_web_program(struct sw_http_text path)
{
	static const char endings[][8] = {".exe", ".sh", ".elf", ".bin", ".scr", ".ps1", ".bat",
		".jar", ".apk", ".dll", ".msi", ".hta", ".vbs", ".mips", ".mpsl", ".arm", ".arm5",
		".arm6", ".arm7", ".x86", ".x86_64", ".m68k", ".ppc", ".sh4", ".spc"};
	const char *query = path.n ? memchr(path.p, '?', path.n) : NULL, *dot;
	size_t n = query ? (size_t)(query - path.p) : path.n, len;

	dot = n ? memrchr(path.p, '.', n) : NULL;
	len = dot ? (size_t)(path.p + n - dot) : 0;
	if (!dot || dot == path.p || len > 7)
		return NULL;
	for (size_t i = 0; i < SW_ARRAY_SIZE(endings); i++) {
		if (!endings[i][len] && !strncasecmp(dot, endings[i], len))
			return endings[i];
	}
	return NULL;
}

bool sw_web_is_inside(unsigned int family, const union sw_flow_addr *a)
{
	const uint8_t *b = a->byte;

	if (family == 6)
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
			!memcmp(b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
		(b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
		(b[0] == 100 && (b[1] & 0xc0) == 64);
}
