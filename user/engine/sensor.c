// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sensor mode: packets of mirror ports, both directions, tunnels included, through the same detection as
 * replay. The guard opened the packet sockets; the rings are mapped and read here. Nobody is banned for what
 * is only seen passing.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "user/detect/sightings.h"
#include "user/detect/traffic.h"
#include "user/engine/engine.h"
#include "user/engine/trails.h"

enum { RING_BYTES = SW_SENSOR_BLOCK_BYTES * SW_SENSOR_BLOCKS };

struct port {
	struct sw_engine *e;
	char name[16];
	int fd;
	uint8_t *ring;
	unsigned int block; /* the next to be read */
	struct sw_source *source;
	uint64_t lost;
};

struct sw_sensor_part {
	struct port ports[SW_GUARD_SENSORS_MAX];
	size_t n;
	struct sw_static *none;
	struct sw_traffic *traffic; /* made with the first port */
	struct sw_sightings *sightings;
	struct sw_source *tick; /* a mirror that went silent: what waits is told all the same */
	uint64_t packets;
	struct sw_traffic_packet batch[SW_TRAFFIC_BATCH];
};

static void on_sight(void *arg, const struct sw_sight *sight)
{
	struct sw_engine *e = arg;
	const struct sw_flow *flow = sight->flow;
	char source[INET6_ADDRSTRLEN] = "";
	struct sw_sighting o = {.sight = sight,
		.is_out = true, /* as its sender sees it */
		.by.comm = source,
		.list = sight->info ? sight->info : ""};
	struct sw_finding f;
	bool is_new;

	inet_ntop(flow->family == 6 ? AF_INET6 : AF_INET, &flow->saddr, source, sizeof(source));
	if (!sw_sightings_add(e->sensor->sightings, &o, &f))
		return;
	*f.process = '\0'; /* of another host, and unknown */
	is_new = !f.id;
	sw_engine_find(e, &f);
	if (is_new)
		sw_sightings_told(e->sensor->sightings, &o, f.id);
}

/* ---- the ring */

static enum sw_link link_of(const struct tpacket3_hdr *h)
{
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));

	return from->sll_hatype == ARPHRD_ETHER || from->sll_hatype == ARPHRD_LOOPBACK
		? SW_LINK_ETHER
		: SW_LINK_IP;
}

static void read_block(struct sw_sensor_part *p, const struct tpacket_block_desc *b)
{
	const uint8_t *at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
	size_t n = 0;

	for (unsigned int i = 0; i < b->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *h = (const void *)at;

		p->batch[n++] = (struct sw_traffic_packet){.data = at + h->tp_mac,
			.len = h->tp_snaplen,
			.link = link_of(h),
			.wall_ns = (int64_t)h->tp_sec * 1000000000 + h->tp_nsec,
			.number = ++p->packets};
		if (n == SW_TRAFFIC_BATCH || i + 1 == b->hdr.bh1.num_pkts) {
			sw_traffic_packets(p->traffic, p->batch, n);
			n = 0;
		}
		at += h->tp_next_offset;
	}
}

/* A round of the ring at most: others of the loop have their turn, and epoll comes back. */
static int on_readable(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct port *p = arg;

	for (unsigned int i = 0; i < SW_SENSOR_BLOCKS; i++) {
		struct tpacket_block_desc *b =
			(void *)(p->ring + (size_t)p->block * SW_SENSOR_BLOCK_BYTES);

		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		read_block(p->e->sensor, b);
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->block = (p->block + 1) % SW_SENSOR_BLOCKS;
	}
	return 0;
}

/* ---- ports */

static void close_ports(struct sw_sensor_part *p)
{
	for (size_t i = 0; i < p->n; i++) {
		sw_source_free(p->ports[i].source);
		munmap(p->ports[i].ring, RING_BYTES);
		sw_close(p->ports[i].fd);
	}
	p->n = 0;
}

static int open_port(struct sw_engine *e, const char *name, int fd)
{
	struct sw_sensor_part *s = e->sensor;
	struct port *p = &s->ports[s->n];
	void *ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int r;

	if (ring == MAP_FAILED)
		return -errno;
	*p = (struct port){.e = e, .fd = fd, .ring = ring};
	(void)sw_strcpy(p->name, sizeof(p->name), name);
	r = sw_loop_add_fd(e->loop, fd, EPOLLIN, on_readable, p, &p->source);
	if (r < 0)
		munmap(ring, RING_BYTES);
	else
		s->n++;
	return r;
}

static int on_tick(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	sw_traffic_time(e->sensor->traffic, sw_clock_wall_ns(&e->clock));
	return 0;
}

static int make_traffic(struct sw_engine *e)
{
	struct sw_sensor_part *p = e->sensor;
	struct sw_static *set = sw_trails_static(e);
	int r = 0;

	if (!p->traffic)
		r = sw_traffic_new(set ? set : p->none, SW_LOOK_ALL, on_sight, e, &p->traffic);
	if (r >= 0 && !p->tick)
		r = sw_loop_add_timer(e->loop, SW_SEC_NS, SW_SEC_NS, on_tick, e, &p->tick);
	return r;
}

static void on_sensors(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;
	int r = reply->result;

	if (r >= 0 && n_fds)
		r = make_traffic(e);
	for (size_t i = 0; r >= 0 && i < n_fds && i < reply->sensors.n && i < SW_GUARD_SENSORS_MAX;
		i++) {
		r = open_port(e, reply->sensors.name[i], fds[i]);
		if (r >= 0)
			fds[i] = -1;
	}
	if (r < 0 && r != -ECONNRESET)
		sw_degraded_set(e, "sensor", SW_SEV_MEDIUM, "mirror ports cannot be read: %s",
			strerror(-r));
	else
		sw_degraded_clear(e, "sensor");
}

/* ---- the part */

static void compiled(struct sw_engine *e, struct sw_static *set)
{
	if (e->sensor && e->sensor->traffic)
		sw_traffic_use(e->sensor->traffic, set ? set : e->sensor->none);
}

static int init(struct sw_engine *e)
{
	struct sw_sensor_part *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	e->sensor = p;
	r = sw_static_new(&p->none);
	if (r >= 0)
		r = sw_static_seal(p->none);
	return r < 0 ? r : sw_sightings_new(&e->clock, &p->sightings);
}

static void lost(struct sw_engine *e)
{
	close_ports(e->sensor);
}

static int connected(struct sw_engine *e)
{
	struct sw_guard_request req = {.op = SW_GUARD_SENSORS};

	close_ports(e->sensor);
	if (*e->config->sensor_ifaces)
		(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, -1, on_sensors, e);
	return 0;
}

static void done(struct sw_engine *e)
{
	struct sw_sensor_part *p = e->sensor;

	if (!p)
		return;
	close_ports(p);
	sw_source_free(p->tick);
	sw_traffic_free(p->traffic);
	sw_sightings_free(p->sightings);
	sw_static_free(p->none);
	free(TAKE_PTR(e->sensor));
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	struct sw_sensor_part *p = e->sensor;

	sw_json_array_begin(j, "sensors");
	for (size_t i = 0; i < p->n; i++) {
		struct tpacket_stats_v3 stats = {};
		socklen_t len = sizeof(stats);

		/* Asking makes them zero. */
		if (getsockopt(p->ports[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
			p->ports[i].lost += stats.tp_drops;
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "name", p->ports[i].name);
		sw_json_uint(j, "not_inspected", p->ports[i].lost);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_json_uint(j, "sensor_packets", p->packets);
}

const struct sw_engine_part sw_part_sensor = {
	.name = "sensor",
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
	.status = status,
	.compiled = compiled,
};
