// SPDX-License-Identifier: GPL-3.0-or-later
/* What is done to processes: who is left alone, and that a number which came to mean another is not acted on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/guard/act.h"

static void the_start_and_the_terminal_are_read_behind_any_name(void **state)
{
	static const struct {
		const char *text;
		bool is_read, has_terminal;
	} rows[] = {
		{"42 (a) S 1 42 42 34816 42 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 9", true, true},
		{"42 (a) b) (S) R 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 9", true, false},
		{"42 (a) S 1 42 41 34816 42 4194304 1 2 3 4 5 6 7 8 20 0 1 0 777 9", true, false},
		{"42 (a) S 1 42 42", false, false},
		{"", false, false},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		bool has_terminal = false;
		uint64_t start = 0;
		bool is_read = sw_act_parse_stat(rows[i].text, &start, &has_terminal);

		if (is_read != rows[i].is_read || has_terminal != rows[i].has_terminal || (is_read && start != 777))
			fail_msg("row %zu: %d %d %llu", i, is_read, has_terminal, (unsigned long long)start);
	}
}

static void sshd_and_our_own_programs_are_left_alone(void **state)
{
	assert_true(sw_act_is_protected_name("/usr/sbin/sshd"));
	assert_true(sw_act_is_protected_name("/usr/lib/openssh/sshd-session"));
	assert_true(sw_act_is_protected_name("/usr/libexec/sockwarden/sockwarden-engine"));
	assert_false(sw_act_is_protected_name("/usr/bin/ssh"));
	assert_false(sw_act_is_protected_name("/opt/sshd/nc"));
}

struct rig {
	char dir[64];
	struct sw_acts *hold;
	pid_t pid;
};

static int begin(void **state)
{
	static struct rig rig;

	*state = &rig;
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/sw-hold-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	assert_int_equal(sw_act_new(rig.dir, rig.dir, rig.dir, &rig.hold), 0);
	rig.pid = fork();
	if (!rig.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return rig.pid < 0;
}

static int end(void **state)
{
	struct rig *rig = *state;
	char path[96];

	kill(rig->pid, SIGKILL);
	waitpid(rig->pid, NULL, 0);
	sw_act_free(rig->hold);
	snprintf(path, sizeof(path), "%s/guard.held", rig->dir);
	unlink(path);
	return rmdir(rig->dir);
}

static int act(struct rig *rig, __u32 verb, pid_t pid, __u64 start_ns)
{
	const struct sw_guard_act a = {.verb = verb, .pid = (__u32)pid, .start_ns = start_ns};
	char text[160] = "";
	int r = sw_act_do(rig->hold, &a, text, sizeof(text));

	assert_true(r >= 0 || *text);
	return r;
}

static void a_process_is_frozen_released_and_known_to_the_next_guard(void **state)
{
	struct sw_guard_held held;
	struct rig *rig = *state;
	int status;

	assert_int_equal(act(rig, SW_ACT_FREEZE, rig->pid, 0), 0);
	assert_int_equal(waitpid(rig->pid, &status, WUNTRACED), rig->pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(act(rig, SW_ACT_FREEZE, rig->pid, 0), -EBUSY);
	sw_act_free(rig->hold);
	assert_int_equal(sw_act_new(rig->dir, rig->dir, rig->dir, &rig->hold), 0);
	sw_act_list(rig->hold, &held);
	assert_int_equal(held.n, 1);
	assert_int_equal(held.at[0].pid, rig->pid);
	assert_int_equal(act(rig, SW_ACT_RELEASE, rig->pid, 0), 0);
	assert_int_equal(waitpid(rig->pid, &status, WCONTINUED), rig->pid);
	assert_true(WIFCONTINUED(status));
	assert_int_equal(act(rig, SW_ACT_RELEASE, rig->pid, 0), -ENOENT);
}

static void another_start_is_another_process(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(act(rig, SW_ACT_KILL, rig->pid, 1), -ESRCH);
	assert_int_equal(kill(rig->pid, 0), 0);
	assert_int_equal(act(rig, SW_ACT_KILL, rig->pid, 0), 0);
}

static void process_one_and_ourselves_are_never_touched(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(act(rig, SW_ACT_KILL, 1, 0), -EPERM);
	assert_int_equal(act(rig, SW_ACT_KILL, getpid(), 0), -EPERM);
	assert_int_equal(act(rig, 99, rig->pid, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_start_and_the_terminal_are_read_behind_any_name),
		cmocka_unit_test(sshd_and_our_own_programs_are_left_alone),
		cmocka_unit_test_setup_teardown(a_process_is_frozen_released_and_known_to_the_next_guard, begin, end),
		cmocka_unit_test_setup_teardown(another_start_is_another_process, begin, end),
		cmocka_unit_test_setup_teardown(process_one_and_ourselves_are_never_touched, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
