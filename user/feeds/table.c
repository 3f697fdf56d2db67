// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/feeds/feeds.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR };

/* clang-format off */
const struct sw_feed_desc sw_feed_table[] = {
	{"spamhaus-drop", "Spamhaus DROP, IPv4", "https://www.spamhaus.org/drop/drop_v4.json", "jsonl:cidr+records",
		"A network that is hijacked or leased by criminals: nothing good comes from it.", 99,
		SW_TRAIL_DROP, SW_FEED_RECOMMENDED, 12 * HOUR, HOUR, 200, 20000, 7 * DAY, 60 * DAY, 30,
		"free for all, keep date and copyright; at most once an hour", "https://www.spamhaus.org/drop/terms/"},
	{"spamhaus-drop6", "Spamhaus DROP, IPv6", "https://www.spamhaus.org/drop/drop_v6.json", "jsonl:cidr+records",
		"A network that is hijacked or leased by criminals: nothing good comes from it.", 99,
		SW_TRAIL_DROP, SW_FEED_RECOMMENDED, 12 * HOUR, HOUR, 10, 20000, 7 * DAY, 60 * DAY, 30,
		"free for all, keep date and copyright; at most once an hour", "https://www.spamhaus.org/drop/terms/"},
	{"dshield-block", "DShield: the most active attacking /24s", "https://feeds.dshield.org/block.txt", "tsv:1/3",
		"One of the twenty networks that attacked most sensors in three days.", 80,
		SW_TRAIL_OBSERVE, 0, 6 * HOUR, HOUR, 5, 200, 7 * DAY, 14 * DAY, 100,
		"CC BY-NC-SA 4.0: not for commercial use", "https://feeds.dshield.org/"},
	{"feodo", "abuse.ch Feodo Tracker: botnet controllers", "https://feodotracker.abuse.ch/downloads/ipblocklist.csv", "csv:dst_ip@first_seen_utc/last_online",
		"A controller of Dridex, Emotet, QakBot or the like that answered lately.", 95,
		SW_TRAIL_DROP, 0, HOUR, 5 * MINUTE, 0, 20000, 3 * DAY, 0, 100,
		"CC0", "https://feodotracker.abuse.ch/blocklist/"},
	{"urlhaus", "abuse.ch URLhaus: where malware is downloaded", NULL, "csv:url@dateadded/last_online",
		"A URL that serves malware; its domain may be a victim's.", 85,
		SW_TRAIL_OBSERVE, SW_FEED_OWN_KEY, HOUR, 5 * MINUTE, 1, 2000000, 3 * DAY, 14 * DAY, 100,
		"CC0; a free key of your own stands in the URL", "https://urlhaus.abuse.ch/api/"},
	{"threatfox", "abuse.ch ThreatFox: indicators of malware", NULL, "csv:ioc_value@first_seen_utc/last_seen_utc?confidence_level>=75",
		"An address, domain, URL or hash that malware uses.", 75,
		SW_TRAIL_OBSERVE, SW_FEED_OWN_KEY, HOUR, 5 * MINUTE, 1, 2000000, 3 * DAY, 14 * DAY, 100,
		"CC0; a free key of your own stands in the URL", "https://threatfox.abuse.ch/export/"},
	{"sslbl", "abuse.ch SSLBL: certificates of controllers", "https://sslbl.abuse.ch/blacklist/sslblacklist.csv", "csv:SHA1@Listingdate",
		"SHA-1 of a certificate that a controller shows.", 90,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, 5 * MINUTE, 1, 200000, 7 * DAY, 0, 100,
		"CC0", "https://sslbl.abuse.ch/blacklist/"},
	{"blocklist-de", "blocklist.de: attackers of the last 48 hours", "https://lists.blocklist.de/lists/all.txt", "plain",
		"An address that attacked mail, SSH, web or FTP servers of volunteers.", 75,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, 30 * MINUTE, 500, 200000, 3 * DAY, 7 * DAY, 60,
		"free of charge, no warranty", "https://www.blocklist.de/en/export.html"},
	{"cins", "CINS Army: addresses of poor standing", "https://cinsscore.com/list/ci-badguys.txt", "plain",
		"An address that sensors of Sentinel IPS score worst.", 75,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, HOUR, 500, 100000, 3 * DAY, 7 * DAY, 80,
		"free of charge, no warranty", "https://cinsarmy.com/list-download/"},
	{"greensnow", "GreenSnow: scanners and brute force", "https://blocklist.greensnow.co/greensnow.txt", "plain",
		"An address that scanned ports or guessed passwords lately.", 70,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, HOUR, 100, 100000, 3 * DAY, 7 * DAY, 80,
		"free of charge, no warranty", "https://greensnow.co/"},
	{"binarydefense", "Binary Defense: attackers of its sensors", "https://www.binarydefense.com/banlist.txt", "plain",
		"An address that attacked a decoy of Binary Defense.", 75,
		SW_TRAIL_OBSERVE, 0, DAY, HOUR, 50, 100000, 7 * DAY, 14 * DAY, 80,
		"for your own use, not to be sold or put in a product", "https://www.binarydefense.com/banlist.txt"},
	{"et-compromised", "Emerging Threats: compromised hosts", "https://rules.emergingthreats.net/blockrules/compromised-ips.txt", "plain",
		"A host that was broken into and attacks others.", 75,
		SW_TRAIL_OBSERVE, 0, DAY, 12 * HOUR, 10, 100000, 7 * DAY, 21 * DAY, 80,
		"BSD", "https://rules.emergingthreats.net/"},
	{"openphish", "OpenPhish: pages that phish", "https://openphish.com/feed.txt", "plain",
		"A URL of a page that phishes.", 90,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, 12 * HOUR, 1, 100000, 3 * DAY, 7 * DAY, 100,
		"free for your own use, not for products", "https://openphish.com/terms.html"},
	{"ipsum", "IPsum: on three block lists or more", "https://raw.githubusercontent.com/stamparm/ipsum/master/ipsum.txt", "tsv:1?2>=3",
		"An address that at least three of thirty public lists name.", 80,
		SW_TRAIL_OBSERVE, 0, DAY, DAY, 1000, 500000, 7 * DAY, 14 * DAY, 60,
		"Unlicense", "https://github.com/stamparm/ipsum"},
	{"firehol-level1", "FireHOL level 1: attacks, abuse and bogons", "https://iplists.firehol.org/files/firehol_level1.netset", "netset",
		"A network that is hijacked, controls a botnet, or must not be routed: private networks too.", 90,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, HOUR, 500, 200000, 7 * DAY, 14 * DAY, 30,
		"of the lists that it is made of: see each", "https://iplists.firehol.org/"},
	{"firehol-level2", "FireHOL level 2: attacks of the last 48 hours", "https://iplists.firehol.org/files/firehol_level2.netset", "netset",
		"An address that attacked in the last two days.", 75,
		SW_TRAIL_OBSERVE, 0, 12 * HOUR, HOUR, 500, 500000, 3 * DAY, 14 * DAY, 80,
		"of the lists that it is made of: see each", "https://iplists.firehol.org/"},
	{"firehol-level3", "FireHOL level 3: attacks of the last 30 days", "https://iplists.firehol.org/files/firehol_level3.netset", "netset",
		"An address that attacked in the last thirty days.", 60,
		SW_TRAIL_OBSERVE, 0, DAY, HOUR, 500, 1000000, 7 * DAY, 14 * DAY, 80,
		"of the lists that it is made of: see each", "https://iplists.firehol.org/"},
	{"tor-exits", "Tor: exit addresses", "https://check.torproject.org/exit-addresses", "tor",
		"A Tor exit: somebody who does not want to be known, good or bad.", 99,
		SW_TRAIL_TAG, SW_FEED_TAG, HOUR, 30 * MINUTE, 100, 50000, DAY, 3 * DAY, 60,
		"public", "https://metrics.torproject.org/collector.html"},
	{"googlebot", "Google's crawler", "https://developers.google.com/static/search/apis/ipranges/googlebot.json", "json:prefixes[].ipv4Prefix,prefixes[].ipv6Prefix",
		"Google's crawler: taken out of trails that are no longer than it; no ban and no allow is touched.", 99,
		SW_TRAIL_EXCEPT, SW_FEED_TAG, DAY, HOUR, 20, 5000, 14 * DAY, 0, 50,
		"public", "https://developers.google.com/search/docs/crawling-indexing/verifying-googlebot"},
	{"bingbot", "Microsoft's crawler", "https://www.bing.com/toolbox/bingbot.json", "json:prefixes[].ipv4Prefix,prefixes[].ipv6Prefix",
		"Microsoft's crawler: taken out of trails that are no longer than it; no ban and no allow is touched.", 99,
		SW_TRAIL_EXCEPT, SW_FEED_TAG, DAY, HOUR, 10, 5000, 14 * DAY, 0, 50,
		"public", "https://www.bing.com/webmasters/help/how-to-verify-bingbot-3905dc26"},
	{},
};
/* clang-format on */

const struct sw_feed_desc *sw_feed_desc_find(const char *name)
{
	for (const struct sw_feed_desc *d = sw_feed_table; d->name; d++)
		if (sw_streq(d->name, name))
			return d;
	return NULL;
}

const char *sw_feed_desc_suggest(const char *text)
{
	const char *names[SW_ARRAY_SIZE(sw_feed_table)];
	size_t n = 0;

	for (const struct sw_feed_desc *d = sw_feed_table; d->name; d++)
		names[n++] = d->name;
	return sw_nearest(text, names, n);
}
