// SPDX-License-Identifier: GPL-3.0-or-later
/* Attacks in requests: tokens that hardly anything else holds. */
#include "user/detect/web.h"

#include <ctype.h>

enum { TEXT_MAX = 2048 }; /* bytes of a target or body looked at */

#define SQL	 "SQL injection in a request"
#define SCRIPT	 "script injection in a request"
#define TRAVERSAL "path traversal in a request"
#define INCLUSION "file inclusion in a request"
#define COMMAND	 "command injection in a request"
#define CODE	 "code injection in a request"
#define LOOKUP	 "a log4j look-up in a request"
#define SHELL	 "shellshock in a request"
#define ENTITY	 "an XML entity in a request"
#define FORGERY	 "a request for the cloud's own data"
#define LDAP	 "LDAP injection in a request"
#define SECRET	 "a file of settings or secrets is asked for"
#define HEADER	 "header injection in a request"
#define PROBE	 "a scanner's mark in a request"

/* In decoded text: lower case, one space where there was any white space, '+' or an SQL comment. */
static const struct row {
	struct sw_web_attack is;
	bool in_body; /* rare enough in what people write */
} attacks[] = {
	{{"union select", SQL}, true},
	{{"union all select", SQL}, true},
	{{"' or '1'='1", SQL}, true},
	{{"' or 1=1", SQL}, true},
	{{"\" or 1=1", SQL}, true},
	{{"or 1=1--", SQL}, true},
	{{"' order by ", SQL}, false},
	{{"(select ", SQL}, false},
	{{"information_schema", SQL}, false},
	{{"sleep(", SQL}, false},
	{{"benchmark(", SQL}, false},
	{{"dbms_pipe", SQL}, false},
	{{"utl_inaddr", SQL}, false},
	{{"xp_cmdshell", SQL}, true},
	{{"waitfor delay", SQL}, true},
	{{"; drop table", SQL}, true},
	{{"extractvalue(", SQL}, true},
	{{"updatexml(", SQL}, true},
	{{"load_file(", SQL}, true},
	{{"into outfile", SQL}, true},
	{{"concat(0x", SQL}, true},
	{{"<script", SCRIPT}, false},
	{{"javascript:", SCRIPT}, false},
	{{"onerror=", SCRIPT}, false},
	{{"onmouseover=", SCRIPT}, false},
	{{"<svg", SCRIPT}, false},
	{{"<iframe", SCRIPT}, false},
	{{"document.cookie", SCRIPT}, false},
	{{"alert(", SCRIPT}, false},
	{{"confirm(", SCRIPT}, false},
	{{"prompt(", SCRIPT}, false},
	{{"../../", TRAVERSAL}, false},
	{{"..\\..\\", TRAVERSAL}, true},
	{{"....//", TRAVERSAL}, false},
	{{"..\xc0\xaf", TRAVERSAL}, false},
	{{"/etc/passwd", TRAVERSAL}, true},
	{{"/etc/shadow", TRAVERSAL}, true},
	{{"/proc/self/", TRAVERSAL}, true},
	{{"boot.ini", TRAVERSAL}, false},
	{{"php://", INCLUSION}, true},
	{{"file:///", INCLUSION}, true},
	{{"expect://", INCLUSION}, true},
	{{"data://text", INCLUSION}, true},
	{{"allow_url_include", INCLUSION}, true},
	{{"auto_prepend_file", INCLUSION}, true},
	{{"${jndi:", LOOKUP}, true},
	{{"${${", LOOKUP}, true},
	{{"() {", SHELL}, false},
	{{";wget ", COMMAND}, true},
	{{"; wget ", COMMAND}, true},
	{{";curl ", COMMAND}, true},
	{{"|wget ", COMMAND}, true},
	{{"`wget ", COMMAND}, true},
	{{"`curl ", COMMAND}, true},
	{{"$(wget ", COMMAND}, true},
	{{"$(curl ", COMMAND}, true},
	{{"`id`", COMMAND}, false},
	{{"$(id)", COMMAND}, false},
	{{"wget http", COMMAND}, true},
	{{"curl http", COMMAND}, false},
	{{"cmd.exe", COMMAND}, true},
	{{"/bin/sh", COMMAND}, true},
	{{"/bin/bash", COMMAND}, true},
	{{"eval(", CODE}, false},
	{{"system(", CODE}, false},
	{{"passthru(", CODE}, true},
	{{"base64_decode(", CODE}, true},
	{{"shell_exec(", CODE}, true},
	{{"invokefunction", CODE}, true},
	{{"eval-stdin", CODE}, false},
	{{"class.module.classloader", CODE}, true},
	{{"#_memberaccess", CODE}, true},
	{{"{{7*7}}", CODE}, true},
	{{"<!entity", ENTITY}, true},
	{{"169.254.169.254", FORGERY}, true},
	{{")(uid=", LDAP}, false},
	{{")(|(", LDAP}, false},
	{{"/.env", SECRET}, false},
	{{"/.git/", SECRET}, false},
	{{"/.svn/", SECRET}, false},
	{{"/.aws/", SECRET}, false},
	{{"/.ssh/", SECRET}, false},
	{{"/.ht", SECRET}, false},
	{{"wp-config.php", SECRET}, false},
	{{" set-cookie:", HEADER}, false},
	{{"acunetix", PROBE}, false},
	{{"some_inexistent_file", PROBE}, false},
	{{"w00tw00t", PROBE}, false},
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

/* Words of attacks that hold no odd byte, by their first two: most pairs are told apart without a comparison. */
static bool begins_word(const char *p, size_t left)
{
	const char *word;

#define PAIR(a, b) ((a) << 8 | (b))
	switch (PAIR(p[0], p[1])) {
	case PAIR('.', '.'):
	case PAIR('/', '.'):
		return true;
	case PAIR('.', 'e'):
		word = ".exe";
		break;
	case PAIR('/', 'e'):
		word = "/etc/";
		break;
	case PAIR('/', 'p'):
		word = "/proc/";
		break;
	case PAIR('/', 'b'):
		word = "/bin/";
		break;
	case PAIR('i', 'n'):
		word = "invokefunction";
		break;
	case PAIR('c', 'l'):
		word = "class.module";
		break;
	case PAIR('w', 'p'):
		word = "wp-config";
		break;
	case PAIR('w', '0'):
		word = "w00tw00t";
		break;
	case PAIR('a', 'c'):
		word = "acunetix";
		break;
	case PAIR('s', 'o'):
		word = "some_inexistent";
		break;
	case PAIR('e', 'v'):
		word = "eval-stdin";
		break;
	default:
		return false;
	}
#undef PAIR
	return strlen(word) <= left && !memcmp(p, word, strlen(word));
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
		['`'] = ODD,
		['i'] = FIRST,
		['c'] = FIRST | SECOND,
		['a'] = FIRST,
		['s'] = FIRST,
		['w'] = FIRST,
		['e'] = FIRST | SECOND,
		['p'] = SECOND,
		['v'] = SECOND,
		['o'] = SECOND,
		['0'] = SECOND,
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

static const struct sw_web_attack *find_attack(const char *p, size_t len, bool is_body)
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
		const struct sw_web_attack *is = &attacks[i].is;

		if ((!is_body || attacks[i].in_body) && memmem(text, n, is->token, strlen(is->token)))
			return is;
	}
	return NULL;
}

/* A brace, as it is or with a percent sign: without one nothing is in headers that we look for. */
static bool has_brace(struct sw_http_text t)
{
	const char *end = t.p + t.n;

	if (!t.n || memchr(t.p, '{', t.n))
		return t.n;
	for (const char *p = t.p; (p = memchr(p, '%', (size_t)(end - p))); p++) {
		if (end - p > 2 && p[1] == '7' && (p[2] | 0x20) == 'b')
			return true;
	}
	return false;
}

/* Look-ups, definitions of shellshock, expressions of Struts; anything else of headers is too common. */
static const struct sw_web_attack *find_in_headers(struct sw_http_text t)
{
	static const struct sw_web_attack tokens[] = {{"() {", SHELL}, {"${jndi:", LOOKUP}, {"${${", LOOKUP},
		{"${lower:", LOOKUP}, {"${upper:", LOOKUP}, {"${env:", LOOKUP}, {":-j}", LOOKUP},
		{"%{(", CODE}, {"#_memberaccess", CODE}};
	char text[TEXT_MAX];
	size_t n;

	if (!has_brace(t))
		return NULL;
	n = decode(t.p, SW_MIN(t.n, (size_t)TEXT_MAX), text);
	for (size_t i = 0; i < SW_ARRAY_SIZE(tokens); i++) {
		if (memmem(text, n, tokens[i].token, strlen(tokens[i].token)))
			return &tokens[i];
	}
	return NULL;
}

const struct sw_web_attack *sw_web_attack(const struct sw_http *h)
{
	const struct sw_web_attack *found = find_attack(h->path.p, h->path.n, false);

	if (!found)
		found = find_in_headers(h->headers);
	if (!found)
		found = find_attack(h->body.p, h->body.n, true);
	return found;
}
