// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/decoys.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "skel/decoy.skel.h"
#include "user/base/log.h"
#include "user/base/ports.h"
#include "user/guard/cookie.h"
#include "user/kern/bpffs.h"

enum {
	BACKLOG = 4096, /* handshakes that wait for the engine; the kernel cuts it to somaxconn */
	CLIENT_FIRST = 32768, CLIENT_LAST = 60999, /* ip_local_port_range's default */
};
#define LINK_NAME "decoy-link"

struct sw_decoys {
	const char *pin_dir;
	struct sw_plant *plant;
	struct bpf_object *object; /* NULL until decoys are wanted */
	int fds[SW_DECOY_SOCKS]; /* -1: none */
	struct sw_guard_decoys facts;
};

static bool pin_path(char buf[static SW_PIN_PATH_MAX], const char *pin_dir, const char *name)
{
	return snprintf(buf, SW_PIN_PATH_MAX, "%s/%s", pin_dir, name) < SW_PIN_PATH_MAX;
}

/* ---- listeners */

static const struct {
	int family, type;
} sockets[SW_DECOY_SOCKS] = {
	[SW_DECOY_TCP4] = {AF_INET, SOCK_STREAM},
	[SW_DECOY_TCP6] = {AF_INET6, SOCK_STREAM},
	[SW_DECOY_UDP4] = {AF_INET, SOCK_DGRAM},
	[SW_DECOY_UDP6] = {AF_INET6, SOCK_DGRAM},
};

/* Freely: a host may have IPv6 without ::1, and the address does not matter. */
static int bind_loopback(int fd, int family)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;

	if (family == AF_INET)
		return bind(fd, (struct sockaddr *)&a4, sizeof(a4)) < 0 ? -errno : 0;
	setsockopt(fd, SOL_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&a6, sizeof(a6)) < 0 ? -errno : 0;
}

static int want_destination(int fd, int family)
{
	const int on = 1;
	int r = family == AF_INET ? setsockopt(fd, SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof(on))
				  : setsockopt(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, &on, sizeof(on));

	return r < 0 ? -errno : 0;
}

static int open_socket(int family, int type, int *ret)
{
	_close_ int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;
	int r;

	if (fd < 0)
		return -errno;
	/* its connections hold the ports they came to: a service with the option can bind beside them */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	r = bind_loopback(fd, family);
	if (r >= 0 && type == SOCK_DGRAM)
		r = want_destination(fd, family);
	if (r >= 0 && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return 0;
}

static int find_map(const struct sw_decoys *d, const char *name)
{
	return bpf_object__find_map_fd_by_name(d->object, name);
}

static int open_one(struct sw_decoys *d, enum sw_decoy_sock which)
{
	__u32 slot = which;
	__u64 value;
	int r = 0;

	if (d->fds[which] < 0)
		r = open_socket(sockets[which].family, sockets[which].type, &d->fds[which]);
	if (r < 0)
		return r;
	value = (__u64)d->fds[which];
	return bpf_map_update_elem(find_map(d, "decoy_socks"), &slot, &value, BPF_ANY);
}

/* The program knows its namespace by the TCP listener: there is one even for UDP alone. A host may have no IPv6. */
static int open_listeners(struct sw_decoys *d, bool has_udp)
{
	for (enum sw_decoy_sock i = 0; i < SW_DECOY_SOCKS; i++) {
		bool is_wanted = sockets[i].type == SOCK_STREAM || has_udp;
		int r = is_wanted ? open_one(d, i) : 0;

		if (!is_wanted)
			d->fds[i] = sw_close(d->fds[i]);
		if (r < 0 && sockets[i].family == AF_INET)
			return r;
		if (r < 0)
			sw_log_notice("decoys: none over IPv6 (%s)", strerror(-r));
	}
	return 0;
}

static void close_listeners(struct sw_decoys *d)
{
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++)
		d->fds[i] = sw_close(d->fds[i]);
}

/* ---- the program */

/* The pinned link of an earlier guard, when it is on the namespace we are in; else nothing. */
static int open_link(const char *path, __u32 netns)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_LINK_TYPE_NETNS &&
		info.netns.netns_ino == netns)
		return fd;
	bpf_link_detach(fd);
	close(fd);
	unlink(path);
	return -1;
}

static int attach(const struct sw_decoys *d)
{
	_close_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;
	int prog = bpf_program__fd(bpf_object__find_program_by_name(d->object, "decoy"));
	char path[SW_PIN_PATH_MAX];
	struct stat st;

	if (prog < 0)
		return -EOPNOTSUPP;
	if (netns < 0 || fstat(netns, &st) < 0)
		return -errno;
	if (!pin_path(path, d->pin_dir, LINK_NAME))
		return -ENAMETOOLONG;
	fd = open_link(path, (__u32)st.st_ino);
	if (fd >= 0)
		return bpf_link_update(fd, prog, NULL);
	fd = bpf_link_create(prog, netns, BPF_SK_LOOKUP, NULL);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static int load(struct sw_decoys *d)
{
	const struct sw_load_opts opts = {.pin_dir = d->pin_dir};
	size_t size;
	const void *elf = decoy__elf_bytes(&size);

	if (d->object)
		return 0;
	return sw_load_object("decoy", elf, size, &opts, &d->plant->report, &d->object);
}

static void read_client_range(struct sw_guard_decoys *f)
{
	unsigned int first, last;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	f->client_first = CLIENT_FIRST;
	f->client_last = CLIENT_LAST;
	if (file && fscanf(file, "%5u %5u", &first, &last) == 2 && first <= last && last <= 65535) {
		f->client_first = (__u16)first;
		f->client_last = (__u16)last;
	}
	if (file)
		fclose(file);
}

static int set_ports(struct sw_decoys *d, const struct sw_config *c)
{
	_free_ struct sw_decoy_ports *ports = malloc(sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	read_client_range(&d->facts);
	d->facts.n_udp_left_out = sw_decoys_ports(c, d->facts.client_first, d->facts.client_last, ports);
	d->facts.n_tcp_ports = sw_ports_count(ports->tcp);
	d->facts.n_udp_ports = sw_ports_count(ports->udp);
	return bpf_map_update_elem(find_map(d, "decoy_ports"), &(__u32){0}, ports, BPF_ANY);
}

static const char *turn_on(struct sw_decoys *d, const struct sw_config *c, int *ret_error)
{
	*ret_error = load(d);
	if (*ret_error < 0)
		return "the kernel refuses the decoy program";
	*ret_error = set_ports(d, c);
	if (*ret_error < 0)
		return "the decoy ports cannot be set";
	*ret_error = open_listeners(d, d->facts.n_udp_ports > 0);
	if (*ret_error < 0)
		return "the decoys' listener cannot be opened";
	*ret_error = attach(d);
	return *ret_error < 0 ? "the decoy program cannot be attached" : NULL;
}

static void turn_off(struct sw_decoys *d)
{
	close_listeners(d);
	bpf_object__close(TAKE_PTR(d->object));
	sw_decoys_unpin(d->pin_dir);
}

void sw_decoys_unpin(const char *pin_dir)
{
	static const char *const names[] = {LINK_NAME, "decoy_ports", "decoy_socks"};
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;

	if (pin_path(path, pin_dir, LINK_NAME))
		fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++) {
		if (pin_path(path, pin_dir, names[i]))
			unlink(path);
	}
}

static void serve_listeners(struct sw_decoys *d, const struct sw_config *c)
{
	const char *why = NULL;

	d->facts.is_on = sw_decoys_are_wanted(c);
	if (!d->facts.is_on) {
		turn_off(d);
		return;
	}
	why = turn_on(d, c, &d->facts.error);
	if (why) {
		sw_strcpy(d->facts.why, sizeof(d->facts.why), why);
		sw_log_err(d->facts.error, "no decoys: %s", why);
		turn_off(d);
		return;
	}
	sw_log_notice("decoys: %u TCP ports, %u UDP ports", d->facts.n_tcp_ports, d->facts.n_udp_ports);
	if (d->facts.n_udp_left_out)
		sw_log_warning(0, "decoys: %u UDP ports are left out: %u-%u are given to clients (ip_local_port_range)",
			d->facts.n_udp_left_out, d->facts.client_first, d->facts.client_last);
}

void sw_decoys_configure(struct sw_decoys *d, struct sw_follow *f, const struct sw_config *c)
{
	memset(&d->facts, 0, sizeof(d->facts));
	serve_listeners(d, c);
	sw_cookie_configure(d->plant, f, d->pin_dir, c, &d->facts.cookie);
}

void sw_decoys_give(const struct sw_decoys *d, struct sw_guard_decoys *ret, int *ret_fds, size_t *ret_n)
{
	size_t n = 0;

	*ret = d->facts;
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++) {
		if (d->fds[i] < 0)
			continue;
		ret->socks |= 1U << i;
		ret_fds[n++] = d->fds[i];
	}
	*ret_n = n;
}

int sw_decoys_new(const char *pin_dir, struct sw_plant *plant, struct sw_decoys **ret)
{
	struct sw_decoys *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->pin_dir = pin_dir;
	d->plant = plant;
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++)
		d->fds[i] = -1;
	*ret = d;
	return 0;
}

void sw_decoys_free(struct sw_decoys *d)
{
	if (!d)
		return;
	sw_cookie_stop(d->plant);
	close_listeners(d);
	bpf_object__close(d->object);
	free(d);
}

void sw_decoys_freep(struct sw_decoys **d)
{
	sw_decoys_free(*d);
}
