/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ports that NAT sends on, by rules as Docker, kube-proxy and people write them, each in a namespace of its own. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/guard/published.h"

/* Rules, and the ports they publish; the rest must not be. */
static const struct row {
	const char *name, *commands;
	unsigned int ports[12];
	bool has_masquerade, is_all;
} rows[] = {
	{"no NAT at all",
		"nft add table ip filter; nft 'add chain ip filter in {type filter hook input priority 0;}';"
		"nft add rule ip filter in tcp dport 22 accept"},
	{"Docker by iptables-nft",
		"iptables -t nat -N DOCKER;"
		"iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER;"
		"iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE;"
		"iptables -t nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE;"
		"iptables -t nat -A DOCKER -i docker0 -j RETURN;"
		"iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80;"
		"iptables -t nat -A DOCKER ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.3:53",
		{8080, 5353}, true},
	{"Docker by legacy iptables",
		"iptables-legacy -t nat -N DOCKER;"
		"iptables-legacy -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER;"
		"iptables-legacy -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE;"
		"iptables-legacy -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80;"
		"iptables-legacy -t nat -A DOCKER -p tcp -m multiport --dports 7000,7100:7102 -j DNAT --to-destination 172.17.0.2",
		{8081, 7000, 7100, 7101, 7102}, true},
	{"Docker over IPv6 by legacy iptables",
		"ip6tables-legacy -t nat -A PREROUTING -p tcp -m tcp --dport 8443 -j DNAT --to-destination [2001:db8::2]:443",
		{8443}},
	{"kube-proxy's iptables mode",
		"iptables -t nat -N KUBE-SERVICES; iptables -t nat -N KUBE-NODEPORTS; iptables -t nat -N KUBE-SVC-A;"
		"iptables -t nat -N KUBE-SEP-A; iptables -t nat -N KUBE-POSTROUTING;"
		"iptables -t nat -A PREROUTING -j KUBE-SERVICES;"
		"iptables -t nat -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A;"
		"iptables -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS;"
		"iptables -t nat -A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC-A;"
		"iptables -t nat -A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j KUBE-SEP-A;"
		"iptables -t nat -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080;"
		"iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE",
		{443, 30080}, true},
	{"kube-proxy's nftables mode",
		"nft add table ip kube-proxy; nft 'add map ip kube-proxy service-nodeports "
		"{ type inet_proto . inet_service : verdict; }';"
		"nft add chain ip kube-proxy external-a; nft add rule ip kube-proxy external-a ip protocol tcp dnat to 10.244.0.5:8080;"
		"nft 'add chain ip kube-proxy nat-prerouting {type nat hook prerouting priority dstnat;}';"
		"nft 'add rule ip kube-proxy nat-prerouting meta l4proto . th dport vmap @service-nodeports';"
		"nft 'add element ip kube-proxy service-nodeports {tcp . 30081 : goto external-a, udp . 30053 : goto external-a}'",
		{30081, 30053}},
	{"people's nftables: sets, ranges, maps, redirects",
		"nft add table inet n; nft 'add chain inet n pre {type nat hook prerouting priority -100;}';"
		"nft 'add rule inet n pre tcp dport {1001, 1003-1004} dnat ip to 10.0.0.2';"
		"nft 'add rule inet n pre tcp dport 2001-2002 redirect to :80';"
		"nft 'add rule inet n pre dnat ip to tcp dport map {3001 : 10.0.0.3, 3002 : 10.0.0.4}';"
		"nft 'add set inet n s {type inet_service; flags interval; elements = {4001, 4005-4006};}';"
		"nft 'add rule inet n pre tcp dport @s dnat ip to 10.0.0.2'",
		{1001, 1003, 1004, 2001, 2002, 3001, 3002, 4001, 4005, 4006}},
	{"all that comes is sent on",
		"nft add table ip n; nft 'add chain ip n pre {type nat hook prerouting priority -100;}';"
		"nft 'add rule ip n pre ip daddr 192.0.2.1 dnat to 10.0.0.2'",
		.is_all = true},
	{"a gateway that masquerades",
		"nft add table ip n; nft 'add chain ip n post {type nat hook postrouting priority 100;}';"
		"nft 'add rule ip n post oifname eth0 masquerade'",
		.has_masquerade = true},
};

static void run_row(void **state)
{
	const struct row *row = *state;
	struct sw_published p;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system(row->commands), 0);
	assert_int_equal(sw_published_read(&p), 0);
	assert_int_equal(p.has_masquerade, row->has_masquerade);
	for (unsigned int port = 0; port < 65536; port++) {
		bool has = p.ports[port >> 3] >> (port & 7) & 1, want = row->is_all;

		for (size_t i = 0; i < SW_ARRAY_SIZE(row->ports) && row->ports[i]; i++)
			want |= row->ports[i] == port;
		if (has != want)
			fail_msg("port %u: %s, expected %s", port,
				has ? "published" : "not published", want ? "published" : "not");
	}
}

int main(void)
{
	struct CMUnitTest tests[SW_ARRAY_SIZE(rows)];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){.name = rows[i].name,
			.test_func = run_row,
			.initial_state = (void *)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
