// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/container.h"

#include <jansson.h>

enum { KEYS_MAX = 5 };

/*
 * Annotations of OCI bundles, by who writes them: containerd's CRI plugin (pkg/cri/annotations), CRI-O
 * (pkg/annotations), the image-spec; the first that is there. Docker has the same as labels.
 */
static const struct {
	size_t offset, size;
	const char *keys[KEYS_MAX];
} fields[] = {
#define FIELD(name) offsetof(struct sw_container, name), sizeof(((struct sw_container *)0)->name)
	{FIELD(name), {"io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name"}},
	{FIELD(image),
		{"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "org.opencontainers.image.ref.name",
			"org.opencontainers.image.base.name", "io.kubernetes.cri-o.Image"}},
	{FIELD(pod), {"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"}},
	{FIELD(namespace), {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"}},
#undef FIELD
};

static void fill(char *to, size_t size, const json_t *from)
{
	const char *text = json_string_value(from);

	if (!*to && text)
		snprintf(to, size, "%s", text);
}

static void take_annotations(const json_t *map, struct sw_container *ret)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(fields); i++)
		for (size_t k = 0; k < KEYS_MAX && fields[i].keys[k]; k++)
			fill((char *)ret + fields[i].offset, fields[i].size, json_object_get(map, fields[i].keys[k]));
}

static int take_bundle(const json_t *root, struct sw_container *ret)
{
	if (!json_is_string(json_object_get(root, "ociVersion")))
		return -EBADMSG;
	take_annotations(json_object_get(root, "annotations"), ret);
	return 0;
}

static int take_docker(const json_t *root, const char *id, struct sw_container *ret)
{
	const json_t *config = json_object_get(root, "Config");
	const char *own = json_string_value(json_object_get(root, "ID"));
	const char *name = json_string_value(json_object_get(root, "Name"));

	if (!own || !config)
		return -EBADMSG;
	if (!sw_streq(own, id))
		return -ENOENT;
	take_annotations(json_object_get(config, "Labels"), ret); /* a pod's container has its own name there */
	if (!*ret->name && name)
		snprintf(ret->name, sizeof(ret->name), "%s", name + (*name == '/'));
	if (!strncmp(ret->image, "sha256:", 7))
		*ret->image = 0;
	fill(ret->image, sizeof(ret->image), json_object_get(config, "Image"));
	return 0;
}

/* What podman and CRI-O keep beside a container is JSON in a string. */
static void take_metadata(const char *text, struct sw_container *ret)
{
	json_t *meta = text ? json_loads(text, 0, NULL) : NULL;

	fill(ret->image, sizeof(ret->image), json_object_get(meta, "image-name"));
	fill(ret->name, sizeof(ret->name), json_object_get(meta, "metadata-name"));
	fill(ret->name, sizeof(ret->name), json_object_get(meta, "name"));
	fill(ret->pod, sizeof(ret->pod), json_object_get(meta, "pod-name"));
	json_decref(meta);
}

static int take_store(const json_t *root, const char *id, struct sw_container *ret)
{
	const json_t *row;
	size_t i;

	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, row) {
		const char *own = json_string_value(json_object_get(row, "id"));

		if (!own || !sw_streq(own, id))
			continue;
		take_metadata(json_string_value(json_object_get(row, "metadata")), ret);
		fill(ret->name, sizeof(ret->name), json_array_get(json_object_get(row, "names"), 0));
		return 0;
	}
	return -ENOENT;
}

int sw_container_parse(
	enum sw_container_form form, const char *text, size_t len, const char *id, struct sw_container *ret)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	int r = -EBADMSG;

	if (root && form == SW_CONTAINER_DOCKER)
		r = take_docker(root, id, ret);
	else if (root && form == SW_CONTAINER_BUNDLE)
		r = take_bundle(root, ret);
	else if (root && form == SW_CONTAINER_STORE)
		r = take_store(root, id, ret);
	json_decref(root);
	return r;
}
