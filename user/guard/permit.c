// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/permit.h"

enum {
	NOBODY = 1 << 0, /* before HELLO */
	ENGINE = 1 << SW_ROLE_ENGINE,
	NET = 1 << SW_ROLE_NET,
	WEB = 1 << SW_ROLE_WEB,
	OPERATOR = 1 << SW_ROLE_OPERATOR,
	EVERY = NOBODY | ENGINE | NET | WEB | OPERATOR,
};

static const struct permit_row {
	enum sw_guard_op op;
	const char *name;
	unsigned int roles;
	unsigned int fds; /* descriptors that come with it */
	size_t entry_bytes; /* of a batch's entry, 0: no batch */
	bool is_root_only; /* of operators only uid 0 */
} permits[] = {
	{SW_GUARD_HELLO, "HELLO", EVERY, 0, 0, false},
	{SW_GUARD_STATUS, "STATUS", ENGINE | NET | WEB | OPERATOR, 0, 0, false},
	{SW_GUARD_BAN_PUT, "BAN_PUT", ENGINE, 0, sizeof(struct sw_guard_ban), false},
	{SW_GUARD_BAN_DEL, "BAN_DEL", ENGINE, 0, sizeof(struct sw_guard_ban), false},
	{SW_GUARD_ALLOW_PUT, "ALLOW_PUT", ENGINE, 0, sizeof(struct sw_guard_allow), false},
	{SW_GUARD_TRAILS_SWAP, "TRAILS_SWAP", ENGINE, 1, 0, false},
	{SW_GUARD_MODE, "MODE", ENGINE | OPERATOR, 0, 0, true},
	{SW_GUARD_SNAPSHOT, "SNAPSHOT", ENGINE, 0, 0, false},
	{SW_GUARD_DECOYS, "DECOYS", ENGINE, 0, 0, false},
	{SW_GUARD_DOMAINS, "DOMAINS", ENGINE, 1, 0, false},
	{SW_GUARD_SENSORS, "SENSORS", ENGINE, 0, 0, false},
	{SW_GUARD_WATCH_LOGS, "WATCH_LOGS", ENGINE, 0, 0, false},
	{SW_GUARD_OPEN_LOG, "OPEN_LOG", ENGINE, 0, sizeof(struct sw_guard_log_ask), false},
	{SW_GUARD_VERDICTS, "VERDICTS", ENGINE, 0, sizeof(struct sw_guard_ban), false},
	{SW_GUARD_ACT, "ACT", ENGINE, 0, sizeof(struct sw_guard_act), false},
	{SW_GUARD_HELD, "HELD", ENGINE, 0, 0, false},
	{SW_GUARD_SOCK_POLICY, "SOCK_POLICY", ENGINE, 1, 0, false},
	{SW_GUARD_PORTS, "PORTS", ENGINE, 0, sizeof(struct sw_guard_ports), false},
	{SW_GUARD_CUT, "CUT", ENGINE, 0, sizeof(struct sw_guard_cut), false},
	{SW_GUARD_CONTAINER, "CONTAINER", ENGINE, 0, sizeof(struct sw_guard_container_ask), false},
	{SW_GUARD_GEO, "GEO", ENGINE, 1, 0, false},
	{SW_GUARD_UNHELD, "UNHELD", ENGINE, 0, 0, false},
	{SW_GUARD_CGROUP, "CGROUP", ENGINE, 0, sizeof(__u64), false},
	{SW_GUARD_CHAIN, "CHAIN", OPERATOR, 1, 0, true},
	{SW_GUARD_UNCHAIN, "UNCHAIN", OPERATOR, 0, 0, true},
};

static const struct permit_row *find_row(unsigned int op)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(permits); i++) {
		if (permits[i].op == op)
			return &permits[i];
	}
	return NULL;
}

int sw_permit_role(
	const struct sw_permit_peer *p, enum sw_role role, const struct sw_guard_ids *ids)
{
	bool is_his;

	switch (role) {
	case SW_ROLE_ENGINE:
		is_his = p->uid == ids->engine_uid;
		break;
	case SW_ROLE_NET:
		is_his = p->uid == ids->net_uid;
		break;
	case SW_ROLE_WEB:
		is_his = p->uid == ids->web_uid;
		break;
	case SW_ROLE_OPERATOR:
		is_his = p->uid == 0 || p->is_reader;
		break;
	default:
		is_his = false;
	}
	return is_his ? 0 : -EPERM;
}

int sw_permit_op(const struct sw_permit_peer *p, enum sw_role role, enum sw_guard_op op)
{
	const struct permit_row *row = find_row(op);

	if (!row)
		return -EOPNOTSUPP;
	if (!(row->roles & 1U << role))
		return -EPERM;
	return row->is_root_only && role == SW_ROLE_OPERATOR && p->uid != 0 ? -EPERM : 0;
}

const char *sw_permit_op_name(unsigned int op)
{
	const struct permit_row *row = find_row(op);

	return row ? row->name : "?";
}

unsigned int sw_permit_fds(enum sw_guard_op op)
{
	const struct permit_row *row = find_row(op);

	return row ? row->fds : 0;
}

size_t sw_permit_size(enum sw_guard_op op, __u32 n)
{
	const struct permit_row *row = find_row(op);

	if (!row || !row->entry_bytes || n > SW_GUARD_BATCH_MAX)
		return 0;
	return SW_GUARD_REQUEST_HEAD + n * row->entry_bytes;
}
