// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/mailer.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/net/runner.h"
#include "user/net/transfer.h"

enum { PASSWORD_MAX = 256 };

struct sw_mailer {
	const struct sw_config *config;
	struct sw_loop *loop;
	struct sw_multi *multi;
	sw_mailer_done_fn done;
	void *arg;
	struct sw_runner *sendmail; /* NULL: SMTP, or no mail at all */
	/* the message on its way by SMTP */
	struct sw_transfer smtp; /* its lines are the recipients */
	const char *text;
	size_t len, at;
	uint32_t id;
};

static int add_address(const char *begin, size_t len, char ret[static SW_MAIL_ADDRESS_MAX])
{
	const char *open = memrchr(begin, '<', len);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)begin[i] < 0x20 || begin[i] == 0x7f)
			return -EINVAL;
	}
	if (open) {
		const char *close = memchr(open, '>', len - (size_t)(open - begin));

		if (!close)
			return -EINVAL;
		begin = open + 1;
		len = (size_t)(close - begin);
	}
	for (; len && *begin == ' '; begin++)
		len--;
	while (len && begin[len - 1] == ' ')
		len--;
	if (!len || len >= SW_MAIL_ADDRESS_MAX || *begin == '-')
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (begin[i] == ' ' || begin[i] == '<' || begin[i] == '>')
			return -EINVAL;
	}
	memcpy(ret, begin, len);
	ret[len] = 0;
	return 0;
}

int sw_mail_addresses(const char *text, char ret[][SW_MAIL_ADDRESS_MAX], size_t max)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, ",");

		if (n == max || add_address(text, len, ret[n]) < 0)
			return -EINVAL;
		n++;
		text += len;
		text += *text == ',';
	}
	return n ? (int)n : -EINVAL;
}

int sw_mail_sender(const struct sw_config *c, char ret[static SW_MAIL_ADDRESS_MAX])
{
	char host[SW_MAIL_ADDRESS_MAX - 16] = "";

	if (c->mail_from[0])
		return sw_mail_addresses(c->mail_from, (char(*)[SW_MAIL_ADDRESS_MAX])ret, 1) < 0
			? -EINVAL
			: 0;
	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	snprintf(ret, SW_MAIL_ADDRESS_MAX, "sockwarden@%s", host);
	return 0;
}

static void end_smtp(struct sw_mailer *m)
{
	sw_transfer_end(&m->smtp);
	if (m->text)
		munmap((void *)m->text, m->len);
	m->text = NULL;
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	struct sw_mailer *m = arg;
	size_t take = SW_MIN(size * n, m->len - m->at);

	memcpy(buf, m->text + m->at, take);
	m->at += take;
	return take;
}

static void on_smtp_done(CURL *easy, CURLcode result, void *arg)
{
	struct sw_mailer *m = arg;
	_strbuf_ struct sw_strbuf text = {};
	int r = 0;

	if (result != CURLE_OK) {
		sw_strbuf_puts(&text, "mail server: ");
		r = sw_transfer_error(&m->smtp, result, m->config->smtp_url, &text);
	}
	end_smtp(m);
	m->done(m->id, r, sw_strbuf_get(&text), m->arg);
}

static bool is_local(const char *url)
{
	const char *host = strstr(url, "://");

	return sw_host_is_loopback(host ? host + 3 : url);
}

/*
 * A password never travels in the clear, and where a CA is named TLS is wanted. Else a server that
 * offers STARTTLS is taken at its word and verified; on this host nothing travels at all.
 */
static long tls_wanted(const struct sw_config *c)
{
	if (c->smtp_user[0] || c->smtp_ca_file[0])
		return CURLUSESSL_ALL;
	return is_local(c->smtp_url) ? CURLUSESSL_NONE : CURLUSESSL_TRY;
}

static int add_recipients(struct sw_mailer *m)
{
	char to[SW_MAIL_RECIPIENTS_MAX][SW_MAIL_ADDRESS_MAX];
	int n = sw_mail_addresses(m->config->mail_to, to, SW_MAIL_RECIPIENTS_MAX), r = SW_MIN(n, 0);

	for (int i = 0; i < n && r == 0; i++)
		r = sw_transfer_add_line(&m->smtp, to[i]);
	return r;
}

static int set_login(struct sw_mailer *m)
{
	const struct sw_config *c = m->config;
	char password[PASSWORD_MAX] = "";
	CURLcode set = CURLE_OK;
	int r = 0;

	if (!c->smtp_user[0])
		return 0;
	if (c->smtp_password_file[0])
		r = sw_secret_read(c->smtp_password_file, password, sizeof(password));
	SW_CURL_SET(set, m->smtp.easy, USERNAME, c->smtp_user);
	SW_CURL_SET(set, m->smtp.easy, PASSWORD, password);
	explicit_bzero(password, sizeof(password));
	if (r < 0 && r != -ENODATA)
		return r;
	return set == CURLE_OK ? 0 : -ENOMEM;
}

static int set_options(struct sw_mailer *m)
{
	char from[SW_MAIL_ADDRESS_MAX];
	CURL *e = m->smtp.easy;
	CURLcode r = CURLE_OK;

	if (sw_mail_sender(m->config, from) < 0)
		return -EINVAL;
	SW_CURL_SET(r, e, USE_SSL, tls_wanted(m->config));
	SW_CURL_SET(r, e, MAIL_FROM, from);
	SW_CURL_SET(r, e, MAIL_RCPT, m->smtp.lines);
	SW_CURL_SET(r, e, UPLOAD, 1L);
	SW_CURL_SET(r, e, READFUNCTION, on_read);
	SW_CURL_SET(r, e, READDATA, m);
	SW_CURL_SET(r, e, FORBID_REUSE, 1L);
	SW_CURL_SET(r, e, FRESH_CONNECT, 1L);
	return r == CURLE_OK ? 0 : -EINVAL;
}

static int start_smtp(struct sw_mailer *m, int fd)
{
	const struct sw_transfer_server server = {.url = m->config->smtp_url,
		.protocols = "smtp,smtps",
		.ca_file = m->config->smtp_ca_file,
		.timeout_sec = SW_MAIL_TIMEOUT_SEC};
	const void *text;
	int r = sw_memfd_map_sealed(fd, SW_MAIL_BYTES_MAX, &text, &m->len);

	if (r < 0)
		return r;
	m->text = text;
	m->at = 0;
	r = add_recipients(m);
	if (r == 0)
		r = sw_transfer_open(&m->smtp, &server);
	if (r == 0)
		r = set_login(m);
	if (r == 0)
		r = set_options(m);
	return r < 0 ? r : sw_transfer_start(&m->smtp, m->multi, on_smtp_done, m);
}

int sw_mailer_send(struct sw_mailer *m, int fd, uint32_t id)
{
	int r;

	if (!m->config->mail_to[0])
		return -EDESTADDRREQ;
	if (m->sendmail)
		return sw_runner_start(m->sendmail, fd, "", id);
	if (m->text)
		return -EBUSY;
	m->id = id;
	r = start_smtp(m, fd);
	if (r < 0)
		end_smtp(m);
	return r;
}

static void on_sendmail_done(uint32_t id, int result, const char *text, int output, void *arg)
{
	struct sw_mailer *m = arg;

	m->done(id, result, text, m->arg);
}

static void add_word(struct sw_runner_program *p, const char *word)
{
	(void)sw_strcpy(p->words[p->n_words++], sizeof(p->words[0]), word);
}

static int start_sendmail(struct sw_mailer *m)
{
	_free_ struct sw_runner_program *p = calloc(1, sizeof(*p));
	char to[SW_MAIL_RECIPIENTS_MAX][SW_MAIL_ADDRESS_MAX], from[SW_MAIL_ADDRESS_MAX];
	const struct sw_config *c = m->config;
	int r = sw_mail_sender(c, from), n = sw_mail_addresses(c->mail_to, to, SW_MAIL_RECIPIENTS_MAX);

	if (!p)
		return -ENOMEM;
	if (r < 0 || n < 0)
		return SW_MIN(r, n);
	p->name = "sendmail";
	p->timeout_sec = SW_MAIL_TIMEOUT_SEC;
	p->has_local_lines = true;
	add_word(p, c->sendmail_path[0] ? c->sendmail_path : "/usr/sbin/sendmail");
	add_word(p, "-i");
	add_word(p, "-f");
	add_word(p, from);
	add_word(p, "--");
	for (int i = 0; i < n; i++)
		add_word(p, to[i]);
	return sw_runner_new(m->loop, p, on_sendmail_done, m, &m->sendmail);
}

int sw_mailer_new(struct sw_loop *loop, struct sw_multi *multi, const struct sw_config *config,
	sw_mailer_done_fn done, void *arg, struct sw_mailer **ret)
{
	_cleanup_(sw_mailer_freep) struct sw_mailer *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->config = config;
	m->loop = loop;
	m->multi = multi;
	m->done = done;
	m->arg = arg;
	if (config->mail_to[0] && !config->smtp_url[0]) {
		r = start_sendmail(m);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

void sw_mailer_free(struct sw_mailer *m)
{
	if (!m)
		return;
	sw_transfer_cancel(&m->smtp);
	end_smtp(m);
	sw_runner_free(m->sendmail);
	free(m);
}

void sw_mailer_freep(struct sw_mailer **m)
{
	sw_mailer_free(*m);
}
