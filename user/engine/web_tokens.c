// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/web_tokens.h"

#include <sodium.h>
#include <sys/random.h>

#include "user/base/clock.h"

enum { TOKEN_BYTES = 16 };

static void hash_token(const char *token, uint8_t ret[static 32])
{
	crypto_generichash(ret, 32, (const unsigned char *)token, strlen(token), NULL, 0);
}

int sw_web_token_make(struct sw_web_tokens *t, uint64_t now_ns, char ret[static SW_WEB_TOKEN_TEXT])
{
	unsigned char bytes[TOKEN_BYTES];
	size_t at = 0;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 1; i < SW_WEB_TOKENS_MAX; i++) {
		if (t->rows[i].until_ns < t->rows[at].until_ns)
			at = i;
	}
	sodium_bin2hex(ret, SW_WEB_TOKEN_TEXT, bytes, sizeof(bytes));
	hash_token(ret, t->rows[at].hash);
	t->rows[at].until_ns = now_ns + SW_WEB_TOKEN_SEC * SW_SEC_NS;
	sodium_memzero(bytes, sizeof(bytes));
	return 0;
}

bool sw_web_token_redeem(struct sw_web_tokens *t, uint64_t now_ns, const char *token)
{
	uint8_t hash[32];
	bool is_good = false;

	hash_token(token, hash);
	for (size_t i = 0; i < SW_WEB_TOKENS_MAX; i++) {
		bool is_it = sodium_memcmp(hash, t->rows[i].hash, sizeof(hash)) == 0;

		if (!is_it || !t->rows[i].until_ns)
			continue;
		is_good = now_ns <= t->rows[i].until_ns;
		t->rows[i].until_ns = 0;
		sodium_memzero(t->rows[i].hash, sizeof(t->rows[i].hash));
	}
	return is_good;
}
