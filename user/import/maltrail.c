// SPDX-License-Identifier: GPL-3.0-or-later
/* maltrail.conf: the keys of its sections [Server], [Sensor] and [All], as of versions 0.x to 3. */
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
	const char *off; /* with read NULL: why nothing has to be set where the switch is off; NULL: it is as when on */
};

/* What its reader takes for off: every switch is on by "true" or "1" alone. */
static bool is_off(const struct sw_import_entry *e)
{
	return strcasecmp(e->value, "true") && !sw_streq(e->value, "1");
}

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

/* The program's own heuristics: each of ours is a row of detect and has its switch there. */
static void read_heuristics(struct sw_import *im, const struct sw_import_entry *e)
{
	if (is_off(e))
		sw_import_say(im, e, SW_IMPORT_LEFT,
			"behaviour is looked at; 'enabled: false' of a rule of detect turns that one off");
	else
		sw_import_say(im, e, SW_IMPORT_NEEDLESS, "behaviour is looked at: rules of detect");
}

static void read_missing_host(struct sw_import *im, const struct sw_import_entry *e)
{
	size_t line = sw_import_say(im, e, SW_IMPORT_TAKEN, "");

	sw_import_set(im, line, "detect.web-no-host.enabled", is_off(e) ? "false" : "true");
}

static void read_webhook(struct sw_import *im, const struct sw_import_entry *e)
{
	if (*e->value)
		sw_import_set(im, sw_import_say(im, e, SW_IMPORT_TAKEN, "with our own document, or alerts.webhook.template"),
			"alerts.webhook.url", e->value);
}

static void read_alert_severity(struct sw_import *im, const struct sw_import_entry *e)
{
	static const char *const words[] = {"low", "medium", "high"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (strcasecmp(e->value, words[i]))
			continue;
		sw_import_set(im, sw_import_say(im, e, SW_IMPORT_TAKEN, ""), "alerts.webhook.min_severity", words[i]);
		return;
	}
	sw_import_say(im, e, SW_IMPORT_LEFT, "low, medium and high are the severities there are");
}

static void read_alert_throttle(struct sw_import *im, const struct sw_import_entry *e)
{
	unsigned long sec = strtoul(e->value, NULL, 10);
	char text[24];

	if (!sec) {
		sw_import_say(im, e, SW_IMPORT_LEFT, "posts are always grouped: alerts.webhook.throttle, 1 s at least");
		return;
	}
	snprintf(text, sizeof(text), "%lus", sec);
	sw_import_set(im, sw_import_say(im, e, SW_IMPORT_TAKEN, "of all posts, not of a pair of source and trail"),
		"alerts.webhook.throttle", text);
}

static const char OF_THE_PEER[] = "how its own processes run";
static const char NO_SENSORS[] = "events of other sensors are not taken in";
static const char NO_TLS[] = "the page has no TLS of its own: keep it on loopback, or put a proxy in front";
static const char ONE_TOOL[] = "what is dropped is dropped here, without another tool's help";
static const char BY_PUBLISHER[] = "lists come from their publishers: feeds of the configuration";
static const char LEAVES_BY[] = "events leave by the system log, by mail, by webhook and by /metrics";
static const char HIDES[] = "it hides events by patterns; allow the address, or except the trail instead";
static const char THROTTLED[] = "what repeats is one finding with a count";

static const struct key keys[] = {
	{"HTTP_ADDRESS", read_address},
	{"HTTP_PORT", read_port},
	{"MONITOR_INTERFACE", read_interfaces},
	{"CUSTOM_TRAILS_DIR", read_custom_trails},
	{"USER_WHITELIST", read_whitelist},
	{"USE_HEURISTICS", read_heuristics},
	{"CHECK_MISSING_HOST", read_missing_host},
	{"ALERT_WEBHOOK_URL", read_webhook},
	{"ALERT_SEVERITY", read_alert_severity},
	{"ALERT_THROTTLE", read_alert_throttle},
	{"ALERT_FORMAT", NULL, SW_IMPORT_LEFT, "its fields have other names here: alerts.webhook.template"},
	{"USE_SSL", NULL, SW_IMPORT_LEFT, NO_TLS, "the page has no TLS either"},
	{"SSL_PEM", NULL, SW_IMPORT_LEFT, NO_TLS},
	{"USERS", NULL, SW_IMPORT_LEFT, "there are no passwords: 'sockwarden web' gives a link that is good once"},
	{"UDP_ADDRESS", NULL, SW_IMPORT_LEFT, NO_SENSORS},
	{"UDP_PORT", NULL, SW_IMPORT_LEFT, NO_SENSORS},
	{"LOG_SERVER_SECRET", NULL, SW_IMPORT_LEFT, NO_SENSORS},
	{"FAIL2BAN_REGEX", NULL, SW_IMPORT_NEEDLESS, ONE_TOOL},
	{"BLACKLIST", NULL, SW_IMPORT_NEEDLESS, ONE_TOOL},
	{"IP_ALIASES", NULL, SW_IMPORT_LEFT, "addresses have no names of your own"},
	{"ENABLE_MASK_CUSTOM", NULL, SW_IMPORT_NEEDLESS, "who may read the page is decided by the group sockwarden"},
	{"HEADER_LOGO", NULL, SW_IMPORT_LEFT, "the page's head is what it is"},
	{"SEARCH_ENGINE", NULL, SW_IMPORT_LEFT, "the page links to nothing outside"},
	{"PROCESS_COUNT", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"USE_MULTIPROCESSING", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"DISABLE_CPU_AFFINITY", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_BUFFER", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_BUFFER_SIZE", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_FILTER", NULL, SW_IMPORT_NEEDLESS, "every packet is judged in the packet hook"},
	{"CAPTURE_FANOUT", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_FANOUT_DEFRAG", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_FANOUT_GROUP", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_FANOUT_MODE", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_IMMEDIATE", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_SNAPLEN", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_TIMEOUT", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"CAPTURE_WORKERS", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"SNAP_LEN", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"USE_FAST_PREFILTER", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"FAST_FLOW_CUTOFF", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"DOMAIN_CACHE_ENTRIES", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"DISABLE_CHECK_SUDO", NULL, SW_IMPORT_NEEDLESS, OF_THE_PEER},
	{"OFFLINE_TIMESTAMPS", NULL, SW_IMPORT_NEEDLESS, "'sockwarden replay' goes by the capture's clock"},
	{"METRICS_INTERVAL", NULL, SW_IMPORT_NEEDLESS, "'sockwarden status' and /metrics tell at any time"},
	{"STATS_ADDRESS", NULL, SW_IMPORT_NEEDLESS, "figures are at /metrics of the page: web.address"},
	{"SHOW_DEBUG", NULL, SW_IMPORT_NEEDLESS, "log_level: debug does so"},
	{"USE_FEED_UPDATES", NULL, SW_IMPORT_LEFT,
		"feeds are chosen by name, since each has its terms: 'sockwarden feeds list', 'sockwarden feeds enable NAME'",
		"no feed is fetched unless it is enabled by name"},
	{"DISABLED_FEEDS", NULL, SW_IMPORT_NEEDLESS, "no feed is fetched unless it is enabled by name"},
	{"DISABLED_TRAILS_INFO_REGEX", NULL, SW_IMPORT_LEFT, "a feed is enabled as a whole; a list of your own excepts trails of it: 'sockwarden trails import FILE --action except'"},
	{"DISABLE_TRAIL_UPDATES", NULL, SW_IMPORT_NEEDLESS, "no feed is fetched unless it is enabled by name"},
	{"REPAIR_TRUNCATED_TRAILS", NULL, SW_IMPORT_NEEDLESS, "a trail that cannot be read is told with its line"},
	{"ALLOW_EMPTY_TRAILS", NULL, SW_IMPORT_NEEDLESS, "no trails are needed to run"},
	{"TRAIL_RELOAD_MIN_RATIO", NULL, SW_IMPORT_LEFT, "min_entries and max_change of a feed say so for that feed"},
	{"TRAILS_FILE", NULL, SW_IMPORT_NEEDLESS, "trails are in the database"},
	{"STATIC_TRAILS_URL", NULL, SW_IMPORT_LEFT, "'sockwarden feeds add NAME URL' fetches it"},
	{"UPDATE_PERIOD", NULL, SW_IMPORT_NEEDLESS, "each feed has its own period, that its publisher asks for"},
	{"UPDATE_SERVER", NULL, SW_IMPORT_LEFT, BY_PUBLISHER},
	{"USE_SERVER_UPDATE_TRAILS", NULL, SW_IMPORT_LEFT, BY_PUBLISHER, BY_PUBLISHER},
	{"CUSTOM_TRAILS_URL", NULL, SW_IMPORT_LEFT, "'sockwarden feeds add NAME URL' fetches it"},
	{"DISABLED_HEURISTICS", NULL, SW_IMPORT_LEFT, "'enabled: false' of a rule of detect turns that one off"},
	{"SCAN_WINDOW", NULL, SW_IMPORT_LEFT, "each rule of detect has its own window"},
	{"CHECK_HOST_DOMAINS", NULL, SW_IMPORT_NEEDLESS, "the Host header and the name in TLS are looked at"},
	{"CHECK_TLS_CERTIFICATES", NULL, SW_IMPORT_LEFT, "certificates are not compared with trails; names in TLS are",
		"certificates are not compared with trails"},
	{"USER_IGNORELIST", NULL, SW_IMPORT_LEFT, HIDES},
	{"IGNORE_EVENTS_REGEX", NULL, SW_IMPORT_LEFT, HIDES},
	{"EVENT_THROTTLE_MODE", NULL, SW_IMPORT_NEEDLESS, THROTTLED},
	{"EVENT_THROTTLE_WINDOW", NULL, SW_IMPORT_NEEDLESS, THROTTLED},
	{"EVENT_THROTTLE_BURST", NULL, SW_IMPORT_NEEDLESS, THROTTLED},
	{"EVENT_THROTTLE_MAX_KEYS", NULL, SW_IMPORT_NEEDLESS, THROTTLED},
	{"USE_CONDENSED_STORAGE", NULL, SW_IMPORT_NEEDLESS, THROTTLED},
	{"SENSOR_NAME", NULL, SW_IMPORT_NEEDLESS, "the host's name is in each event"},
	{"LOG_SERVER", NULL, SW_IMPORT_LEFT, LEAVES_BY},
	{"SYSLOG_SERVER", NULL, SW_IMPORT_NEEDLESS, "findings go to the system log, which may send them on"},
	{"LOGSTASH_SERVER", NULL, SW_IMPORT_LEFT, LEAVES_BY},
	{"LOCAL_LOG_FORMAT", NULL, SW_IMPORT_NEEDLESS, "'sockwarden events -o jsonl' is JSON, without it text"},
	{"REMOTE_SEVERITY_REGEX", NULL, SW_IMPORT_LEFT, "alerts.syslog.min_severity chooses what is told"},
	{"DISABLE_LOCAL_LOG_STORAGE", NULL, SW_IMPORT_LEFT, "findings are always in the database; store.max_size bounds it",
		"findings are in the database"},
	{"LOG_DIR", NULL, SW_IMPORT_NEEDLESS, "findings are in the database"},
	{"PROXY_ADDRESS", NULL, SW_IMPORT_LEFT, "the environment's https_proxy says it to the program that fetches"},
};

static void on_entry(void *arg, const struct sw_import_entry *e)
{
	struct sw_import *im = arg;

	for (size_t i = 0; i < SW_ARRAY_SIZE(keys); i++) {
		if (strcasecmp(keys[i].key, e->key)) /* its reader takes them in any case */
			continue;
		if (keys[i].read)
			keys[i].read(im, e);
		else if (keys[i].off && is_off(e))
			sw_import_say(im, e, SW_IMPORT_NEEDLESS, keys[i].off);
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
