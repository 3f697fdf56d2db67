// SPDX-License-Identifier: GPL-3.0-or-later
/* Sockets to rows. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/sockets/baseline.h"

enum { STATE_LISTEN = 10 };

struct sw_port_range sw_port_range_parse(const char *text)
{
	unsigned int first, last;

	if (sscanf(text, "%u %u", &first, &last) != 2 || first > last || last > 65535)
		return (struct sw_port_range){32768, 60999};
	return (struct sw_port_range){(uint16_t)first, (uint16_t)last};
}

/* Printable ASCII, everything else as \xNN; cut to size. */
static void put_safe(char *buf, size_t size, size_t *used, const char *text, size_t len)
{
	for (size_t i = 0; i < len && *used + 5 <= size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 0x7f && c != '\\')
			buf[(*used)++] = (char)c;
		else
			*used += (size_t)snprintf(buf + *used, size - *used, "\\x%02x", c);
	}
	buf[*used] = 0;
}

static const char *unix_type_word(uint8_t type)
{
	return type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "dgram" : "seqpacket";
}

/* An abstract name of five hexadecimal digits is one that the kernel chose (unix(7), autobind). */
static bool is_autobound(const struct sw_sock *s)
{
	return s->is_abstract && s->path_len == 5 && strspn(s->path, "0123456789abcdef") == 5;
}

static void set_unix(struct sw_baseline_row *r, const struct sw_sock *s)
{
	size_t used = 0;

	r->sock_type = s->type;
	if (is_autobound(s)) {
		r->is_ephemeral = 1;
		snprintf(r->key, sizeof(r->key), "unix/%s:*", unix_type_word(s->type));
		return;
	}
	put_safe(r->path, sizeof(r->path), &used, "@", s->is_abstract);
	put_safe(r->path, sizeof(r->path), &used, s->path, s->path_len);
	used = (size_t)snprintf(r->key, sizeof(r->key), "unix/%s:", unix_type_word(s->type));
	put_safe(r->key, sizeof(r->key), &used, "@", s->is_abstract);
	put_safe(r->key, sizeof(r->key), &used, s->path, s->path_len);
}

static void set_inet(struct sw_baseline_row *r, const struct sw_sock *s, struct sw_port_range range)
{
	char addr[SW_NET_TEXT_MAX], port[8] = "*";

	r->protocol = s->protocol;
	r->sock_type = s->type;
	r->address = sw_sock_address(s);
	r->is_reuseport = !!(s->options & SW_OPT_REUSEPORT);
	r->backlog = s->state == STATE_LISTEN ? s->backlog : 0;
	r->is_ephemeral = s->lport >= range.first && s->lport <= range.last;
	if (!r->is_ephemeral) {
		r->port = s->lport;
		snprintf(port, sizeof(port), "%u", s->lport);
	}
	sw_cidr_format(addr, &r->address);
	snprintf(r->key, sizeof(r->key), r->address.family == SW_AF_IP6 ? "%s/[%s]:%s" : "%s/%s:%s",
		sw_sock_protocol_word(s), addr, port);
}

static void set_owner(struct sw_baseline_row *r, struct sw_inventory *inv, const struct sw_sock *s)
{
	struct sw_proc *owner = sw_sock_owner(s);
	struct sw_proc_info info;

	r->uid = s->uid;
	if (!owner) {
		/* No file either: the kernel's own, as of a file server. */
		snprintf(r->executable, sizeof(r->executable), "%s", s->inode || s->event_ns ? "" : "[kernel]");
		return;
	}
	sw_procs_info(sw_inventory_procs(inv), owner, true, &info);
	if (*info.executable)
		sw_strcpy(r->executable, sizeof(r->executable), info.executable);
	else
		snprintf(r->executable, sizeof(r->executable), "[%s]", *info.comm ? info.comm : "unknown");
	r->is_deleted = info.is_deleted;
	sw_strcpy(r->container, sizeof(r->container), info.container);
	snprintf(r->image, sizeof(r->image), "%s", info.image);
	sw_strcpy(r->unit, sizeof(r->unit), info.unit);
}

int sw_baseline_row_of(struct sw_inventory *inv, const struct sw_sock *s, struct sw_port_range range, int64_t wall_ns,
	uint64_t boot_ns, struct sw_baseline_row *ret)
{
	char netns[SW_NETNS_NAME_MAX];
	uint64_t age = s->since_ns && s->since_ns < boot_ns ? boot_ns - s->since_ns : 0;
	size_t used;

	if (!sw_sock_is_listener(s) || (s->family == AF_UNIX && !s->path))
		return 0;
	memset(ret, 0, sizeof(*ret));
	if (s->family == AF_UNIX)
		set_unix(ret, s);
	else
		set_inet(ret, s, range);
	ret->exposure = (uint8_t)sw_sock_exposure(s);
	ret->since_wall_sec = (wall_ns - (int64_t)age) / (int64_t)SW_SEC_NS;
	set_owner(ret, inv, s);
	sw_sock_netns_name(inv, s, netns);
	if (*ret->image && strncmp(netns, "container:", 10) == 0) /* the next container of it has the same */
		snprintf(netns, sizeof(netns), "image:%.48s", ret->image);
	sw_strcpy(ret->netns, sizeof(ret->netns), netns);
	used = strlen(ret->key);
	if (*netns && used + 8 < sizeof(ret->key)) {
		memcpy(ret->key + used, " netns ", 8);
		used += 7;
		put_safe(ret->key, sizeof(ret->key), &used, netns, strlen(netns));
	}
	return 1;
}

struct collect {
	struct sw_inventory *inv;
	struct sw_port_range range;
	int64_t wall_ns;
	uint64_t boot_ns;
	struct sw_baseline_set *set;
};

static int add_row(const struct sw_sock *s, void *arg)
{
	struct collect *c = arg;
	struct sw_baseline_row row;

	if (!sw_baseline_row_of(c->inv, s, c->range, c->wall_ns, c->boot_ns, &row))
		return 0;
	return sw_baseline_set_add(c->set, &row);
}

int sw_baseline_rows(struct sw_inventory *inv, struct sw_port_range range, int64_t wall_ns, uint64_t boot_ns,
	struct sw_baseline_set *ret)
{
	struct collect c = {.inv = inv, .range = range, .wall_ns = wall_ns, .boot_ns = boot_ns, .set = ret};
	int r = sw_inventory_each(inv, add_row, &c);

	if (r >= 0)
		r = sw_baseline_set_sort(ret);
	if (r < 0)
		sw_baseline_set_done(ret);
	return r < 0 ? r : 0;
}

const char *sw_baseline_id(char buf[static SW_BASELINE_ID_MAX], const struct sw_baseline_row *r)
{
	snprintf(buf, SW_BASELINE_ID_MAX, "%s|%s|%u|%s", r->key, r->executable, r->uid,
		*r->image ? r->image : r->container);
	return buf;
}

bool sw_baseline_row_fix(struct sw_baseline_row *r)
{
	r->key[sizeof(r->key) - 1] = 0;
	r->path[sizeof(r->path) - 1] = 0;
	r->executable[sizeof(r->executable) - 1] = 0;
	r->container[sizeof(r->container) - 1] = 0;
	r->unit[sizeof(r->unit) - 1] = 0;
	r->netns[sizeof(r->netns) - 1] = 0;
	r->image[sizeof(r->image) - 1] = 0;
	return *r->key && r->exposure < SW_EXPOSURE_COUNT;
}
