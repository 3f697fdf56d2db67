// SPDX-License-Identifier: GPL-3.0-or-later
/* maltrail.conf: the keys of its sections [Server], [Sensor] and [All], as of version 0.x. */
#include <dirent.h>
#include <fnmatch.h>

#include "sockwarden/rpc/config.h"
#include "user/base/cidr.h"
#include "user/import/import.h"

struct key {
	const char *key;
	void (*read)(struct sw_import *im, const struct sw_import_entry *e);
	enum sw_import_state state; /* with read NULL */
	const char *why;
};

static void read_address(struct sw_import *im, const struct sw_import_entry *e)
{
	bool is_local = !strncmp(e->value, "127.", 4) || sw_streq(e->value, "::1") ||
		sw_streq(e->value, "localhost");
	size_t line = sw_import_say(im, e, is_local ? SW_IMPORT_TAKEN : SW_IMPORT_ASKED,
		is_local ? ""
			 : "the page would be served without TLS to whoever reaches this address");

	sw_import_set(
		im, line, "web.address", sw_streq(e->value, "localhost") ? "127.0.0.1" : e->value);
}

static void read_port(struct sw_import *im, const struct sw_import_entry *e)
{
	sw_import_set(im, sw_import_say(im, e, SW_IMPORT_TAKEN, ""), "web.port", e->value);
}

static void read_interfaces(struct sw_import *im, const struct sw_import_entry *e)
{
	_free_ char *list = strdup(e->value);
	char *save = NULL;
	size_t line;

	if (!list)
		return;
	if (sw_streq(e->value, "any")) {
		sw_import_say(im, e, SW_IMPORT_NEEDLESS,
			"every device that holds a default route is looked at");
		return;
	}
	line = sw_import_say(im, e, SW_IMPORT_TAKEN, "");
	for (char *w = strtok_r(list, ", ", &save); w; w = strtok_r(NULL, ", ", &save))
		sw_import_add(im, line, "interfaces", w);
}

/* A path of the file's own directory, where it is relative. */
static void resolve(const struct sw_import_entry *e, const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(e->file, '/');

	if (*path == '/' || !slash)
		snprintf(ret, size, "%s", path);
	else
		snprintf(ret, size, "%.*s/%s", (int)(slash - e->file), e->file,
			strncmp(path, "./", 2) ? path : path + 2);
}

static void read_custom_trails(struct sw_import *im, const struct sw_import_entry *e)
{
	char dir[512], file[1024];
	struct dirent **names = NULL;
	unsigned int taken = 0;
	int n;
	size_t line;

	if (!*e->value)
		return;
	resolve(e, e->value, dir, sizeof(dir));
	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0) {
		sw_import_note(im, e->file, e->number, e->text, SW_IMPORT_LEFT, "%s: %s", dir,
			strerror(errno));
		return;
	}
	line = sw_import_say(im, e, SW_IMPORT_TAKEN, "its files of addresses and networks");
	for (int i = 0; i < n; i++) {
		if (!fnmatch("*.txt", names[i]->d_name, FNM_PERIOD) &&
			taken++ < SW_CONFIG_FILES_MAX) {
			snprintf(file, sizeof(file), "%s/%s", dir, names[i]->d_name);
			sw_import_add(im, line, "trails.files", file);
		}
		free(names[i]);
	}
	free(names);
	if (taken > SW_CONFIG_FILES_MAX)
		sw_import_note(im, dir, 0, "", SW_IMPORT_LEFT,
			"%u files more than trails.files takes; join them, or import them with "
			"'sockwarden trails import'",
			taken - SW_CONFIG_FILES_MAX);
}

static void allow_word(void *arg, const char *file, unsigned int number, char *word, size_t n)
{
	struct sw_import *im = arg;
	char shown[SW_NET_TEXT_MAX];
	struct sw_net net;

	if (sw_cidr_parse(word, n, &net) == 0 && net.plen)
		sw_import_add(im, sw_import_note(im, file, number, word, SW_IMPORT_TAKEN, "%s", ""), "allow",
			sw_cidr_format(shown, &net));
	else
		sw_import_note(im, file, number, word, SW_IMPORT_LEFT, "the allow list is of addresses and networks");
}

static void read_whitelist(struct sw_import *im, const struct sw_import_entry *e)
{
	_free_ char *text = NULL;
	char path[512];
	int r;

	if (!*e->value)
		return;
	resolve(e, e->value, path, sizeof(path));
	r = sw_import_read_file(path, &text);
	if (r < 0) {
		sw_import_note(im, e->file, e->number, e->text, SW_IMPORT_LEFT, "%s: %s", path,
			strerror(-r));
		return;
	}
	sw_import_say(im, e, SW_IMPORT_TAKEN, "its addresses are never dropped");
	sw_import_words(path, text, allow_word, im);
}

static const char OF_THE_PEER[] = "how its own processes run";

static const struct key keys[] = {
	{"HTTP_ADDRESS", read_address},
	{"HTTP_PORT", read_port},
	{"MONITOR_INTERFACE", read_interfaces},
	{"CUSTOM_TRAILS_DIR", read_custom_trails},
	{"USER_WHITELIST", read_whitelist},
	{"USE_SSL", NULL, SW_IMPORT_LEFT,
		"the page has no TLS of its own: keep it on loopback, or put a proxy in front"},
	{"SSL_PEM", NULL, SW_IMPORT_LEFT,
		"the page has no TLS of its own: keep it on loopback, or put a proxy in front"},
	{"USERS", NULL, SW_IMPORT_LEFT,
		"there are no passwords: 'sockwarden web' gives a link that is good once"},
	{"UDP_ADDRESS", NULL, SW_IMPORT_LEFT, "events of other sensors are not taken in"},
	{"UDP_PORT", NULL, SW_IMPORT_LEFT, "events of other sensors are not taken in"},
	{"FAIL2BAN_REGEX", NULL, SW_IMPORT_NEEDLESS,
		"what is dropped is dropped here, without another tool's help"},
	{"BLACKLIST", NULL, SW_IMPORT_NEEDLESS,
		"what is dropped is dropped here, without another tool's help"},
	{"IP_ALIASES", NULL, SW_IMPORT_LEFT, "addresses have no names of your own"},
	{"ENABLE_MASK_CUSTOM", NULL, SW_IMPORT_NEEDLESS,
		"who may read the page is decided by the group sockwarden"},
	{"HEADER_LOGO", NULL, SW_IMPORT_LEFT, "the page's head is what it is"},
	{"SEARCH_ENGINE", NULL, SW_IMPORT_LEFT, "the page links to nothing outside"},
	{"PROCESS_COUNT", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"DISABLE_CPU_AFFINITY", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_BUFFER", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_FILTER", NULL, SW_IMPORT_NEEDLESS, "every packet is judged in the packet hook"},
	{"SNAP_LEN", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"DISABLE_CHECK_SUDO", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"SHOW_DEBUG", NULL, SW_IMPORT_NEEDLESS, "log_level: debug does so"},
	{"USE_FEED_UPDATES", NULL, SW_IMPORT_LEFT,
		"feeds are chosen by name, since each has its terms: 'sockwarden feeds list', 'sockwarden feeds enable NAME'"},
	{"DISABLED_FEEDS", NULL, SW_IMPORT_NEEDLESS,
		"no feed is fetched unless it is enabled by name"},
	{"UPDATE_PERIOD", NULL, SW_IMPORT_NEEDLESS,
		"each feed has its own period, that its publisher asks for"},
	{"UPDATE_SERVER", NULL, SW_IMPORT_LEFT,
		"lists come from their publishers: feeds of the configuration"},
	{"USE_SERVER_UPDATE_TRAILS", NULL, SW_IMPORT_LEFT,
		"lists come from their publishers: feeds of the configuration"},
	{"CUSTOM_TRAILS_URL", NULL, SW_IMPORT_LEFT, "'sockwarden feeds add NAME URL' fetches it"},
	{"USE_HEURISTICS", NULL, SW_IMPORT_NEEDLESS, "behaviour is always looked at"},
	{"CHECK_MISSING_HOST", NULL, SW_IMPORT_NEEDLESS, "behaviour is always looked at"},
	{"CHECK_HOST_DOMAINS", NULL, SW_IMPORT_NEEDLESS,
		"the Host header and the name in TLS are looked at"},
	{"USER_IGNORELIST", NULL, SW_IMPORT_LEFT,
		"it hides events by patterns; allow the address, or except the trail instead"},
	{"SENSOR_NAME", NULL, SW_IMPORT_NEEDLESS, "the host's name is in each event"},
	{"LOG_SERVER", NULL, SW_IMPORT_LEFT,
		"events leave by the system log, by mail and by /metrics"},
	{"SYSLOG_SERVER", NULL, SW_IMPORT_NEEDLESS,
		"findings go to the system log, which may send them on"},
	{"LOGSTASH_SERVER", NULL, SW_IMPORT_LEFT,
		"events leave by the system log, by mail and by /metrics"},
	{"REMOTE_SEVERITY_REGEX", NULL, SW_IMPORT_LEFT,
		"alerts.syslog.min_severity chooses what is told"},
	{"DISABLE_LOCAL_LOG_STORAGE", NULL, SW_IMPORT_LEFT,
		"findings are always in the database; store.max_size bounds it"},
	{"LOG_DIR", NULL, SW_IMPORT_NEEDLESS, "findings are in the database"},
	{"PROXY_ADDRESS", NULL, SW_IMPORT_LEFT,
		"the environment's https_proxy says it to the program that fetches"},
};

static void on_entry(void *arg, const struct sw_import_entry *e)
{
	struct sw_import *im = arg;

	for (size_t i = 0; i < SW_ARRAY_SIZE(keys); i++) {
		if (!sw_streq(keys[i].key, e->key))
			continue;
		if (keys[i].read)
			keys[i].read(im, e);
		else
			sw_import_say(im, e, keys[i].state, keys[i].why);
		return;
	}
	sw_import_say(im, e, SW_IMPORT_LEFT, "no key of maltrail.conf has this name");
}

int sw_import_maltrail(struct sw_import *im, const struct sw_import_args *args)
{
	return sw_import_read_files(im, args, on_entry, im);
}
