// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/feed.h"

#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/net/gunzip.h"
#include "user/net/transfer.h"
#include "user/net/url.h"
#include "user/trail/feed_judge.h"
#include "user/trail/feed_read.h"
#include "user/trail/list.h"

enum { TAG_MAX = 256 };

struct sw_feed {
	const struct sw_feed_env *env;
	const struct sw_config_feed *config;
	/* the transfer */
	struct sw_transfer transfer;
	struct sw_feed_reader *reader;
	struct sw_gunzip *gunzip; /* NULL: the text comes as it is */
	char etag_new[TAG_MAX], modified_new[TAG_MAX], encoding[TAG_MAX], type[TAG_MAX];
	uint64_t bytes;
	int refused; /* -errno of our own that ended the transfer */
	const char *why;
	bool is_asked, is_conditional, has_text;
	bool has_first_reach;
	enum sw_reach first_reach; /* of the host that the configuration names, or of its proxy */
	/* the last good one */
	char etag[TAG_MAX], modified[TAG_MAX];
	uint64_t entries;
};

static void end_transfer(struct sw_feed *f)
{
	sw_transfer_end(&f->transfer);
	sw_feed_reader_free(f->reader);
	sw_gunzip_free(TAKE_PTR(f->gunzip));
	f->reader = NULL;
}

static size_t refuse(struct sw_feed *f, int r, const char *why)
{
	f->refused = r;
	f->why = why;
	return 0; /* less than it was given: libcurl ends the transfer */
}

static bool parser_has_refused(struct sw_feed *f)
{
	return sw_feed_reader_why(f->reader)[0] != 0;
}

static int on_text(const char *data, size_t n, void *arg)
{
	struct sw_feed *f = arg;

	/* a page says so, and begins so: a server that calls a list text/html is merely careless */
	if (!f->bytes && n && *data == '<' && strncasecmp(f->type, "text/html", 9) == 0) {
		refuse(f, -EPROTO, "the server sent a page (text/html), not a list");
		return -EPROTO;
	}
	f->bytes += n;
	if (f->bytes > SW_FEED_BYTES_MAX) {
		refuse(f, -EFBIG, "the list is too large");
		return -EFBIG;
	}
	return sw_feed_reader_feed(f->reader, data, n);
}

/* Before the first byte: what the header said about its form. */
static int begin_text(struct sw_feed *f)
{
	if (!f->encoding[0] || strcasecmp(f->encoding, "identity") == 0)
		return 0;
	if (strcasecmp(f->encoding, "gzip") != 0 && strcasecmp(f->encoding, "x-gzip") != 0) {
		refuse(f, -EPROTO, "the server packs in a way that was not asked for");
		return -EPROTO;
	}
	return sw_gunzip_new(on_text, f, &f->gunzip);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct sw_feed *f = arg;
	long status = 0;
	int r = 0;

	n *= size;
	curl_easy_getinfo(f->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) { /* nobody reads it, but it must end */
		f->bytes += n;
		return f->bytes > SW_FEED_BYTES_MAX ? refuse(f, -EFBIG, "the answer is too large")
						    : n;
	}
	if (!f->has_text) {
		f->has_text = true;
		r = begin_text(f);
	}
	if (r == 0)
		r = f->gunzip ? sw_gunzip_feed(f->gunzip, data, n) : on_text(data, n, f);
	if (r == 0)
		return n;
	if (f->refused)
		return 0;
	return refuse(f, r, r == -EBADMSG && !parser_has_refused(f) ? "the gzip stream is damaged" : NULL);
}

static void take_header(char dst[static TAG_MAX], const char *data, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (n < len || strncasecmp(data, name, len) != 0)
		return;
	for (data += len, n -= len; n && (*data == ' ' || *data == '\t'); data++)
		n--;
	while (n && (data[n - 1] == '\r' || data[n - 1] == '\n' || data[n - 1] == ' '))
		n--;
	dst[0] = 0;
	if (n >= TAG_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)data[i] < 0x20 || data[i] == 0x7f)
			return;
	}
	memcpy(dst, data, n);
	dst[n] = 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct sw_feed *f = arg;

	if (n > 5 &&
		strncmp(data, "HTTP/", 5) ==
			0) /* a new answer: what a redirect said is not the list's */
		f->etag_new[0] = f->modified_new[0] = f->encoding[0] = f->type[0] = 0;
	take_header(f->etag_new, data, n, "ETag:");
	take_header(f->modified_new, data, n, "Last-Modified:");
	take_header(f->encoding, data, n, "Content-Encoding:");
	take_header(f->type, data, n, "Content-Type:");
	return size * n;
}

/* Every address that is connected to passes here, after the name was resolved. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct sw_feed *f = arg;
	enum sw_reach reach = sw_url_reach(&a->addr);
	long redirects = 0;

	curl_easy_getinfo(f->transfer.easy, CURLINFO_REDIRECT_COUNT, &redirects);
	if (!redirects) {
		f->first_reach = f->has_first_reach ? SW_MAX(f->first_reach, reach) : reach;
		f->has_first_reach = true;
	} else if (reach > f->first_reach) {
		refuse(f, -EPERM, "redirected to an address inside, refused");
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

static int new_parser(struct sw_feed *f)
{
	const struct sw_config *c = f->env->config;
	uint64_t max = f->config->max_entries;
	struct sw_trail_rules rules = {.min_plen4 = c->trail_min_plen4,
		.min_plen6 = c->trail_min_plen6,
		.may_be_empty = !f->config->min_entries};
	struct sw_feed_form form;
	int r = sw_feed_form_parse(f->config->parser, &form, &f->why);

	if (r < 0)
		return r;
	if (c->trail_max_entries && (!max || c->trail_max_entries < max))
		max = c->trail_max_entries;
	rules.max_entries = max;
	if (f->config->action == SW_FEED_ALLOW)
		sw_feed_allow_rules(&rules);
	return sw_feed_reader_new(&form, &rules, sw_clock_wall_sec(f->env->clock), &f->reader);
}

static int add_header(struct sw_feed *f, const char *name, const char *value)
{
	char line[TAG_MAX + 32];

	if (!value[0])
		return 0;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return sw_transfer_add_line(&f->transfer, line);
}

static int add_headers(struct sw_feed *f)
{
	int r = add_header(f, "Accept-Encoding", "gzip"); /* unpacked here: gunzip.h says why */

	if (r < 0 || f->is_asked)
		return r;
	f->is_conditional = f->etag[0] || f->modified[0];
	r = add_header(f, "If-None-Match", f->etag);
	return r < 0 ? r : add_header(f, "If-Modified-Since", f->modified);
}

static int set_options(struct sw_feed *f)
{
	uint64_t timeout_sec = f->env->timeout_sec;
	CURL *e = f->transfer.easy;
	CURLcode r = CURLE_OK;

	SW_CURL_SET(r, e, REDIR_PROTOCOLS_STR, "https");
	SW_CURL_SET(r, e, FOLLOWLOCATION, 1L);
	SW_CURL_SET(r, e, MAXREDIRS, (long)SW_FEED_REDIRECTS_MAX);
	SW_CURL_SET(r, e, HTTPHEADER, f->transfer.lines);
	SW_CURL_SET(r, e, CONNECTTIMEOUT, (long)SW_MIN((uint64_t)SW_FEED_CONNECT_SEC, timeout_sec));
	SW_CURL_SET(r, e, LOW_SPEED_LIMIT, 100L); /* bytes a second, over a tenth of the whole time */
	SW_CURL_SET(r, e, LOW_SPEED_TIME, (long)SW_MAX(timeout_sec / 10, 1));
	SW_CURL_SET(r, e, MAXFILESIZE_LARGE, (curl_off_t)SW_FEED_BYTES_MAX);
	SW_CURL_SET(r, e, WRITEFUNCTION, on_body);
	SW_CURL_SET(r, e, WRITEDATA, f);
	SW_CURL_SET(r, e, HEADERFUNCTION, on_header);
	SW_CURL_SET(r, e, HEADERDATA, f);
	SW_CURL_SET(r, e, OPENSOCKETFUNCTION, open_socket);
	SW_CURL_SET(r, e, OPENSOCKETDATA, f);
	SW_CURL_SET(r, e, FORBID_REUSE, 1L); /* hours lie between two fetches */
	SW_CURL_SET(r, e, FRESH_CONNECT, 1L);
	return r == CURLE_OK ? 0 : -EINVAL;
}

static void report(struct sw_feed *f, struct sw_net_msg *msg, int fd)
{
	msg->version = SW_NET_VERSION;
	msg->op = SW_NET_FEED_DONE;
	msg->fetched_wall_sec = (__u64)sw_clock_wall_sec(f->env->clock);
	msg->bytes = f->bytes;
	sw_strcpy(msg->feed, sizeof(msg->feed), f->config->name);
	end_transfer(f);
	f->env->done(f, msg, fd, f->env->arg);
}

/* Who answered, proved by its certificate: the engine never bans it. */
static void note_host(CURL *easy, struct sw_net_msg *msg)
{
	const char *ip = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
		(void)sw_cidr_parse(ip, SIZE_MAX, &msg->host);
}

static void set_text(struct sw_feed *f, struct sw_net_msg *msg, const char *text)
{
	_strbuf_ struct sw_strbuf masked = {};

	sw_url_mask_text(&masked, text, f->config->url);
	sw_strcpy(msg->text, sizeof(msg->text), sw_strbuf_get(&masked));
}

static int transfer_error(struct sw_feed *f, CURLcode result, long status, struct sw_net_msg *msg)
{
	const char *why = sw_feed_reader_why(f->reader);
	_strbuf_ struct sw_strbuf masked = {};
	char text[64];
	int r;

	if (f->refused) {
		set_text(f, msg, f->why ? f->why : why[0] ? why : strerror(-f->refused));
		return f->refused;
	}
	if (result != CURLE_OK) {
		r = sw_transfer_error(&f->transfer, result, f->config->url, &masked);
		sw_strcpy(msg->text, sizeof(msg->text), sw_strbuf_get(&masked));
		return result == CURLE_FILESIZE_EXCEEDED ? -EFBIG : r;
	}
	snprintf(text, sizeof(text), "the server answered %ld", status);
	set_text(f, msg, text);
	return status == 401 || status == 403    ? -EACCES
		: status == 404 || status == 410 ? -ENOENT
						 : -EPROTO;
}

static int judge_count(struct sw_feed *f, uint64_t n, struct sw_net_msg *msg)
{
	uint64_t shrink = SW_MIN(SW_MAX(f->config->max_change, (__u32)SW_FEED_SHRINK_PERCENT), 100u);

	if (n < f->config->min_entries) {
		snprintf(msg->text, sizeof(msg->text),
			"%llu entries, at least %llu are expected: refused", (unsigned long long)n,
			(unsigned long long)f->config->min_entries);
		return -ERANGE;
	}
	if (!f->is_asked && n < f->entries * (100 - shrink) / 100) {
		snprintf(msg->text, sizeof(msg->text),
			"the list shrank from %llu entries to %llu: the old one stays; sockwarden feeds update %s takes the new one",
			(unsigned long long)f->entries, (unsigned long long)n, f->config->name);
		return -ERANGE;
	}
	return 0;
}

static void set_counts(struct sw_feed *f, struct sw_net_msg *msg)
{
	const struct sw_feed_counts *c = sw_feed_reader_counts(f->reader);

	msg->filtered = c->filtered + c->others;
	msg->domains = c->domains;
	msg->urls = c->urls;
	msg->ports = c->ports;
	msg->hashes = c->hashes;
}

/* The whole text is here: judged, sorted, sealed. */
static int make_list(struct sw_feed *f, struct sw_net_msg *msg)
{
	struct sw_trail_parser *parser = sw_feed_reader_parser(f->reader);
	const struct sw_trail_report *report_ = sw_trail_parser_report(parser);
	_strbuf_ struct sw_strbuf origin = {};
	int r = sw_feed_reader_end(f->reader), fd;
	uint64_t n;

	if (f->gunzip && !sw_gunzip_is_whole(f->gunzip)) {
		set_text(f, msg, "the gzip stream ends in its middle");
		return -EBADMSG;
	}
	n = report_->entries + report_->others - report_->skipped;
	msg->entries = n;
	msg->bad_lines = report_->bad;
	set_counts(f, msg);
	if (r < 0) {
		const char *why = sw_feed_reader_why(f->reader);

		set_text(f, msg, why[0] ? why : strerror(-r));
		return r;
	}
	r = judge_count(f, n, msg);
	if (r < 0)
		return r;
	sw_url_mask(&origin, f->config->url);
	fd = sw_trail_list_build(parser, f->config->name, sw_strbuf_get(&origin),
		sw_feed_trail_action(f->config), sw_clock_wall_sec(f->env->clock));
	if (fd < 0)
		set_text(f, msg, strerror(-fd));
	else
		f->entries = n;
	return fd;
}

static void remember(struct sw_feed *f)
{
	memcpy(f->etag, f->etag_new, TAG_MAX);
	memcpy(f->modified, f->modified_new, TAG_MAX);
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	struct sw_feed *f = arg;
	struct sw_net_msg msg = {};
	_close_ int fd = -1;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	msg.http_status = (__u32)status;
	if (result == CURLE_OK && !f->refused)
		note_host(easy, &msg);
	if (result == CURLE_OK && !f->refused && status == 304 && f->is_conditional) {
		msg.is_unchanged = 1;
		msg.entries = f->entries;
		report(f, &msg, -1);
		return;
	}
	if (result != CURLE_OK || f->refused || status != 200) {
		msg.result = transfer_error(f, result, status, &msg);
	} else {
		fd = make_list(f, &msg);
		msg.result = SW_MIN(fd, 0);
	}
	if (fd >= 0)
		remember(f);
	report(f, &msg, fd);
}

static int begin(struct sw_feed *f)
{
	const struct sw_transfer_server server = {.url = f->config->url,
		.protocols = "https",
		.ca_file = f->config->ca_file,
		.timeout_sec = f->env->timeout_sec};
	int r;

	f->bytes = 0;
	f->refused = 0;
	f->why = NULL;
	f->etag_new[0] = f->modified_new[0] = f->encoding[0] = f->type[0] = 0;
	f->has_first_reach = f->is_conditional = f->has_text = false;
	if (!sw_url_is_https(f->config->url))
		return -EPROTONOSUPPORT;
	r = new_parser(f);
	if (r == 0)
		r = add_headers(f);
	if (r == 0)
		r = sw_transfer_open(&f->transfer, &server);
	if (r == 0)
		r = set_options(f);
	return r < 0 ? r : sw_transfer_start(&f->transfer, f->env->multi, on_done, f);
}

void sw_feed_fetch(struct sw_feed *f, bool is_asked)
{
	int r;

	if (f->transfer.easy)
		return;
	f->is_asked = is_asked;
	r = begin(f);
	if (r < 0) {
		struct sw_net_msg msg = {.result = r};

		set_text(f, &msg,
			r == -EPROTONOSUPPORT ? "the URL must begin with https://"
			: f->why	      ? f->why
					      : strerror(-r));
		report(f, &msg, -1);
	}
}

static int read_file(struct sw_feed *f, int fd)
{
	enum { PIECE = 1 << 18 };
	_free_ char *buf = malloc(PIECE);
	struct stat st;
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) { /* a pipe would be waited for */
		f->why = "not a regular file";
		return -EINVAL;
	}
	do {
		n = pread(fd, buf, PIECE, (off_t)f->bytes);
		r = n < 0 ? -errno : n > 0 ? on_text(buf, (size_t)n, f) : 0;
	} while (!r && n > 0);
	return r;
}

void sw_feed_read(struct sw_feed *f, int fd)
{
	struct sw_net_msg msg = {};
	_close_ int list = -1;
	int r;

	if (f->transfer.easy)
		return;
	f->is_asked = true;
	f->bytes = 0;
	f->refused = 0;
	f->why = NULL;
	f->type[0] = 0;
	r = new_parser(f);
	if (!r)
		r = read_file(f, fd);
	if (!r) {
		list = make_list(f, &msg);
		r = SW_MIN(list, 0);
	} else {
		const char *why = f->reader ? sw_feed_reader_why(f->reader) : "";

		set_text(f, &msg, f->why ? f->why : why[0] ? why : strerror(-r));
	}
	msg.result = r;
	report(f, &msg, list);
}

int sw_feed_new(
	const struct sw_feed_env *env, const struct sw_config_feed *config, struct sw_feed **ret)
{
	struct sw_feed *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->env = env;
	f->config = config;
	*ret = f;
	return 0;
}

void sw_feed_free(struct sw_feed *f)
{
	if (!f)
		return;
	sw_transfer_cancel(&f->transfer);
	end_transfer(f);
	free(f);
}

void sw_feed_freep(struct sw_feed **f)
{
	sw_feed_free(*f);
}

const struct sw_config_feed *sw_feed_config(const struct sw_feed *f)
{
	return f->config;
}

bool sw_feed_is_busy(const struct sw_feed *f)
{
	return f->transfer.easy;
}

void sw_feed_forget(struct sw_feed *f)
{
	f->etag[0] = f->modified[0] = 0;
}
