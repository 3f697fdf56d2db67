// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A text of 2,000,000 IPv4 trails (95 % hosts) to a sealed list, to the image, to checked by the guard;
 * beside it what one would write first: fgets, inet_pton, qsort. A line of JSON a figure.
 */
#include <arpa/inet.h>
#include <sys/mman.h>

#include "tests/bench/clock.h"
#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"

enum { N = 2000000 };

static char *make_text(size_t *ret_len)
{
	char *text = malloc((size_t)N * 20), *p = text;
	uint64_t state = 1;

	if (!text)
		abort();
	for (int i = 0; i < N; i++) {
		uint32_t a = next_random(&state);
		unsigned int plen = i % 20 ? 32 : 12 + next_random(&state) % 20;

		p += sprintf(p, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
		p += plen < 32 ? sprintf(p, "/%u\n", plen) : sprintf(p, "\n");
	}
	*ret_len = (size_t)(p - text);
	return text;
}

static int cmp_net(const void *a, const void *b)
{
	return memcmp(a, b, 5);
}

/* Seconds of CPU for the plain way, to an array that is sorted and without duplicates. */
static double naive(char *text, size_t len, size_t *ret_n)
{
	double start = cpu_sec();
	unsigned char(*nets)[8] = malloc((size_t)N * 8);
	FILE *f = fmemopen(text, len, "r");
	char line[256];
	size_t n = 0, out = 0;

	if (!nets || !f)
		abort();
	while (fgets(line, sizeof(line), f)) {
		char *slash;

		line[strcspn(line, "\n")] = 0;
		slash = strchr(line, '/');
		if (slash)
			*slash++ = 0;
		if (inet_pton(AF_INET, line, nets[n]) != 1)
			continue;
		nets[n][4] = (unsigned char)(slash ? atoi(slash) : 32);
		n++;
	}
	qsort(nets, n, sizeof(*nets), cmp_net);
	for (size_t i = 0; i < n; i++)
		if (!out || memcmp(nets[out - 1], nets[i], 5) != 0)
			memmove(nets[out++], nets[i], 8);
	*ret_n = out;
	fclose(f);
	free(nets);
	return cpu_sec() - start;
}

static void figure(const char *what, double value, const char *unit, double peer, double goal)
{
	printf("{\"bench\":\"trail\",\"case\":\"%s\",\"value\":%.4f,\"unit\":\"%s\"", what, value,
		unit);
	if (peer > 0)
		printf(",\"peer\":\"fgets, inet_pton, qsort\",\"peer_value\":%.4f,\"ratio\":%.2f",
			peer, peer / value);
	if (goal > 0)
		printf(",\"goal\":%g,\"met\":%s", goal, value <= goal ? "true" : "false");
	puts("}");
}

static double bench_lookup(const struct sw_trail_source *s, uint32_t addr)
{
	double start = cpu_sec();
	struct sw_trail_hit hits[64];
	struct sw_net net;
	enum { ROUNDS = 1000 };

	for (uint32_t i = 0; i < ROUNDS; i++) {
		net = sw_net_from4(addr + i * 2654435761u);
		sw_trail_covering(s, 1, &net, hits, SW_ARRAY_SIZE(hits));
	}
	return (cpu_sec() - start) / ROUNDS * 1e3;
}

int main(void)
{
	const struct sw_trail_rules rules = {.min_plen4 = 8, .min_plen6 = 19};
	size_t len, n_naive = 0;
	char *text = make_text(&len);
	struct sw_trail_parser *p = NULL;
	struct sw_trail_list *l = NULL;
	struct sw_trail_source source;
	struct sw_trail_view v;
	const void *map;
	double t0, t1, t2, t3, t4, peer = naive(text, len, &n_naive);
	int fd, image;

	t0 = cpu_sec();
	if (sw_trail_parse_mem(&rules, text, len, &p) < 0)
		return 1;
	t1 = cpu_sec();
	fd = sw_trail_list_build(p, "bench", "bench", SW_TRAIL_DROP, 0);
	sw_trail_parser_free(p);
	t2 = cpu_sec();
	if (fd < 0 || sw_trail_list_open(fd, &l, NULL) < 0)
		return 1;
	source = (struct sw_trail_source){l->view, 0};
	t3 = cpu_sec();
	image = sw_trail_image_build(&source, 1, SW_ENGINE_LPM, 0, NULL);
	t4 = cpu_sec();
	if (image < 0 || sw_memfd_map_sealed(image, SW_TRAIL_BYTES_MAX, &map, &len) < 0)
		return 1;
	if (sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, &v, NULL) < 0)
		return 1;
	figure("2 M lines, parse", t1 - t0, "s", 0, 0);
	figure("2 M lines, sort and seal a list", t2 - t1, "s", 0, 0);
	figure("2 M lines, text to list", t2 - t0, "s", peer, 1);
	figure("2 M entries, check a list", t3 - t2, "s", 0, 0);
	figure("2 M entries, merge to an image", t4 - t3, "s", 0, 0);
	figure("2 M entries, check an image", cpu_sec() - t4, "s", 0, 0);
	figure("2 M lines, text to checked image", cpu_sec() - t0, "s", 0, 0.5);
	figure("look-up in 2 M entries", bench_lookup(&source, 0x01020304), "ms", 0, 5);
	if (v.n4 > n_naive || sw_trail_list_count(l) > n_naive)
		return 1; /* host bits are cleared here, so there may be fewer */
	sw_trail_list_free(l);
	free(text);
	return 0;
}
