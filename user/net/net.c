// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/net.h"

#include <signal.h>
#include <sys/random.h>

#include "sockwarden/rpc/net.h"
#include "user/base/log.h"
#include "user/conf/link.h"
#include "user/io/sandbox.h"
#include "user/net/crowdsec.h"
#include "user/net/crowdsec_machine.h"
#include "user/net/feed.h"
#include "user/net/webhook.h"
#include "user/net/mailer.h"
#include "user/net/runner.h"
#include "user/net/schedule.h"
#include "user/net/whois.h"

enum { PATH_SIZE = 256 };

struct net;

struct slot {
	struct net *net;
	struct sw_feed *feed; /* NULL: free */
	struct sw_config_feed config;
	bool is_set; /* since the last SW_NET_FEEDS_END */
	struct sw_source *timer;
	unsigned int failures;
	bool is_due; /* but the engine is away */
};

struct net {
	const struct sw_net_options *options;
	struct sw_clock clock;
	struct sw_loop *loop;
	struct sw_conf_link *conf_link;
	struct sw_link *engine;
	struct sw_multi *multi;
	struct sw_mailer *mailer;
	struct sw_webhook *webhook;
	struct sw_runner *command; /* NULL: none is configured */
	struct sw_whois *whois;
	struct sw_crowdsec *crowdsec; /* NULL: none is configured */
	struct sw_crowdsec_machine *machine;
	struct sw_config config; /* a copy: one start, one configuration */
	struct sw_feed_env env;
	struct slot slots[SW_CONFIG_FEEDS_MAX];
	struct sw_feed *test; /* kept until the next one: its own call tells of its end */
	struct sw_config_feed test_config;
	__u32 test_id;
	bool has_started, must_restart;
	char engine_path[PATH_SIZE];
};

static uint32_t chance(void)
{
	uint32_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	return bits;
}

/* ---- feeds */

static void fetch(struct slot *s, bool is_asked)
{
	if (!sw_link_is_connected(s->net->engine)) {
		s->is_due = true; /* a list that nobody takes is not fetched */
		return;
	}
	s->is_due = false;
	sw_feed_fetch(s->feed, is_asked);
}

static int on_due(struct sw_source *source, void *arg)
{
	fetch(arg, false);
	return 0;
}

static struct slot *find_slot(struct net *n, const struct sw_feed *feed)
{
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++) {
		if (n->slots[i].feed == feed)
			return &n->slots[i];
	}
	return NULL;
}

static void say_result(const struct sw_net_msg *m)
{
	if (m->result < 0)
		sw_log_warning(0, "feed '%s': %s", m->feed, m->text);
	else if (m->is_unchanged)
		sw_log_info("feed '%s': unchanged", m->feed);
	else
		sw_log_info("feed '%s': %llu entries, %llu bytes", m->feed,
			(unsigned long long)m->entries, (unsigned long long)m->bytes);
}

static void tell_tested(struct net *n, struct sw_net_msg *msg, int fd)
{
	msg->op = SW_NET_FEED_TESTED;
	msg->id = n->test_id;
	if (sw_link_send(n->engine, msg, sizeof(*msg), fd) < 0)
		sw_log_warning(0, "feed '%s': the engine is away, nobody hears of the test", msg->feed);
}

static void on_fetched(struct sw_feed *feed, struct sw_net_msg *msg, int fd, void *arg)
{
	struct net *n = arg;
	struct slot *s = find_slot(n, feed);
	uint64_t wait;
	int r;

	if (feed == n->test) {
		tell_tested(n, msg, fd);
		return;
	}

	s->failures = msg->result < 0 ? s->failures + 1 : 0;
	wait = sw_schedule_next(sw_feed_config(feed)->refresh_sec, s->failures, chance());
	msg->next_wall_sec = (__u64)sw_clock_wall_sec(&n->clock) + wait;
	say_result(msg);
	sw_source_set_timer(s->timer, wait * SW_SEC_NS, 0);
	r = sw_link_send(n->engine, msg, sizeof(*msg), fd);
	if (r == 0)
		return;
	sw_log_warning(r, "feed '%s': the engine did not take it, trying again", msg->feed);
	sw_feed_forget(feed);
	if (sw_link_is_connected(n->engine))
		sw_source_set_timer(s->timer, SW_SCHEDULE_BACKOFF_FIRST_SEC * SW_SEC_NS, 0);
	else
		s->is_due = true;
}

static void free_slot(struct slot *s)
{
	sw_feed_free(s->feed);
	sw_source_free(s->timer);
	*s = (struct slot){};
}

static int start_feed(struct net *n, const struct sw_config_feed *config)
{
	uint64_t spread_ns = chance() % (SW_SCHEDULE_FIRST_SPREAD_SEC * 1000) * SW_MSEC_NS;
	struct slot *s = find_slot(n, NULL);
	int r;

	if (!s)
		return -ENOSPC;
	s->net = n;
	s->config = *config;
	s->is_set = true;
	r = sw_feed_new(&n->env, &s->config, &s->feed);
	if (r >= 0)
		r = sw_loop_add_timer(n->loop, spread_ns + 1, 0, on_due, s, &s->timer);
	if (r < 0)
		free_slot(s);
	return r;
}

static int start_feeds(struct net *n)
{
	n->env = (struct sw_feed_env){.loop = n->loop,
		.multi = n->multi,
		.clock = &n->clock,
		.config = &n->config,
		.timeout_sec = n->options->fetch_timeout_sec,
		.done = on_fetched,
		.arg = n};
	for (size_t i = 0; i < n->config.n_feeds; i++) {
		int r = n->config.feeds[i].is_enabled ? start_feed(n, &n->config.feeds[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static struct slot *find_by_name(struct net *n, const char *name)
{
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++)
		if (n->slots[i].feed && sw_streq(n->slots[i].config.name, name))
			return &n->slots[i];
	return NULL;
}

/* What came in a message ends each of its texts. */
static void end_texts(struct sw_config_feed *f)
{
	f->name[sizeof(f->name) - 1] = f->url[sizeof(f->url) - 1] = 0;
	f->ca_file[sizeof(f->ca_file) - 1] = f->parser[sizeof(f->parser) - 1] = 0;
}

/*
 * A feed that is fetched already, and as it is to be, goes on as it was. next_wall_sec: one that the
 * engine has from an earlier run is not asked for sooner.
 */
static void set_feed(struct net *n, struct sw_config_feed *f, uint64_t next_wall_sec)
{
	uint64_t now = (uint64_t)sw_clock_wall_sec(&n->clock);
	struct slot *known = NULL;
	int r = 0;

	end_texts(f);
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++) {
		struct slot *s = &n->slots[i];

		if (!s->feed || !sw_streq(s->config.name, f->name))
			continue;
		s->is_set = memcmp(&s->config, f, sizeof(*f)) == 0;
		if (s->is_set)
			known = s;
		else
			free_slot(s);
	}
	if (!known) {
		r = start_feed(n, f);
		known = find_by_name(n, f->name);
	}
	if (r < 0 || !known)
		sw_log_warning(r, "feed '%s' cannot be fetched", f->name);
	else if (next_wall_sec > now && next_wall_sec - now <= f->refresh_sec && !sw_feed_is_busy(known->feed))
		sw_source_set_timer(known->timer, (next_wall_sec - now) * SW_SEC_NS, 0);
}

static void end_feeds(struct net *n)
{
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++) {
		if (n->slots[i].feed && !n->slots[i].is_set)
			free_slot(&n->slots[i]);
		n->slots[i].is_set = false;
	}
}

static void test_feed(struct net *n, const struct sw_net_feed *m, int fd)
{
	struct sw_net_msg failed = {.version = SW_NET_VERSION, .result = -EBUSY};
	int r;

	if (n->test && sw_feed_is_busy(n->test)) {
		n->test_id = m->head.id; /* who asked before is gone: the engine has one test at a time */
		sw_strcpy(failed.text, sizeof(failed.text), "another test is under way");
		tell_tested(n, &failed, -1);
		return;
	}
	sw_feed_free(TAKE_PTR(n->test));
	n->test_config = m->feed;
	end_texts(&n->test_config);
	n->test_id = m->head.id;
	r = sw_feed_new(&n->env, &n->test_config, &n->test);
	if (r < 0) {
		failed.result = r;
		snprintf(failed.text, sizeof(failed.text), "it cannot be fetched: %s", strerror(-r));
		tell_tested(n, &failed, -1);
	} else if (fd >= 0) {
		sw_feed_read(n->test, fd);
	} else {
		sw_feed_fetch(n->test, true);
	}
}

static void fetch_now(struct net *n, const char *name)
{
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++) {
		if (n->slots[i].feed && (!name[0] || sw_streq(name, n->slots[i].config.name)))
			fetch(&n->slots[i],
				name[0]); /* its name is the word that takes a list that shrank */
	}
}

/* ---- alerts */

/* Says here and to the engine what became of a message. */
static void tell_done(struct net *n, enum sw_net_op op, const char *what, uint32_t id, int result, const char *text)
{
	struct sw_net_msg m = {.version = SW_NET_VERSION, .op = op, .id = id, .result = result};

	if (result < 0)
		sw_log_warning(0, "%s %u: %s", what, id, text);
	else
		sw_log_info("%s %u: done", what, id);
	sw_strcpy(m.text, sizeof(m.text), text);
	if (sw_link_send(n->engine, &m, sizeof(m), -1) < 0)
		sw_log_warning(0, "%s %u: the engine is away and will send it again", what, id);
}

static void on_mailed(uint32_t id, int result, const char *text, void *arg)
{
	tell_done(arg, SW_NET_MAIL_DONE, "mail", id, result, text);
}

static void send_mail(struct net *n, uint32_t id, int fd)
{
	int r = fd >= 0 ? sw_mailer_send(n->mailer, fd, id) : -EBADMSG;

	if (r < 0)
		on_mailed(
			id, r, r == -EDESTADDRREQ ? "no recipient is configured" : strerror(-r), n);
}

static void on_posted(uint32_t id, int result, const char *text, void *arg)
{
	tell_done(arg, SW_NET_POST_DONE, "post", id, result, text);
}

static void on_run(uint32_t id, int result, const char *text, int output, void *arg)
{
	tell_done(arg, SW_NET_RUN_DONE, "command", id, result, text);
}

static void run_command(struct net *n, uint32_t id, int fd)
{
	int r = !n->command ? -ENOENT : fd < 0 ? -EBADMSG : sw_runner_start(n->command, fd, "", id);

	if (r < 0)
		on_run(id, r, n->command ? strerror(-r) : "no command is configured", -1, n);
}

static void on_whois(struct sw_net_whois *answer, void *arg)
{
	struct net *n = arg;

	answer->head.version = SW_NET_VERSION;
	answer->head.op = SW_NET_WHOIS_DONE;
	(void)sw_link_send(n->engine, answer, sizeof(*answer), -1); /* it asks again when it is back */
}

/* ---- CrowdSec */

static int on_crowdsec(struct sw_net_msg *m, int fd, void *arg)
{
	struct net *n = arg;

	if (m->result < 0)
		sw_log_warning(0, "CrowdSec: %s", m->text);
	return sw_link_send(n->engine, m, sizeof(*m), fd);
}

static void on_reported(struct sw_net_msg *m, void *arg)
{
	struct net *n = arg;

	if (m->result < 0)
		sw_log_warning(0, "bans are not reported to CrowdSec: %s", m->text);
	(void)sw_link_send(n->engine, m, sizeof(*m), -1); /* it sends them again when it is back */
}

static int new_command(struct net *n)
{
	_free_ struct sw_runner_program *p = calloc(1, sizeof(*p));
	int r;

	if (!n->config.command_run[0])
		return 0;
	if (!p)
		return -ENOMEM;
	p->name = "command";
	p->timeout_sec = (unsigned int)n->config.command_timeout_sec;
	r = sw_runner_words(p, n->config.command_run);
	if (r < 0)
		return r;
	return sw_runner_new(n->loop, p, on_run, n, &n->command);
}

/* ---- the engine */

static int on_engine(struct sw_link *l, void *arg)
{
	struct net *n = arg;
	struct sw_net_msg hello = {.version = SW_NET_VERSION, .op = SW_NET_HELLO};
	int r = sw_link_send(l, &hello, sizeof(hello), -1);

	if (r < 0)
		return r;
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++) {
		if (n->slots[i].is_due)
			fetch(&n->slots[i], false);
	}
	sw_crowdsec_ask_all(n->crowdsec);
	return 0;
}

static int on_request(struct sw_link *l, const void *buf, size_t len, int *fd, void *arg)
{
	struct net *n = arg;
	struct sw_net_whois whois;
	struct sw_net_feed feed;
	struct sw_net_msg m;

	if (len != sizeof(m) && len != sizeof(feed) && len != sizeof(whois))
		return -EPROTO;
	memcpy(&m, buf, sizeof(m));
	m.feed[sizeof(m.feed) - 1] = m.text[sizeof(m.text) - 1] = 0;
	if (m.version != SW_NET_VERSION)
		return -EPROTO;
	if (len == sizeof(whois)) {
		memcpy(&whois, buf, sizeof(whois));
		if (m.op == SW_NET_WHOIS)
			sw_whois_ask(n->whois, &whois.net, m.id);
		return 0;
	}
	if (len == sizeof(feed)) {
		memcpy(&feed, buf, sizeof(feed));
		if (m.op == SW_NET_FEED_SET)
			set_feed(n, &feed.feed, m.next_wall_sec);
		else if (m.op == SW_NET_FEED_TEST)
			test_feed(n, &feed, *fd);
		return 0;
	}
	if (m.op == SW_NET_FEEDS_END)
		end_feeds(n);
	else if (m.op == SW_NET_FEED_NOW)
		fetch_now(n, m.feed);
	else if (m.op == SW_NET_MAIL)
		send_mail(n, m.id, *fd);
	else if (m.op == SW_NET_POST)
		sw_webhook_send(n->webhook, *fd, m.id);
	else if (m.op == SW_NET_RUN)
		run_command(n, m.id, *fd);
	else if (m.op == SW_NET_CROWDSEC_ALL)
		sw_crowdsec_ask_all(n->crowdsec);
	else if (m.op == SW_NET_CROWDSEC_POST)
		sw_crowdsec_machine_post(n->machine, *fd, m.id);
	else if (m.op == SW_NET_CROWDSEC_WITHDRAW)
		sw_crowdsec_machine_withdraw(n->machine, &m.host, m.text, m.id);
	return 0;
}

static const struct sw_link_calls engine_calls = {.connected = on_engine, .packet = on_request};

/* ---- start and end */

/* The first configuration starts the work; the sandbox closes after the programs that start others were forked. */
static int start(struct net *n)
{
	int r = sw_multi_new(n->loop, &n->multi);

	if (r < 0)
		return r;
	r = sw_mailer_new(n->loop, n->multi, &n->config, on_mailed, n, &n->mailer);
	if (r < 0)
		return sw_log_err(r, "alerts by mail: recipient or sender is no mail address");
	r = sw_webhook_new(n->multi, &n->config, on_posted, n, &n->webhook);
	if (r < 0)
		return r;
	r = new_command(n);
	if (r < 0)
		return sw_log_err(r, "alerts.command.run");
	r = sw_whois_new(n->loop, &n->config, on_whois, n, &n->whois);
	if (r < 0)
		return r;
	r = sw_crowdsec_new(n->loop, n->multi, &n->clock, &n->config, on_crowdsec, n, &n->crowdsec);
	if (r < 0)
		return r;
	r = sw_crowdsec_machine_new(n->multi, &n->clock, &n->config, on_reported, n, &n->machine);
	if (r < 0)
		return r;
	r = sw_sandbox_enter(SW_ROLE_NET);
	if (r < 0)
		return sw_log_err(r, "the sandbox cannot be entered");
	r = sw_link_new(n->loop, n->engine_path, &engine_calls, n, &n->engine);
	if (r < 0)
		return r;
	return start_feeds(n);
}

static int on_config(const struct sw_config *config, void *arg)
{
	struct net *n = arg;

	if (n->has_started) {
		/* the sandbox allows no second fork, and a start is cheap */
		sw_log_notice("the configuration has changed, starting anew");
		n->must_restart = true;
		sw_loop_stop(n->loop, 0);
		return 0;
	}
	n->has_started = true;
	n->config = *config;
	sw_log_set_level(config->log_level);
	return start(n);
}

static int on_signal(struct sw_source *s, int signo, void *arg)
{
	struct net *n = arg;

	sw_loop_stop(n->loop, 0);
	return 0;
}

static void done(struct net *n)
{
	for (size_t i = 0; i < SW_CONFIG_FEEDS_MAX; i++)
		free_slot(&n->slots[i]);
	sw_feed_free(n->test);
	sw_mailer_free(n->mailer);
	sw_webhook_free(n->webhook);
	sw_runner_free(n->command);
	sw_whois_free(n->whois);
	sw_crowdsec_free(n->crowdsec);
	sw_crowdsec_machine_free(n->machine);
	sw_multi_free(n->multi);
	sw_link_free(n->engine);
	sw_conf_link_free(n->conf_link);
	sw_loop_free(n->loop);
}

static void free_net(struct net **n)
{
	if (*n)
		done(*n);
	free(*n);
}

static int run(struct net *n)
{
	int r = sw_loop_new(&n->loop);

	if (r < 0)
		return r;
	r = sw_loop_add_signal(n->loop, SIGTERM, on_signal, n);
	if (r < 0)
		return r;
	r = sw_loop_add_signal(n->loop, SIGINT, on_signal, n);
	if (r < 0)
		return r;
	r = sw_conf_link_new(
		n->loop, n->options->paths.run_dir, SW_ROLE_NET, on_config, n, &n->conf_link);
	if (r < 0)
		return r;
	return sw_loop_run(n->loop);
}

int sw_net_run(const struct sw_net_options *o)
{
	_cleanup_(free_net) struct net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return sw_log_err(-ENOMEM, "start"), EXIT_FAILURE;
	n->options = o;
	if (!sw_path_join(n->engine_path, sizeof(n->engine_path), o->paths.run_dir, "net.sock"))
		return sw_log_err(-ENAMETOOLONG, "%s", o->paths.run_dir), EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return sw_log_err(-ENOMEM, "libcurl"), EXIT_FAILURE;
	r = run(n);
	if (r < 0)
		return sw_log_err(r, "ended"), EXIT_FAILURE;
	return n->must_restart ? SW_NET_EXIT_RESTART : EXIT_SUCCESS;
}
