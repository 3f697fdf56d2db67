/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration image (include/sockwarden/rpc/config.h): finished by sockwarden-config, checked
 * and mapped by every process that is handed it. No YAML here, so the guard may link it.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

/* Sets magic, version, size and crc. */
void sw_conf_image_finish(struct sw_config *c);
/* 0, or -EBADMSG with why in *ret_why: wrong size, magic, version, checksum, a count or a text out of bounds. */
int sw_conf_image_check(const void *image, size_t len, const char **ret_why);
/*
 * Reads the image from a memfd into *ret after checking it. With must_be_sealed the descriptor must
 * carry its seals (what the guard hands out does). 0, -EPERM unsealed, -EBADMSG, -errno.
 */
int sw_conf_image_read(int fd, bool must_be_sealed, struct sw_config *ret, const char **ret_why);
