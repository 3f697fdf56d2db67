/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sealed configuration, made by a process without privilege: checked whole (seals, magic, version,
 * size, checksum, counts) before a byte is used. The trail image's check is user/trail/image_check.h.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/util.h"
#include "user/logs/rules_image.h"

/* Pure: 0 or -EBADMSG with what is wrong in *ret_why. */
int sw_image_check_config(const void *image, size_t size, const char **ret_why);

/*
 * A configuration in force, and the rules over logs with it: descriptors and mappings, all owned. The
 * mappings are shared with sealed files, so they cannot change.
 */
struct sw_config_image {
	int fd, rules_fd;
	const struct sw_config *config;
	struct sw_rules_view rules;
	size_t rules_size;
};
void sw_config_image_init(struct sw_config_image *i);
void sw_config_image_done(struct sw_config_image *i);

struct sw_config_source {
	const char *file; /* opened by us; absent: the defaults */
	const char *rules_dir; /* packaged rules; the user's are in rules.d beside the file */
	const char *program; /* sockwarden-config */
	uid_t uid;
	gid_t gid;
};
/*
 * Runs sockwarden-config and checks what it made. Its errors go to our standard error. 0, -EINVAL:
 * the configuration is not valid (said), -EBADMSG: the child broke the contract (err), -errno (err).
 */
int sw_config_image_make(
	const struct sw_config_source *s, struct sw_config_image *ret, char *err, size_t size);
