// SPDX-License-Identifier: GPL-3.0-or-later
/* top: who is at it now, on a screen of its own with keys; a line an interval where there is no terminal. */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "user/base/clock.h"
#include "user/cli/table.h"
#include "user/cli/top_screen.h"
#include "user/ctl/client.h"

enum {
	INTERVAL_SEC = 2,
	RETRY_MS = 1000,
	ANSWER_MS = 5000, /* for what a key asks of the engine */
	EVENTS_AT_ONCE = 2000, /* then the keyboard has its turn */
	ESCAPE_MS = 50, /* within it an escape begins an arrow's or a page's sequence */
};

#define KINDS "packet,decoy,finding,ban,unban,mode,trails,feed,system"

enum key {
	KEY_NONE = 0,
	KEY_ESCAPE = 27,
	KEY_UP = 256,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END
};

struct top {
	struct sw_cli *c;
	struct sw_top *model;
	struct sw_top_screen screen;
	struct sw_ctl_client *events, *status; /* NULL: away */
	struct sw_clock clock;
	uint64_t tick_ns, retry_ns, interval_ns, left; /* left: lines still to print; 0: no end */
	bool is_screen, is_asked, wants_quit, wants_draw, is_editing;
	char ask; /* the key that wants a yes: 'b', 'u', 'a' */
};

/* ---- the terminal: put back whatever ends the program */

static struct termios saved_modes;
static volatile sig_atomic_t has_screen, was_resized, was_stopped;

static void write_out(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno != EINTR)
			return;
		text += SW_MAX(n, 0);
		len -= (size_t)SW_MAX(n, 0);
	}
}

static void leave_screen(void)
{
	static const char text[] = "\033[?25h\033[?1049l";

	if (!has_screen)
		return;
	has_screen = 0;
	write_out(text, sizeof(text) - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_modes);
}

static void enter_screen(void)
{
	static const char text[] = "\033[?1049h\033[?25l\033[2J";
	struct termios raw = saved_modes;

	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_iflag &= (tcflag_t) ~(IXON | ICRNL);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* nobody wants a stopped screen left behind */
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	write_out(text, sizeof(text) - 1);
	has_screen = 1;
}

static void on_signal(int number)
{
	if (number == SIGWINCH)
		was_resized = 1;
	else
		was_stopped = 1;
}

static void catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
	struct sigaction act = {.sa_handler = on_signal};

	for (size_t i = 0; i < SW_ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &act, NULL);
}

static void measure(struct top *t)
{
	struct winsize size = {};

	was_resized = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){.ws_col = 80, .ws_row = 24};
	t->screen.width = size.ws_col;
	t->screen.height = size.ws_row;
	t->wants_draw = true;
}

/* ---- the engine */

static void hang_up(struct top *t)
{
	sw_ctl_client_close(t->events);
	sw_ctl_client_close(t->status);
	t->events = t->status = NULL;
	t->is_asked = false;
	sw_top_status(t->model, NULL, 0);
	t->retry_ns = sw_clock_boot_ns(&t->clock) + RETRY_MS * SW_MSEC_NS;
	t->wants_draw = true;
}

/* Both connections, or neither. */
static int dial(struct top *t)
{
	struct sw_cli_args a;
	int64_t id = -1;
	int r = sw_cli_client(t->c, &t->status);

	if (!r)
		r = sw_cli_client(t->c, &t->events);
	if (!r) {
		sw_cli_args_begin(&a);
		sw_json_bool(&a.j, "follow", true);
		sw_json_uint(&a.j, "last", SW_TOP_EVENTS);
		sw_json_string(&a.j, "kind", KINDS);
		id = sw_ctl_client_send(t->events, "events", sw_cli_args_end(&a), -1);
		sw_strbuf_done(&a.text);
		r = id < 0 ? (int)id : 0;
	}
	if (r)
		hang_up(t);
	return r;
}

static void ask_status(struct top *t)
{
	if (!t->status || t->is_asked)
		return;
	if (sw_ctl_client_send(t->status, "status", NULL, -1) < 0)
		hang_up(t);
	else
		t->is_asked = true;
}

static void take_status(struct top *t)
{
	json_t *reply = NULL;
	int r = t->status ? sw_ctl_client_next(t->status, 0, &reply) : 0;

	if (r < 0 && r != -EINTR)
		hang_up(t);
	if (r <= 0)
		return;
	t->is_asked = false;
	if (json_is_true(json_object_get(reply, "ok")))
		sw_top_status(
			t->model, json_object_get(reply, "data"), sw_clock_boot_ns(&t->clock));
	json_decref(reply);
	t->wants_draw |= !t->screen.is_paused;
}

static void take_events(struct top *t)
{
	for (unsigned int i = 0; t->events && i < EVENTS_AT_ONCE; i++) {
		json_t *line = NULL;
		const json_t *item;
		int r = sw_ctl_client_next(t->events, 0, &line);

		if (r < 0 && r != -EINTR)
			hang_up(t);
		if (r <= 0)
			return;
		item = json_object_get(line, "item");
		if (item)
			sw_top_event(t->model, item, sw_clock_boot_ns(&t->clock));
		json_decref(line);
	}
}

/* ---- keys */

static int read_byte(int wait_ms)
{
	struct pollfd p = {STDIN_FILENO, POLLIN, 0};
	unsigned char c;

	if (poll(&p, 1, wait_ms) <= 0)
		return -1;
	return read(STDIN_FILENO, &c, 1) == 1 ? c : -1;
}

static void wait_key(void)
{
	struct pollfd p = {STDIN_FILENO, POLLIN, 0};

	while (!was_stopped && poll(&p, 1, -1) < 0 && errno == EINTR)
		continue;
	tcflush(STDIN_FILENO, TCIFLUSH);
}

/* What follows an escape: "[A", "OA", "[5~"; anything else is nothing. */
static int read_sequence(void)
{
	static const struct {
		char final, number;
		int key;
	} rows[] = {{'A', 0, KEY_UP}, {'B', 0, KEY_DOWN}, {'H', 0, KEY_HOME}, {'F', 0, KEY_END},
		{'~', '1', KEY_HOME}, {'~', '4', KEY_END}, {'~', '5', KEY_PAGE_UP},
		{'~', '6', KEY_PAGE_DOWN}};
	int c = read_byte(ESCAPE_MS), number = 0;

	if (c < 0)
		return KEY_ESCAPE;
	if (c != '[' && c != 'O')
		return KEY_NONE;
	while ((c = read_byte(ESCAPE_MS)) >= 0 && (isdigit(c) || c == ';'))
		number = c;
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (rows[i].final == c && (c != '~' || rows[i].number == number))
			return rows[i].key;
	}
	return KEY_NONE;
}

static void move(struct sw_top_screen *s, int key)
{
	size_t page = s->height > 10 ? s->height / 2 : 5;

	if (key == KEY_UP)
		s->selected -= s->selected > 0;
	else if (key == KEY_DOWN)
		s->selected++;
	else if (key == KEY_PAGE_UP)
		s->selected -= SW_MIN(s->selected, page);
	else if (key == KEY_PAGE_DOWN)
		s->selected += page;
	else
		s->selected = key == KEY_HOME ? 0 : SW_TOP_ROWS;
}

static void say(struct top *t, const char *fmt, ...) _printf_(2, 3);
static void say(struct top *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->screen.prompt, sizeof(t->screen.prompt), fmt, ap);
	va_end(ap);
	t->wants_draw = true;
}

/* Runs another command's handler on the plain screen, and waits for a key. */
static void run_command(struct top *t, sw_cli_fn fn, const char *name)
{
	struct sw_cli c = *t->c;
	char word[SW_TOP_TEXT];
	char *words[] = {word, NULL};

	snprintf(word, sizeof(word), "%s", name);
	c.words = words;
	c.n_words = 1;
	c.wait_ms = ANSWER_MS;
	c.width = t->screen.width;
	write_out("\033[2J\033[H", strlen("\033[2J\033[H"));
	fn(&c);
	fputs("\r\nany key goes back\r\n", stdout);
	fflush(stdout);
	fflush(stderr);
	wait_key();
	write_out("\033[2J", strlen("\033[2J"));
	t->wants_draw = true;
}

static void confirm(struct top *t, char key)
{
	if (!*t->screen.name) {
		say(t, "there is no row to choose");
	} else if (!t->screen.is_address) {
		say(t, "%s is no address", t->screen.name);
	} else {
		t->ask = key;
		say(t, "%s %s? y/n",
			key == 'b'           ? "ban"
				: key == 'u' ? "end the ban of"
					     : "never drop",
			t->screen.name);
	}
}

static void do_confirmed(struct top *t, int key)
{
	char what = t->ask;

	t->ask = 0;
	*t->screen.prompt = 0;
	if (key != 'y' && key != 'Y')
		return;
	run_command(t,
		what == 'b'           ? sw_cli_ban
			: what == 'u' ? sw_cli_unban
				      : sw_cli_allow_add,
		t->screen.name);
}

static void edit_filter(struct top *t, int key)
{
	char *filter = t->screen.filter;
	size_t len = strlen(filter);

	if (key == KEY_ESCAPE)
		*filter = 0;
	if (key == KEY_ESCAPE || key == '\r' || key == '\n') {
		t->is_editing = false;
		*t->screen.prompt = 0;
		return;
	}
	if ((key == 127 || key == '\b') && len)
		filter[len - 1] = 0;
	else if (key < 256 && isprint(key) && len + 1 < sizeof(t->screen.filter)) {
		filter[len] = (char)key;
		filter[len + 1] = 0;
	}
	say(t, "filter: %s_", filter);
}

static void on_command_key(struct top *t, int key)
{
	struct sw_top_screen *s = &t->screen;

	*s->prompt = 0;
	switch (key) {
	case 'q':
		t->wants_quit = true;
		break;
	case 's':
		s->sort = (s->sort + 1) % SW_TOP_SORTS;
		break;
	case 'p':
	case ' ':
		s->is_paused = !s->is_paused;
		break;
	case '/':
		t->is_editing = true;
		say(t, "filter: %s_", s->filter);
		break;
	case 'b':
	case 'u':
	case 'a':
		confirm(t, (char)key);
		break;
	case '\r':
	case '\n':
		if (*s->name && s->is_address)
			run_command(t, sw_cli_why, s->name);
		break;
	case 'k':
		move(s, KEY_UP);
		break;
	case 'j':
		move(s, KEY_DOWN);
		break;
	default:
		if (key >= KEY_UP)
			move(s, key);
	}
}

static void take_keys(struct top *t)
{
	int key;

	while (!t->wants_quit && (key = read_byte(0)) >= 0) {
		if (key == KEY_ESCAPE)
			key = read_sequence();
		t->wants_draw = true;
		if (t->ask)
			do_confirmed(t, key);
		else if (t->is_editing)
			edit_filter(t, key);
		else
			on_command_key(t, key);
	}
}

/* ---- the loop */

static void draw(struct top *t)
{
	_strbuf_ struct sw_strbuf out = {};

	sw_top_draw(t->c, t->model, &t->screen, sw_clock_boot_ns(&t->clock), &out);
	write_out(sw_strbuf_get(&out), out.len);
	t->wants_draw = false;
}

static void print_line(struct top *t)
{
	_strbuf_ struct sw_strbuf out = {};
	char at[SW_TIME_TEXT_MAX];

	sw_time_format(at, sw_clock_wall_ns(&t->clock));
	if (t->c->format == SW_CLI_JSON || t->c->format == SW_CLI_JSONL) {
		sw_top_json(t->model, at, &out);
	} else {
		sw_strbuf_printf(&out, "%.19sZ ", at);
		sw_top_line(t->model, &out);
	}
	puts(sw_strbuf_get(&out));
	fflush(stdout);
	if (ferror(stdout) || (t->left && !--t->left))
		t->wants_quit = true;
}

/* An interval is over. The first line waits for the second answer: until then there are no rates. */
static void tick(struct top *t, uint64_t now_ns)
{
	if (t->tick_ns && now_ns < t->tick_ns)
		return;
	if (t->tick_ns && !t->is_screen)
		print_line(t);
	t->tick_ns = now_ns + t->interval_ns;
	sw_top_tick(t->model, now_ns);
	ask_status(t);
	t->wants_draw |= !t->screen.is_paused;
}

static int wait_ms(const struct top *t, uint64_t now_ns)
{
	uint64_t until = t->tick_ns;

	if (!t->events)
		until = SW_MIN(until, t->retry_ns);
	return until > now_ns ? (int)((until - now_ns) / SW_MSEC_NS) + 1 : 0;
}

static void turn(struct top *t)
{
	struct pollfd fds[3] = {{t->events ? sw_ctl_client_fd(t->events) : -1, POLLIN, 0},
		{t->status ? sw_ctl_client_fd(t->status) : -1, POLLIN, 0},
		{t->is_screen ? STDIN_FILENO : -1, POLLIN, 0}};
	uint64_t now_ns = sw_clock_boot_ns(&t->clock);

	if (!t->events && now_ns >= t->retry_ns)
		dial(t);
	tick(t, now_ns);
	if (t->wants_quit)
		return;
	if (t->is_screen && t->wants_draw)
		draw(t);
	if (poll(fds, SW_ARRAY_SIZE(fds), wait_ms(t, now_ns)) < 0 && errno != EINTR)
		t->wants_quit = true;
	if (was_resized)
		measure(t);
	take_status(t);
	take_events(t);
	if (!t->is_screen)
		return;
	if (fds[2].revents & (POLLHUP | POLLERR))
		t->wants_quit = true;
	take_keys(t);
}

static int want_sane(const struct sw_cli *c)
{
	if (c->format == SW_CLI_CSV)
		return sw_cli_error(SW_EXIT_USAGE, "take -o jsonl",
			"a line of top holds a list and makes no CSV");
	if (c->o.interval_sec == 0 ||
		(c->o.interval_sec != SW_CLI_UNSET && c->o.interval_sec > 3600))
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--interval: from 1s to 1h");
	return 0;
}

int sw_cli_top(struct sw_cli *c)
{
	struct top t = {.c = c, .interval_ns = INTERVAL_SEC * SW_SEC_NS};
	int r = want_sane(c);

	if (r)
		return r;
	t.is_screen = c->format == SW_CLI_TABLE && c->is_terminal && isatty(STDIN_FILENO) &&
		tcgetattr(STDIN_FILENO, &saved_modes) == 0;
	if (c->o.interval_sec != SW_CLI_UNSET)
		t.interval_ns = c->o.interval_sec * SW_SEC_NS;
	t.left = c->o.last != SW_CLI_UNSET ? c->o.last : 0;
	if (sw_top_new(&t.model) < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = dial(&t);
	if (r < 0) { /* later it may go away and come back; now somebody should know */
		sw_top_free(t.model);
		return sw_cli_not_running(c, r);
	}
	catch_signals();
	if (t.is_screen) {
		measure(&t);
		enter_screen();
	}
	while (!t.wants_quit && !was_stopped)
		turn(&t);
	leave_screen();
	hang_up(&t);
	sw_top_free(t.model);
	return SW_EXIT_OK;
}
