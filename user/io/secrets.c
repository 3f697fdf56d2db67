// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/secrets.h"

#include <sodium.h>
#include <sys/random.h>

#include "user/base/clock.h"

enum { SECRET_BYTES = 16 };

static void hash_text(const char *text, uint8_t ret[static 32])
{
	crypto_generichash(ret, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}

int sw_secret_make(struct sw_secrets *s, uint64_t now_ns, char ret[static SW_SECRET_TEXT])
{
	unsigned char bytes[SECRET_BYTES];
	size_t at = 0;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 1; i < s->n; i++) {
		if (s->rows[i].until_ns < s->rows[at].until_ns)
			at = i;
	}
	sodium_bin2hex(ret, SW_SECRET_TEXT, bytes, sizeof(bytes));
	hash_text(ret, s->rows[at].hash);
	s->rows[at].until_ns = now_ns + s->life_sec * SW_SEC_NS;
	sodium_memzero(bytes, sizeof(bytes));
	return 0;
}

/* The row that holds the text, or SIZE_MAX; every row is compared, so that time tells nothing. */
static size_t find(const struct sw_secrets *s, const char *text)
{
	size_t at = SIZE_MAX;
	uint8_t hash[32];

	if (!text)
		return at;
	hash_text(text, hash);
	for (size_t i = 0; i < s->n; i++) {
		bool is_it = sodium_memcmp(hash, s->rows[i].hash, sizeof(hash)) == 0;

		if (is_it && s->rows[i].until_ns)
			at = i;
	}
	return at;
}

bool sw_secret_is_good(const struct sw_secrets *s, uint64_t now_ns, const char *text)
{
	size_t at = find(s, text);

	return at != SIZE_MAX && now_ns < s->rows[at].until_ns;
}

bool sw_secret_redeem(struct sw_secrets *s, uint64_t now_ns, const char *text)
{
	size_t at = find(s, text);
	bool is_good;

	if (at == SIZE_MAX)
		return false;
	is_good = now_ns < s->rows[at].until_ns;
	sodium_memzero(&s->rows[at], sizeof(s->rows[at]));
	return is_good;
}
