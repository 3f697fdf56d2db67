// SPDX-License-Identifier: GPL-3.0-or-later
/* What reaches out: the programs that alerts run, and cutting what is open. */
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <time.h>

#include "user/cli/doctor.h"

/*
 * Asks the kernel to end a connection that there is not: -ENOENT it could, -EOPNOTSUPP it cannot; it looks for the
 * connection before it asks for privilege.
 */
static int try_destroy(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	char buf[8192];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *q;
	ssize_t n;
	int r = 0;

	if (!s)
		return -errno;
	h->nlmsg_type = SOCK_DESTROY;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = (__u32)time(NULL);
	q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
	q->sdiag_family = AF_INET;
	q->sdiag_protocol = IPPROTO_TCP;
	q->idiag_states = ~0u;
	q->id.idiag_dst[0] = htonl(INADDR_LOOPBACK); /* from and to port 0: no connection */
	q->id.idiag_cookie[0] = q->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		r = -errno;
	n = r < 0 ? r : mnl_socket_recvfrom(s, buf, sizeof(buf));
	if (r == 0 && (n < 0 || mnl_cb_run(buf, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(s), NULL, NULL) < 0))
		r = -errno;
	mnl_socket_close(s);
	return r;
}

void sw_doctor_cut(struct sw_doctor *d)
{
	int r = try_destroy();

	if (r == -EOPNOTSUPP)
		sw_doctor_add(d, d->conf.ban_cut_open ? SW_DOCTOR_WARN : SW_DOCTOR_OK, "cut",
			"boot a kernel built with CONFIG_INET_DIAG_DESTROY=y (Debian's have it)",
			"this kernel cannot end the open connections of who is banned%s",
			d->conf.ban_cut_open ? "" : " (bans.cut_open is off)");
	else if (r < 0 && r != -ENOENT)
		sw_doctor_add(d, SW_DOCTOR_OK, "cut", NULL, "whether open connections can be ended is not to be asked here: %s",
			strerror(-r));
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "cut", NULL, "the open connections of who is banned can be ended%s",
			d->conf.ban_cut_open ? "" : " (bans.cut_open is off)");
}

/* True when the first word of command can be run; else it is told with its key. */
static bool check_program(struct sw_doctor *d, const char *key, const char *command, const char *fix)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(command, " "), command);
	if (access(path, X_OK) == 0)
		return true;
	sw_doctor_add(d, SW_DOCTOR_WARN, "alerts", fix, "%s: %s: %s", key, path, strerror(errno));
	return false;
}

static bool is_set_id(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID));
}

/* What we start gets no right that we have not: Exim is set-user-ID, Postfix's postdrop set-group-ID. */
static bool check_sendmail(struct sw_doctor *d, const char *path)
{
	const char *in_need = is_set_id(path) ? path : is_set_id("/usr/sbin/postdrop") ? "/usr/sbin/postdrop" : NULL;

	if (!check_program(d, "alerts.mail.sendmail", path,
		    "apt-get install a mail server such as exim4-daemon-light, and set alerts.mail.smtp.url: smtp://localhost"))
		return false;
	if (!in_need)
		return true;
	sw_doctor_add(d, SW_DOCTOR_WARN, "alerts", "set alerts.mail.smtp.url: smtp://localhost",
		"alerts.mail.sendmail: %s needs rights of its own (set-user-ID or set-group-ID), which nothing that sockwarden starts gets",
		in_need);
	return false;
}

void sw_doctor_alerts(struct sw_doctor *d)
{
	const struct sw_config *c = &d->conf;
	bool is_good = true;

	if (c->mail_to[0] && !c->smtp_url[0])
		is_good &= check_sendmail(d, c->sendmail_path);
	if (c->mail_to[0] && c->mail_whois)
		is_good &= check_program(d, "alerts.mail.whois_program", c->whois_path, "apt-get install whois");
	if (c->command_run[0])
		is_good &= check_program(d, "alerts.command.run", c->command_run, "put the program there, or name another");
	if (c->report_schedule[0] && !c->mail_to[0]) {
		sw_doctor_add(d, SW_DOCTOR_WARN, "alerts", "set alerts.mail.to",
			"alerts.report.schedule is set, but nobody gets mail");
		is_good = false;
	}
	if (is_good)
		sw_doctor_add(d, SW_DOCTOR_OK, "alerts", NULL, "%s%s%s",
			c->mail_to[0] ? "by mail" : "no mail is configured", c->webhook_url[0] ? ", by webhook" : "",
			c->command_run[0] ? ", by a command" : "");
}
