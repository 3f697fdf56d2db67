// SPDX-License-Identifier: GPL-3.0-or-later
/* How processes get the names of their cgroups and containers: by files that the guard opens. */
#include "user/engine/watch.h"

enum { FILE_MAX = 4 << 20 }; /* a bundle is some 10 KiB; a store of a thousand containers 2 MiB */

static int read_cgroup(void *arg, uint64_t id, char *buf, size_t size)
{
	struct sw_guard_request req = {.op = SW_GUARD_CGROUP, .n = 1, .cgroup = {id}};
	struct sw_engine *e = arg;
	_free_ struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	int r = reply ? sw_guard_call(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.cgroup), reply) : -ENOMEM;

	if (r == -ENOTCONN || r == -ECONNRESET || r == -ETIMEDOUT || r == -EBUSY)
		return -EAGAIN; /* the guard is away, or has much to do */
	if (r < 0)
		return r;
	reply->cgroup.path[sizeof(reply->cgroup.path) - 1] = 0;
	return sw_strcpy(buf, size, reply->cgroup.path) ? 0 : -ENAMETOOLONG;
}

/* One file from number *from on, which becomes the one after it. */
static int read_file(struct sw_engine *e, const char *id, uint32_t *from, struct sw_container *ret)
{
	struct sw_guard_request req = {.op = SW_GUARD_CONTAINER, .n = 1, .container = {{.from = *from}}};
	_free_ struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	int fds[SW_GUARD_FDS_MAX], r;
	_free_ char *text = NULL;
	size_t n = 0, len;

	if (!reply)
		return -ENOMEM;
	memcpy(req.container[0].id, id, SW_CONTAINER_ID_DIGITS);
	r = sw_guard_call_fds(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.container), reply, fds, &n);
	if (r >= 0 && n == 1) {
		*from = reply->container.number + 1;
		r = sw_read_all(fds[0], FILE_MAX, &text, &len);
		if (r >= 0) /* what is no JSON, or not of it, is nobody's fault here */
			(void)sw_container_parse(reply->container.form, text, len, id, ret);
	}
	for (size_t i = 0; i < n; i++)
		sw_close(fds[i]);
	return r == -EFBIG ? 0 : r;
}

enum { FILES_MAX = 16 };

static int read_container(void *arg, const char *id, struct sw_container *ret)
{
	uint32_t from = 0;
	int r = 0;

	if (strlen(id) != SW_CONTAINER_ID_DIGITS)
		return 0; /* no runtime of today: nothing to be had */
	for (int i = 0; i < FILES_MAX && r >= 0 && !(*ret->image && *ret->name); i++)
		r = read_file(arg, id, &from, ret);
	return *ret->image || *ret->name || *ret->pod ? 0 : r;
}

struct sw_proc_reader sw_watch_proc_reader(struct sw_engine *e)
{
	return (struct sw_proc_reader){
		.read = sw_proc_reader_system.read, .cgroup = read_cgroup, .container = read_container, .arg = e};
}

struct sw_connect_process sw_watch_process(const struct sw_proc_info *info, char pod[static SW_POD_TEXT_MAX])
{
	bool has_space = info->pod_namespace && *info->pod_namespace;

	snprintf(pod, SW_POD_TEXT_MAX, "%s%s%s", has_space ? info->pod_namespace : "", has_space ? "/" : "",
		info->pod ? info->pod : "");
	if (!info->name)
		return (struct sw_connect_process){.comm = "", .executable = "", .container = "", .unit = ""};
	return (struct sw_connect_process){
		info->name, info->executable, info->container, info->unit, info->container_name, pod};
}

void sw_container_json(struct sw_json *j, const struct sw_proc_info *info)
{
	sw_json_string_if(j, "container_name", info->container_name);
	sw_json_string_if(j, "image", info->image);
	sw_json_string_if(j, "pod", info->pod);
	sw_json_string_if(j, "namespace", info->pod_namespace);
	sw_json_string_if(j, "pod_uid", info->pod_uid);
}
