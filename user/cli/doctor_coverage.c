// SPDX-License-Identifier: GPL-3.0-or-later
/* What this host's hooks tell of sockets and processes, fact by fact, and what they cannot. */
#include "user/cli/doctor.h"
#include "user/cli/table.h"

#define UNIX_LATE \
	"at once in sockets.unix_directories, else within a second, in other namespaces with the next snapshot"

#define SNAPSHOT "with the next snapshot"

/*
 * hooks: any of these tells it at once, the first attached is named. late: what is said without. reads: the one of
 * the hooks that tells it only where kernel memory may be read; locked: what is said where it may not be, if not late.
 */
static const struct fact {
	const char *fact, *hooks[3], *late, *reads, *locked;
} facts[] = {
	{"TCP, UDP and UDP-Lite ports bound, IPv4", {"on_post_bind4"}, SNAPSHOT},
	{"TCP, UDP and UDP-Lite ports bound, IPv6", {"on_post_bind6"}, SNAPSHOT},
	{"TCP, MPTCP and SCTP listeners", {"on_state"}, SNAPSHOT},
	{"the port of a listener that was never bound", {"on_inet_listen", "on_sockops", "on_state"}, SNAPSHOT,
		"on_state"},
	{"a second listen(), with another backlog", {"on_inet_listen"}, SNAPSHOT},
	{"a listener that no process holds", {NULL}, SNAPSHOT},
	{"connects asked for, IPv4", {"on_connect4"}, "only those that come up"},
	{"connects asked for, IPv6", {"on_connect6"}, "only those that come up"},
	{"the first peer of an unconnected UDP socket, IPv4", {"on_sendmsg4"}, "not seen"},
	{"the first peer of an unconnected UDP socket, IPv6", {"on_sendmsg6"}, "not seen"},
	{"how a connect ended; connections accepted", {"on_state"}, SNAPSHOT},
	{"which worker of a listener accepted", {"on_sock_graft"}, SNAPSHOT},
	{"the end of an internet socket", {"on_sock_release"}, SNAPSHOT},
	{"raw sockets", {"on_sock_create"}, SNAPSHOT},
	{"packet sockets", {"on_packet_create"}, "within a second, in other namespaces with the next snapshot"},
	{"UNIX stream and seqpacket listeners", {"on_unix_listen"}, UNIX_LATE},
	{"UNIX datagram sockets with a name", {"on_unix_bind"}, UNIX_LATE},
	{"the names of UNIX sockets", {"on_unix_bind"}, "when the socket is seen", "on_unix_bind",
		"not seen: lockdown"},
	{"the end of a UNIX socket", {"on_unix_release"}, SNAPSHOT},
	{"programs started", {"on_exec"}, "when they have a socket, from /proc"},
	{"their paths and arguments", {"on_exec"}, "from /proc, while they live", "on_exec"},
	{"whose child a process is", {"on_fork"}, "while the parent lives"},
	{"the end of a process", {"on_exit"}, SNAPSHOT},
	{"netlink sockets, and the groups they listen to", {NULL}, SNAPSHOT},
	{"a shell's text, a script's name inside its interpreter", {NULL}, "not watched"},
};

static bool has_word(const char *hooks, const char *word)
{
	size_t n = strlen(word);

	for (size_t len; *hooks; hooks += len + (hooks[len] == ' ')) {
		len = strcspn(hooks, " ");
		if (len == n && memcmp(hooks, word, n) == 0)
			return true;
	}
	return false;
}

static bool is_locked(const char *hooks)
{
	return strstr(hooks, "-read_kernel(") != NULL;
}

static const char *hook_of(const char *hooks, const struct fact *f)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(f->hooks) && f->hooks[i]; i++) {
		bool is_blind = f->reads && sw_streq(f->reads, f->hooks[i]) && is_locked(hooks);

		if (!is_blind && has_word(hooks, f->hooks[i]))
			return f->hooks[i];
	}
	return NULL;
}

json_t *sw_doctor_coverage(const struct sw_doctor *d)
{
	const char *hooks = d->status ? sw_cli_text(d->status, "hooks") : "";
	json_t *out = json_array();

	for (size_t i = 0; *hooks && i < SW_ARRAY_SIZE(facts); i++) {
		const struct fact *f = &facts[i];
		const char *hook = hook_of(hooks, f), *late = is_locked(hooks) && f->locked ? f->locked : f->late;

		json_array_append_new(out, json_pack("{s:s, s:b, s:s?, s:s}", "fact", f->fact, "live", !!hook, "hook",
						   hook, "text", hook ? "at once" : late));
	}
	return out;
}

void sw_doctor_print_coverage(const struct sw_cli *c, const json_t *coverage)
{
	const json_t *row;
	size_t i;

	if (json_array_size(coverage))
		printf("\nwhat is seen of sockets and processes here, and by which hook:\n");
	json_array_foreach(coverage, i, row) {
		const char *hook = sw_cli_text(row, "hook");

		printf("      %-58s", sw_cli_text(row, "fact"));
		sw_cli_put(c, *hook ? "32" : "33", sw_cli_text(row, "text"));
		if (*hook)
			printf(" (%s)", hook);
		putchar('\n');
	}
}
