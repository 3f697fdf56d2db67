// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/services.h"

#include "services_table.h"

enum { WORD_MAX = 128 };

/* Programs that run others' text: the name says nothing about the service, the port has to. */
static const char interpreters[] = "java perl ruby php git";

size_t sw_service_count(void)
{
	return SW_ARRAY_SIZE(services);
}

const char *sw_risk_word(enum sw_risk risk)
{
	static const char *const words[] = {"", "low", "medium", "high"};

	return words[risk];
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; len && *at;) {
		size_t n = strcspn(at, " ");

		if (n == len && !memcmp(at, word, len))
			return true;
		at += n + (at[n] == ' ');
	}
	return false;
}

int sw_service_each(const char *list, int (*fn)(const char *word, void *arg), void *arg)
{
	char word[WORD_MAX];
	int r;

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n < sizeof(word)) {
			memcpy(word, list, n);
			word[n] = 0;
			r = fn(word, arg);
			if (r)
				return r;
		}
		list += n + (list[n] == ' ');
	}
	return 0;
}

const struct sw_service *sw_service_find(const char *executable, const char *protocol, unsigned int port,
	bool *ret_is_sure)
{
	const struct sw_service *by_name = NULL, *by_port = NULL;
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "%u/%s", port, protocol);
	*ret_is_sure = true;
	for (size_t i = 0; i < SW_ARRAY_SIZE(services); i++) {
		const struct sw_service *s = &services[i];
		bool has_name = has_word(s->executables, executable), has_port = has_word(s->ports, wanted);

		if (has_name && has_port)
			return s;
		if (has_name && !by_name && !has_word(interpreters, executable))
			by_name = s;
		if (has_port && !by_port)
			by_port = s;
	}
	if (by_name)
		return by_name;
	*ret_is_sure = false;
	/* A known port with another program behind it is not that service. */
	return *executable ? NULL : by_port;
}
