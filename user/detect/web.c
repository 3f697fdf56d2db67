// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/web.h"

#include <ctype.h>

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
		"muieblackcat", "censysinspect", "internet-measurement", "expanse, a palo alto",
		"hello, world"};

	return find_word(agent, names, SW_ARRAY_SIZE(names));
}

/* What one program is called for many kinds of processors, with a dot before it or alone. */
static bool is_processor(const char *p, size_t len)
{
	static const char words[][8] = {"mips", "mipsel", "mpsl", "arm", "arm4", "arm5", "arm6", "arm7", "armv7l",
		"x86", "x86_64", "i486", "i586", "i686", "m68k", "ppc", "powerpc", "sh4", "spc", "sparc", "aarch64"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (len && (p[0] | 0x20) == words[i][0] && strnlen(words[i], sizeof(words[i])) == len &&
			!strncasecmp(p, words[i], len))
			return true;
	}
	return false;
}

bool sw_web_is_program(struct sw_http_text path)
{
	static const char endings[][8] = {".exe", ".sh", ".elf", ".bin", ".scr", ".ps1", ".bat", ".jar", ".apk", ".dll",
		".msi", ".hta", ".vbs", ".m", ".a"};
	const char *query = path.n ? memchr(path.p, '?', path.n) : NULL, *dot, *end;
	size_t n = query ? (size_t)(query - path.p) : path.n, len;
	const char *slash = n ? memrchr(path.p, '/', n) : NULL;

	if (!slash)
		return false;
	end = path.p + n;
	dot = memrchr(slash, '.', (size_t)(end - slash));
	if (!dot)
		return is_processor(slash + 1, (size_t)(end - slash - 1));
	len = (size_t)(end - dot);
	for (size_t i = 0; i < SW_ARRAY_SIZE(endings); i++) {
		if (len > 1 && (dot[1] | 0x20) == endings[i][1] && strlen(endings[i]) == len &&
			!strncasecmp(dot, endings[i], len))
			return true;
	}
	return is_processor(dot + 1, len - 1);
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
