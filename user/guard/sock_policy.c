// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/sock_policy.h"

#include <sys/mman.h>

#include "user/base/log.h"
#include "user/io/msg.h"

static bool is_sound_rule(const struct sw_sock_rule *r)
{
	return r->n_ports <= SW_SOCK_PARTS && r->n_nets <= SW_SOCK_PARTS && r->n_words <= SW_SOCK_PATH_WORDS;
}

static bool are_sound(const struct sw_sock_rule *rules, unsigned int n, unsigned int max)
{
	for (unsigned int i = 0; i < n && n <= max; i++) {
		if (!is_sound_rule(&rules[i]))
			return false;
	}
	return n <= max;
}

bool sw_sock_policy_is_sound(const struct sw_sock_policy_image *image)
{
	const union sw_sock_policy_ctl *ctl = &image->ctl;

	return image->version == SW_ABI_VERSION && image->size == sizeof(*image) &&
		are_sound(image->rules[SW_SOCK_LISTEN], ctl->n[SW_SOCK_LISTEN], SW_SOCK_RULES_MAX) &&
		are_sound(image->rules[SW_SOCK_CONNECT], ctl->n[SW_SOCK_CONNECT], SW_SOCK_RULES_MAX) &&
		are_sound(image->protected, ctl->n_protected, SW_SOCK_PROTECTED_MAX);
}

static int put(struct sw_plant *plant, const struct sw_ladder_opts *o, const struct sw_sock_policy_image *image,
	char *text, size_t size)
{
	bool has_listen = image->ctl.state & SW_SOCK_HAS_LISTEN;
	int binds = has_listen ? sw_plant_refuse_binds(plant, o) : 0;
	int r = sw_maps_sock_policy_set(&plant->maps, image);

	if (r < 0) {
		snprintf(text, size, "the rules of the socket policy cannot be written");
		return r;
	}
	if (!has_listen)
		sw_plant_allow_binds(plant, o->pin_dir);
	if (binds < 0)
		snprintf(text, size, "no bind can be refused here: the kernel does not take the program");
	return binds;
}

int sw_sock_policy_take(struct sw_plant *plant, const struct sw_ladder_opts *o, int fd, char *text, size_t size)
{
	const void *map;
	size_t bytes;
	int r = sw_memfd_map_sealed(fd, sizeof(struct sw_sock_policy_image), &map, &bytes);

	if (r < 0) {
		snprintf(text, size, "this is no sealed socket policy");
		return r;
	}
	if (bytes != sizeof(struct sw_sock_policy_image) || !sw_sock_policy_is_sound(map)) {
		snprintf(text, size, "this is no socket policy of this version");
		r = -EINVAL;
	} else {
		r = put(plant, o, map, text, size);
	}
	munmap((void *)map, bytes);
	return r;
}
