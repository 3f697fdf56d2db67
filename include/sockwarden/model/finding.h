/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A finding: a suspicion with its evidence. Plain value, no pointers, so it is copied and queued. */
#pragma once

#include "sockwarden/model/addr.h"

/*  X(id, word) */
#define SW_SEVERITIES(X) X(INFO, "info") X(LOW, "low") X(MEDIUM, "medium") X(HIGH, "high") X(CRITICAL, "critical")
enum sw_severity {
#define SW_SEVERITY_ENUM(id, word) SW_SEV_##id,
	SW_SEVERITIES(SW_SEVERITY_ENUM)
#undef SW_SEVERITY_ENUM
	SW_SEV_COUNT
};

/*  X(id, word): what was seen */
#define SW_FINDING_KINDS(X)                                                                        \
	X(NEW_LISTENER, "new-listener")                                                            \
	X(LISTENER_CHANGED, "listener-changed")                                                    \
	X(LISTENER_GONE, "listener-gone")                                                          \
	X(TRAIL_HIT, "trail-hit")                                                                  \
	X(TRAIL_CONNECT, "trail-connect")                                                          \
	X(BEHAVIOUR, "behaviour")                                                                  \
	X(DECOY_TOUCH, "decoy-touch")                                                              \
	X(LOG, "log")                                                                              \
	X(BAN_HIT, "ban-hit")                                                                      \
	X(SYSTEM, "system")                                                                        \
	X(SCAN, "scan")                                                                            \
	X(POLICY, "policy")
enum sw_finding_kind {
#define SW_FINDING_ENUM(id, word) SW_FINDING_##id,
	SW_FINDING_KINDS(SW_FINDING_ENUM)
#undef SW_FINDING_ENUM
	SW_FINDING_COUNT
};

struct sw_finding {
	__u64 id;	 /* by the store; 0 before */
	__s64 wall_ns;	    /* the first of what is behind it */
	__s64 last_wall_ns; /* the newest of it; 0: wall_ns */
	__u64 boot_ns;
	enum sw_finding_kind kind;
	enum sw_severity severity;
	char rule[48];	  /* name of the rule that saw it */
	struct sw_net subject; /* the peer it is about; family 0 when it is about this host */
	__u16 sport, dport;
	__u8 protocol;
	__u8 pad[3];
	__u64 count;	  /* packets or events behind it */
	__u32 pid, uid;	  /* process on this host, 0 when unknown (pid 0) */
	char process[64]; /* comm or executable's base name */
	char executable[256];
	char container[64];
	char unit[64];
	char container_name[64];
	char pod[128]; /* namespace/name */
	char trail[64];	 /* the trail that matched, normalised */
	char feed[64];	 /* the list it came from */
	char title[192]; /* one line for a person */
};
