/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every limit that both sides know, with its reason. */
#pragma once

enum {
	SW_MAX_BANS = 262144,	   /* hash entries per family: 100 k bans with room for a bad day */
	SW_MAX_BAN_NETS = 65536,   /* LPM entries per family: networks are few, aggregated by policy */
	SW_MAX_ALLOW = 16384,	   /* LPM entries per family: operator's list and the never-ban set */
	/* Of a feed that allows: crawlers publish /27 to /22 and /64, monitoring services single addresses. */
	SW_ALLOW_FEED_PLEN4 = 20,  /* no wider IPv4 network: a crawler's, not a provider's */
	SW_ALLOW_FEED_PLEN6 = 48,  /* no wider IPv6 network: a site's; shorter ones are a provider's */
	SW_ALLOW_FEED_ENTRIES = 4096, /* of one feed: four times the longest list of a crawler's */
	SW_ALLOW_FEEDS_ENTRIES = 8192, /* of all such feeds: half of SW_MAX_ALLOW stays for others */
	SW_ALLOW_FEED_HOSTS4 = 131072, /* IPv4 addresses that one feed may cover: a 32,768th of all there are */
	SW_ALLOW_FEED_NETS6 = 1048576, /* IPv6 /64s that one feed may cover: sixteen sites */
	SW_ALLOW_FEED_CHANGE = 30, /* percent that may come or go at once, whatever max_change says */
	SW_ALLOW_FEED_CHANGE_MIN = 16, /* networks that may come at once to however small a list */
	SW_ALLOW_FEED_AGE_DAYS = 30, /* max_age is at most this: addresses change hands */
	SW_MAX_TRAILS4 = 8388608,  /* 8 M: four times the largest published sum of lists */
	SW_MAX_TRAILS6 = 1048576,  /* 1 M: IPv6 lists are networks, not hosts */
	SW_MAX_TRAIL_PORTS = 524288, /* addresses listed with a port: four times the largest published list */
	SW_NFT_TRAIL_NETS = 131072, /* networks of trails in nftables, per family: 1 s; of 2 M 43 s */
	SW_NFT_TRAIL_HOSTS = 1048576, /* single addresses of trails there, per family: 2 s of the kernel's time */
	SW_NFT_TRAIL_PORTS = SW_MAX_TRAIL_PORTS, /* addresses with a port there */
	SW_MAX_GEO_NETS = 2097152, /* 2 M bounds of networks by country and system: two for each of a database */
	SW_MAX_CPUS = 256,	   /* checked at load: the size of what is kept per CPU */
	SW_MAX_VLAN_TAGS = 4,	   /* QinQ is two; beyond four the packet counts as unparsed and passes */
	SW_MAX_EXT_HEADERS = 8,	   /* IPv6 extension headers followed before the packet counts as unparsed */
	SW_RECENT_SLOTS = 4096,	   /* per CPU, a power of two: sources whose hits are remembered between events */
	SW_EGRESS_SENDERS = 8192,  /* processes and listed destinations whose packets are told one by one */
	SW_EV_PKT_CPU_RATE = 8192, /* packet events a second from one CPU: what a flood of forged sources may cost */
	SW_EV_PKT_CPU_BURST = 4096, /* of them at once */
	SW_EV_PKT_BYTES = 1 << 22, /* packet ring, 4 MiB: 50 k records; a flood drops its own records, counted */
	SW_EV_SOCK_BYTES = 1 << 24, /* socket ring, 16 MiB: measured to lose nothing at 1 M records/s */
	SW_EV_INSPECT_BYTES = 1 << 21, /* ring of packets to look into, 2 MiB: 1,250 segments, 2,850 questions */
	SW_MAX_DOMAINS = 4194304,  /* 4 M domains that are refused: a map of a list's size is made for each */
	SW_SOCK_SAME_BURST = 16, /* connects of one process to one destination told in full each second and CPU */
	SW_SOCK_CGROUP_RATE = 8192, /* connects, accepts and their outcomes of one cgroup told each second and CPU */
	SW_SOCK_CGROUP_BURST = 8192, /* of them at once */
	SW_SOCK_SLOTS = 8192, /* a power of two: sockets noted without an allocation, which costs more than the rest */
	SW_SOCK_PORT_SLOTS = 4096, /* a power of two: listeners whose connections need no allocation either */
	SW_EXEC_PATH_MAX = 256,	   /* bytes of the executable's name in an exec record, with its NUL */
	SW_EXEC_ARGS_MAX = 512,	   /* bytes of arguments, NUL-separated; the rest is cut and said */
	SW_COMM_MAX = 16,	   /* TASK_COMM_LEN */
	SW_UNIX_PATH_MAX = 108,	   /* sun_path */
};
