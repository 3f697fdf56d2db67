// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/listener.h"

#include <fnmatch.h>

#include "user/base/strbuf.h"

/* By what changed and how far off a peer may be: unix, loopback, lan, world. */
static const struct {
	enum sw_finding_kind kind;
	const char *rule;
	enum sw_severity severity[SW_EXPOSURE_COUNT];
} rows[SW_BASELINE_KIND_COUNT] = {
	[SW_BASELINE_OWNERLESS] = {SW_FINDING_NEW_LISTENER, "listener-ownerless",
		{SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH, SW_SEV_HIGH}},
	[SW_BASELINE_DELETED] = {SW_FINDING_LISTENER_CHANGED, "listener-deleted-executable",
		{SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH, SW_SEV_HIGH}},
	[SW_BASELINE_WIDENED] = {SW_FINDING_LISTENER_CHANGED, "listener-widened",
		{SW_SEV_LOW, SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH}},
	[SW_BASELINE_EXECUTABLE] = {SW_FINDING_LISTENER_CHANGED, "listener-executable",
		{SW_SEV_LOW, SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH}},
	[SW_BASELINE_SHARED] = {SW_FINDING_LISTENER_CHANGED, "listener-shared",
		{SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH, SW_SEV_HIGH}},
	[SW_BASELINE_HOST_NETWORK] = {SW_FINDING_NEW_LISTENER, "listener-container-on-host",
		{SW_SEV_LOW, SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_HIGH}},
	[SW_BASELINE_BACKLOG] = {SW_FINDING_LISTENER_CHANGED, "listener-backlog",
		{SW_SEV_INFO, SW_SEV_INFO, SW_SEV_LOW, SW_SEV_LOW}},
	[SW_BASELINE_NEW] = {SW_FINDING_NEW_LISTENER, "listener-new",
		{SW_SEV_INFO, SW_SEV_LOW, SW_SEV_MEDIUM, SW_SEV_MEDIUM}},
	[SW_BASELINE_GONE] = {SW_FINDING_LISTENER_GONE, "listener-gone",
		{SW_SEV_INFO, SW_SEV_LOW, SW_SEV_LOW, SW_SEV_LOW}},
};

/* login.defs(5) of Debian: UID_MIN and UID_MAX. */
enum { PERSON_MIN = 1000, PERSON_MAX = 59999 };

static bool is_quiet_path(const char *patterns, const char *path)
{
	char words[sizeof(((struct sw_config *)0)->unix_quiet)], *save = NULL;

	sw_strcpy(words, sizeof(words), patterns);
	path += *path == '@'; /* abstract */
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (fnmatch(w, path, 0) == 0)
			return true;
	return false;
}

bool sw_detect_is_unix_told(const struct sw_config *c, const struct sw_baseline_row *r)
{
	if (c->unix_alerts == SW_UNIX_OFF || r->is_ephemeral) /* a name that the kernel chose is a client's */
		return false;
	if (c->unix_alerts == SW_UNIX_ALL)
		return true;
	return (r->uid < PERSON_MIN || r->uid > PERSON_MAX) && !is_quiet_path(c->unix_quiet, r->path);
}

void sw_detect_listener(const struct sw_baseline_change *c, uint32_t pid, const char *comm, bool is_since_start,
	struct sw_finding *ret)
{
	const struct sw_baseline_row *r = &c->row;
	const char *slash = strrchr(r->executable, '/');
	_strbuf_ struct sw_strbuf process = {0};

	memset(ret, 0, sizeof(*ret));
	ret->kind = rows[c->kind].kind;
	ret->severity = rows[c->kind].severity[r->exposure];
	sw_strcpy(ret->rule, sizeof(ret->rule), rows[c->kind].rule);
	ret->dport = r->port;
	ret->protocol = (__u8)r->protocol;
	ret->count = 1;
	ret->pid = pid;
	ret->uid = r->uid;
	if (!*comm)
		comm = slash && slash[1] ? slash + 1 : r->executable;
	sw_strbuf_safe(&process, comm, strlen(comm));
	sw_strcpy(ret->process, sizeof(ret->process), sw_strbuf_get(&process));
	sw_strcpy(ret->executable, sizeof(ret->executable), r->executable);
	sw_strcpy(ret->container, sizeof(ret->container), r->container);
	sw_strcpy(ret->unit, sizeof(ret->unit), r->unit);
	snprintf(ret->title, sizeof(ret->title), "%.160s%s", c->text, is_since_start ? ", while not watching" : "");
}
