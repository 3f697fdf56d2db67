# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of behaviour at its edge: it fires at its threshold and is silent below, with its switch, its threshold and
its allow list set. tests/check/detect.py sees to it that RULES has every rule there is."""
import random

import pytest

import capture as c
from capture import ACK, FIN, PSH, SYN, URG
from test_replay import found, http_flow
from test_replay_behaviour import (THEM, US, Capture, asks, distributed, flood, hosts, letters, logins, mixed, paced, pieces, probes,
                                   sinkholed, udp_probes)

EVERYBODY, ELSEWHERE = "198.18.0.0/15, 2001:db8::/32", "203.0.113.0/24"


def flags(value):
    return lambda n: probes(value, n=n)


def tunnel(n):
    rnd = random.Random(n)
    return asks([f"{letters(rnd, 58)}.{letters(rnd, 58)}.{letters(rnd, 58)}.t.example" for _ in range(n)])


def missing_hosts(n):
    rnd = random.Random(n)
    return asks([f"{letters(rnd, 8)}.example.org" for _ in range(n)], 0.1, 3)


def missing_domains(n):
    return asks([f"garden{a}{b}.example" for a in "abcdefghij" for b in "klmnopqrstuvwxyz"][:n], 1, 3)


def made_domains(n):
    rnd = random.Random(n)
    return asks([f"{letters(rnd, 14)}.test" for _ in range(n)], 5, 3)


def label(n):
    return asks(["x" * n + ".example.org"])


def sinkholes(n):
    return mixed(*[sinkholed(f"sinkhole{i}.taken.example") for i in range(n)]) if n else sinkholed("edge.cdn.example")


def requests(data, everyday=None):
    """n requests of the kind, each a connection of its own; none: one of everyday."""
    def make(n):
        cap = Capture()
        for i in range(n or 1):
            cap.flow(US, 40000 + i, THEM, 80, [data(i) if n else everyday or c.http()])
            cap.now += 1
        return cap
    return make


def told_apart(make, **kw):
    return requests(lambda i: c.http(**{k: v.format(i) if v else v for k, v in make.items()}), **kw)


# rule: (what makes n units of it, more of the configuration, thresholds with the most that is silent and the least that fires)
RULES = {
    "scan-vertical": (lambda n: probes(n=n), "", {10: (9, 10), 5: (4, 5)}),
    "scan-horizontal": (hosts, "", {20: (19, 20), 5: (4, 5)}),
    "scan-distributed": (lambda n: distributed(ports=n), "", {20: (19, 20), 15: (14, 15)}),
    "scan-fin": (flags(FIN), "", {5: (4, 5), 9: (8, 9)}),
    "scan-null": (flags(0), "", {5: (4, 5), 9: (8, 9)}),
    "scan-xmas": (flags(FIN | PSH | URG), "", {5: (4, 5), 9: (8, 9)}),
    "scan-maimon": (flags(FIN | ACK), "", {10: (9, 10), 5: (4, 5)}),
    "scan-ack": (flags(ACK), "", {10: (9, 10), 5: (4, 5)}),
    "scan-flags": (flags(SYN | FIN), "", {5: (4, 5), 9: (8, 9)}),
    "scan-fragment": (lambda n: pieces(n=n), "", {5: (4, 5), 9: (8, 9)}),
    "scan-udp": (udp_probes, "", {10: (9, 10), 5: (4, 5)}),
    "syn-flood": (flood, "", {1000: (999, 1100), 300: (299, 400)}),  # added up with each fiftieth
    "brute-force": (logins, "", {20: (19, 20), 5: (4, 5)}),
    "beacon": (lambda n: paced(60, n), "enabled: true", {12: (11, 12), 6: (5, 6)}),
    "dns-tunnel": (tunnel, "", {30: (27, 34), 60: (55, 66)}),  # what is different is estimated, here as below
    "dns-exhaustion": (missing_hosts, "", {200: (180, 220), 50: (40, 55)}),
    "dns-nxdomain": (missing_domains, "", {100: (90, 110), 40: (35, 45)}),
    "dns-dga": (made_domains, "", {10: (9, 11), 20: (18, 22)}),
    "dns-long-label": (label, "", {60: (59, 60), 40: (39, 40)}),
    "dns-sinkhole": (sinkholes, "", {1: (0, 1), 3: (2, 3)}),
    "web-attack": (told_apart({"path": "/a{}?f=../../etc/passwd"}), "", {1: (0, 1), 3: (2, 3)}),
    "web-scanner": (told_apart({"agent": "sqlmap/1.{}"}), "", {1: (0, 1), 3: (2, 3)}),
    "web-download": (told_apart({"path": "/x{}.exe", "host": THEM}), "", {1: (0, 1), 3: (2, 3)}),
    "web-proxy": (told_apart({"path": "http://elsewhere{}.example/"}), "", {1: (0, 1), 3: (2, 3)}),
    "web-no-host": (told_apart({"path": "/{}", "host": None}), "", {1: (0, 1), 3: (2, 3)}),
}


def told(tmp_path, rule, n, **settings):
    """Findings of a rule over n units; of rules that are not asked for none may be told at all."""
    make, more, _ = RULES[rule]
    conf = tmp_path / "x.yaml"
    lines = {**dict([more.split(": ")] if more else []), **settings}
    conf.write_text(f"detect:\n  {rule}:\n" + "".join(f"    {k}: {v}\n" for k, v in lines.items()) + "  dns_zones: none.example\n")
    rows = found(make(n).save(tmp_path / "x.pcap"), "--config", conf)
    assert {r["rule"] for r in rows} <= {rule}, rows
    return rows


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires_at_its_threshold_and_is_silent_below(rule, tmp_path):
    for threshold, (silent, fires) in RULES[rule][2].items():
        assert not told(tmp_path, rule, silent, threshold=threshold)
        assert told(tmp_path, rule, fires, threshold=threshold)
    default, (silent, fires) = next(iter(RULES[rule][2].items()))
    assert not told(tmp_path, rule, silent) and told(tmp_path, rule, fires), f"{default} is not the threshold unless one is set"


@pytest.mark.parametrize("start", range(0, 60, 7))
def test_a_window_of_requests_slides_over_any_edge(start, tmp_path):
    """Three of one source within the window, wherever it begins, and three that are too far apart."""
    conf = tmp_path / "x.yaml"
    conf.write_text("detect:\n  web-attack: {threshold: 3, window: 60s}\n")
    for gap, wanted in ((29, ["web-attack"]), (41, [])):
        cap = Capture(start=1_700_000_000 + start)
        for i in range(3):
            cap.flow(US, 40000 + i, THEM, 80, [c.http(path=f"/a{i}?f=../../etc/passwd")])
            cap.now = 1_700_000_000 + start + gap * (i + 1)
        assert [r["rule"] for r in found(cap.save(tmp_path / "x.pcap"), "--config", conf)] == wanted, (start, gap)


@pytest.mark.parametrize("start", range(0, 60, 7))
def test_a_window_of_questions_slides_over_any_edge(start, tmp_path):
    """Half of what is too much at the window's begin and half at its end, wherever that is; and the two too far apart."""
    conf = tmp_path / "x.yaml"
    conf.write_text("detect:\n  dns-nxdomain: {threshold: 40, window: 60s}\n")
    names = missing_domains(48).packets
    for apart, wanted in ((55, ["dns-nxdomain"]), (95, [])):
        cap = Capture()
        cap.packets = [(1_700_000_000 + start + (i >= len(names) // 2) * apart + i * 0.01, p) for i, (_, p) in enumerate(names)]
        assert [r["rule"] for r in found(cap.save(tmp_path / "x.pcap"), "--config", conf)] == wanted, (start, apart)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_heeds_its_switch_and_its_allow_list(rule, tmp_path):
    fires = next(iter(RULES[rule][2].values()))[1]
    assert not told(tmp_path, rule, fires, enabled="false")
    assert not told(tmp_path, rule, fires, allow=f"[{EVERYBODY}]")
    assert told(tmp_path, rule, fires, allow=f"[{ELSEWHERE}]")


def test_an_attack_is_told_with_what_it_is(tmp_path):
    for path, info in (("/?a=1%20union%20select%202", "SQL injection"), ("/?a=<script>", "script injection"), ("/.git/config", "secrets"),
                       ("/?f=../../x", "path traversal"), ("/?u=http://169.254.169.254/", "the cloud's own data")):
        rows = found(http_flow(c.http(path=path)).save(tmp_path / "x.pcap"))
        assert [r["rule"] for r in rows] == ["web-attack"] and info in rows[0]["info"], rows
