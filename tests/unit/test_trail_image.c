// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/trail_lists.h"

/* ---- lists and images as bytes */

struct bytes {
	char *at;
	size_t len;
};

static struct bytes bytes_of(const struct sw_trail_list *l)
{
	struct bytes b = {malloc(l->len), l->len};

	assert_non_null(b.at);
	memcpy(b.at, l->map, l->len);
	return b;
}

static void fix_checksum(struct bytes b)
{
	struct sw_trail_head *h = (struct sw_trail_head *)b.at;

	h->crc = sw_crc32(0, h + 1, b.len - sizeof(*h));
}

static void a_list_that_is_cut_anywhere_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n2001:db8::/32\n", SW_TRAIL_DROP);
	struct sw_trail_view v;

	for (size_t len = 0; len < l->len; len++) {
		char *cut = malloc(
			SW_MAX(len, (size_t)1)); /* its own size, so that ASan sees a read beyond */

		memcpy(cut, l->map, len);
		assert_true(sw_trail_check(cut, len, SW_TRAIL_LIST_MAGIC, &v, NULL) < 0);
		free(cut);
	}
	sw_trail_list_free(l);
}

static void a_list_with_any_byte_changed_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n2001:db8::/32\n", SW_TRAIL_DROP);
	struct bytes b = bytes_of(l);
	struct sw_trail_view v;

	for (size_t i = 0; i < b.len; i++) {
		bool is_free = i >= offsetof(struct sw_trail_head, made_wall_sec) &&
			i < sizeof(struct sw_trail_head);

		b.at[i] ^= 0x10;
		/* time, name and origin may be anything that is a text */
		if (!is_free && sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL) == 0)
			fail_msg("byte %zu changed, and the list is taken", i);
		b.at[i] ^= 0x10;
	}
	assert_int_equal(sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL), 0);
	assert_true(sw_trail_check(b.at, b.len, SW_TRAIL_IMAGE_MAGIC, &v, NULL) < 0);
	free(b.at);
	sw_trail_list_free(l);
}

#define HEAD(member)                                                                               \
	offsetof(struct sw_trail_head, member), sizeof(((struct sw_trail_head *)0)->member)
#define ENTRY(i, member)                                                                           \
	sizeof(struct sw_trail_head) + (i) * sizeof(struct sw_trail_entry) +                       \
		offsetof(struct sw_trail_entry, member),                                           \
		sizeof(((struct sw_trail_entry *)0)->member)

static void every_wrong_field_is_refused_though_the_checksum_is_right(void **state)
{
	/* entries: 192.0.2.0/24, 192.0.2.1, 2001:db8::/32 */
	static const struct {
		const char *what;
		size_t at, size;
		uint64_t value;
		int result;
		const char *why;
	} rows[] = {
		{"magic", HEAD(magic), 0, -EBADMSG, "kind"},
		{"version", HEAD(version), SW_TRAIL_TIMED_VERSION + 1, -EPROTONOSUPPORT, "version"},
		{"size", HEAD(size), 1, -EBADMSG, "size"},
		{"ports beyond the map", HEAD(n_ports), SW_MAX_TRAIL_PORTS + 1, -EFBIG,
			"more entries"},
		{"text that wraps", HEAD(text_bytes), UINT64_MAX, -EFBIG, "more entries"},
		{"a port more", HEAD(n_ports), 1, -EBADMSG, "size"},
		{"huge size", HEAD(size), UINT64_MAX, -EBADMSG, "size"},
		{"no set", HEAD(sets), 0, -EBADMSG, "number of lists"},
		{"two sets", HEAD(sets), 2, -EBADMSG, "number of lists"},
		{"count4 more", HEAD(count4), 3, -EBADMSG, "size"},
		{"count4 less", HEAD(count4), 1, -EBADMSG, "size"},
		{"count4 absurd", HEAD(count4), UINT64_MAX, -EFBIG, "more entries"},
		{"count4 that wraps", HEAD(count4), 1ull << 59, -EFBIG, "more entries"},
		{"count4 beyond the map", HEAD(count4), SW_MAX_TRAILS4 + 1, -EFBIG, "more entries"},
		{"count6 beyond the map", HEAD(count6), SW_MAX_TRAILS6 + 1, -EFBIG, "more entries"},
		{"count6 more", HEAD(count6), 2, -EBADMSG, "size"},
		{"empty name", offsetof(struct sw_trail_head, name), 1, 0, -EBADMSG, "name"},
		{"a path as name", offsetof(struct sw_trail_head, name), 1, '/', -EBADMSG, "name"},
		{"a hidden name", offsetof(struct sw_trail_head, name), 1, '.', -EBADMSG, "name"},
		{"family 6 among 4", ENTRY(0, net.family), 6, -EBADMSG, "not a network"},
		{"family 0", ENTRY(1, net.family), 0, -EBADMSG, "not a network"},
		{"family 4 among 6", ENTRY(2, net.family), 4, -EBADMSG, "not a network"},
		{"length 33", ENTRY(1, net.plen), 33, -EBADMSG, "not a network"},
		{"length 129", ENTRY(2, net.plen), 129, -EBADMSG, "not a network"},
		{"length 255", ENTRY(2, net.plen), 255, -EBADMSG, "not a network"},
		{"padding", ENTRY(0, net.pad[0]), 1, -EBADMSG, "not a network"},
		{"host bits", ENTRY(0, net.addr[3]), 1, -EBADMSG, "not a network"},
		{"bytes behind an IPv4 address", ENTRY(0, net.addr[4]), 1, -EBADMSG,
			"not a network"},
		{"bytes behind an IPv4 host", ENTRY(1, net.addr[4]), 1, -EBADMSG, "not a network"},
		{"the last byte behind an IPv4 host", ENTRY(1, net.addr[15]), 1, -EBADMSG,
			"not a network"},
		{"host bits of IPv6", ENTRY(2, net.addr[15]), 1, -EBADMSG, "not a network"},
		{"another set", ENTRY(0, set), 1, -EBADMSG, "list or action"},
		{"another action", ENTRY(0, action), 4, -EBADMSG, "list or action"},
		{"out of order", ENTRY(0, net.addr[0]), 200, -EBADMSG, "out of order"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_list *l =
			list("192.0.2.0/24\n192.0.2.1\n2001:db8::/32\n", SW_TRAIL_DROP);
		struct bytes b = bytes_of(l);
		struct sw_trail_view v;
		const char *why = "";
		int r;

		memcpy(b.at + rows[i].at, &rows[i].value, rows[i].size);
		fix_checksum(b);
		r = sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, &why);
		if (r != rows[i].result || !strstr(why, rows[i].why))
			fail_msg("%s: got %d '%s', expected %d '%s'", rows[i].what, r, why,
				rows[i].result, rows[i].why);
		free(b.at);
		sw_trail_list_free(l);
	}
}

static void a_network_twice_in_a_list_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n", SW_TRAIL_DROP);
	struct bytes b = bytes_of(l);
	struct sw_trail_entry *e = (struct sw_trail_entry *)(b.at + sizeof(struct sw_trail_head));
	struct sw_trail_view v;

	e[1] = e[0];
	fix_checksum(b);
	assert_int_equal(sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL), -EBADMSG);
	free(b.at);
	sw_trail_list_free(l);
}

static void memory_that_is_not_sealed_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n", SW_TRAIL_DROP), *got = NULL;
	_close_ int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(sw_write_all(fd, l->map, l->len), 0);
	assert_int_equal(sw_trail_list_open(fd, &got, NULL), -EPERM);
	assert_null(got);
	sw_trail_list_free(l);
}

/* ---- names and files */

static void names_are_made_of_what_a_person_gave(void **state)
{
	static const char *const rows[][2] = {
		{"/etc/sockwarden/trails/partners.txt", "partners"},
		{"Bad Hosts.TXT", "bad-hosts"},
		{"../../etc/passwd", "passwd"},
		{".hidden", "hidden"},
		{"", "list"},
		{"/", "list"},
		{"...", "list"},
		{"\xc3\xa4", "list"},
		{"firehol_level1.netset", "firehol_level1"},
		{"a/b", "b"},
		{".txt", "txt"},
	};
	char name[SW_TRAIL_NAME_MAX + 1], longer[300];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		sw_trail_name_make(name, rows[i][0]);
		if (!sw_streq(name, rows[i][1]) || !sw_trail_name_ok(name))
			fail_msg("'%s': got '%s', expected '%s'", rows[i][0], name, rows[i][1]);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	sw_trail_name_make(name, longer);
	assert_int_equal(strlen(name), SW_TRAIL_NAME_MAX);
	assert_false(sw_trail_name_ok(longer));
	assert_false(sw_trail_name_ok("A"));
	assert_false(sw_trail_name_ok("a/b"));
	assert_false(sw_trail_name_ok("a b"));
	assert_false(sw_trail_name_ok(".."));
}

struct loaded {
	unsigned int good, bad;
	char names[256];
};

static void count_loaded(const char *name, struct sw_trail_list *l, const char *why, void *arg)
{
	struct loaded *n = arg;

	n->good += l != NULL;
	n->bad += why != NULL;
	strcat(strcat(n->names, name), why ? "! " : " ");
	sw_trail_list_free(l);
}

static void corrupt(int dirfd, const char *file)
{
	_close_ int fd = openat(dirfd, file, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "XXXX", 4, sizeof(struct sw_trail_head) + 8), 4);
}

static void a_damaged_file_is_set_aside_and_the_others_load(void **state)
{
	char dir[] = "/tmp/sockwarden-trail-XXXXXX";
	struct sw_trail_list *l, *got = NULL;
	struct loaded n = {};
	_close_ int dirfd = -1;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		const char name[] = {(char)('a' + i), 0};

		l = list_of(&usual, "192.0.2.1\n", 10, name, SW_TRAIL_DROP);
		assert_int_equal(sw_trail_list_save(l, dirfd), 0);
		sw_trail_list_free(l);
	}
	assert_int_equal(renameat(dirfd, "c.swtl", dirfd, "d.swtl"), 0); /* holds c, is called d */
	corrupt(dirfd, "b.swtl");
	assert_int_equal(sw_trail_list_load_all(dirfd, count_loaded, &n), 1);
	assert_int_equal(n.good, 1);
	assert_int_equal(n.bad, 2);
	assert_non_null(strstr(n.names, "a "));
	assert_int_equal(fstatat(dirfd, "b.swtl.bad", &st, 0), 0);
	assert_int_equal(fstatat(dirfd, "b.swtl", &st, 0), -1);
	n = (struct loaded){};
	assert_int_equal(sw_trail_list_load_all(dirfd, count_loaded, &n), 1);
	assert_int_equal(n.bad, 0);
	assert_int_equal(sw_trail_list_load(dirfd, "a", &got, NULL), 0);
	assert_int_equal(sw_trail_list_count(got), 1);
	sw_trail_list_free(got);
	assert_true(sw_trail_list_load(dirfd, "../a", &got, NULL) < 0);
	assert_int_equal(sw_trail_list_unlink(dirfd, "a"), 0);
	assert_int_equal(sw_trail_list_unlink(dirfd, "a"), -ENOENT);
	unlinkat(dirfd, "b.swtl.bad", 0);
	unlinkat(dirfd, "d.swtl.bad", 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- the image */

/* "192.0.2.1=drop/0": all entries with action and set. */
static void show_image(struct sw_strbuf *b, const struct sw_trail_view *v)
{
	static const char *const words[] = {"observe", "drop", "except", "tag"};
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		sw_strbuf_printf(b, "%s%s=%s/%u", i ? " " : "",
			sw_cidr_format(text, &v->entries4[i].net), words[v->entries4[i].action],
			v->entries4[i].set);
}

static void map_image(const struct sw_trail_source *s, size_t n, struct sw_trail_view *ret,
	struct sw_trail_image_stats *stats)
{
	_close_ int fd = sw_trail_image_build(s, n, SW_ENGINE_LPM, 0, stats);
	const char *why = "";
	const void *map;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len), 0);
	if (sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, ret, &why) < 0)
		fail_msg("the image made is refused: %s", why);
}

static void unmap_image(const struct sw_trail_view *v)
{
	munmap((void *)v->head, v->head->size);
}

static void lists_merge_by_the_rules(void **state)
{
	static const struct {
		const char *what, *drop, *observe, *except, *want;
	} rows[] = {
		{"nothing", "", "", "", ""},
		{"one list", "192.0.2.1\n2001:db8::1\n", "", "",
			"192.0.2.1=drop/0 2001:db8::1=drop/0"},
		{"apart", "192.0.2.1\n", "192.0.2.2\n", "", "192.0.2.1=drop/0 192.0.2.2=observe/5"},
		{"drop beats observe", "192.0.2.1\n", "192.0.2.1\n", "", "192.0.2.1=drop/0"},
		{"except beats drop", "192.0.2.1\n", "192.0.2.1\n", "192.0.2.1\n",
			"192.0.2.1=except/9"},
		{"except inside drop", "192.0.2.0/24\n", "", "192.0.2.1\n",
			"192.0.2.0/24=drop/0 192.0.2.1=except/9"},
		{"drop inside except", "192.0.2.1\n", "", "192.0.2.0/24\n",
			"192.0.2.0/24=except/9 192.0.2.1=drop/0"},
		{"observe inside drop protects nobody", "192.0.2.0/24\n", "192.0.2.1\n", "",
			"192.0.2.0/24=drop/0"},
		{"observe inside except inside drop", "192.0.0.0/16\n", "192.0.2.1\n",
			"192.0.2.0/24\n",
			"192.0.0.0/16=drop/0 192.0.2.0/24=except/9 192.0.2.1=observe/5"},
		{"observe beside the drop before it", "192.0.2.0/25\n", "192.0.2.128\n", "",
			"192.0.2.0/25=drop/0 192.0.2.128=observe/5"},
		{"drop inside observe", "192.0.2.1\n", "192.0.2.0/24\n", "",
			"192.0.2.0/24=observe/5 192.0.2.1=drop/0"},
		{"IPv6 likewise", "2001:db8::/32\n", "2001:db8:1::/48\n2001:db9::/48\n",
			"2001:db8:2::/48\n",
			"2001:db8::/32=drop/0 2001:db8:2::/48=except/9 2001:db9::/48=observe/5"},
		{"families do not meet", "0.0.0.0/8\n", "::1\n", "",
			"0.0.0.0/8=drop/0 ::1=observe/5"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_list *l[] = {list(rows[i].drop, SW_TRAIL_DROP),
			list(rows[i].observe, SW_TRAIL_OBSERVE),
			list(rows[i].except, SW_TRAIL_EXCEPT)};
		const struct sw_trail_source s[] = {
			{l[0]->view, 0}, {l[1]->view, 5}, {l[2]->view, 9}};
		_strbuf_ struct sw_strbuf got = {};
		struct sw_trail_view v;

		map_image(s, 3, &v, NULL);
		show_image(&got, &v);
		if (!sw_streq(sw_strbuf_get(&got), rows[i].want))
			fail_msg("%s: got '%s', expected '%s'", rows[i].what, sw_strbuf_get(&got),
				rows[i].want);
		assert_int_equal(v.head->sets, 10);
		unmap_image(&v);
		for (int k = 0; k < 3; k++)
			sw_trail_list_free(l[k]);
	}
}

static void no_lists_make_an_empty_image(void **state)
{
	struct sw_trail_image_stats stats;
	struct sw_trail_view v;

	map_image(NULL, 0, &v, &stats);
	assert_int_equal(v.n4 + v.n6, 0);
	unmap_image(&v);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

/* Networks that crowd, so that they nest and repeat; IPv6 every fourth. */
static struct sw_net random_net(uint64_t *rnd)
{
	struct sw_net n = {.family = SW_AF_IP4, .plen = (__u8)(next_random(rnd) % 33)};

	if (next_random(rnd) % 4 == 0) {
		n.family = SW_AF_IP6;
		n.plen = (__u8)(next_random(rnd) % 129);
	}
	for (unsigned int i = 0; i < (n.family == SW_AF_IP4 ? 4 : 16); i++)
		n.addr[i] = next_random(rnd) % 3 ? 0 : (__u8)next_random(rnd);
	return sw_net_trim(&n, n.plen);
}

/*
 * The rules said once more, slowly: of all entries around host, from the widest to the narrowest; at a
 * length the action that weighs most; what weighs less than what is around it is as if it were not there. -1: none.
 */
static int naive_action(const struct sw_trail_source *s, size_t n, const struct sw_net *host)
{
	static const int weights[] = {
		[SW_TRAIL_OBSERVE] = 0, [SW_TRAIL_TAG] = 1, [SW_TRAIL_DROP] = 2, [SW_TRAIL_EXCEPT] = 3};
	int last = -1;

	for (int plen = 0; plen <= host->plen; plen++) {
		int best = -1;

		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < s[i].view.n4 + s[i].view.n6; k++) {
				const struct sw_trail_entry *e = &s[i].view.entries4[k];

				if (e->net.plen == plen && sw_net_contains(&e->net, host))
					best = best >= 0 && weights[best] > weights[e->action] ? best : (int)e->action;
			}
		if (best >= 0 && (last < 0 || last == SW_TRAIL_EXCEPT || weights[best] >= weights[last]))
			last = best;
	}
	return last;
}

/* What the kernel's trie does with the image: the longest network decides. */
static int trie_action(const struct sw_trail_view *v, const struct sw_net *host)
{
	int best = -1, plen = -1;

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		if (v->entries4[i].net.plen > plen && sw_net_contains(&v->entries4[i].net, host)) {
			plen = v->entries4[i].net.plen;
			best = (int)v->entries4[i].action;
		}
	return best;
}

static void compare_round(uint64_t *rnd)
{
	enum { LISTS = 6, NETS = 40, HOSTS = 60 };
	struct sw_trail_list *l[LISTS];
	struct sw_trail_source s[LISTS];
	struct sw_trail_view v;
	struct sw_trail_hit hit;

	for (unsigned int i = 0; i < LISTS; i++) {
		_strbuf_ struct sw_strbuf text = {};
		char buf[SW_NET_TEXT_MAX];

		for (int k = 0; k < NETS; k++) {
			struct sw_net n = random_net(rnd);

			sw_strbuf_printf(&text, "%s\n", sw_cidr_format(buf, &n));
		}
		l[i] = list(sw_strbuf_get(&text), (enum sw_trail_action)(i % SW_TRAIL_ACTION_COUNT));
		s[i] = (struct sw_trail_source){l[i]->view, i};
	}
	map_image(s, LISTS, &v, NULL);
	for (int i = 0; i < HOSTS; i++) {
		struct sw_net host = random_net(rnd);
		bool is_found;
		int want, got;

		host.plen = (__u8)sw_net_max_plen(&host);
		want = naive_action(s, LISTS, &host);
		got = trie_action(&v, &host);
		is_found = sw_trail_decide(s, LISTS, &host, &hit);
		if (got != want || (is_found ? (int)hit.entry->action : -1) != want)
			fail_msg("%s: image %d, look-up %d, expected %d",
				sw_cidr_format((char[SW_NET_TEXT_MAX]){}, &host), got,
				is_found ? (int)hit.entry->action : -1, want);
	}
	unmap_image(&v);
	for (int i = 0; i < LISTS; i++)
		sw_trail_list_free(l[i]);
}

static void image_and_look_up_decide_as_a_slow_search_does(void **state)
{
	uint64_t rnd = 20261122;

	for (int round = 0; round < 40; round++)
		compare_round(&rnd);
}

/* ---- look-up */

static void a_look_up_finds_what_is_around_and_what_is_within(void **state)
{
	struct sw_trail_list *a = list(
		"192.0.0.0/16\n192.0.2.0/24\n192.0.2.0/25\n192.0.2.1\n192.0.2.200\n192.0.3.1\n",
		SW_TRAIL_DROP);
	struct sw_trail_list *b = list("192.0.2.0/24\n2001:db8::/32\n", SW_TRAIL_EXCEPT);
	const struct sw_trail_source s[] = {{a->view, 0}, {b->view, 1}};
	static const struct {
		const char *net;
		size_t around, within;
	} rows[] = {
		{"192.0.2.1", 5, 0},
		{"192.0.2.0/24", 3, 3},
		{"192.0.2.0/25", 4, 1},
		{"192.0.2.128/25", 3, 1},
		{"192.0.0.0/16", 1, 6},
		{"192.0.0.0/15", 0, 7},
		{"0.0.0.0/0", 0, 7},
		{"198.51.100.1", 0, 0},
		{"2001:db8::1", 1, 0},
		{"::/0", 0, 1},
		{"255.255.255.255", 0, 0},
		{"192.0.3.1", 2, 0},
	};
	struct sw_trail_hit hits[16];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_net n = net(rows[i].net);
		size_t around = sw_trail_covering(s, 2, &n, hits, 16),
		       within = sw_trail_within(s, 2, &n, hits, 16);

		if (around != rows[i].around || within != rows[i].within)
			fail_msg("%s: got %zu around, %zu within; expected %zu, %zu", rows[i].net,
				around, within, rows[i].around, rows[i].within);
		assert_int_equal(sw_trail_within(s, 2, &n, hits, 2),
			within); /* counts on when there is no room */
	}
	sw_trail_list_free(a);
	sw_trail_list_free(b);
}

static void the_longest_network_is_told_first(void **state)
{
	struct sw_trail_list *l = list("192.0.0.0/16\n192.0.2.0/24\n192.0.2.1\n", SW_TRAIL_DROP);
	const struct sw_trail_source s = {l->view, 0};
	struct sw_trail_hit hits[2];
	struct sw_net n = net("192.0.2.1");

	assert_int_equal(sw_trail_covering(&s, 1, &n, hits, 2), 3);
	assert_int_equal(hits[0].entry->net.plen, 32);
	assert_int_equal(hits[1].entry->net.plen, 24);
	sw_trail_list_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_list_with_any_byte_changed_is_refused),
		cmocka_unit_test(every_wrong_field_is_refused_though_the_checksum_is_right),
		cmocka_unit_test(a_network_twice_in_a_list_is_refused),
		cmocka_unit_test(memory_that_is_not_sealed_is_refused),
		cmocka_unit_test(names_are_made_of_what_a_person_gave),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_the_others_load),
		cmocka_unit_test(lists_merge_by_the_rules),
		cmocka_unit_test(no_lists_make_an_empty_image),
		cmocka_unit_test(image_and_look_up_decide_as_a_slow_search_does),
		cmocka_unit_test(a_look_up_finds_what_is_around_and_what_is_within),
		cmocka_unit_test(the_longest_network_is_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
