# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeds with the whole program: enabled, disabled, added and tested by command, and what a feed may not do to us."""
import json
import os
import subprocess

import pytest
from lab import Lab

SITE = """
import http.server, os, ssl, sys
os.chdir(sys.argv[1])
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
site = http.server.ThreadingHTTPServer((sys.argv[2], 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
site.socket = context.wrap_socket(site.socket, server_side=True)
print(site.server_port, flush=True)
site.serve_forever()
"""


def publish(lab, text):
    """What the feed's publisher serves from now on."""
    with open(f"{lab.site}/list.new", "w", encoding="ascii") as f:
        f.write(text)
    os.rename(f"{lab.site}/list.new", f"{lab.site}/list")


def hosts(n, first=0):
    return "".join(f"198.18.{100 + (first + i) // 250}.{(first + i) % 250}\n" for i in range(n))


def feeds(lab):
    return {f["name"]: f for f in lab.cli_json("feeds", "list")["feeds"]}


def site(lab):
    """A publisher at the attacker's side of the wire."""
    lab.site = f"{lab.dir}/site"
    os.mkdir(lab.site)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:{lab.attacker}",
                    "-keyout", f"{lab.site}/key.pem", "-out", f"{lab.site}/cert.pem"], check=True, capture_output=True)
    for path in (lab.dir, lab.site):
        os.chmod(path, 0o755)
    p = lab.spawn("/usr/bin/python3", "-c", SITE, lab.site, lab.attacker, on_host=False, stdout=subprocess.PIPE, text=True)
    lab.url = f"https://{lab.attacker}:{p.stdout.readline().strip()}/list"


@pytest.fixture
def served():
    """A host whose feed's publisher is at the attacker's side of the wire; the feed is in the configuration, not enabled."""
    with Lab() as lab:
        site(lab)
        publish(lab, hosts(200))
        lab.write_config(f"feeds:\n  - name: lab\n    url: {lab.url}\n    ca_file: {lab.site}/cert.pem\n    enabled: false\n")
        lab.start()
        lab.wait(lambda: lab.cli("feeds", "test", "lab")[0] != 3, 10, "sockwarden-net has connected")
        yield lab


def wait_for(lab, what, **want):
    lab.wait(lambda: all(feeds(lab)["lab"].get(k) == v for k, v in want.items()), 20, what)


def test_a_word_by_command_wins_over_the_configuration_and_outlives_a_restart(served):
    lab = served
    assert feeds(lab)["lab"]["state"] == "off" and feeds(lab)["lab"]["entries4"] == 0
    lab.ok("feeds", "enable", "lab")
    wait_for(lab, "the enabled feed is in force", entries4=200, state="on", by="command")
    lab.stop()
    lab.start()
    wait_for(lab, "it is enabled still", entries4=200, state="on", by="command")
    lab.ok("feeds", "disable", "lab")
    wait_for(lab, "its entries have left", entries4=0, state="off")
    assert "lab" not in {x["name"] for x in lab.cli_json("trails", "list")["lists"]}


def test_described_feeds_are_listed_with_their_terms_and_none_is_fetched_by_itself(served):
    rows = feeds(served)
    assert rows["spamhaus-drop"]["recommended"] and rows["spamhaus-drop"]["state"] == "off"
    assert "date and copyright" in rows["spamhaus-drop"]["licence"]
    assert rows["tor-exits"]["action"] == "tag" and rows["googlebot"]["action"] == "except"
    assert [n for n, f in rows.items() if f["state"] == "on"] == []
    code, _, err = served.cli("feeds", "enable", "spamhaus-dorp")
    assert code == 1 and "did you mean 'spamhaus-drop'?" in err
    code, _, err = served.cli("feeds", "enable", "threatfox")
    assert code == 1 and "a key of your own" in err
    code, _, err = served.cli("feeds", "update")
    assert code == 1 and "no feed is enabled\n" in err and "feeds enable turns one on" in err
    code, out, _ = served.cli("feeds", "list", "-o", "wide")
    assert code == 0 and "CC0" in out


def test_a_feed_that_changes_too_much_waits_for_a_word(served):
    lab = served
    lab.ok("feeds", "enable", "lab")
    wait_for(lab, "the feed is in force", entries4=200)
    publish(lab, hosts(200, first=130))
    lab.ok("feeds", "update", "lab")
    lab.wait(lambda: "--accept" in (feeds(lab)["lab"]["error"] or ""), 20, "the change is told")
    assert lab.cli_json("check", "198.18.100.1")["listed"]
    lab.ok("feeds", "update", "lab", "--accept")
    wait_for(lab, "the new list is in force", change="+130 -130", error=None)
    assert not lab.cli_json("check", "198.18.100.1")["listed"]


def test_a_feed_that_names_our_gateway_is_told_of_and_does_not_cut_us_off(served):
    lab = served
    lab.ok("allow", "add", lab.others[0], "--reason", "gateway")
    publish(lab, hosts(200) + lab.others[0] + "\n")
    lab.ok("feeds", "enable", "lab")
    lab.wait(lambda: feeds(lab)["lab"]["protected"] >= 1, 20, "it is told")
    assert lab.cli("arm")[0] in (0, 6)
    assert lab.ping(source=lab.others[0]) == 3
    code, _, err = lab.cli("feeds", "test", "lab")
    assert code == 0 and f"it names {lab.others[0]}" in err, err


def test_a_test_says_what_would_be_done_and_does_nothing(served):
    lab = served
    code, _, err = lab.cli("feeds", "test", "lab")
    assert code == 0 and "200 IPv4 and 0 IPv6" in err and "no list of this name yet" in err, err
    assert feeds(lab)["lab"]["entries4"] == 0
    publish(lab, "198.18.1.1\n0.0.0.0/0\n")
    code, _, err = lab.cli("feeds", "test", "lab")
    assert code == 1 and "wider than /8" in err, err
    path = f"{lab.dir}/exits"
    with open(path, "w", encoding="ascii") as f:
        f.write("ExitNode 00\nPublished x\nLastStatus y\n" + "".join(f"ExitAddress 198.18.9.{i} now\n" for i in range(150)))
    os.chmod(path, 0o644)
    code, _, err = lab.cli("feeds", "test", "tor-exits", path)
    assert code == 0 and "150 IPv4" in err, err
    with open(path, "w", encoding="ascii") as f:
        f.write("".join(f"{i}.0.0.0/8\n" for i in range(20, 60)) + hosts(200))
    code, _, err = lab.cli("feeds", "test", "lab", path)
    assert code == 1 and "max_cover" in err, err


def test_a_feed_is_added_in_its_own_form_and_forgotten_again(served):
    lab = served
    publish(lab, "who,address\nx,198.18.50.1\ny,198.18.50.2\n")
    code, _, err = lab.cli("feeds", "add", "mine", lab.url, "--parser", "csv:address", "--action", "except")
    assert code == 1 and "described so" in err, err
    code, _, err = lab.cli("feeds", "add", "mine", lab.url.replace("https", "http"))
    assert code == 1 and "https" in err, err
    lab.ok("feeds", "add", "mine", lab.url, "--parser", "csv:address", "--action", "observe", "--ca-file", f"{lab.site}/cert.pem")
    lab.wait(lambda: feeds(lab)["mine"]["entries4"] == 2, 20, "the added feed is in force")
    assert feeds(lab)["mine"]["action"] == "observe"
    lab.stop()
    lab.start()
    assert feeds(lab)["mine"]["entries4"] == 2
    lab.ok("feeds", "remove", "mine")
    lab.wait(lambda: "mine" not in feeds(lab), 20, "it is forgotten")
    assert lab.cli("feeds", "remove", "mine")[0] == 1


def test_the_host_of_a_feed_is_never_banned_until_the_feed_goes(served):
    lab = served
    assert lab.cli("ban", lab.attacker)[0] == 0
    lab.ok("unban", lab.attacker)
    lab.ok("feeds", "enable", "lab")
    wait_for(lab, "the list is in force", entries4=200)
    code, _, err = lab.cli("ban", lab.attacker)
    assert code == 1 and "(feed)" in err, err
    lab.kill("sockwarden-engine")
    lab.wait(lambda: lab.cli("ban", lab.attacker)[0] == 1, 10, "a new engine protects it too")
    lab.ok("feeds", "disable", "lab")
    lab.wait(lambda: lab.cli("ban", lab.attacker)[0] == 0, 5, "nobody feeds from there")


def test_a_crawlers_feed_takes_it_out_of_trails_and_touches_no_ban():
    """Google's own form; a trail that is longer than the crawler's network still holds."""
    with Lab() as lab:
        site(lab)
        publish(lab, json.dumps({"prefixes": [{"ipv4Prefix": f"{lab.others[1]}/32"}, {"ipv4Prefix": "203.0.113.0/28"},
                                              {"ipv6Prefix": f"{lab.attacker6}/128"}]}))
        lab.write_config(f"mode: enforce\nfeeds:\n  - name: googlebot\n    url: {lab.url}\n    ca_file: {lab.site}/cert.pem\n    min_entries: 1\n")
        path = f"{lab.dir}/bad.txt"
        with open(path, "w", encoding="ascii") as f:
            f.write(f"198.18.0.0/24\n{lab.others[0]}\n2001:db8:0:1::66\n")
        lab.start()
        lab.wait(lambda: feeds(lab)["googlebot"]["entries4"] == 2, 20, "the crawler's feed is in force")
        lab.ok("trails", "import", path)  # it holds the feed's host, which is spared once something came from it
        assert feeds(lab)["googlebot"]["action"] == "except"
        assert lab.ping(source=lab.others[1]) == 3 and lab.ping(target=lab.host6) == 3, "it is taken out of the list"
        assert lab.ping(source=lab.others[0]) == 0, "another address of the list is dropped"
        assert lab.others[1] not in {a["net"] for a in lab.cli_json("allow", "list")["allow"]}
        lab.ok("ban", lab.others[1])
        assert lab.ping(source=lab.others[1]) == 0, "no crawler is above a ban"
