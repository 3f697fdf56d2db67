/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which container and which systemd unit a process belongs to, from the text of /proc/PID/cgroup.
 * Pure; lives in the engine.
 */
#pragma once

#include "user/base/util.h"

enum { SW_CONTAINER_ID_SHOWN = 12 }; /* hex digits of a container's id: as its own tools show it */

struct sw_names {
	char container[64]; /* first 12 digits of the id, "" on the host */
	char id[68];	    /* all of them */
	char pod_uid[40];   /* of the Kubernetes pod, with dashes */
	char runtime[16];   /* "docker", "containerd", "crio", "podman", "kubernetes", "" */
	char unit[64];	    /* "sshd.service", "session-3.scope", "" */
};

/*
 * text: lines "N:controllers:/path", cgroup v1 and v2 mixed. The deepest name that says something
 * wins; v2, pids and name=systemd lines are looked at. Always fills *ret.
 */
void sw_names_from_cgroup(const char *text, struct sw_names *ret);
/* The same for one path. */
void sw_names_from_path(const char *path, struct sw_names *ret);
