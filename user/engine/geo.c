// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Rules over countries and systems by port and direction: compiled in a thread when the configuration or a
 * database has changed, and handed to the guard. While the new cannot be made those before stay in force, as the
 * kernel has them, and that is said.
 */
#include "user/engine/geo.h"

#include "user/engine/backends.h"

#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/io/worker.h"
#include "user/trail/geo.h"

enum { SETTLE_MS = 200, RETRY_SEC = 60, DATABASES = 2, COUNTRIES = 0, SYSTEMS = 1 };
static const char degraded_key[] = "country-rules";

/* One compilation: what it is given is its own. */
struct job {
	struct sw_engine *engine;
	struct sw_config_geo_rule texts[SW_CONFIG_GEO_RULES_MAX];
	size_t n;
	char path[DATABASES][256];
	int fd, result;
	__u32 found; /* set of rules */
	char why[400];
};

struct sw_geo_engine {
	struct sw_engine *engine;
	struct sw_worker *worker;
	struct sw_source *due, *events; /* a timer; what changed in the databases' directories */
	int inotify_fd, wd[DATABASES];
	bool is_running, is_again;
	/* what was compiled last */
	int fd;
	const void *image;
	size_t bytes;
	struct sw_geo_view view;
	struct sw_geo_rule rules[SW_CONFIG_GEO_RULES_MAX];
	size_t n_rules;
	__u32 found;
};

/* ---- in the thread */

static int open_database(struct job *job, int which, struct sw_mmdb **ret)
{
	const char *why = "";
	int r;

	if (!job->path[which][0])
		return 0;
	r = sw_mmdb_open(job->path[which], ret, &why);
	if (r < 0)
		snprintf(job->why, sizeof(job->why), "%s cannot be read by uid %u: %s", job->path[which], getuid(), why);
	return r;
}

static void run(void *arg)
{
	struct job *job = arg;
	_cleanup_(sw_mmdb_freep) struct sw_mmdb *countries = NULL, *systems = NULL;
	struct sw_geo_rule rules[SW_CONFIG_GEO_RULES_MAX];
	_strbuf_ struct sw_strbuf wrong = {};
	const char *why = "";
	int r = 0;

	for (size_t i = 0; i < job->n && !r; i++)
		r = sw_geo_rule_parse(&job->texts[i], &rules[i], &wrong);
	if (r < 0)
		snprintf(job->why, sizeof(job->why), "%s", sw_strbuf_get(&wrong));
	if (!r)
		r = open_database(job, COUNTRIES, &countries);
	if (!r)
		r = open_database(job, SYSTEMS, &systems);
	if (!r) {
		r = sw_geo_compile(rules, job->n, job->n ? sw_geo_id(job->texts, job->n) : 0, countries, systems,
			&job->found, &why);
		if (r < 0)
			snprintf(job->why, sizeof(job->why), "%s", why);
	}
	job->fd = r < 0 ? -1 : r;
	job->result = r < 0 ? r : 0;
}

/* ---- in the loop */

static void start(struct sw_engine *e);

static void set_due(struct sw_geo_engine *g, uint64_t ns)
{
	(void)sw_source_set_timer(g->due, ns, 0);
}

static void on_sent(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;

	if (reply->result == -ECONNRESET)
		return; /* sent again when the guard is back */
	if (reply->result < 0)
		sw_degraded_set(e, degraded_key, SW_SEV_HIGH, "the rules over countries are not in force: %s",
			reply->text);
}

static void send_image(struct sw_engine *e)
{
	struct sw_guard_request req = {.op = SW_GUARD_GEO};

	if (e->geo->fd >= 0)
		(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, e->geo->fd, on_sent, e);
}

static void forget_image(struct sw_geo_engine *g)
{
	if (g->image)
		munmap((void *)g->image, g->bytes);
	g->image = NULL;
	g->view = (struct sw_geo_view){};
	g->fd = sw_close(g->fd);
}

static void say_unknown(struct sw_engine *e)
{
	struct sw_geo_engine *g = e->geo;

	for (size_t i = 0; i < g->n_rules; i++) {
		if (!(g->found >> i & 1))
			sw_degraded_set(e, degraded_key, SW_SEV_LOW,
				"the databases hold no network of what country rule %zu names", i + 1);
	}
}

static void adopt(struct sw_engine *e, struct job *job)
{
	struct sw_geo_engine *g = e->geo;
	_strbuf_ struct sw_strbuf wrong = {};
	const char *why = "";

	forget_image(g);
	g->fd = TAKE_FD(job->fd);
	g->n_rules = job->n;
	g->found = job->found;
	for (size_t i = 0; i < job->n; i++)
		(void)sw_geo_rule_parse(&job->texts[i], &g->rules[i], &wrong);
	if (sw_memfd_map_sealed(g->fd, SW_GEO_BYTES_MAX, &g->image, &g->bytes) < 0)
		g->image = NULL;
	else
		(void)sw_geo_check(g->image, g->bytes, &g->view, &why);
	sw_degraded_clear(e, degraded_key);
	say_unknown(e);
	send_image(e);
}

static void on_ran(void *arg)
{
	struct job *job = arg;
	struct sw_engine *e = job->engine;
	struct sw_geo_engine *g = e->geo;
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	g->is_running = false;
	if (job->result < 0) {
		sw_degraded_set(e, degraded_key, SW_SEV_HIGH, "the rules over countries cannot be made: %s; %s", job->why,
			s && s->geo.id ? "those from before stay in force" : "none is in force");
		set_due(g, RETRY_SEC * SW_SEC_NS);
	} else {
		adopt(e, job);
	}
	sw_close(job->fd);
	free(job);
	if (g->is_again)
		start(e);
}

static void start(struct sw_engine *e)
{
	const struct sw_config *c = e->config;
	struct sw_geo_engine *g = e->geo;
	struct job *job;

	g->is_again = g->is_running;
	if (g->is_running)
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		set_due(g, RETRY_SEC * SW_SEC_NS);
		return;
	}
	job->engine = e;
	job->fd = -1;
	job->n = SW_MIN(c->n_geo_rules, (__u32)SW_CONFIG_GEO_RULES_MAX);
	memcpy(job->texts, c->geo_rules, job->n * sizeof(job->texts[0]));
	for (size_t i = 0; i < job->n; i++) {
		if (job->texts[i].countries[0])
			sw_strcpy(job->path[COUNTRIES], sizeof(job->path[0]), c->country_file);
		if (job->texts[i].systems[0])
			sw_strcpy(job->path[SYSTEMS], sizeof(job->path[0]), c->country_asn_file);
	}
	g->is_running = true;
	if (sw_worker_start(g->worker, run, on_ran, job) < 0) {
		g->is_running = false;
		free(job);
		set_due(g, RETRY_SEC * SW_SEC_NS);
	}
}

/* ---- databases that change */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *path_of(const struct sw_engine *e, int which)
{
	return which == SYSTEMS ? e->config->country_asn_file : e->config->country_file;
}

/* A file that is replaced by rename is another file: its directory is watched. */
static void watch(struct sw_engine *e)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;
	struct sw_geo_engine *g = e->geo;
	char dir[256];

	for (int i = 0; i < DATABASES; i++) {
		const char *path = path_of(e, i);

		g->wd[i] = -1;
		if (!e->config->n_geo_rules || !*path || g->inotify_fd < 0)
			continue;
		snprintf(dir, sizeof(dir), "%.*s", (int)(base_name(path) - path), path);
		g->wd[i] = inotify_add_watch(g->inotify_fd, *dir ? dir : ".", mask);
	}
}

static bool is_ours(const struct sw_geo_engine *g, const struct inotify_event *ev)
{
	if (ev->mask & IN_Q_OVERFLOW)
		return true;
	for (int i = 0; i < DATABASES; i++) {
		if (g->wd[i] == ev->wd && ev->len && sw_streq(ev->name, base_name(path_of(g->engine, i))))
			return true;
	}
	return false;
}

static int on_events(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_geo_engine *g = arg;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool is_due = false;
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + got;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;

			is_due |= is_ours(g, ev);
			p += sizeof(*ev) + ev->len;
		}
	}
	if (is_due)
		set_due(g, SETTLE_MS * SW_MSEC_NS);
	return 0;
}

static int on_due(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	watch(e); /* a directory may be new */
	start(e);
	return 0;
}

/* ---- the part */

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	watch(e);
	start(e);
}

static int init(struct sw_engine *e)
{
	struct sw_geo_engine *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	e->geo = g;
	g->engine = e;
	g->fd = -1;
	g->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = sw_worker_new(e->loop, &g->worker);
	if (!r)
		r = sw_loop_add_timer(e->loop, 0, 0, on_due, e, &g->due);
	if (!r && g->inotify_fd >= 0)
		r = sw_loop_add_fd(e->loop, g->inotify_fd, EPOLLIN, on_events, g, &g->events);
	if (r < 0)
		return r;
	configured(e, NULL);
	return 0;
}

static void done(struct sw_engine *e)
{
	struct sw_geo_engine *g = e->geo;

	if (!g)
		return;
	sw_worker_free(g->worker);
	sw_source_free(g->events);
	sw_source_free(g->due);
	sw_close(g->inotify_fd);
	forget_image(g);
	free(g);
	e->geo = NULL;
}

static int connected(struct sw_engine *e)
{
	send_image(e);
	return 0;
}

static void why(struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j)
{
	struct sw_geo_engine *g = e->geo;
	char shown[SW_NET_TEXT_MAX];
	__u32 rules;

	if (!net)
		return;
	rules = sw_geo_rules_of_net(&g->view, net);
	for (size_t i = 0; i < g->n_rules; i++) {
		_strbuf_ struct sw_strbuf text = {};

		if (!(rules >> i & 1))
			continue;
		sw_strbuf_printf(&text, "country rule %zu means it: ", i + 1);
		sw_geo_rule_format(&g->rules[i], &text);
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "what", "country-rule");
		sw_json_string(j, "net", sw_cidr_format(shown, net));
		sw_json_string(j, "text", sw_strbuf_get(&text));
		sw_json_object_end(j);
	}
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	__u32 id = sw_geo_id(e->config->geo_rules, e->config->n_geo_rules);

	sw_json_object_begin(j, "country_rules");
	sw_json_uint(j, "rules", e->config->n_geo_rules);
	sw_json_bool(j, "in_force", s && e->config->n_geo_rules && s->geo.id == id);
	sw_json_uint(j, "networks", s ? s->geo.n_nets : 0);
	sw_json_object_end(j);
}

void sw_geo_name(char buf[static SW_GEO_TEXT_MAX], __u32 number)
{
	snprintf(buf, SW_GEO_TEXT_MAX, number && number <= SW_CONFIG_GEO_RULES_MAX ? "country rule %u" : "", number);
}

__u32 sw_geo_rule_out(const struct sw_engine *e, __u8 protocol, __u16 port, const struct sw_net *peer)
{
	return e->geo ? (__u32)(sw_geo_judge(&e->geo->view, SW_GEO_OUT, protocol, port, peer) + 1) : 0;
}

bool sw_geo_counter(struct sw_engine *e, __u32 i, struct sw_counter *ret)
{
	return e->geo && i < e->geo->n_rules && sw_engine_counter(e, SW_FD_GEO_HITS, i, ret) >= 0;
}

void sw_geo_write(struct sw_engine *e, struct sw_json *j)
{
	sw_json_array_begin(j, "country_rules");
	for (__u32 i = 0; e->geo && i < e->geo->n_rules; i++) {
		_strbuf_ struct sw_strbuf text = {};
		const struct sw_guard_nft *nft = sw_backends_nft(e);
		struct sw_counter c = {};

		(void)sw_geo_counter(e, i, &c);
		sw_geo_rule_format(&e->geo->rules[i], &text);
		sw_json_object_begin(j, NULL);
		sw_json_uint(j, "rule", i + 1);
		sw_json_string(j, "text", sw_strbuf_get(&text));
		sw_json_uint(j, "packets", c.packets);
		sw_json_uint(j, "dropped", c.dropped);
		sw_json_uint(j, "nftables_dropped", nft && i < SW_GEO_RULES_MAX ? nft->geo[i].packets : 0);
		sw_json_bool(j, "known", e->geo->found >> i & 1);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
}

const struct sw_engine_part sw_part_geo = {
	.name = "country-rules",
	.init = init,
	.done = done,
	.connected = connected,
	.configured = configured,
	.status = status,
	.why = why,
};
