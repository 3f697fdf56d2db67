// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/sensor.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "user/base/log.h"

struct sensor {
	char name[IFNAMSIZ];
	int fd, error; /* fd -1: error says why */
};

struct sw_sensors {
	struct sensor at[SW_GUARD_SENSORS_MAX];
	size_t n;
};

int sw_sensors_new(struct sw_sensors **ret)
{
	struct sw_sensors *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static void close_all(struct sw_sensors *s)
{
	for (size_t i = 0; i < s->n; i++)
		sw_close(s->at[i].fd);
	s->n = 0;
}

void sw_sensors_free(struct sw_sensors *s)
{
	if (s)
		close_all(s);
	free(s);
}

/* Without a protocol nothing comes before the ring is there. */
static int open_device(const char *name)
{
	const struct tpacket_req3 ring = {.tp_block_size = SW_SENSOR_BLOCK_BYTES,
		.tp_block_nr = SW_SENSOR_BLOCKS,
		.tp_frame_size = TPACKET_ALIGNMENT << 7,
		.tp_frame_nr = SW_SENSOR_BLOCK_BYTES / (TPACKET_ALIGNMENT << 7) * SW_SENSOR_BLOCKS,
		.tp_retire_blk_tov = SW_SENSOR_RETIRE_MS};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promisc = {.mr_type = PACKET_MR_PROMISC};
	_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int version = TPACKET_V3;

	at.sll_ifindex = promisc.mr_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !at.sll_ifindex ||
		setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void add(struct sw_sensors *s, const char *name, size_t len)
{
	struct sensor *x = &s->at[s->n];

	if (s->n == SW_GUARD_SENSORS_MAX || len >= sizeof(x->name)) {
		sw_log_warning(0,
			"sensor: %.*s: at most %d devices, with names of 15 bytes, ignoring",
			(int)len, name, SW_GUARD_SENSORS_MAX);
		return;
	}
	memcpy(x->name, name, len);
	x->name[len] = '\0';
	x->fd = open_device(x->name);
	x->error = SW_MIN(x->fd, 0);
	s->n++;
	if (x->error)
		sw_log_err(x->error, "sensor: %s cannot be listened to", x->name);
	else
		sw_log_notice("sensor: all that %s shows is looked into", x->name);
}

void sw_sensors_configure(struct sw_sensors *s, const struct sw_config *c)
{
	const char *at = c->sensor_ifaces;

	close_all(s);
	for (at += strspn(at, " \t"); *at; at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");

		add(s, at, len);
		at += len;
	}
}

void sw_sensors_give(
	const struct sw_sensors *s, struct sw_guard_sensors *ret, int *ret_fds, size_t *ret_n)
{
	*ret = (struct sw_guard_sensors){};
	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i].fd < 0)
			continue;
		memcpy(ret->name[ret->n], s->at[i].name, sizeof(ret->name[0]));
		ret->n++;
		ret_fds[(*ret_n)++] = s->at[i].fd;
	}
}
