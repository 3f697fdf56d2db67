/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tag's way from XDP to tc, and what tc does for a driver that leaves XDP no room before the packet. By test run. */
#include "tests/bpf/one_rig.h"

#define A4 "198.18.0.7"
#define A6 "2001:db8:1:2::7"

enum {
	OWN_MARK = 0x00000005, /* of somebody else, outside of the mask */
	VALUE = 0x5b000000,
	MASK = 0x7f000000,
	BIT_OF_LOOPBACK = 1 << 1, /* test runs are of this device */
};

static struct rig *const rig = &the_rig;

static __u64 asked_again(void)
{
	__u64 bits = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.tag_again), &(__u32){0}, &bits), 0);
	return bits;
}

static void prepare(const char *address, enum sw_trail_action action)
{
	rig_reset(rig);
	rig->ctl.tag_value = VALUE;
	rig->ctl.tag_mask = MASK;
	rig_ctl(rig);
	rig_set(rig->skel->maps.tag_again, &(__u32){0}, &(__u64){0});
	rig_trail(rig, address, action, 1);
}

/* Behind so many bytes that somebody else has put before the packet; -EINVAL: the kernel knows no such many. */
static int run_xdp(const struct packet *p, __u32 taken)
{
	uint8_t data[PACKET_MAX + 256] = {};
	struct xdp_md ctx = {.data = taken, .data_end = (__u32)p->len + taken};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data, .data_size_in = (__u32)p->len + taken, .ctx_in = &ctx,
		.ctx_size_in = sizeof(ctx));
	int r;

	memcpy(data + taken, p->data, p->len);
	r = bpf_prog_test_run_opts(bpf_program__fd(rig->skel->progs.xdp_gate), &o);
	return r ? r : (int)o.retval;
}

/* As much is before the packet as there is room beside the frame; before 6.9 nobody gets more than 32 bytes. */
static void run_without_room(const struct packet *p)
{
	int r = run_xdp(p, 216);

	assert_int_equal(r == -EINVAL ? run_xdp(p, 24) : r, 2 /* XDP_PASS */);
}

static __u32 mark_from_tc(const struct packet *p)
{
	struct __sk_buff in = {.mark = OWN_MARK}, out = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p->data, .data_size_in = (__u32)p->len, .ctx_in = &in,
		.ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(rig->skel->progs.tc_tag), &o), 0);
	return out.mark;
}

static void built(const char *from, const char *to, struct packet *ret)
{
	packet_build(&(struct packet_spec){.from = from, .to = to}, ret);
}

static void check_family(const char *from, const char *to)
{
	struct packet tagged, other;

	built(from, to, &tagged);
	built(to, to, &other);
	prepare(from, SW_TRAIL_TAG);
	assert_int_equal(mark_from_tc(&tagged), OWN_MARK); /* XDP had room, as far as is known */
	run_without_room(&tagged);
	assert_int_equal(rig_stat(rig, SW_STAT_TAG_AGAIN), 1);
	assert_int_equal(asked_again(), BIT_OF_LOOPBACK);
	assert_int_equal(mark_from_tc(&tagged), OWN_MARK | VALUE);
	assert_int_equal(mark_from_tc(&other), OWN_MARK);
	assert_int_equal(rig_counter(rig, SW_R_TAG_SRC).packets, 1); /* by XDP alone */
	rig_allow(rig, from);
	assert_int_equal(mark_from_tc(&tagged), OWN_MARK);
}

static void what_xdp_cannot_hand_on_is_marked_by_tc(void **state)
{
	for (int is_packed = 0; is_packed < 2; is_packed++) {
		rig_reset(rig);
		rig->is_packed = is_packed;
		check_family(A4, "198.18.1.1");
		check_family(A6, "2001:db8:9::1");
	}
}

static void nothing_is_marked_while_observing_nor_by_a_list_that_only_watches(void **state)
{
	struct packet p;

	built(A4, "198.18.1.1", &p);
	prepare(A4, SW_TRAIL_TAG);
	run_without_room(&p);
	rig->ctl.mode = SW_MODE_OBSERVE;
	rig_ctl(rig);
	assert_int_equal(mark_from_tc(&p), OWN_MARK);
	prepare(A4, SW_TRAIL_OBSERVE);
	rig_set(rig->skel->maps.tag_again, &(__u32){0}, &(__u64){BIT_OF_LOOPBACK});
	assert_int_equal(mark_from_tc(&p), OWN_MARK);
}

static void with_room_nothing_is_asked_again(void **state)
{
	struct packet p;

	built(A4, "198.18.1.1", &p);
	prepare(A4, SW_TRAIL_TAG);
	assert_int_equal(run_xdp(&p, 0), 2);
	assert_int_equal(rig_stat(rig, SW_STAT_TAG_AGAIN), 0);
	assert_int_equal(asked_again(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_xdp_cannot_hand_on_is_marked_by_tc),
		cmocka_unit_test(nothing_is_marked_while_observing_nor_by_a_list_that_only_watches),
		cmocka_unit_test(with_room_nothing_is_asked_again),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
