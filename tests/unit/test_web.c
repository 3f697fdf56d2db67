// SPDX-License-Identifier: GPL-3.0-or-later
/* The pure parts of the page: who is asked for, who is logged in, and the links that log in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>

#include "user/base/clock.h"
#include "user/io/secrets.h"
#include "user/web/host.h"
#include "user/web/http.h"

enum { LINKS = 16, LINK_SEC = 600 };

static void a_host_is_an_address_or_localhost(void **state)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:8338", "localhost",
		"LOCALHOST:80", "[::1]", "[::1]:8338", "192.0.2.7:1", "[::ffff:127.0.0.1]:80"};
	static const char *const bad[] = {"", "evil.example", "evil.example:8338",
		"localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:80:80", "::1", "[127.0.0.1]", "[::1", "[::1]x", "127.0.0.0/8", "127.1",
		"2130706433", "localhost:123456", "localhost@evil.example", " localhost"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(good); i++) {
		if (!sw_host_ok(good[i]))
			fail_msg("'%s' was refused", good[i]);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		if (sw_host_ok(bad[i]))
			fail_msg("'%s' was taken", bad[i]);
	}
	assert_false(sw_host_ok(NULL));
}

static void a_session_lasts_twelve_hours_and_is_kept_as_a_hash(void **state)
{
	struct sw_secrets s = {.n = SW_SECRETS_MAX, .life_sec = SW_SESSION_SEC};
	char cookie[SW_SECRET_TEXT];
	const uint64_t t = 1000 * SW_SEC_NS;

	assert_int_equal(sw_secret_make(&s, t, cookie), 0);
	assert_int_equal(strlen(cookie), 32);
	assert_true(sw_secret_is_good(&s, t, cookie));
	assert_true(sw_secret_is_good(&s, t + (SW_SESSION_SEC - 1) * SW_SEC_NS, cookie));
	assert_false(sw_secret_is_good(&s, t + SW_SESSION_SEC * SW_SEC_NS, cookie));
	assert_null(memmem(&s, sizeof(s), cookie, 32));
	cookie[0] ^= 1;
	assert_false(sw_secret_is_good(&s, t, cookie));
	assert_false(sw_secret_is_good(&s, t, ""));
	assert_false(sw_secret_is_good(&s, t, NULL));
}

static void the_session_nearest_to_its_end_makes_room(void **state)
{
	struct sw_secrets s = {.n = SW_SECRETS_MAX, .life_sec = SW_SESSION_SEC};
	char cookies[SW_SECRETS_MAX + 1][SW_SECRET_TEXT];

	for (unsigned int i = 0; i <= SW_SECRETS_MAX; i++)
		assert_int_equal(sw_secret_make(&s, (1 + i) * SW_SEC_NS, cookies[i]), 0);
	assert_false(sw_secret_is_good(&s, 100 * SW_SEC_NS, cookies[0]));
	for (unsigned int i = 1; i <= SW_SECRETS_MAX; i++)
		assert_true(sw_secret_is_good(&s, 100 * SW_SEC_NS, cookies[i]));
}

static void a_link_works_once(void **state)
{
	struct sw_secrets t = {.n = LINKS, .life_sec = LINK_SEC};
	char token[SW_SECRET_TEXT], other[SW_SECRET_TEXT];

	assert_int_equal(sw_secret_make(&t, SW_SEC_NS, token), 0);
	assert_int_equal(sw_secret_make(&t, SW_SEC_NS, other), 0);
	assert_string_not_equal(token, other);
	assert_null(memmem(&t, sizeof(t), token, 32));
	assert_true(sw_secret_redeem(&t, SW_SEC_NS, token));
	assert_false(sw_secret_redeem(&t, SW_SEC_NS, token));
	assert_true(sw_secret_redeem(&t, SW_SEC_NS, other));
	assert_false(sw_secret_redeem(&t, SW_SEC_NS, ""));
}

static void a_link_is_dead_after_ten_minutes(void **state)
{
	struct sw_secrets t = {.n = LINKS, .life_sec = LINK_SEC};
	char token[SW_SECRET_TEXT];

	assert_int_equal(sw_secret_make(&t, SW_SEC_NS, token), 0);
	assert_false(sw_secret_redeem(&t, (LINK_SEC + 2) * SW_SEC_NS, token));
	assert_false(sw_secret_redeem(&t, SW_SEC_NS, token));
}

static void links_are_bounded_and_the_oldest_goes(void **state)
{
	struct sw_secrets t = {.n = LINKS, .life_sec = LINK_SEC};
	char tokens[LINKS + 1][SW_SECRET_TEXT];

	for (unsigned int i = 0; i <= LINKS; i++)
		assert_int_equal(sw_secret_make(&t, (1 + i) * SW_SEC_NS, tokens[i]), 0);
	assert_false(sw_secret_redeem(&t, 50 * SW_SEC_NS, tokens[0]));
	assert_true(sw_secret_redeem(&t, 50 * SW_SEC_NS, tokens[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_an_address_or_localhost),
		cmocka_unit_test(a_session_lasts_twelve_hours_and_is_kept_as_a_hash),
		cmocka_unit_test(the_session_nearest_to_its_end_makes_room),
		cmocka_unit_test(a_link_works_once),
		cmocka_unit_test(a_link_is_dead_after_ten_minutes),
		cmocka_unit_test(links_are_bounded_and_the_oldest_goes),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
