// SPDX-License-Identifier: GPL-3.0-or-later
/* Names of containers: from the forms that runtimes publish, and from cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/sock_world.h"
#include "user/sockets/container.h"
#include "user/sockets/names.h"

#define ID "4f1d0c2b7e9a4f1d0c2b7e9a4f1d0c2b7e9a4f1d0c2b7e9a4f1d0c2b7e9a4f1d"

static const struct {
	enum sw_container_form form;
	const char *text;
	int r;
	const char *name, *image, *pod, *namespace;
} rows[] = {
	/* docker: config.v2.json */
	{SW_CONTAINER_DOCKER,
		"{\"ID\":\"" ID "\",\"Name\":\"/web\",\"State\":{\"Running\":true},\"Image\":\"sha256:aa\","
		"\"Config\":{\"Hostname\":\"4f1d\",\"Image\":\"nginx:1.25\",\"Labels\":{\"maintainer\":\"x\"}}}",
		0, "web", "nginx:1.25", "", ""},
	/* the same under cri-dockerd */
	{SW_CONTAINER_DOCKER,
		"{\"ID\":\"" ID "\",\"Name\":\"/k8s_app_cart-0_shop_uid_0\","
		"\"Config\":{\"Image\":\"registry.test/cart@sha256:bb\","
		"\"Labels\":{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"cart-0\","
		"\"io.kubernetes.pod.namespace\":\"shop\"}}}",
		0, "app", "registry.test/cart@sha256:bb", "cart-0", "shop"},
	{SW_CONTAINER_DOCKER, "{\"ID\":\"other\",\"Config\":{\"Image\":\"nginx\"}}", -ENOENT, "", "", "", ""},
	/* containerd's CRI plugin */
	{SW_CONTAINER_BUNDLE,
		"{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"/pause\"]},\"annotations\":{"
		"\"io.kubernetes.cri.container-name\":\"web\",\"io.kubernetes.cri.container-type\":\"container\","
		"\"io.kubernetes.cri.image-name\":\"docker.io/library/nginx:1.25\","
		"\"io.kubernetes.cri.sandbox-id\":\"aa\","
		"\"io.kubernetes.cri.sandbox-name\":\"cart-7d9f\","
		"\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}",
		0, "web", "docker.io/library/nginx:1.25", "cart-7d9f", "shop"},
	/* CRI-O */
	{SW_CONTAINER_BUNDLE,
		"{\"ociVersion\":\"1.0.2-dev\",\"annotations\":{\"io.kubernetes.cri-o.Image\":\"9aee\","
		"\"io.kubernetes.cri-o.ImageName\":\"quay.io/shop/cart:2\","
		"\"io.kubernetes.container.name\":\"cart\","
		"\"io.kubernetes.pod.name\":\"cart-1\",\"io.kubernetes.pod.namespace\":\"shop\","
		"\"io.container.manager\":\"cri-o\"}}",
		0, "cart", "quay.io/shop/cart:2", "cart-1", "shop"},
	/* podman says it beside the bundle */
	{SW_CONTAINER_BUNDLE,
		"{\"ociVersion\":\"1.0.2\",\"hostname\":\"4f1d0c2b7e9a\","
		"\"annotations\":{\"io.container.manager\":\"libpod\","
		"\"org.opencontainers.image.stopSignal\":\"15\"}}",
		0, "", "", "", ""},
	{SW_CONTAINER_STORE,
		"[{\"id\":\"aa\",\"names\":[\"no\"]},{\"id\":\"" ID "\",\"names\":[\"db\"],\"image\":\"55\","
		"\"layer\":\"66\","
		"\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/postgres:16\\\",\\\"name\\\":\\\"db\\\"}\"}]",
		0, "db", "docker.io/library/postgres:16", "", ""},
	{SW_CONTAINER_STORE, "[{\"id\":\"aa\",\"names\":[\"no\"]}]", -ENOENT, "", "", "", ""},
	/* an image's own annotations */
	{SW_CONTAINER_BUNDLE, "{\"ociVersion\":\"1.2.0\","
	"\"annotations\":{\"org.opencontainers.image.ref.name\":\"tool:1\"}}", 0,
		"", "tool:1", "", ""},
	/* what is none, or wants to be something else */
	{SW_CONTAINER_BUNDLE, "", -EBADMSG, "", "", "", ""},
	{SW_CONTAINER_BUNDLE, "{\"annotations\":{\"io.kubernetes.cri.image-name\":\"x\"}}", -EBADMSG, "", "",
	"", ""},
	{SW_CONTAINER_BUNDLE, "{\"ociVersion\":\"1\",\"annotations\":[1,2]}", 0, "", "", "", ""},
	{SW_CONTAINER_BUNDLE, "{\"ociVersion\":\"1\","
	"\"annotations\":{\"io.kubernetes.cri.image-name\":{\"a\":1}}}", 0, "", "", "", ""},
	{SW_CONTAINER_BUNDLE, "{\"ociVersion\":\"1\","
	"\"annotations\":{\"io.kubernetes.cri.image-name\":\"a\\u0000b\"}}", -EBADMSG, "",
		"", "", ""},
	{SW_CONTAINER_DOCKER, "[]", -EBADMSG, "", "", "", ""},
	{SW_CONTAINER_DOCKER, "{\"ID\":\"" ID "\",\"Name\":7,\"Config\":\"x\"}", 0, "", "", "", ""},
	{SW_CONTAINER_STORE, "{\"id\":\"" ID "\"}", -EBADMSG, "", "", "", ""},
	{SW_CONTAINER_STORE, "[7,null,{\"id\":\"" ID "\",\"names\":\"x\","
	"\"metadata\":\"{{{\"}]", 0, "", "", "", ""},
};

static void each_form_that_runtimes_write_names_container_image_and_pod(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_container c = {};
		int r = sw_container_parse(rows[i].form, rows[i].text, strlen(rows[i].text), ID, &c);

		if (r != rows[i].r || !sw_streq(c.name, rows[i].name) || !sw_streq(c.image, rows[i].image) ||
			!sw_streq(c.pod, rows[i].pod) || !sw_streq(c.namespace, rows[i].namespace))
			fail_msg("%s\n%d, '%s' '%s' '%s' '%s'",
			rows[i].text, r, c.name, c.image, c.pod, c.namespace);
	}
}

static void text_without_end_and_depth_without_end_are_refused(void **state)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	struct sw_container c = {};

	memset(text, '[', size);
	assert_int_equal(sw_container_parse(SW_CONTAINER_STORE, text, size, ID, &c), -EBADMSG);
	memset(text, 'x', size);
	memcpy(text, "{\"ociVersion\":\"1\",\"annotations\":{\"io.kubernetes.pod.name\":\"", 59);
	memcpy(text + size - 3, "\"}}", 3);
	assert_int_equal(sw_container_parse(SW_CONTAINER_BUNDLE, text, size, ID, &c), 0);
	assert_int_equal(strlen(c.pod), sizeof(c.pod) - 1);
	free(text);
}

static void a_pods_number_is_read_from_each_drivers_path(void **state)
{
	static const struct {
		const char *path, *uid, *container;
	} paths[] = {
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_0000_1111_2222_0123456789ab.slice/"
		 "cri-containerd-" ID ".scope",
			"0a1b2c3d-0000-1111-2222-0123456789ab", "4f1d0c2b7e9a"},
		{"/kubepods/besteffort/pod0a1b2c3d-0000-1111-2222-0123456789ab/" ID, "0a1b2c3d-0000-1111-2222-0123456789ab",
			"4f1d0c2b7e9a"},
		{"/kubepods.slice/kubepods-pod0123456789abcdef0123456789abcdef.slice/crio-" ID ".scope",
			"0123456789abcdef0123456789abcdef", "4f1d0c2b7e9a"},
		{"/machine.slice/libpod-" ID ".scope", "", "4f1d0c2b7e9a"},
		{"/system.slice/podman.service", "", ""},
		{"/kubepods/podx/y", "", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(paths); i++) {
		struct sw_names n;

		sw_names_from_path(paths[i].path, &n);
		assert_string_equal(n.pod_uid, paths[i].uid);
		assert_string_equal(n.container, paths[i].container);
		assert_string_equal(n.id, *n.container ? ID : "");
	}
}

struct world {
	struct sw_clock clock;
	unsigned int asked_cgroups, asked_containers;
	int answer;
};

static ssize_t read_nothing(void *arg, uint32_t pid, const char *file, char *buf, size_t size)
{
	return -ENOENT; /* it is gone */
}

static int read_cgroup(void *arg, uint64_t id, char *buf, size_t size)
{
	struct world *w = arg;

	w->asked_cgroups++;
	if (w->answer < 0)
		return w->answer;
	snprintf(buf, size, "/sys/fs/cgroup/system.slice/docker-" ID ".scope");
	return 0;
}

static int read_container(void *arg, const char *id, struct sw_container *ret)
{
	struct world *w = arg;

	assert_string_equal(id, ID);
	w->asked_containers++;
	if (w->asked_containers == 1)
		return -ENOENT;
	strcpy(ret->image, "nginx:1.25");
	return 0;
}

static struct sw_proc_info info_of(struct sw_procs *p, uint32_t pid)
{
	struct sw_exec_event e = world_exec(pid, "/bin/x", 1);
	struct sw_proc_key key = sw_proc_key_of(&e.owner);
	struct sw_proc_info info;

	e.owner.cgroup_id = 77;
	sw_procs_exec(p, &e);
	sw_procs_info(p, sw_procs_find(p, &key), pid % 2, &info);
	return info;
}

static void a_process_that_is_gone_has_the_container_of_its_cgroup_which_is_asked_for_once(void **state)
{
	struct world w = {.clock = {.is_manual = true, .manual_boot_ns = SW_SEC_NS}, .answer = -EAGAIN};
	const struct sw_proc_reader rd = {
		.read = read_nothing, .cgroup = read_cgroup, .container = read_container, .arg = &w};
	struct sw_procs *p;

	assert_int_equal(sw_procs_new(&w.clock, &rd, &p), 0);
	assert_string_equal(info_of(p, 7).container, "");
	w.answer = 0; /* the guard is back */
	assert_string_equal(info_of(p, 8).container, "4f1d0c2b7e9a");
	assert_string_equal(info_of(p, 9).runtime, "docker");
	assert_string_equal(info_of(p, 9).image, "");
	assert_int_equal(w.asked_cgroups, 2);
	assert_int_equal(w.asked_containers, 1);
	sw_clock_advance(&w.clock, 6 * SW_SEC_NS); /* what was not written yet */
	assert_string_equal(info_of(p, 10).image, "nginx:1.25");
	sw_clock_advance(&w.clock, 60 * SW_SEC_NS);
	assert_string_equal(info_of(p, 11).image, "nginx:1.25");
	assert_int_equal(w.asked_containers, 2);
	sw_procs_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_that_runtimes_write_names_container_image_and_pod),
		cmocka_unit_test(text_without_end_and_depth_without_end_are_refused),
		cmocka_unit_test(a_pods_number_is_read_from_each_drivers_path),
		cmocka_unit_test(a_process_that_is_gone_has_the_container_of_its_cgroup_which_is_asked_for_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
