// SPDX-License-Identifier: GPL-3.0-or-later
/* Notes on sockets (bpf/lib/sock_note.bpf.h): where they are kept, and till when. */
#include "tests/bpf/sock_acts.h"

static void fill(const struct bpf_map *m, size_t size, uint32_t n)
{
	_free_ uint64_t *taken = calloc(1, size);

	assert_non_null(taken);
	*taken = UINT64_MAX; /* the cookie of no socket */
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(m), &i, taken, BPF_ANY), 0);
}

static void take_slots(struct bench *b)
{
	fill(b->cg->maps.sock_slots, 64, SW_SOCK_SLOTS);
}

static void take_ports(struct bench *b)
{
	fill(b->tr->maps.sock_ports, 32, SW_SOCK_PORT_SLOTS);
}

static void nothing_is_untold_where_every_slot_is_taken(void **state)
{
	struct bench *b = *state;
	struct said s;
	pid_t pid;

	take_ports(b);
	check_connection(b, act_connect4, AF_INET);
	b->n = 0;
	take_slots(b);
	check_connection(b, act_connect4, AF_INET);
	b->n = 0;
	pid = run(b, act_udp, &s);
	assert_non_null(told_port(b, SW_EV_BIND, pid, s.port));
	assert_non_null(told(b, SW_EV_CONNECT, pid, 0));
	assert_null(told(b, SW_EV_CONNECT, pid, 1));
	assert_non_null(told(b, SW_EV_CLOSE, pid, 1));
	pid = run(b, act_listen_unbound, &s);
	assert_non_null(told_port(b, SW_EV_LISTEN, pid, s.port));
}

static bool has_cookie(const struct bpf_map *m, uint32_t n, uint64_t cookie)
{
	uint64_t value[8] = {};

	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_lookup_elem(bpf_map__fd(m), &i, value) == 0 && value[0] == cookie)
			return true;
	return false;
}

static void check_slots_of(const struct bench *b, pid_t pid, bool are_taken)
{
	static const uint8_t types[] = {SW_EV_BIND, SW_EV_LISTEN, SW_EV_CONNECT, SW_EV_ACCEPT};
	const union record *r;

	for (size_t t = 0; t < SW_ARRAY_SIZE(types); t++)
		for (size_t i = 0; (r = told(b, types[t], pid, i)); i++) {
			assert_int_equal(has_cookie(b->cg->maps.sock_slots, SW_SOCK_SLOTS, r->sock.cookie),
				are_taken);
			if (types[t] == SW_EV_LISTEN || !are_taken)
				assert_int_equal(
					has_cookie(b->tr->maps.sock_ports, SW_SOCK_PORT_SLOTS, r->sock.cookie),
					are_taken);
		}
}

/* A connect that is still under way when its socket is closed: nobody answers at an address of no device. */
static void act_give_up(struct said *s)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc6120001)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	s->error = connect(fd, (void *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void act_hold(struct said *s)
{
	act_listen4(s);
	raise(SIGSTOP);
}

static void a_note_ends_with_its_socket(void **state)
{
	static const act_fn acts[] = {
		act_listen4, act_connect4, act_connect6, act_refused, act_udp, act_listen_unbound, act_give_up};
	struct bench *b = *state;
	struct said s;
	pid_t pid;

	for (size_t i = 0; i < SW_ARRAY_SIZE(acts); i++) {
		b->n = 0;
		pid = run(b, acts[i], &s);
		assert_non_null(told(b, SW_EV_CLOSE, pid, 0));
		check_slots_of(b, pid, false);
	}
	b->n = 0;
	pid = run_to_stop(b, act_hold);
	assert_non_null(told(b, SW_EV_LISTEN, pid, 0));
	check_slots_of(b, pid, true);
}

static int listening_at(uint32_t addr, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (void *)&a, sizeof(a)) < 0 || listen(fd, 5) < 0)
		_exit(105);
	return fd;
}

static int connected_at(uint32_t addr, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (void *)&a, sizeof(a)) < 0 ? -1 : fd;
}

/* The same port at two addresses, each another process's; both are connected to. */
static void act_share_port(struct said *s)
{
	enum { HERE = INADDR_LOOPBACK, THERE = INADDR_LOOPBACK + 1 };
	int l = listening_at(HERE, 4000), ready[2], go[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0 || pipe(go) < 0)
		_exit(112);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		listening_at(THERE, 4000);
		_exit(write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) < 0);
	}
	s->fd = pid;
	if (read(ready[0], &byte, 1) != 1 || connected_at(THERE, 4000) < 0 || connected_at(HERE, 4000) < 0)
		_exit(113);
	if (write(go[1], "", 1) != 1)
		_exit(114);
	waitpid(pid, NULL, 0);
	close(l);
}

static void what_is_accepted_is_of_the_process_that_listens_at_the_address(void **state)
{
	struct bench *b = *state;
	const union record *here, *there;
	struct said s;
	pid_t pid = run(b, act_share_port, &s);

	here = told(b, SW_EV_ACCEPT, pid, 0);
	there = told(b, SW_EV_ACCEPT, s.fd, 0);
	assert_true(here && there);
	assert_null(told(b, SW_EV_ACCEPT, pid, 1));
	assert_memory_equal(here->sock.laddr, "\x7f\0\0\1", 4);
	assert_memory_equal(there->sock.laddr, "\x7f\0\0\2", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_untold_where_every_slot_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(a_note_ends_with_its_socket, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_accepted_is_of_the_process_that_listens_at_the_address, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
