# SPDX-License-Identifier: GPL-3.0-or-later
"""A feed whose action is allow: what it lists is on the allow list as if the operator had written it there."""
import json
import os

import pytest

from lab import Lab
from test_feeds import feeds, publish, site
from test_logs import RULES, count, denied, make, nets, write

CRAWLER, BESIDE = "198.18.0.68/31", "198.18.0.67"  # of the lab's addresses
HOST, WIDE, INSIDE = CRAWLER.split("/", maxsplit=1)[0], "198.18.0.68/30", "198.18.0.70"  # a wider network, and who else is in it


def google(*prefixes):
    return json.dumps({"creationTime": "2026-11-17T00:00:00.000000",
                       "prefixes": [{"ipv6Prefix" if ":" in p else "ipv4Prefix": p} for p in prefixes]})


def crawlers(lab, name="googlebot", extra=""):
    return f"  - name: {name}\n    url: {lab.url}\n    ca_file: {lab.site}/cert.pem\n    min_entries: 1\n{extra}"


@pytest.fixture
def edge():
    """A web server's host: a rule over its log bans, and the crawlers' feed is enabled as it is described."""
    lab = Lab()
    lab.__enter__()
    site(lab)
    publish(lab, google(CRAWLER, "203.0.113.0/28", "2001:db8:7::/64"))
    make("mode: enforce\nfeeds:\n" + crawlers(lab), RULES, lab)
    lab.wait(lambda: feeds(lab)["googlebot"]["entries4"] == 2, 20, "the crawler's feed is in force")
    yield lab
    left = lab.close()
    assert not left, left


def allowed(lab):
    """What feeds allow, with everybody who holds it."""
    return {a["net"]: a["origins"] for a in lab.cli_json("allow", "list")["allow"]
            if any(o.startswith("feed:") for o in a["origins"])}


def refused(lab, *command):
    code, _, err = lab.cli(*command)
    assert code == 1, err
    return err


def test_a_crawler_that_the_operator_lets_in_is_stopped_by_nothing(edge):
    lab = edge
    # as it is described it is taken out of trails alone
    write(lab, "web.log", *denied(3, HOST))
    lab.wait(lambda: HOST in nets(lab, "rule:web"), 15, "the log's rule bans it")
    assert lab.ping(source=HOST) == 0 and allowed(lab) == {}
    lab.ok("ban", WIDE, "--for", "1h")
    lab.ok("feeds", "enable", "googlebot", "--action", "allow")
    lab.wait(lambda: allowed(lab), 10, "it is allowed")
    assert allowed(lab) == {n: ["feed:googlebot"] for n in (CRAWLER, "203.0.113.0/28", "2001:db8:7::/64")}
    assert feeds(lab)["googlebot"]["action"] == "allow"
    assert {x["name"]: x["action"] for x in lab.cli_json("trails", "list")["lists"]}["googlebot"] == "allow"
    s = lab.cli_json("status")
    assert s["allow_feeds"] == 3 and "(3 by feeds)" in lab.cli("status")[1]
    # the ban that lay in it has ended and was told, the wider one has a hole
    assert nets(lab) == {WIDE}
    told = lab.cli("events", "--last", "200")[1]
    assert "feeds allow 3 networks: 3 came, 0 went; 1 ban was ended; 1 of them are stopped by a wider ban no more" in told, told
    assert f"the ban of {HOST} was ended (allowed) by feed googlebot" in told, told
    assert lab.ping(source=HOST) == 3 and lab.ping(source=INSIDE) == 0
    lab.ok("unban", WIDE)
    # neither a rule over a log nor a hand bans it now, and the hand is told why
    write(lab, "web.log", *denied(6, HOST), *denied(3, BESIDE))
    lab.wait(lambda: BESIDE in nets(lab, "rule:web"), 15, "the next one is banned")
    assert nets(lab) == {BESIDE} and count(lab, "web", "protected") > 0
    err = refused(lab, "ban", HOST)
    assert f"lies in {CRAWLER}, which is protected (feed:googlebot)" in err and "--action except" in err, err
    assert "(feed:googlebot)" in refused(lab, "ban", WIDE)
    assert "googlebot" in refused(lab, "allow", "remove", CRAWLER)
    # a trail that is longer than the crawler's network decides among trails: and allow is asked before a drop
    path = f"{lab.dir}/bad.txt"
    with open(path, "w", encoding="ascii") as f:
        f.write(f"{HOST}\n{INSIDE}\n")
    lab.ok("trails", "import", path)
    before = lab.counter("allowed")
    assert lab.ping(source=INSIDE) == 0 and lab.ping(source=HOST) == 3
    assert lab.counter("allowed") >= before + 3
    why = lab.cli_json("why", HOST)
    assert why["verdict"] == "allowed" and why["decided_by"] == "allow" and "feed:googlebot" in why["because"], why
    chain = [c["text"] for c in why["chain"]]
    assert any(c.startswith(f"{CRAWLER} is allowed: feed:googlebot") for c in chain), chain
    assert any("list googlebot (allow), line 1 of https://" in c for c in chain), chain
    assert lab.cli_json("check", HOST)["allowed"]


def test_it_outlives_a_restart_without_the_network_and_ends_with_its_word(edge):
    lab = edge
    lab.ok("feeds", "enable", "googlebot", "--action", "allow")
    lab.wait(lambda: len(allowed(lab)) == 3, 10, "it is allowed")
    lab.kill("sockwarden-engine")
    lab.wait(lambda: lab.cli("status")[0] in (0, 6) and len(allowed(lab)) == 3, 10, "a new engine allows it")
    lab.attack("ip", "link", "set", "dev", "lo", "down")
    os.unlink(f"{lab.site}/list")
    lab.stop()
    lab.start()
    lab.wait(lambda: len(allowed(lab)) == 3, 10, "the last good list is allowed, though nobody serves it")
    assert "googlebot" in refused(lab, "ban", HOST)
    # its feed fails: what was good stays
    lab.ok("feeds", "update", "googlebot")
    lab.wait(lambda: feeds(lab)["googlebot"]["error"], 20, "the feed fails")
    assert len(allowed(lab)) == 3
    # another action, without asking the publisher
    lab.ok("feeds", "enable", "googlebot", "--action", "except")
    lab.wait(lambda: not allowed(lab), 10, "it is an exception again")
    assert feeds(lab)["googlebot"]["entries4"] == 2
    lab.ok("ban", HOST)
    lab.ok("unban", HOST)
    lab.ok("feeds", "enable", "googlebot", "--action", "allow")
    lab.wait(lambda: len(allowed(lab)) == 3, 10, "and once more")
    lab.ok("feeds", "disable", "googlebot")
    lab.wait(lambda: not allowed(lab), 10, "a feed that is disabled allows nobody")
    assert lab.cli_json("status")["allow_feeds"] == 0


def test_only_who_may_allow_does_and_a_bad_list_changes_nothing():
    with Lab() as lab:
        site(lab)
        publish(lab, google(CRAWLER))
        own = crawlers(lab, "ours", "    parser: json:prefixes[].ipv4Prefix\n    action: allow\n    may_allow: true\n")
        lab.write_config("feeds:\n" + crawlers(lab, "googlebot", "    action: allow\n") + own)
        lab.start()
        lab.wait(lambda: allowed(lab) == {CRAWLER: ["feed:googlebot", "feed:ours"]}, 20, "two feeds allow one network")
        err = refused(lab, "feeds", "enable", "spamhaus-drop", "--action", "allow")
        assert "'allow' is no action of this feed" in err, err
        assert "observe, drop, tag, except, allow" in refused(lab, "feeds", "enable", "googlebot", "--action", "let")
        err = refused(lab, "feeds", "add", "mine", lab.url, "--parser", "json:prefixes[].ipv4Prefix", "--action", "allow")
        assert "in the configuration alone" in err, err
        lab.ok("feeds", "add", "bingbot", lab.url, "--ca-file", f"{lab.site}/cert.pem")
        assert "in the configuration alone" in refused(lab, "feeds", "enable", "bingbot", "--action", "allow")
        lab.ok("feeds", "remove", "bingbot")
        lab.ok("feeds", "disable", "ours")
        lab.wait(lambda: allowed(lab) == {CRAWLER: ["feed:googlebot"]}, 10, "one feed is left")
        for text, said in ((google(CRAWLER, "198.18.0.0/19"), "wider than /20"),
                           (google(CRAWLER, "10.7.0.0/24"), "no address of the Internet"),
                           (google("203.0.113.0/24"), "--accept"), ("{}", "entries")):
            publish(lab, text)
            lab.ok("feeds", "update", "googlebot")
            lab.wait(lambda said=said: said in (feeds(lab)["googlebot"]["error"] or ""), 20, said)
            assert allowed(lab) == {CRAWLER: ["feed:googlebot"]}
        code, _, err = lab.cli("feeds", "test", "googlebot")
        assert code == 1, err
        # names are no addresses: counted, and nothing comes of them
        publish(lab, google(CRAWLER, "203.0.113.0/28", "crawl.example"))
        lab.ok("feeds", "update", "googlebot", "--accept")
        lab.wait(lambda: len(allowed(lab)) == 2, 20, "the good list is taken")
        assert feeds(lab)["googlebot"]["domains"] == 1
        publish(lab, google("203.0.113.0/28"))
        lab.ok("feeds", "update", "googlebot", "--accept")
        lab.wait(lambda: allowed(lab) == {"203.0.113.0/28": ["feed:googlebot"]}, 20, "what it lists no more is allowed no more")
        lab.ok("ban", HOST)


def test_nftables_lets_it_in_too():
    with Lab(config="mode: enforce\ninterfaces:\n  - none0\nbans:\n  backends:\n    - xdp\n    - nftables\n") as lab:
        site(lab)
        publish(lab, google(CRAWLER))
        lab.write_config("mode: enforce\ninterfaces:\n  - none0\nbans:\n  backends:\n    - xdp\n    - nftables\nfeeds:\n" +
                         crawlers(lab, "googlebot", "    action: allow\n"))
        lab.start()
        lab.wait(lambda: allowed(lab), 20, "it is allowed")
        out = lab.on_host("nft", "list", "table", "inet", "sockwarden", check=True).stdout
        assert HOST in out, out
        lab.ok("ban", BESIDE)
        assert lab.ping(source=BESIDE) == 0 and lab.ping(source=HOST) == 3
