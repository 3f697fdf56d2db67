// SPDX-License-Identifier: GPL-3.0-or-later
/* arm, off, web. */
#include <poll.h>
#include <time.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/cli/guard_ask.h"
#include "user/cli/table.h"
#include "user/kern/bpffs.h"
#include "user/kern/maps.h"

enum { ENGINE_WAIT_MS = 3000 }; /* an engine that hangs must not hold up "off": then the guard is asked */

/* The address the caller's SSH session comes from, canonical; false when there is none. */
static bool ssh_client(char text[static SW_NET_TEXT_MAX])
{
	const char *env = getenv("SSH_CONNECTION");
	struct sw_net net;

	if (!env)
		env = getenv("SSH_CLIENT");
	if (!env || sw_cidr_parse(env, strcspn(env, " "), &net) < 0)
		return false;
	sw_cidr_format(text, &net);
	return true;
}

static int ask_mode(struct sw_cli *c, const char *mode, uint64_t confirm_sec, json_t **ret)
{
	struct sw_cli_args a;
	char client[SW_NET_TEXT_MAX];
	int r;

	c->wait_ms = ENGINE_WAIT_MS;
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "mode", mode);
	sw_json_uint(&a.j, "confirm", confirm_sec);
	if (ssh_client(client))
		sw_json_string(&a.j, "ssh_client", client);
	r = sw_cli_ask_quietly(c, "mode", sw_cli_args_end(&a), -1, ret);
	sw_strbuf_done(&a.text);
	return r;
}

/* The mode set by the guard alone; the reply as the engine would have given it. */
static int guard_mode(struct sw_cli *c, enum sw_mode mode, uint64_t confirm_sec, json_t **ret)
{
	struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	int r;

	if (!reply)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = sw_cli_guard_result(c, sw_cli_guard_mode(c, mode, (uint32_t)confirm_sec, reply), reply);
	free(reply);
	if (r)
		return r;
	*ret = json_pack("{s:i, s:s, s:b, s:I}", "schema_version", 1, "mode", sw_mode_word(mode), "enforcing",
		mode == SW_MODE_ENFORCE, "enforce_left_sec", (json_int_t)confirm_sec);
	return SW_EXIT_OK;
}

static int set_mode(struct sw_cli *c, enum sw_mode mode, uint64_t confirm_sec, json_t **ret)
{
	int r = ask_mode(c, sw_mode_word(mode), confirm_sec, ret);

	if (r != SW_EXIT_NOT_RUNNING)
		return r;
	r = guard_mode(c, mode, confirm_sec, ret);
	if (!r)
		sw_cli_say(c, "the engine does not answer: the guard did it alone");
	return r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Asks on the terminal until an answer, or until the time is over. 'y', 'n', or 0 for no answer. */
static char ask_keep(uint64_t seconds)
{
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	for (;;) {
		int64_t left = end - now_ms();
		char line[64];
		ssize_t n;
		int r;

		if (left <= 0)
			return 0;
		fprintf(stderr, "\r\033[KEnforcing. Keep it? [y/N] (%llds) ", (long long)(left + 999) / 1000);
		r = poll(&p, 1, (int)(left % 1000 ? left % 1000 : 1000));
		if (r < 0 && errno != EINTR)
			return 0;
		if (r <= 0)
			continue;
		n = read(STDIN_FILENO, line, sizeof(line));
		if (n <= 0)
			return 0;
		return line[0] == 'y' || line[0] == 'Y' ? 'y' : 'n';
	}
}

/* The terminal was asked: keep, end at once, or say that it has ended by itself. */
static int finish_armed(struct sw_cli *c, uint64_t seconds)
{
	json_t *data = NULL;
	char answer = ask_keep(seconds);
	int r;

	fputs("\n", stderr);
	if (!answer) {
		sw_cli_say(c, "no answer: enforcement has ended by itself, observing again");
		return SW_EXIT_NEGATIVE;
	}
	r = set_mode(c, answer == 'y' ? SW_MODE_ENFORCE : SW_MODE_OBSERVE, 0, &data);
	json_decref(data);
	if (r)
		return r;
	sw_cli_say(c, answer == 'y' ? "kept: enforcing from now on" : "observing again: nothing is dropped");
	return answer == 'y' ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
}

int sw_cli_arm(struct sw_cli *c)
{
	bool has_end = c->o.confirm_sec != SW_CLI_UNSET && c->o.confirm_sec > 0;
	uint64_t seconds = has_end ? c->o.confirm_sec : 0;
	char text[SW_TIME_TEXT_MAX];
	json_t *data = NULL;
	int r;

	if (has_end && c->o.keep)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--confirm begins and --keep ends it: give one of them");
	if (seconds > 86400)
		return sw_cli_error(SW_EXIT_USAGE, "without --confirm it stays", "--confirm: at most 24h");
	r = set_mode(c, SW_MODE_ENFORCE, seconds, &data);
	if (r)
		return r;
	if (sw_cli_print_json(c, data)) {
		json_decref(data);
		return SW_EXIT_OK;
	}
	json_decref(data);
	if (!has_end) {
		sw_cli_say(c, "enforcing: what is judged bad is dropped");
		return SW_EXIT_OK;
	}
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !c->o.quiet)
		return finish_armed(c, seconds);
	sw_cli_say(c, "enforcing for %s; it ends by itself unless kept: sockwarden arm --keep",
		sw_duration_format(text, seconds));
	return SW_EXIT_OK;
}

/*
 * Nobody of ours is left to ask: the gate is told to judge nothing, then the pins go, and with them
 * the programs. The first covers a hook that no pin holds (clsact before 6.6).
 */
static int take_down(struct sw_cli *c)
{
	const char *dir = c->o.paths.bpffs_dir;
	_cleanup_(sw_maps_done) struct sw_maps maps;
	struct sw_gate_ctl ctl;
	char pins[SW_PIN_PATH_MAX];
	int r;

	sw_maps_init(&maps);
	snprintf(pins, sizeof(pins), "%s/v%d", dir, SW_ABI_VERSION);
	if (sw_bpffs_has_pins(pins) && sw_maps_open_pins(&maps, pins) == 0 && sw_maps_ctl_get(&maps, &ctl) == 0) {
		ctl.mode = SW_MODE_OFF;
		ctl.enforce_until_ns = 0;
		(void)sw_maps_ctl_set(&maps, &ctl);
	}
	r = sw_bpffs_remove(dir);
	if (r < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "cannot remove the pins under %s: %s", dir, strerror(-r));
	sw_cli_say(c, "the daemon is not running: its programs and maps under %s are removed", dir);
	return SW_EXIT_OK;
}

static int off_alone(struct sw_cli *c)
{
	char hint[200];

	if (access(c->o.paths.bpffs_dir, F_OK) < 0 && errno == ENOENT) {
		sw_cli_say(c, "nothing of sockwarden is in the kernel: no daemon and no pins under %s", c->o.paths.bpffs_dir);
		return SW_EXIT_OK;
	}
	snprintf(hint, sizeof(hint), "this removes all of it, as root and with nothing of ours: rm -rf %s",
		c->o.paths.bpffs_dir);
	if (geteuid() != 0)
		return sw_cli_error(SW_EXIT_PERMISSION, hint, "neither engine nor guard is running");
	if (c->o.observe)
		return sw_cli_error(SW_EXIT_NOT_RUNNING, hint, "neither engine nor guard is running, and observing needs them");
	return take_down(c);
}

int sw_cli_off(struct sw_cli *c)
{
	enum sw_mode mode = c->o.observe ? SW_MODE_OBSERVE : SW_MODE_OFF;
	struct sw_guard_reply *reply = NULL;
	json_t *data = NULL;
	int r = ask_mode(c, sw_mode_word(mode), 0, &data);

	if (r == SW_EXIT_NOT_RUNNING || r == SW_EXIT_DEGRADED) {
		reply = calloc(1, sizeof(*reply));
		if (!reply)
			return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
		r = sw_cli_guard_mode(c, mode, 0, reply);
		/* no guard, or one that hangs: then it is for us */
		if (r == -ENOENT || r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EPIPE) {
			free(reply);
			return off_alone(c);
		}
		r = sw_cli_guard_result(c, r, reply);
		free(reply);
	}
	if (r)
		return r;
	if (!data || !sw_cli_print_json(c, data))
		sw_cli_say(c, c->o.observe ? "observing: everything is judged and told, nothing is dropped" :
					     "off: every packet passes, nothing is judged");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_web(struct sw_cli *c)
{
	json_t *data = NULL;
	const char *address;
	int r = sw_cli_ask(c, "web.link", NULL, -1, &data);

	if (r)
		return r;
	if (!sw_cli_print_json(c, data)) {
		address = sw_cli_text(data, "address");
		printf("http://%s%s%s:%lld/login?token=%s\n", strchr(address, ':') ? "[" : "", address,
			strchr(address, ':') ? "]" : "", sw_cli_number(data, "port"), sw_cli_text(data, "token"));
		sw_cli_say(c, "good once, for ten minutes; from another machine: ssh -L %lld:%s:%lld HOST",
			sw_cli_number(data, "port"), address, sw_cli_number(data, "port"));
	}
	json_decref(data);
	return SW_EXIT_OK;
}
