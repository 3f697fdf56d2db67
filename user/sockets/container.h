/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a runtime wrote of a container: its name, its image and its pod, from the text of one of its
 * files. Pure; in the engine. The text is not trusted: what is not there or of another kind stays "".
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"

/* Texts may hold any byte but NUL. */
struct sw_container {
	char name[128], image[192], pod[128], namespace[64];
};

/*
 * Fills what is "" in *ret. id: all digits of the container's. 0; -EBADMSG: no JSON of this form; -ENOENT: it
 * says nothing of this container.
 */
int sw_container_parse(
	enum sw_container_form form, const char *text, size_t len, const char *id, struct sw_container *ret);
