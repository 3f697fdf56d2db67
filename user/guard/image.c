// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/image.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "sockwarden/abi/gate.h"
#include "user/io/child.h"
#include "user/io/msg.h"

enum { EXIT_CONFIG = 5, OUT_FD = 3, RULES_FD, PACKS_FD, USER_PACKS_FD, PATH_BYTES = 4096 };

static int wrong(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

static bool is_ended(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool are_words_sane(const struct sw_config *c)
{
	return (c->mode == SW_MODE_OFF || c->mode == SW_MODE_OBSERVE ||
		       c->mode == SW_MODE_ENFORCE) &&
		c->on_exit <= SW_ON_EXIT_REMOVE && c->hook <= SW_HOOK_DISPATCHER &&
		c->ban_min_plen4 <= 32 && c->ban_min_plen6 <= 128 &&
		c->trail_engine < SW_ENGINE_COUNT && c->egress <= SW_EGRESS_OFF;
}

/* What the guard itself reads; the other processes read the rest and check it as they use it. */
static bool is_action_sane(const struct sw_config_action *a)
{
	return is_ended(a->name, sizeof(a->name)) && is_ended(a->user, sizeof(a->user)) &&
		is_ended(a->start, sizeof(a->start)) && is_ended(a->stop, sizeof(a->stop)) &&
		is_ended(a->ban, sizeof(a->ban)) && is_ended(a->unban, sizeof(a->unban)) &&
		is_ended(a->check, sizeof(a->check)) &&
		is_ended(a->file, sizeof(a->file)) && is_ended(a->reload, sizeof(a->reload)) &&
		a->format <= SW_FORMAT_HOSTS_DENY;
}

int sw_image_check_config(const void *image, size_t size, const char **ret_why)
{
	const struct sw_config *c = image;
	_free_ struct sw_config *copy = NULL;

	if (size != sizeof(*c))
		return wrong(ret_why, "size");
	if (c->magic != SW_CONFIG_MAGIC)
		return wrong(ret_why, "magic");
	if (c->version != SW_CONFIG_VERSION || c->size != sizeof(*c))
		return wrong(ret_why, "version");
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, c, sizeof(*copy));
	copy->crc = 0;
	if (sw_crc32(0, copy, sizeof(*copy)) != c->crc)
		return wrong(ret_why, "checksum");
	if (c->n_ifaces > SW_CONFIG_IFACES_MAX || c->n_allow > SW_CONFIG_ALLOW_MAX ||
		c->n_feeds > SW_CONFIG_FEEDS_MAX || c->n_trail_files > SW_CONFIG_FILES_MAX ||
		c->n_trail_dirs > SW_CONFIG_DIRS_MAX ||
		c->country_drop.n > SW_CONFIG_CODES_MAX ||
		c->country_observe.n > SW_CONFIG_CODES_MAX ||
		c->asn_drop.n > SW_CONFIG_CODES_MAX || c->asn_observe.n > SW_CONFIG_CODES_MAX ||
		c->decoy_tcp_ports.n > SW_CONFIG_PORTS_MAX ||
		c->decoy_udp_ports.n > SW_CONFIG_PORTS_MAX ||
		c->decoy_cookie_ports.n > SW_CONFIG_PORTS_MAX ||
		c->n_actions > SW_CONFIG_ACTIONS_MAX || c->trusted_proxies.n > SW_CONFIG_PROXIES_MAX ||
		c->n_decoy_banners > SW_CONFIG_BANNERS_MAX || c->n_rules > SW_CONFIG_RULES_MAX ||
		c->n_geo_rules > SW_CONFIG_GEO_RULES_MAX ||
		c->policy_listen.n > SW_CONFIG_SOCK_RULES_MAX || c->policy_connect.n > SW_CONFIG_SOCK_RULES_MAX)
		return wrong(ret_why, "counts");
	if (!are_words_sane(c))
		return wrong(ret_why, "a value out of range");
	if (!is_ended(c->hosts_deny_file, sizeof(c->hosts_deny_file)))
		return wrong(ret_why, "a text without an end");
	for (size_t i = 0; i < c->n_actions; i++) {
		if (!is_action_sane(&c->actions[i]))
			return wrong(ret_why, "an action");
	}
	for (size_t i = 0; i < c->n_ifaces; i++) {
		if (!is_ended(c->ifaces[i].pattern, sizeof(c->ifaces[i].pattern)) ||
			c->ifaces[i].hook > SW_HOOK_DISPATCHER)
			return wrong(ret_why, "an interface");
	}
	return 0;
}

void sw_config_image_init(struct sw_config_image *i)
{
	*i = (struct sw_config_image){.fd = -1, .rules_fd = -1};
}

void sw_config_image_done(struct sw_config_image *i)
{
	if (i->config)
		munmap((void *)i->config, sizeof(*i->config));
	if (i->rules.head)
		munmap((void *)i->rules.head, i->rules_size);
	sw_close(i->fd);
	sw_close(i->rules_fd);
	sw_config_image_init(i);
}

/* "DIR/rules.d" of the configuration's directory. */
static bool user_rules_dir(const struct sw_config_source *s, char *buf, size_t size)
{
	const char *slash = strrchr(s->file, '/');
	int n = snprintf(buf, size, "%.*srules.d", slash ? (int)(slash + 1 - s->file) : 0, s->file);

	return (size_t)n < size;
}

static int run_compiler(const struct sw_config_source *s, int in, int out, int rules)
{
	char user_dir[PATH_BYTES] = "";
	char *argv[] = {(char *)s->program, (char *)(in >= 0 ? "--compile" : "--defaults"),
		(char *)s->file, (char *)"--out-fd", (char *)"3", (char *)"--rules-fd", (char *)"4",
		(char *)"--packs", (char *)s->rules_dir, (char *)"--packs-fd", (char *)"5",
		(char *)"--user-packs", user_dir, (char *)"--user-packs-fd", (char *)"6", NULL};
	_close_ int packs = open(s->rules_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), user = -1;
	struct sw_child c = {
		.path = s->program,
		.argv = argv,
		.uid = s->uid,
		.gid = s->gid,
		.n_fds = USER_PACKS_FD + 1,
	};
	pid_t pid;
	int r;

	if (user_rules_dir(s, user_dir, sizeof(user_dir)))
		user = open(user_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memcpy(c.fds, (int[]){in, STDERR_FILENO, STDERR_FILENO, out, rules, packs, user},
		(USER_PACKS_FD + 1) * sizeof(int));
	r = sw_child_start(&c, &pid);
	return r < 0 ? r : sw_child_wait(pid);
}

static int adopt_rules(int fd, struct sw_config_image *ret, char *err, size_t size)
{
	const char *why = "";
	const void *map;
	size_t len;
	int r = sw_memfd_seal(fd, NULL, 0);

	if (r >= 0)
		r = sw_memfd_map_sealed(fd, SW_RULES_SIZE_MAX, &map, &len);
	if (r < 0) {
		snprintf(err, size, "the rules' image cannot be sealed and read");
		return r;
	}
	r = sw_rules_view_open(&ret->rules, map, len, &why);
	if (r < 0) {
		snprintf(err, size, "sockwarden-config made rules that are not valid (%s)", why);
		munmap((void *)map, len);
		return r;
	}
	ret->rules_size = len;
	return 0;
}

static int adopt_image(int fd, struct sw_config_image *ret, char *err, size_t size)
{
	const void *map;
	const char *why = "";
	size_t len;
	int r = sw_memfd_seal(fd, NULL, 0);

	if (r >= 0)
		r = sw_memfd_map_sealed(fd, sizeof(struct sw_config), &map, &len);
	if (r < 0) {
		snprintf(err, size, "the configuration's image cannot be sealed and read");
		return r;
	}
	r = sw_image_check_config(map, len, &why);
	if (r < 0) {
		snprintf(err, size, "sockwarden-config made an image that is not valid (%s)", why);
		munmap((void *)map, len);
		return r;
	}
	ret->config = map;
	return 0;
}

int sw_config_image_make(
	const struct sw_config_source *s, struct sw_config_image *ret, char *err, size_t size)
{
	_close_ int in = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY), out = -1, rules = -1;
	int r;

	if (in < 0 && errno != ENOENT) {
		r = -errno;
		snprintf(err, size, "cannot open %s", s->file);
		return r;
	}
	out = memfd_create("sockwarden-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	rules = memfd_create("sockwarden-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (out < 0 || rules < 0 || ftruncate(out, sizeof(struct sw_config)) < 0) {
		r = -errno;
		snprintf(err, size, "no memory for the configuration");
		return r;
	}
	r = run_compiler(s, in, out, rules);
	if (r < 0) {
		snprintf(err, size, "cannot run %s", s->program);
		return r;
	}
	if (r == EXIT_CONFIG) {
		snprintf(err, size, "%s is not valid", s->file);
		return -EINVAL;
	}
	if (r) {
		snprintf(err, size, "sockwarden-config failed with status %d", r);
		return -EBADMSG;
	}
	r = adopt_image(out, ret, err, size);
	if (r >= 0)
		r = adopt_rules(rules, ret, err, size);
	if (r < 0) {
		sw_config_image_done(ret);
		return r;
	}
	ret->fd = TAKE_FD(out);
	ret->rules_fd = TAKE_FD(rules);
	return 0;
}
