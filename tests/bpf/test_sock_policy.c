// SPDX-License-Identifier: GPL-3.0-or-later
/* The socket policy in the kernel: what a process may bind and connect to, asked by real sockets. */
#include "tests/bpf/sock_rig.h"

#include "skel/sock_bind.skel.h"
#include "user/base/cidr.h"
#include "user/policy/sock_table.h"

enum { PORT = 4100, ASIDE = 4200, UID = 65534 };

struct policy_rig {
	struct bench *b;
	struct sock_bind *bind;
	struct sw_sock_table table;
};

static struct policy_rig *rig;

static int no_user(const char *name, uint32_t *ret_uid, void *arg)
{
	return -ENOENT;
}

static int begin_policy(void **state)
{
	static const char *const shared[] = {"gate_ctl", "sock_policy", "sock_rules", "sock_rooms"};
	_close_ int fd = -1;
	int r = begin(state);

	if (r)
		return r;
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->b = *state;
	rig->bind = sock_bind__open();
	assert_non_null(rig->bind);
	share_maps(rig->bind->obj, rig->b->cg->obj);
	for (size_t i = 0; i < SW_ARRAY_SIZE(shared); i++)
		share_map(rig->bind->obj, shared[i], rig->b->cg->obj);
	assert_int_equal(sock_bind__load(rig->bind), 0);
	fd = open(rig->b->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	attach_all(rig->b, rig->bind->obj, fd);
	return 0;
}

static int end_policy(void **state)
{
	int r = end(state);

	if (rig)
		sock_bind__destroy(rig->bind);
	free(TAKE_PTR(rig));
	return r;
}

static void set_mode(__u32 mode, __u64 until_ns)
{
	const struct sw_gate_ctl c = {.mode = mode, .enforce_until_ns = until_ns};
	__u32 zero = 0;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig->b->cg->maps.gate_ctl), &zero, &c, BPF_ANY), 0);
}

static void put_rule(__u32 key, const struct sw_sock_rule *r)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(rig->b->cg->maps.sock_rules), &key, r, BPF_ANY), 0);
}

static void use(const struct sw_config *c, bool is_hybrid, const char *own_dir)
{
	const struct sw_sock_table_host host = {
		.find_user = no_user, .own_dir = own_dir, .is_hybrid = is_hybrid, .can_read_kernel = true};
	const struct sw_sock_policy_image *image = &rig->table.image;
	__u32 zero = 0;

	assert_int_equal(sw_sock_table_make(c, &host, &rig->table), 0);
	for (__u32 way = 0; way < SW_SOCK_WAYS; way++) {
		for (__u32 i = 0; i < image->ctl.n[way]; i++)
			put_rule(way * SW_SOCK_RULES_MAX + i, &image->rules[way][i]);
	}
	for (__u32 i = 0; i < image->ctl.n_protected; i++)
		put_rule(SW_SOCK_WAYS * SW_SOCK_RULES_MAX + i, &image->protected[i]);
	assert_int_equal(bpf_map_update_elem(
				 bpf_map__fd(rig->b->cg->maps.sock_policy), &zero, &image->ctl, BPF_ANY),
		0);
}

static struct sockaddr_in at4(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bind_at(int type, uint16_t port)
{
	struct sockaddr_in a = at4(port);
	_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

static void act_bind(struct said *s)
{
	s->error = bind_at(SOCK_STREAM, PORT);
	s->fd = bind_at(SOCK_STREAM, ASIDE);
}

static void act_bind_udp(struct said *s)
{
	s->error = bind_at(SOCK_DGRAM, PORT);
}

static void act_bind_as_user(struct said *s)
{
	if (setuid(UID) < 0)
		_exit(103);
	act_bind(s);
}

static void act_bind_any_port(struct said *s)
{
	s->error = bind_at(SOCK_STREAM, 0);
}

static void act_bind6(struct said *s)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	s->error = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

static int connect_at(int type, uint16_t port)
{
	struct sockaddr_in a = at4(port);
	_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

static void act_connect(struct said *s)
{
	s->error = connect_at(SOCK_STREAM, PORT);
	s->fd = connect_at(SOCK_STREAM, ASIDE);
}

static void act_send(struct said *s)
{
	struct sockaddr_in a = at4(PORT);
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	s->error = sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

/* In a cgroup of that name below the test's own, which is there for as long as the act. */
static void act_bind_in(struct said *s, const char *name)
{
	char dir[600], path[700], pid[16];
	int fd;

	snprintf(dir, sizeof(dir), "%s/%s", rig->b->cgroup, name);
	if (mkdir(dir, 0755) < 0)
		_exit(104);
	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	snprintf(pid, sizeof(pid), "%d", getpid());
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, pid, strlen(pid)) < 0)
		_exit(105);
	s->error = bind_at(SOCK_STREAM, PORT);
	snprintf(path, sizeof(path), "%s/../cgroup.procs", dir);
	close(fd);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, pid, strlen(pid)) < 0 || rmdir(dir) < 0)
		_exit(106);
	close(fd);
}

#define DIGITS "0123456789ab0123456789abcdef0123456789abcdef0123456789abcdef0123"
_Static_assert(sizeof(DIGITS) == 65, "an id has 64 digits");

static void act_bind_contained(struct said *s)
{
	act_bind_in(s, "docker-" DIGITS ".scope");
}

static void act_bind_beside_container(struct said *s)
{
	act_bind_in(s, "crio-conmon-" DIGITS ".scope");
}

static int tried(act_fn act)
{
	struct said s;

	run(rig->b, act, &s);
	return s.error;
}

static void a_bind_is_refused_while_armed_and_the_rule_says_so(void **state)
{
	const struct sw_config c = {
		.policy_listen = {.n = 1,
			.at = {{.ports = "4100-4101", .protocol = SW_SOCK_PROTO_TCP, .action = SW_SOCK_DENY}}}};
	const struct sw_sock_event *e;
	struct said s;
	pid_t pid;

	set_mode(SW_MODE_ENFORCE, 0);
	assert_int_equal(tried(act_bind), 0); /* an empty map */
	use(&c, false, "");
	set_mode(SW_MODE_OBSERVE, 0);
	assert_int_equal(tried(act_bind), 0);
	set_mode(SW_MODE_ENFORCE, 1); /* a trial that is over */
	assert_int_equal(tried(act_bind), 0);
	set_mode(SW_MODE_ENFORCE, 0);
	pid = run(rig->b, act_bind, &s);
	assert_int_equal(s.error, EPERM);
	assert_int_equal(s.fd, 0);
	e = told_port(rig->b, SW_EV_BIND, pid, PORT);
	assert_non_null(e);
	assert_int_equal(e->ret, -EPERM);
	assert_int_equal(e->policy_rule, 1);
	assert_int_equal(e->owner.tgid, pid);
	assert_int_equal(*(const uint32_t *)e->laddr, htonl(INADDR_LOOPBACK));
	assert_int_equal(tried(act_bind6), EPERM);
	assert_int_equal(tried(act_bind_udp), 0);
	assert_int_equal(tried(act_bind_any_port), 0);
}

static void the_first_rule_that_names_a_socket_decides_in_the_kernel_too(void **state)
{
	static const char exe_pattern[] = "/proc/self/exe";
	char exe[128];
	ssize_t n = readlink(exe_pattern, exe, sizeof(exe) - 1);
	struct sw_config c = {.policy_default = SW_SOCK_DENY,
		.policy_listen = {.n = 3,
			.at = {{.user = "65534", .networks = "198.51.100.0/24"},
				{.user = "65534", .networks = "127.0.0.0/8", .ports = "1-10, 4200"},
				{.user = "0", .executable = "/nowhere", .ports = "4100"}}}};
	struct said s;
	pid_t pid;

	assert_true(n > 0);
	exe[n] = '\0';
	set_mode(SW_MODE_ENFORCE, 0);
	use(&c, false, "");
	pid = run(rig->b, act_bind_as_user, &s);
	assert_int_equal(s.error, EPERM); /* by default */
	assert_int_equal(s.fd, 0);	  /* by the second */
	assert_int_equal(told_port(rig->b, SW_EV_BIND, pid, PORT)->policy_rule, SW_SOCK_BY_DEFAULT);
	memcpy(c.policy_listen.at[2].executable, exe, sizeof(exe));
	use(&c, false, "");
	assert_int_equal(tried(act_bind), 0);
	exe[n - 3] = '*';
	exe[n - 2] = '\0';
	memcpy(c.policy_listen.at[2].executable, exe, sizeof(exe));
	use(&c, false, "");
	assert_int_equal(tried(act_bind), 0);
	exe[n - 3] = '\0'; /* only how it begins, but meant as the whole */
	memcpy(c.policy_listen.at[2].executable, exe, sizeof(exe));
	use(&c, false, "");
	assert_int_equal(tried(act_bind), EPERM);
	/* what the kernel cannot tell might allow it */
	snprintf(c.policy_listen.at[2].executable, sizeof(exe), "/no*where");
	use(&c, false, "");
	assert_int_equal(tried(act_bind), 0);
	c.policy_listen.at[2].action = SW_SOCK_DENY; /* and might refuse it, as what comes after does anyway */
	use(&c, false, "");
	assert_int_equal(tried(act_bind), EPERM);
}

static void containers_are_known_by_their_cgroups(void **state)
{
	struct sw_config c = {.policy_listen = {.n = 1, .at = {{.container = "0123456789ab", .action = SW_SOCK_DENY}}}};
	struct sw_config_sock_rule *r = &c.policy_listen.at[0];

	set_mode(SW_MODE_ENFORCE, 0);
	use(&c, false, "");
	assert_int_equal(tried(act_bind_contained), EPERM);
	assert_int_equal(tried(act_bind_beside_container), 0);
	assert_int_equal(tried(act_bind), 0);
	snprintf(r->container, sizeof(r->container), "0124*");
	use(&c, false, "");
	assert_int_equal(tried(act_bind_contained), 0);
	snprintf(r->container, sizeof(r->container), "*");
	use(&c, false, "");
	assert_int_equal(tried(act_bind_contained), EPERM);
	assert_int_equal(tried(act_bind), 0);
	snprintf(r->container, sizeof(r->container), "host");
	use(&c, false, "");
	assert_int_equal(tried(act_bind_contained), 0);
	assert_int_equal(tried(act_bind_beside_container), EPERM);
	use(&c, true, ""); /* with v1 beside it nobody is known to be in none */
	assert_int_equal(tried(act_bind_beside_container), 0);
}

static void who_is_protected_is_never_refused(void **state)
{
	const struct sw_config c = {.policy_default = SW_SOCK_DENY, .policy_listen = {.n = 1, .at = {{.ports = "1"}}}};
	char exe[128];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(n > 0);
	exe[n] = '\0';
	set_mode(SW_MODE_ENFORCE, 0);
	use(&c, false, "");
	assert_int_equal(tried(act_bind), EPERM);
	/* as if we were one of our own: the rule for those is the last */
	rig->table.image.protected[0] = (struct sw_sock_rule){.n_words = 1, .last = ~0ull};
	memcpy(rig->table.image.protected[0].path, exe, sizeof(__u64));
	put_rule(SW_SOCK_WAYS * SW_SOCK_RULES_MAX, &rig->table.image.protected[0]);
	assert_int_equal(tried(act_bind), 0);
}

static void a_connect_and_a_datagram_are_refused_with_the_rules_number(void **state)
{
	const struct sw_config c = {
		.policy_connect = {.n = 2,
			.at = {{.networks = "192.0.2.0/24"},
				{.networks = "::1, 127.0.0.1", .ports = "4100", .action = SW_SOCK_DENY}}}};
	const union record *e;
	struct said s;
	pid_t pid;

	use(&c, false, "");
	set_mode(SW_MODE_OBSERVE, 0);
	assert_int_equal(tried(act_connect), ECONNREFUSED);
	set_mode(SW_MODE_ENFORCE, 0);
	pid = run(rig->b, act_connect, &s);
	assert_int_equal(s.error, EPERM);
	assert_int_equal(s.fd, ECONNREFUSED);
	e = told(rig->b, SW_EV_CONNECT, pid, 0);
	assert_non_null(e);
	assert_int_equal(e->sock.ret, -EPERM);
	assert_int_equal(e->sock.policy_rule, 2);
	assert_int_equal(told(rig->b, SW_EV_CONNECT, pid, 1)->sock.policy_rule, 0);
	assert_int_equal(tried(act_send), EPERM);
	assert_int_equal(tried(act_bind), 0);
}

static void act_bind_again(struct said *s)
{
	for (int i = 0; i < 1000; i++)
		s->error = bind_at(SOCK_STREAM, PORT);
}

static void a_refused_loop_does_not_fill_the_ring(void **state)
{
	const struct sw_config c = {.policy_listen = {.n = 1, .at = {{.ports = "4100", .action = SW_SOCK_DENY}}}};
	size_t n = 0;
	struct said s;
	pid_t pid;

	set_mode(SW_MODE_ENFORCE, 0);
	use(&c, false, "");
	pid = run(rig->b, act_bind_again, &s);
	assert_int_equal(s.error, EPERM);
	while (told(rig->b, SW_EV_BIND, pid, n))
		n++;
	assert_in_range(n, 1, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_bind_is_refused_while_armed_and_the_rule_says_so, begin_policy, end_policy),
		cmocka_unit_test_setup_teardown(
			the_first_rule_that_names_a_socket_decides_in_the_kernel_too, begin_policy, end_policy),
		cmocka_unit_test_setup_teardown(containers_are_known_by_their_cgroups, begin_policy, end_policy),
		cmocka_unit_test_setup_teardown(who_is_protected_is_never_refused, begin_policy, end_policy),
		cmocka_unit_test_setup_teardown(
			a_connect_and_a_datagram_are_refused_with_the_rules_number, begin_policy, end_policy),
		cmocka_unit_test_setup_teardown(a_refused_loop_does_not_fill_the_ring, begin_policy, end_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
