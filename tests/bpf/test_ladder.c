// SPDX-License-Identifier: GPL-3.0-or-later
/* The hook ladder on this kernel: which programs attach, and what happens where some are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/guard/plant.h"
#include "user/guard/snapshot.h"
#include "user/kern/bpffs.h"
#include "user/kern/cgroup.h"

/* Every program of tier B, as --fake-refuse wants them. */
#define TIER_B                                                                                        \
	"on_sock_create,on_post_bind4,on_post_bind6,on_connect4,on_connect6,on_sendmsg4,on_sendmsg6," \
	"on_sock_release,on_state,on_exec,on_fork,on_exit"

struct fixture {
	char dir[64], bpffs[96], pin_dir[SW_PIN_PATH_MAX], cgroup[512];
	struct sw_plant plant;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[256] = "", line[1024], where[256] = "";
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!f || !mounts)
		return -1;
	*state = f;
	sw_load_quiet();
	while (!*where && fgets(line, sizeof(line), mounts))
		if (strstr(line, " - cgroup2 "))
			assert_int_equal(sscanf(line, "%*d %*d %*s %*s %255s", where), 1);
	fclose(mounts);
	snprintf(f->cgroup, sizeof(f->cgroup), "%s/sockwarden-ladder-%d", where, getpid());
	strcpy(f->dir, "/tmp/sw-test-ladder-XXXXXX");
	if (!*where || mkdir(f->cgroup, 0755) < 0 || !mkdtemp(f->dir) ||
		mount("bpf", f->dir, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(f->bpffs, sizeof(f->bpffs), "%s/sockwarden", f->dir);
	sw_plant_init(&f->plant);
	return sw_bpffs_prepare(f->bpffs, f->pin_dir, sizeof(f->pin_dir), err, sizeof(err));
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sw_ladder_unpin(f->pin_dir, NULL);
	sw_plant_done(&f->plant);
	sw_bpffs_remove(f->bpffs);
	umount2(f->dir, MNT_DETACH);
	rmdir(f->dir);
	rmdir(f->cgroup);
	free(f);
	return 0;
}

static const char *climb(struct fixture *f, const char *refused)
{
	const struct sw_ladder_opts o = {
		.pin_dir = f->pin_dir, .cgroup_dir = f->cgroup, .fake_refuse = refused};

	assert_int_equal(sw_plant_load_gate(&f->plant, f->pin_dir), 0);
	assert_int_equal(sw_plant_load_sockets(&f->plant, &o), 0);
	return sw_ladder_hooks(f->plant.ladder);
}

static void the_tier_is_a_where_trampolines_work_and_else_b(void **state)
{
	struct fixture *f = *state;
	const char *hooks = climb(f, NULL);
	bool has_a = sw_ladder_probe_trampoline() == 0;

	assert_int_equal(sw_ladder_tier(f->plant.ladder), has_a ? SW_TIER_A : SW_TIER_B);
	assert_int_equal(!!strstr(hooks, "on_unix_listen"), has_a);
	assert_int_equal(!!strstr(hooks, "-fentry("), !has_a);
	assert_non_null(strstr(hooks, "on_state"));
	assert_null(strstr(hooks, "on_sockops")); /* which every connection would pay for */
}

static void without_trampolines_tier_a_is_not_tried(void **state)
{
	struct fixture *f = *state;
	const char *hooks = climb(f, "fentry");

	assert_int_equal(sw_ladder_tier(f->plant.ladder), SW_TIER_B);
	assert_null(strstr(hooks, "on_unix_listen"));
	assert_non_null(strstr(hooks, "-fentry(EPERM)"));
}

static void with_nothing_attached_the_tier_is_c_and_iterators_remain(void **state)
{
	struct fixture *f = *state;
	int fd;

	climb(f, "fentry," TIER_B);
	assert_int_equal(sw_ladder_tier(f->plant.ladder), SW_TIER_C);
	fd = sw_ladder_iterate(f->plant.ladder, SW_ITER_TCP);
	assert_true(fd >= 0);
	close(fd);
}

/* Under lockdown=confidentiality this is the kernel's own answer; elsewhere it is played. */
static void where_kernel_memory_may_not_be_read_every_hook_is_had_all_the_same(void **state)
{
	struct fixture *f = *state;
	const char *hooks = climb(f, "fentry,read_kernel");

	assert_non_null(strstr(hooks, "-read_kernel("));
	assert_non_null(strstr(hooks, "on_state"));
	assert_non_null(strstr(hooks, "on_exec"));
	assert_non_null(strstr(hooks, "on_post_bind6"));
	assert_non_null(strstr(hooks, "on_sockops"));
	assert_null(strstr(hooks, "-on_"));
}

/* A process in a network namespace of its own; its inode. */
static pid_t be_elsewhere(__u32 *ret)
{
	int ready[2];
	char path[64], c;
	struct stat st;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		c = unshare(CLONE_NEWNET) == 0;
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_true(c);
	close(ready[0]);
	close(ready[1]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	assert_int_equal(stat(path, &st), 0);
	*ret = (__u32)st.st_ino;
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

enum { ELSEWHERE = 2 * SW_GUARD_NETNS_MAX };

static void a_namespace_that_ends_between_the_parts_of_a_snapshot_hides_no_other(void **state)
{
	struct fixture *f = *state;
	int n_seen[ELSEWHERE] = {}, fds[SW_GUARD_FDS_MAX];
	struct sw_guard_snapshot s = {.is_cut = 1};
	__u32 inode[ELSEWHERE], after = 0;
	pid_t pid[ELSEWHERE];

	climb(f, "fentry");
	for (int i = 0; i < ELSEWHERE; i++)
		pid[i] = be_elsewhere(&inode[i]);
	for (int part = 0; s.is_cut && part < 1000; part++) {
		size_t n = 0;

		assert_int_equal(sw_snapshot_open(f->plant.ladder, after, &s, fds, &n), 0);
		assert_int_equal(n, s.n_tasks + 3 * s.n_netns + s.n_again);
		assert_int_equal(s.n_tasks, part ? 0 : 2);
		assert_int_equal(s.n_again, !s.is_cut);
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
		for (__u32 i = 0; i < s.n_netns; i++)
			for (int k = 0; k < ELSEWHERE; k++)
				n_seen[k] += s.netns[i].inode == inode[k];
		after = s.n_netns ? s.netns[s.n_netns - 1].inode : after;
		for (int k = 0; k < ELSEWHERE; k++) {
			if (!n_seen[k] || pid[k] <= 0)
				continue;
			end(pid[k]); /* those after it move up in the listing */
			pid[k] = 0;
		}
	}
	for (int k = 0; k < ELSEWHERE; k++) {
		if (pid[k])
			end(pid[k]);
		assert_int_equal(n_seen[k], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_tier_is_a_where_trampolines_work_and_else_b, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_trampolines_tier_a_is_not_tried, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			with_nothing_attached_the_tier_is_c_and_iterators_remain, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			where_kernel_memory_may_not_be_read_every_hook_is_had_all_the_same, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			a_namespace_that_ends_between_the_parts_of_a_snapshot_hides_no_other,
			set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
