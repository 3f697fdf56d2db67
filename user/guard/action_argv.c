// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/cidr.h"
#include "user/guard/actions.h"

static const char *value_of(const char *name, size_t len, const struct sw_action_subject *s,
	char text[static SW_NET_TEXT_MAX])
{
	struct sw_net host = s->net;
	static const char *const names[] = {"<ip>", "<net>", "<family>", "<id>", "<for>"};
	size_t i;

	for (i = 0; i < SW_ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			break;
	}
	host.plen = s->net.family == SW_AF_IP4 ? 32 : 128;
	if (i == 0)
		return s->net.family ? sw_cidr_format(text, &host) : "";
	if (i == 1)
		return s->net.family ? sw_cidr_format(text, &s->net) : "";
	if (i == SW_ARRAY_SIZE(names))
		return NULL;
	snprintf(text, SW_NET_TEXT_MAX, "%llu",
		i == 2 ? (unsigned long long)s->net.family
		       : (unsigned long long)(i == 3 ? s->id : s->for_sec));
	return text;
}

static bool append(char **at, const char *end, const char *text, size_t len)
{
	if ((size_t)(end - *at) < len + 1)
		return false;
	memcpy(*at, text, len);
	*at += len;
	**at = '\0';
	return true;
}

/* Copies one word; what stands for a placeholder is never looked into again. */
static bool put_word(
	char **at, const char *end, const char *word, size_t len, const struct sw_action_subject *s)
{
	for (size_t i = 0; i < len;) {
		const char *close = word[i] == '<' ? memchr(word + i, '>', len - i) : NULL;
		char text[SW_NET_TEXT_MAX];
		size_t n = close ? (size_t)(close - word) - i + 1 : 1;
		const char *value = close ? value_of(word + i, n, s, text) : NULL;

		if (!value)
			n = 1;
		if (!append(at, end, value ? value : word + i, value ? strlen(value) : 1))
			return false;
		i += n;
	}
	if (*at >= end)
		return false;
	*(*at)++ = '\0';
	return true;
}

int sw_action_argv(const char *command, const struct sw_action_subject *s, char *buf, size_t size,
	char *argv[SW_ACTION_WORDS_MAX + 1])
{
	char *at = buf;
	int n = 0;

	for (command += strspn(command, " \t"); *command; command += strspn(command, " \t")) {
		size_t len = strcspn(command, " \t");

		if (n == SW_ACTION_WORDS_MAX)
			return -E2BIG;
		argv[n++] = at;
		if (!put_word(&at, buf + size, command, len, s))
			return -E2BIG;
		command += len;
	}
	argv[n] = NULL;
	return n ? n : -EINVAL;
}
