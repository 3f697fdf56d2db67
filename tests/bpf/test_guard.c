// SPDX-License-Identifier: GPL-3.0-or-later
/* The guard's hold on the kernel: pins, links, maps and its socket, in namespaces and a bpffs of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cidr.h"
#include "user/guard/follow.h"
#include "user/guard/plant.h"
#include "user/guard/serve.h"
#include "user/io/msg.h"
#include "user/kern/bpffs.h"

enum { DEADLINE_MS = 5000 };

struct fixture {
	char dir[64], bpffs[96], pin_dir[SW_PIN_PATH_MAX];
	struct sw_plant plant;
	struct sw_clock clock;
	struct sw_loop *loop;
	struct sw_marks *marks;
	struct sw_bans *bans;
	struct sw_swap *swap;
	struct sw_serve *serve;
	struct sw_guard_ids ids;
	__u32 mode;
	int client;
};

static int config_fd(void *arg)
{
	return STDIN_FILENO;
}

static void fill_status(struct sw_guard_status *ret, void *arg)
{
	const struct fixture *f = arg;

	*ret = (struct sw_guard_status){
		.mode = f->mode, .trails4 = sw_swap_facts(f->swap)->trails4};
}

static int set_mode(
	__u32 mode, __u32 confirm_sec, const char *by, char *text, size_t size, void *arg)
{
	((struct fixture *)arg)->mode = mode;
	return 0;
}

static void on_swapped(void *arg)
{
}

/* What veth gets by auto: tcx came with kernel 6.6. */
static const char *tc_word(void)
{
	return sw_attach_word(sw_kernel_is(6, 6) ? SW_ATTACH_TCX : SW_ATTACH_CLSACT);
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void load(struct fixture *f)
{
	sw_plant_init(&f->plant);
	assert_int_equal(sw_plant_load_gate(&f->plant, f->pin_dir), 0);
	assert_int_equal(sw_maps_open_pins(&f->plant.maps, f->pin_dir), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[256] = "", path[160];

	if (!f)
		return -1;
	*state = f;
	f->client = -1;
	sw_load_quiet();
	strcpy(f->dir, "/tmp/sw-test-guard-XXXXXX");
	if (!mkdtemp(f->dir) || mount("bpf", f->dir, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(f->bpffs, sizeof(f->bpffs), "%s/sockwarden", f->dir);
	if (sw_bpffs_prepare(f->bpffs, f->pin_dir, sizeof(f->pin_dir), err, sizeof(err)) < 0) {
		print_error("%s\n", err);
		return -1;
	}
	load(f);
	assert_int_equal(sw_loop_new(&f->loop), 0);
	assert_int_equal(sw_marks_new(&f->plant.maps, &f->marks), 0);
	assert_int_equal(sw_bans_new(&f->plant.maps, f->marks, NULL, &f->bans), 0);
	assert_int_equal(
		sw_swap_new(f->loop, &f->clock, &f->plant.maps, f->marks, false, &f->swap), 0);
	f->ids = (struct sw_guard_ids){
		.engine_uid = 0, .net_uid = 1, .web_uid = 2, .reader_gid = -1u, .admin_gid = -1u};
	snprintf(path, sizeof(path), "/tmp/%s.sock", strrchr(f->dir, '/') + 1);
	const struct sw_serve_host host = {.ids = &f->ids,
		.maps = &f->plant.maps,
		.bans = f->bans,
		.swap = f->swap,
		.config_fd = config_fd,
		.rules_fd = config_fd,
		.status = fill_status,
		.set_mode = set_mode,
		.swapped = on_swapped,
		.arg = f};
	assert_int_equal(sw_serve_new(f->loop, path, &host, &f->serve), 0);
	f->client = sw_unix_connect(path, SOCK_SEQPACKET);
	return f->client < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sw_close(f->client);
	sw_serve_free(f->serve);
	sw_swap_free(f->swap);
	sw_bans_free(f->bans);
	sw_marks_free(f->marks);
	sw_loop_free(f->loop);
	sw_plant_done(&f->plant);
	sw_bpffs_remove(f->bpffs);
	umount2(f->dir, MNT_DETACH);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* ---- a client of guard.sock in the same thread */

static struct sw_guard_reply ask(
	struct fixture *f, struct sw_guard_request *q, int fd, int *fds, size_t *n)
{
	struct sw_guard_reply reply = {};
	size_t none = 0, size = SW_GUARD_REQUEST_HEAD;

	q->version = SW_GUARD_VERSION;
	if (q->op == SW_GUARD_BAN_PUT || q->op == SW_GUARD_BAN_DEL)
		size += q->n * sizeof(q->bans[0]);
	else if (q->op == SW_GUARD_ALLOW_PUT)
		size += q->n * sizeof(q->allows[0]);
	assert_int_equal(sw_msg_send(f->client, q, size, &fd, fd >= 0), 0);
	for (int waited = 0; waited < DEADLINE_MS; waited += 10) {
		ssize_t got = sw_msg_recv(f->client, &reply, sizeof(reply), fds, n ? n : &none);

		if (got == sizeof(reply))
			return reply;
		assert_int_equal(got, -EAGAIN);
		if (n)
			*n = SW_GUARD_FDS_MAX;
		assert_true(sw_loop_once(f->loop, 10) >= 0);
	}
	fail_msg("no reply");
	return reply;
}

static void hello(struct fixture *f, enum sw_role role)
{
	struct sw_guard_request q = {.op = SW_GUARD_HELLO, .role = role};
	int fds[SW_GUARD_FDS_MAX];
	size_t n = SW_GUARD_FDS_MAX;
	struct sw_guard_reply reply = ask(f, &q, -1, fds, &n);

	assert_int_equal(reply.result, 0);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static struct sw_guard_reply ban(struct fixture *f, const char *net, __u32 flags)
{
	static struct sw_guard_request q;

	q = (struct sw_guard_request){.op = SW_GUARD_BAN_PUT, .n = 1};
	q.bans[0] = (struct sw_guard_ban){.id = 9, .flags = flags};
	assert_int_equal(sw_cidr_parse(net, SIZE_MAX, &q.bans[0].net), 0);
	return ask(f, &q, -1, NULL, NULL);
}

static struct sw_guard_reply allow(struct fixture *f, const char *net, __u32 origins)
{
	static struct sw_guard_request q;

	q = (struct sw_guard_request){.op = SW_GUARD_ALLOW_PUT, .n = 1};
	q.allows[0].origins = origins;
	assert_int_equal(sw_cidr_parse(net, SIZE_MAX, &q.allows[0].net), 0);
	return ask(f, &q, -1, NULL, NULL);
}

static void hello_gives_maps_that_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	struct sw_guard_request q = {.op = SW_GUARD_HELLO, .role = SW_ROLE_ENGINE, .id = 77};
	int fds[SW_GUARD_FDS_MAX];
	size_t n = SW_GUARD_FDS_MAX;
	struct sw_guard_reply reply = ask(f, &q, -1, fds, &n);
	struct sw_ban_val val = {};
	__be32 key = 0;
	void *consumer;

	assert_int_equal(reply.result, 0);
	assert_int_equal(reply.id, 77);
	assert_int_equal(n, SW_FD_ENGINE_COUNT);
	assert_int_equal(bpf_map_update_elem(fds[SW_FD_BAN4], &key, &val, BPF_ANY), -EPERM);
	assert_int_equal(bpf_map_lookup_elem(fds[SW_FD_BAN4], &key, &val), -ENOENT);
	consumer = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		fds[SW_FD_EV_PKT], 0);
	assert_ptr_not_equal(consumer, MAP_FAILED);
	munmap(consumer, (size_t)sysconf(_SC_PAGESIZE));
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void a_request_before_hello_or_beyond_the_role_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sw_guard_request q = {.op = SW_GUARD_STATUS};

	assert_int_equal(ask(f, &q, -1, NULL, NULL).result, -EPERM);
	q = (struct sw_guard_request){.op = SW_GUARD_HELLO, .role = SW_ROLE_NET};
	assert_int_equal(ask(f, &q, -1, NULL, NULL).result, -EPERM);
	hello(f, SW_ROLE_OPERATOR);
	assert_int_equal(ban(f, "198.18.0.9", 0).result, -EPERM);
	q = (struct sw_guard_request){.op = SW_GUARD_MODE, .mode = SW_MODE_ENFORCE};
	assert_int_equal(ask(f, &q, -1, NULL, NULL).result, 0);
	assert_int_equal(f->mode, SW_MODE_ENFORCE);
	q = (struct sw_guard_request){.op = 99};
	assert_int_equal(ask(f, &q, -1, NULL, NULL).result, -EOPNOTSUPP);
}

static void a_batch_shorter_than_it_says_is_refused(void **state)
{
	struct fixture *f = *state;
	static struct sw_guard_request q;
	struct sw_guard_reply reply;
	size_t none = 0;

	hello(f, SW_ROLE_ENGINE);
	q = (struct sw_guard_request){.version = SW_GUARD_VERSION, .op = SW_GUARD_BAN_PUT, .n = 2};
	assert_int_equal(
		sw_msg_send(f->client, &q, SW_GUARD_REQUEST_HEAD + sizeof(q.bans[0]), NULL, 0), 0);
	while (sw_msg_recv(f->client, &reply, sizeof(reply), NULL, &none) == -EAGAIN)
		assert_true(sw_loop_once(f->loop, DEADLINE_MS) > 0);
	assert_int_equal(reply.result, -EINVAL);
}

static const struct place_case {
	const char *net;
	enum sw_map map;
} place_cases[] = {
	{"198.18.0.1", SW_MAP_BAN4},
	{"198.18.0.0/24", SW_MAP_BANNET4},
	{"2001:db8::1", SW_MAP_BAN6},
	{"2001:db8:1:2::/64", SW_MAP_BAN6},
	{"2001:db8:1::/48", SW_MAP_BANNET6},
};

static unsigned int count_entries(int fd)
{
	char key[32], *prev = NULL;
	unsigned int n = 0;

	for (; bpf_map_get_next_key(fd, prev, key) == 0; prev = key)
		n++;
	return n;
}

static void a_ban_goes_where_the_gate_looks_and_comes_out_again(void **state)
{
	struct fixture *f = *state;
	static struct sw_guard_request q;

	hello(f, SW_ROLE_ENGINE);
	for (size_t i = 0; i < SW_ARRAY_SIZE(place_cases); i++) {
		const struct place_case *c = &place_cases[i];
		int fd = f->plant.maps.fd[c->map];
		struct sw_guard_reply reply = ban(f, c->net, 0);

		if (reply.result || reply.done != 1 || count_entries(fd) != 1)
			fail_msg("%s: result %d, done %u, %u in %s", c->net, reply.result,
				reply.done, count_entries(fd), sw_map_name(c->map));
		q = (struct sw_guard_request){.op = SW_GUARD_BAN_DEL, .n = 1};
		sw_cidr_parse(c->net, SIZE_MAX, &q.bans[0].net);
		assert_int_equal(ask(f, &q, -1, NULL, NULL).result, 0);
		assert_int_equal(count_entries(fd), 0);
	}
}

static void a_network_that_covers_what_is_never_banned_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct sw_bans_floor floor = {.min_plen4 = 16, .min_plen6 = 32};

	sw_bans_set_floor(f->bans, &floor);
	hello(f, SW_ROLE_ENGINE);
	assert_int_equal(allow(f, "198.18.0.2", SW_ALLOW_GATEWAY).result, 0);
	assert_int_equal(allow(f, "198.19.0.0/24", SW_ALLOW_OPERATOR).result, 0);
	assert_int_equal(ban(f, "198.18.0.2", 0).result, -EPERM);
	assert_int_equal(ban(f, "198.18.0.0/24", 0).result, -EPERM);
	assert_int_equal(ban(f, "198.16.0.0/14", SW_GUARD_BAN_WIDE).result, -EPERM);
	assert_int_equal(ban(f, "198.18.1.0/24", 0).result, 0);
	assert_int_equal(ban(f, "198.19.0.0/16", 0).result,
		0); /* the operator's entry wins over it in the gate */
	assert_int_equal(allow(f, "198.18.0.2", 0).result, 0);
	assert_int_equal(ban(f, "198.18.0.0/24", 0).result, 0);
}

static void a_network_wider_than_the_floor_needs_the_flag(void **state)
{
	struct fixture *f = *state;
	const struct sw_bans_floor floor = {.min_plen4 = 16, .min_plen6 = 32};

	sw_bans_set_floor(f->bans, &floor);
	hello(f, SW_ROLE_ENGINE);
	assert_int_equal(ban(f, "198.18.0.0/15", 0).result, -EPERM);
	assert_int_equal(ban(f, "198.18.0.0/15", SW_GUARD_BAN_WIDE).result, 0);
	assert_int_equal(ban(f, "198.18.0.0/16", 0).result, 0);
	assert_int_equal(ban(f, "2001:d00::/24", 0).result, -EPERM);
}

/* ---- trails */

static int make_image(const char *const *nets, size_t count4, size_t count6, __u32 action)
{
	size_t n = count4 + count6,
	       size = sizeof(struct sw_trail_head) + n * sizeof(struct sw_trail_entry);
	_free_ struct sw_trail_head *h = calloc(1, size);
	struct sw_trail_entry *e;

	assert_non_null(h);
	e = (struct sw_trail_entry *)(h + 1);
	*h = (struct sw_trail_head){.magic = SW_TRAIL_IMAGE_MAGIC,
		.version = SW_TRAIL_VERSION,
		.size = size,
		.sets = 1,
		.count4 = count4,
		.count6 = count6};
	for (size_t i = 0; i < n; i++) {
		e[i].action = action;
		assert_int_equal(sw_cidr_parse(nets[i], SIZE_MAX, &e[i].net), 0);
	}
	h->crc = sw_crc32(0, e, n * sizeof(*e));
	return sw_memfd_sealed("trails", h, size);
}

static int swap_in(struct fixture *f, int image)
{
	struct sw_guard_request q = {.op = SW_GUARD_TRAILS_SWAP};
	struct sw_guard_reply reply = ask(f, &q, image, NULL, NULL);

	close(image);
	return reply.result;
}

/* The action of the longest match, -1 for none. */
static int look_up(struct fixture *f, const char *address)
{
	struct sw_net net;
	struct sw_lpm4 key = {.plen = 32};
	struct sw_trail_val val;
	__u32 id = sw_maps_trail_id(&f->plant.maps, SW_MAP_TRAILS4);
	int fd = id ? bpf_map_get_fd_by_id(id) : -1, r;

	assert_int_equal(sw_cidr_parse(address, SIZE_MAX, &net), 0);
	memcpy(key.addr, net.addr, 4);
	r = fd < 0 ? -1 : bpf_map_lookup_elem(fd, &key, &val);
	sw_close(fd);
	return r < 0 ? -1 : val.action;
}

static void trails_are_swapped_whole(void **state)
{
	static const char *const first[] = {"198.18.0.0/24", "198.18.1.7", "2001:db8::/48"};
	static const char *const second[] = {"198.19.0.0/24"};
	struct fixture *f = *state;

	hello(f, SW_ROLE_ENGINE);
	assert_int_equal(swap_in(f, make_image(first, 2, 1, SW_TRAIL_DROP)), 0);
	assert_int_equal(look_up(f, "198.18.0.9"), SW_TRAIL_DROP);
	assert_int_equal(look_up(f, "198.18.1.7"), SW_TRAIL_DROP);
	assert_int_equal(look_up(f, "198.18.1.8"), -1);
	assert_int_equal(sw_swap_facts(f->swap)->trails6, 1);
	assert_int_equal(swap_in(f, make_image(second, 1, 0, SW_TRAIL_OBSERVE)), 0);
	assert_int_equal(look_up(f, "198.18.0.9"), -1);
	assert_int_equal(look_up(f, "198.19.0.9"), SW_TRAIL_OBSERVE);
	assert_int_equal(sw_maps_trail_id(&f->plant.maps, SW_MAP_TRAILS6), 0);
	assert_int_equal(swap_in(f, make_image(NULL, 0, 0, 0)), 0);
	assert_int_equal(look_up(f, "198.19.0.9"), -1);
}

static void after_a_bad_image_the_old_trails_stay(void **state)
{
	static const char *const good[] = {"198.18.0.0/24"};
	struct fixture *f = *state;
	struct sw_trail_entry bad_entry = {
		.net = {.family = SW_AF_IP4, .plen = 8, .addr = {10, 1}}};
	struct {
		struct sw_trail_head h;
		struct sw_trail_entry e;
	} bad = {.h = {.magic = SW_TRAIL_IMAGE_MAGIC,
			 .version = SW_TRAIL_VERSION,
			 .size = sizeof(bad),
			 .count4 = 1},
		.e = bad_entry};
	int unsealed = memfd_create("x", MFD_ALLOW_SEALING);

	hello(f, SW_ROLE_ENGINE);
	assert_int_equal(swap_in(f, make_image(good, 1, 0, SW_TRAIL_DROP)), 0);
	assert_int_equal(
		swap_in(f, sw_memfd_sealed("x", &bad, sizeof(bad))), -EBADMSG); /* checksum */
	bad.h.crc = sw_crc32(0, &bad.e, sizeof(bad.e));
	assert_int_equal(swap_in(f, sw_memfd_sealed("x", &bad, sizeof(bad))),
		-EBADMSG); /* bits beyond the length */
	assert_int_equal(write(unsealed, &bad, sizeof(bad)), sizeof(bad));
	assert_int_equal(swap_in(f, unsealed), -EPERM);
	assert_int_equal(look_up(f, "198.18.0.9"), SW_TRAIL_DROP);
	assert_int_equal(sw_swap_facts(f->swap)->trails4, 1);
}

/* ---- pins and links */

static void a_new_guard_takes_the_maps_over_with_what_they_hold(void **state)
{
	struct fixture *f = *state;
	struct sw_net net;
	const struct sw_ban_val val = {.id = 5};

	sw_cidr_parse("198.18.0.7", SIZE_MAX, &net);
	assert_int_equal(sw_maps_ban_put(&f->plant.maps, &net, &val), 1);
	sw_plant_done(&f->plant);
	load(f);
	assert_int_equal(f->plant.report.maps_made, 0);
	assert_int_equal(f->plant.report.maps_replaced, 0);
	assert_true(f->plant.report.maps_adopted > 5);
	assert_int_equal(count_entries(f->plant.maps.fd[SW_MAP_BAN4]), 1);
}

static void a_pinned_map_that_does_not_fit_is_replaced_and_told(void **state)
{
	struct fixture *f = *state;
	char path[SW_PIN_PATH_MAX + 16];
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ban4", 4, 8, 16, NULL);

	sw_plant_done(&f->plant);
	snprintf(path, sizeof(path), "%s/ban4", f->pin_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	load(f);
	assert_int_equal(f->plant.report.maps_replaced, 1);
	assert_string_equal(f->plant.report.replaced, "ban4");
}

static __u32 make_veth(struct sw_device *ret)
{
	run("ip link add va type veth peer name vb && ip link set va up && ip link set vb up");
	assert_int_equal(sw_device_find("va", ret), 0);
	assert_string_equal(ret->driver, "veth");
	return ret->ifindex;
}

static void each_hook_attaches_is_taken_over_and_comes_off(void **state)
{
	static const enum sw_attach hooks[] = {
		SW_ATTACH_NATIVE, SW_ATTACH_TCX, SW_ATTACH_GENERIC, SW_ATTACH_CLSACT};
	struct fixture *f = *state;
	struct sw_device d;
	__u32 ifindex = make_veth(&d);

	for (size_t i = 0; i < SW_ARRAY_SIZE(hooks); i++) {
		bool is_adopted = true, has_link = hooks[i] != SW_ATTACH_CLSACT;

		if (hooks[i] == SW_ATTACH_TCX && !sw_kernel_is(6, 6))
			continue;
		assert_int_equal(
			sw_attach_packet(&f->plant.progs, &d, hooks[i], f->pin_dir, &is_adopted),
			0);
		assert_false(is_adopted);
		assert_int_equal(sw_attach_each_pin(f->pin_dir, NULL, NULL),
			has_link); /* the one before is off */
		sw_plant_done(&f->plant);
		load(f);
		assert_int_equal(
			sw_attach_packet(&f->plant.progs, &d, hooks[i], f->pin_dir, &is_adopted),
			0);
		assert_int_equal(is_adopted, has_link);
	}
	assert_int_equal(sw_detach_packet(ifindex, f->pin_dir), 0);
	assert_int_equal(sw_attach_each_pin(f->pin_dir, NULL, NULL), 0);
	assert_int_equal(sw_device_find("va", &d), 0);
	assert_int_equal(d.xdp_prog_id, 0);
	run("test -z \"$(tc filter show dev va ingress)\"");
	run("ip link del va");
}

static void the_way_out_is_guarded_by_tcx_or_clsact_and_put_back_when_it_is_taken(void **state)
{
	struct fixture *f = *state;
	enum sw_attach by = SW_ATTACH_NONE;
	struct sw_device d;
	__u32 ifindex = make_veth(&d);

	for (int has_tcx = 0; has_tcx < 1 + sw_kernel_is(6, 6); has_tcx++) {
		enum sw_attach want = has_tcx ? SW_ATTACH_TCX : SW_ATTACH_CLSACT;

		assert_int_equal(sw_attach_packet(&f->plant.progs, &d, want, f->pin_dir, NULL), 0);
		assert_int_equal(sw_attach_forward(&f->plant.progs, &d, has_tcx, f->pin_dir, &by), 1);
		assert_int_equal(by, want);
		assert_int_equal(sw_attach_forward(&f->plant.progs, &d, has_tcx, f->pin_dir, &by), 0);
		assert_true(sw_attach_is_there(ifindex, want, f->pin_dir));
		if (has_tcx) {
			char path[SW_PIN_PATH_MAX + 32];
			int fd;

			snprintf(path, sizeof(path), "%s/forward-%u", f->pin_dir, ifindex);
			fd = bpf_obj_get(path);
			assert_int_equal(bpf_link_detach(fd), 0);
			close(fd);
			snprintf(path, sizeof(path), "%s/link-tcx-%u", f->pin_dir, ifindex);
			fd = bpf_obj_get(path);
			assert_int_equal(bpf_link_detach(fd), 0);
			close(fd);
		} else {
			run("tc filter show dev va egress | grep -q tc_forward");
			run("tc qdisc del dev va clsact");
		}
		assert_false(sw_attach_is_there(ifindex, want, f->pin_dir));
		assert_int_equal(sw_attach_forward(&f->plant.progs, &d, has_tcx, f->pin_dir, &by), 1);
		assert_int_equal(sw_detach_packet(ifindex, f->pin_dir), 0);
		run("test -z \"$(tc filter show dev va egress)\"");
	}
	run("ip link del va");
}

static void somebody_elses_xdp_program_is_left_in_place(void **state)
{
	struct fixture *f = *state;
	struct sw_device d;
	__u32 ifindex = make_veth(&d), theirs;
	const struct sw_device_host host = {.has_tcx = true};
	struct sw_hook_choice choice;
	int link;

	link = bpf_link_create(f->plant.progs.xdp_fd, (int)ifindex, BPF_XDP, NULL);
	assert_true(link >= 0);
	assert_int_equal(sw_device_find("va", &d), 0);
	theirs = d.xdp_prog_id;
	assert_true(theirs > 0);
	sw_device_choose(&d, SW_HOOK_NATIVE, &host, sw_attach_is_own(ifindex, f->pin_dir), &choice);
	assert_int_equal(choice.hook, SW_ATTACH_NONE);
	assert_int_equal(
		sw_attach_packet(&f->plant.progs, &d, SW_ATTACH_NATIVE, f->pin_dir, NULL), -EBUSY);
	assert_int_equal(sw_device_find("va", &d), 0);
	assert_int_equal(d.xdp_prog_id, theirs);
	close(link);
	run("ip link del va");
}

static const struct sw_guard_iface *find_iface(
	struct sw_follow *f, struct sw_guard_status *s, const char *name)
{
	*s = (struct sw_guard_status){};
	sw_follow_status(f, s);
	for (size_t i = 0; i < s->n_ifaces; i++) {
		if (sw_streq(s->ifaces[i].name, name))
			return &s->ifaces[i];
	}
	return NULL;
}

/* Runs the loop until the device has the hook; hook NULL: until it is not followed. */
static void wait_iface(struct fixture *x, struct sw_follow *f, const char *name, const char *hook,
	struct sw_guard_status *s)
{
	for (int i = 0; i < DEADLINE_MS / 20; i++) {
		const struct sw_guard_iface *it = find_iface(f, s, name);

		if (hook ? it && sw_streq(it->hook, hook) : !it)
			return;
		assert_true(sw_loop_once(x->loop, 20) >= 0);
	}
	fail_msg("%s never came to %s", name, hook ? hook : "go");
}

static void devices_that_come_go_and_are_renamed_are_followed(void **state)
{
	static const struct sw_config_iface patterns[] = {{.pattern = "w*"}};
	const struct sw_follow_wish wish = {.patterns = patterns, .n = 1};
	struct fixture *x = *state;
	_cleanup_(sw_follow_freep) struct sw_follow *f = NULL;
	struct sw_guard_status s;

	assert_int_equal(sw_follow_new(x->loop, &x->clock, x->pin_dir, &x->plant.progs, &f), 0);
	assert_int_equal(sw_follow_configure(f, &wish), 0);
	assert_null(find_iface(f, &s, "wa"));
	run("ip link add wa type veth peer name vb && ip link set wa up && ip link set vb up");
	wait_iface(x, f, "wa", tc_word(), &s);
	run("ip link set wa down && ip link set wa name wc");
	wait_iface(x, f, "wc", tc_word(), &s); /* set down by a person: not our doing */
	run("ip link del wc");
	wait_iface(x, f, "wc", NULL, &s);
	assert_int_equal(sw_attach_each_pin(x->pin_dir, NULL, NULL), 0);
}

static void carrier_lost_soon_after_attaching_takes_the_program_off(void **state)
{
	static const struct sw_config_iface patterns[] = {
		{.pattern = "va", .hook = SW_HOOK_NATIVE}};
	const struct sw_follow_wish wish = {.patterns = patterns, .n = 1};
	struct fixture *x = *state;
	_cleanup_(sw_follow_freep) struct sw_follow *f = NULL;
	struct sw_guard_status s;
	struct sw_device d;

	make_veth(&d);
	assert_int_equal(sw_follow_new(x->loop, &x->clock, x->pin_dir, &x->plant.progs, &f), 0);
	assert_int_equal(sw_follow_configure(f, &wish), 0);
	wait_iface(x, f, "va", "native", &s);
	run("ip link set vb down");
	wait_iface(x, f, "va", "none", &s);
	assert_non_null(strstr(find_iface(f, &s, "va")->why, "carrier was lost"));
	assert_int_equal(sw_device_find("va", &d), 0);
	assert_int_equal(d.xdp_prog_id, 0);
	run("ip link del va");
}

static void a_default_route_lost_soon_after_attaching_takes_the_program_off(void **state)
{
	const struct sw_follow_wish wish = {.n = 0};
	struct fixture *x = *state;
	_cleanup_(sw_follow_freep) struct sw_follow *f = NULL;
	struct sw_guard_status s;
	struct sw_device d;

	make_veth(&d);
	run("ip addr add 198.18.0.1/24 dev va && ip route add default via 198.18.0.2");
	assert_int_equal(sw_follow_new(x->loop, &x->clock, x->pin_dir, &x->plant.progs, &f), 0);
	assert_int_equal(sw_follow_configure(f, &wish), 0);
	wait_iface(x, f, "va", tc_word(), &s);
	run("ip route del default");
	wait_iface(x, f, "va", "none", &s);
	assert_non_null(strstr(find_iface(f, &s, "va")->why, "default route was lost"));
	run("ip link del va");
}

static void mode_off_takes_the_program_off_and_on_puts_it_back(void **state)
{
	static const struct sw_config_iface patterns[] = {{.pattern = "va"}};
	const struct sw_follow_wish wish = {.patterns = patterns, .n = 1};
	struct fixture *x = *state;
	_cleanup_(sw_follow_freep) struct sw_follow *f = NULL;
	struct sw_guard_status s;
	struct sw_device d;

	make_veth(&d);
	assert_int_equal(sw_follow_new(x->loop, &x->clock, x->pin_dir, &x->plant.progs, &f), 0);
	assert_int_equal(sw_follow_configure(f, &wish), 0);
	wait_iface(x, f, "va", tc_word(), &s);
	sw_follow_set_active(f, false);
	wait_iface(x, f, "va", "none", &s);
	assert_int_equal(sw_attach_each_pin(x->pin_dir, NULL, NULL), 0);
	sw_follow_set_active(f, true);
	wait_iface(x, f, "va", tc_word(), &s);
	run("ip link del va");
}

static void a_directory_on_no_bpffs_is_refused_with_what_to_do(void **state)
{
	char pins[SW_PIN_PATH_MAX], err[256] = "";

	assert_int_equal(
		sw_bpffs_prepare("/tmp/sw-no-bpffs/x", pins, sizeof(pins), err, sizeof(err)),
		-ENODEV);
	assert_non_null(strstr(err, "mount -t bpf"));
}

static int enter_namespaces(void **state)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return system("ip link set lo up");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hello_gives_maps_that_cannot_be_written),
		TEST(a_request_before_hello_or_beyond_the_role_is_refused),
		TEST(a_batch_shorter_than_it_says_is_refused),
		TEST(a_ban_goes_where_the_gate_looks_and_comes_out_again),
		TEST(a_network_that_covers_what_is_never_banned_is_refused),
		TEST(a_network_wider_than_the_floor_needs_the_flag),
		TEST(trails_are_swapped_whole),
		TEST(after_a_bad_image_the_old_trails_stay),
		TEST(a_new_guard_takes_the_maps_over_with_what_they_hold),
		TEST(a_pinned_map_that_does_not_fit_is_replaced_and_told),
		TEST(each_hook_attaches_is_taken_over_and_comes_off),
		TEST(the_way_out_is_guarded_by_tcx_or_clsact_and_put_back_when_it_is_taken),
		TEST(somebody_elses_xdp_program_is_left_in_place),
		TEST(devices_that_come_go_and_are_renamed_are_followed),
		TEST(carrier_lost_soon_after_attaching_takes_the_program_off),
		TEST(a_default_route_lost_soon_after_attaching_takes_the_program_off),
		TEST(mode_off_takes_the_program_off_and_on_puts_it_back),
		TEST(a_directory_on_no_bpffs_is_refused_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, enter_namespaces, NULL);
}
