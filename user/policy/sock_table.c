// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/sock_table.h"

#include <ctype.h>

#include "user/base/cidr.h"
#include "user/conf/value.h"

_Static_assert((int)SW_SOCK_RULES_MAX == (int)SW_CONFIG_SOCK_RULES_MAX, "a rule has the same number on both sides");
_Static_assert((int)SW_SOCK_PARTS == (int)SW_CONFIG_SOCK_PARTS_MAX, "a rule has as many parts on both sides");

enum { PATH_BYTES = SW_SOCK_PATH_WORDS * sizeof(__u64) };
_Static_assert((int)PATH_BYTES >= (int)sizeof(((struct sw_config_sock_rule *)0)->executable), "each path has room");

/*
 * A pattern of fnmatch(3) as plain text: 1 it is how something begins, 0 it is the whole, -1 it is neither.
 * text: as large as the pattern.
 */
static int plain_of(const char *pattern, char *text)
{
	for (; *pattern; pattern++) {
		if (*pattern == '*' && !pattern[1])
			break;
		if (strchr("*?[", *pattern))
			return -1;
		if (*pattern == '\\' && !*++pattern)
			return -1;
		*text++ = *pattern;
	}
	*text = '\0';
	return *pattern == '*';
}

/* bytes of text that count: words, and in the last of them a mask. */
static void put_path(struct sw_sock_rule *r, const char *text, size_t bytes)
{
	size_t rest = bytes % sizeof(r->last);

	memcpy(r->path, text, bytes);
	r->n_words = (__u8)((bytes + sizeof(r->last) - 1) / sizeof(r->last));
	r->last = ~0ull;
	if (rest) {
		r->last = 0;
		memset(&r->last, 0xff, rest);
	}
}

static const char *put_executable(struct sw_sock_rule *r, const char *pattern, bool can_read_kernel)
{
	char text[sizeof(((struct sw_config_sock_rule *)0)->executable)];
	int kind = plain_of(pattern, text);
	size_t bytes = strlen(text) + (kind == 0);

	if (!*pattern)
		return NULL;
	if (kind < 0 || !can_read_kernel)
		r->flags |= SW_SOCK_RULE_IS_OPEN;
	if (kind < 0)
		return "the kernel compares whole paths, and how a path begins, with no pattern in between";
	if (!can_read_kernel)
		return "this kernel is locked down: no program there may read the path of an executable";
	if (bytes) /* "*" alone names every program */
		put_path(r, text, bytes);
	return NULL;
}

static const char *put_container(struct sw_sock_rule *r, const char *pattern, const struct sw_sock_table_host *host)
{
	char text[sizeof(((struct sw_config_sock_rule *)0)->container)];
	int kind = plain_of(pattern, text);
	size_t n;

	if (!*pattern)
		return NULL;
	if (!host->can_read_kernel) {
		r->flags |= SW_SOCK_RULE_IS_OPEN;
		return "this kernel is locked down: no program there may read the names of cgroups";
	}
	if (sw_streq(pattern, "host")) {
		r->flags |= SW_SOCK_RULE_IN_HOST;
		return host->is_hybrid ? "containers of cgroup v1 are here too, and the kernel's programs see v2 alone" : NULL;
	}
	n = kind < 0 ? 0 : strlen(text);
	if (kind < 0 || (kind == 0 && n != SW_SOCK_ID_DIGITS) || n > SW_SOCK_ID_DIGITS) {
		r->flags |= SW_SOCK_RULE_IS_OPEN;
		return "the kernel compares the first 12 digits of an id, or how they begin, with no pattern in between";
	}
	r->flags |= SW_SOCK_RULE_IN_CONTAINER;
	memcpy(r->id, text, n);
	memset(r->id_mask, 0xff, n);
	return host->is_hybrid ? "only of containers of cgroup v2: the kernel's programs do not see those of v1" : NULL;
}

static void name_nobody(struct sw_sock_rule *r)
{
	r->n_ports = 1;
	r->ports[0].first = 1;
	r->ports[0].last = 0;
}

static bool find_uid(const struct sw_sock_table_host *host, const char *user, __u32 *ret)
{
	char *end;
	unsigned long n = strtoul(user, &end, 10);

	if (isdigit((unsigned char)*user) && !*end && n < UINT32_MAX) {
		*ret = (__u32)n;
		return true;
	}
	return host->find_user(user, ret, host->arg) >= 0;
}

static const char *put_user(struct sw_sock_rule *r, const char *user, const struct sw_sock_table_host *host)
{
	if (!*user)
		return NULL;
	r->flags |= SW_SOCK_RULE_HAS_UID;
	if (find_uid(host, user, &r->uid))
		return NULL;
	name_nobody(r);
	return "there was no user of that name when the configuration was read";
}

/* As IPv6 has it: IPv4 as ::ffff:a.b.c.d. */
static void put_net(struct sw_sock_rule *r, const struct sw_net *net)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	__u8 addr[16], mask[16] = {};
	unsigned int plen = net->plen;

	if (net->family == SW_AF_IP4) {
		memcpy(addr, mapped, sizeof(mapped));
		memcpy(addr + sizeof(mapped), net->addr, 4);
		plen += 96;
	} else {
		memcpy(addr, net->addr, sizeof(addr));
	}
	for (unsigned int i = 0; i < plen && i < 128; i++)
		mask[i / 8] |= (__u8)(0x80 >> i % 8);
	memcpy(r->nets[r->n_nets].addr, addr, sizeof(addr));
	memcpy(r->nets[r->n_nets++].mask, mask, sizeof(mask));
}

static int put_lists(struct sw_sock_rule *r, const struct sw_config_sock_rule *from)
{
	struct sw_config_port_range ports[SW_CONFIG_SOCK_PARTS_MAX];
	struct sw_net nets[SW_CONFIG_SOCK_PARTS_MAX];
	_strbuf_ struct sw_strbuf why = {};
	int n_ports = sw_conf_port_list(from->ports, ports, &why);
	int n_nets = sw_conf_net_list(from->networks, nets, &why);

	if (n_ports < 0 || n_nets < 0)
		return -EINVAL;
	for (int i = 0; i < n_ports; i++, r->n_ports++) {
		r->ports[i].first = ports[i].first;
		r->ports[i].last = ports[i].last;
	}
	for (int i = 0; i < n_nets; i++)
		put_net(r, &nets[i]);
	return 0;
}

static const __u32 protocol_flags[] = {
	[SW_SOCK_PROTO_ANY] = 0,
	[SW_SOCK_PROTO_TCP] = SW_SOCK_RULE_HAS_TCP,
	[SW_SOCK_PROTO_UDP] = SW_SOCK_RULE_HAS_UDP,
	[SW_SOCK_PROTO_RAW] = SW_SOCK_RULE_HAS_RAW,
	[SW_SOCK_PROTO_PACKET] = 0, /* its ports are those of nobody */
};

static int put_rule(const struct sw_config_sock_rule *from, const struct sw_sock_table_host *host,
	struct sw_sock_rule *r, const char **ret_why)
{
	const char *executable = put_executable(r, from->executable, host->can_read_kernel);
	const char *container = put_container(r, from->container, host), *user;
	int n = put_lists(r, from);

	if (n < 0)
		return n;
	user = put_user(r, from->user, host);
	*ret_why = executable ? executable : container ? container : user;
	if (from->action == SW_SOCK_DENY)
		r->flags |= SW_SOCK_RULE_DENIES;
	r->flags |= protocol_flags[from->protocol];
	if (from->protocol == SW_SOCK_PROTO_PACKET) {
		name_nobody(r);
		*ret_why = "the kernel asks nobody about packet sockets: the socket is there before it is seen";
	}
	return 0;
}

/* What a rule that denies has to be asked about beside ports. */
static __u8 special_state(const struct sw_sock_rule *r)
{
	__u8 state = r->flags & SW_SOCK_RULE_HAS_RAW ? SW_SOCK_HAS_RAW : 0;

	for (unsigned int i = 0; i < r->n_ports; i++)
		if (!r->ports[i].first)
			state |= SW_SOCK_HAS_CHOSEN;
	return state;
}

static int put_list(const struct sw_config_sock_rules *from, __u32 fallback, enum sw_sock_way way,
	const struct sw_sock_table_host *host, struct sw_sock_table *t)
{
	union sw_sock_policy_ctl *ctl = &t->image.ctl;
	bool denies = from->n && fallback == SW_SOCK_DENY;

	ctl->denies[way] = denies;
	ctl->n[way] = (__u8)from->n;
	for (unsigned int i = 0; i < from->n; i++) {
		int r = put_rule(&from->at[i], host, &t->image.rules[way][i], &t->why[way][i]);

		if (r < 0)
			return r;
		if (from->at[i].action == SW_SOCK_DENY) {
			denies = true;
			ctl->state |= special_state(&t->image.rules[way][i]);
		}
	}
	if (denies)
		ctl->state |= way == SW_SOCK_LISTEN ? SW_SOCK_HAS_LISTEN : SW_SOCK_HAS_CONNECT;
	return 0;
}

/* How a path begins; what is too long is cut, and so protects more. */
static void protect_begin(struct sw_sock_table *t, const char *dir, const char *name)
{
	struct sw_sock_rule *r = &t->image.protected[t->image.ctl.n_protected++];
	char text[PATH_BYTES + 1];

	snprintf(text, sizeof(text), "%s%s", dir, name);
	r->flags = SW_SOCK_RULE_IN_HOST;
	put_path(r, text, strlen(text));
}

static void protect_root(struct sw_sock_table *t, const char *path)
{
	struct sw_sock_rule *r = &t->image.protected[t->image.ctl.n_protected++];

	r->flags = SW_SOCK_RULE_IN_HOST | SW_SOCK_RULE_HAS_UID; /* uid 0 */
	put_path(r, path, strlen(path) + 1);
}

/* Without them nobody could take the policy back: the way in, and ourselves. */
static void protect(struct sw_sock_table *t, const char *own_dir)
{
	static const char *const ways_in[] = {"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session",
		"/usr/lib/openssh/sshd-auth", "/usr/libexec/openssh/sshd-session"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(ways_in); i++)
		protect_root(t, ways_in[i]);
	protect_begin(t, "/usr/sbin/", "sockwarden");
	protect_begin(t, "/usr/bin/", "sockwarden");
	if (*own_dir)
		protect_begin(t, own_dir, "sockwarden");
}

int sw_sock_table_make(const struct sw_config *c, const struct sw_sock_table_host *host, struct sw_sock_table *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->image.version = SW_ABI_VERSION;
	ret->image.size = sizeof(ret->image);
	r = put_list(&c->policy_listen, c->policy_default, SW_SOCK_LISTEN, host, ret);
	if (r >= 0)
		r = put_list(&c->policy_connect, c->policy_default, SW_SOCK_CONNECT, host, ret);
	if (r < 0)
		return r;
	if (host->is_hybrid)
		ret->image.ctl.state |= SW_SOCK_IS_HYBRID;
	protect(ret, host->own_dir);
	return 0;
}
