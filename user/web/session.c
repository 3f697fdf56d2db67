// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/session.h"

#include <sodium.h>
#include <sys/random.h>

#include "user/base/clock.h"

enum { COOKIE_BYTES = 16 };

static void hash_cookie(const char *text, uint8_t ret[static 32])
{
	crypto_generichash(ret, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}

int sw_session_make(struct sw_sessions *s, uint64_t now_ns, char ret[static SW_SESSION_TEXT])
{
	unsigned char bytes[COOKIE_BYTES];
	size_t at = 0;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 1; i < SW_SESSIONS_MAX; i++) {
		if (s->rows[i].until_ns < s->rows[at].until_ns)
			at = i;
	}
	sodium_bin2hex(ret, SW_SESSION_TEXT, bytes, sizeof(bytes));
	hash_cookie(ret, s->rows[at].hash);
	s->rows[at].until_ns = now_ns + SW_SESSION_SEC * SW_SEC_NS;
	sodium_memzero(bytes, sizeof(bytes));
	return 0;
}

bool sw_session_is_good(const struct sw_sessions *s, uint64_t now_ns, const char *text)
{
	uint8_t hash[32];
	bool is_good = false;

	if (!text)
		return false;
	hash_cookie(text, hash);
	for (size_t i = 0; i < SW_SESSIONS_MAX; i++) {
		bool is_it = sodium_memcmp(hash, s->rows[i].hash, sizeof(hash)) == 0;

		is_good |= is_it && s->rows[i].until_ns && now_ns < s->rows[i].until_ns;
	}
	return is_good;
}
