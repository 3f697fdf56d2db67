// SPDX-License-Identifier: GPL-3.0-or-later
/* The parts of the engine, in the order they start. */
#include "user/engine/engine.h"

const struct sw_engine_part *const sw_engine_parts[] = {
	&sw_part_status,
	&sw_part_bans,	  /* first of those that do: nobody is banned before the allow list is known */
	&sw_part_backends,
	&sw_part_crowdsec,
	&sw_part_crowdsec_report,
	&sw_part_mode,
	&sw_part_packets,
	&sw_part_why,
	&sw_part_sockets,
	&sw_part_scans,	  /* after the sockets, whose listeners it tells the gate of */
	&sw_part_connects,
	&sw_part_firsts,
	&sw_part_sock_policy,
	&sw_part_sock_seen,
	&sw_part_inspect,
	&sw_part_sensor,
	&sw_part_admins,
	&sw_part_feeds,	  /* before the trails, which ask whose their saved lists are */
	&sw_part_decoys,
	&sw_part_trails,
	&sw_part_countries,
	&sw_part_geo,
	&sw_part_net,	  /* after the trails, to which it hands lists */
	&sw_part_alerts,
	&sw_part_report,  /* after the alerts, which mail it */
	&sw_part_logs, /* after the alerts, which are told of what it finds */
	&sw_part_web,
	&sw_part_metrics, /* last: it reads all the others */
	NULL,
};
