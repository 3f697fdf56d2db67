/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who the processes run as: the users and groups of an installation when they exist, else unused
 * numbers of systemd's range for dynamic users. Nothing is written to passwd or group.
 */
#pragma once

#include <sys/types.h>

#include "user/base/util.h"

enum { SW_DYNAMIC_ID_MIN = 61184, SW_DYNAMIC_ID_MAX = 65519 }; /* systemd.exec(5), DynamicUser= */

struct sw_ids {
	uid_t engine_uid, net_uid, web_uid, config_uid;
	gid_t engine_gid, net_gid, web_gid, config_gid;
	gid_t reader_gid, admin_gid; /* (gid_t)-1: there is no such group, and nobody is in it */
	bool is_dynamic; /* at least one number was chosen here */
};

/*
 * state_owner: owner of the state directory from an earlier run, 0 for none: a dynamic engine gets
 * it again. 0, -EAGAIN when the range is used up.
 */
int sw_ids_find(uid_t state_owner, struct sw_ids *ret);
/*
 * The lowest number of the range from *from on that is no user's, no group's and no running
 * process's; moves *from behind it. is_used may be NULL: then it asks the system.
 */
int sw_ids_next_free(uid_t *from, bool (*is_used)(uid_t id), uid_t *ret);
