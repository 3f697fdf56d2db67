/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs one program of the operator's choice, again and again: sendmail, an alert command, whois. The
 * sandbox of sockwarden-net allows no new process, so a small process, the starter, is forked before it closes. The
 * starter knows the program's words from then on; it gets sealed inputs over a socket pair, and starts
 * the program by argv, never through a shell, as the user that we are. It ends with us.
 */
#pragma once

#include "user/io/loop.h"

enum {
	SW_RUNNER_WORDS_MAX = 40,
	SW_RUNNER_WORD_BYTES_MAX = 256,
	SW_RUNNER_INPUT_MAX = 4 << 20,
};

struct sw_runner_program {
	const char *name; /* for a person, and of the starter: "sendmail" */
	char words[SW_RUNNER_WORDS_MAX][SW_RUNNER_WORD_BYTES_MAX]; /* argv; the first is the path */
	unsigned int n_words;
	unsigned int timeout_sec;
	size_t output_max; /* bytes of its standard output that are wanted; it is ended where there are more */
	bool has_local_lines; /* its input's line ends become the host's own */
};

struct sw_runner;

/*
 * result 0 or -errno (-ENOENT: there is no such program, -ETIMEDOUT), text for a person. output: sealed memfd
 * where output_max is set and there is any, else -1; the caller's of the callback only while it runs.
 */
typedef void (*sw_runner_done_fn)(uint32_t id, int result, const char *text, int output, void *arg);

/* Cuts command at blanks into p->words. 0, -EINVAL for none, -E2BIG. */
int sw_runner_words(struct sw_runner_program *p, const char *command);
/* Forks; call before the sandbox. p: copied. */
int sw_runner_new(struct sw_loop *loop, const struct sw_runner_program *p, sw_runner_done_fn done, void *arg,
	struct sw_runner **ret);
void sw_runner_free(struct sw_runner *s);
bool sw_runner_is_busy(const struct sw_runner *s);
/* fd: input, borrowed, -1 for none. word: one more argument, or "". 0: done follows; -EBUSY, -errno. */
int sw_runner_start(struct sw_runner *s, int fd, const char *word, uint32_t id);
