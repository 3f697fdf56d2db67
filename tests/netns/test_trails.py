# SPDX-License-Identifier: GPL-3.0-or-later
"""Trail lists from a file to dropped packets, with the real programs."""
import os
from concurrent.futures import ThreadPoolExecutor
import sys

import pytest

from lab import CONNECT, Lab


def write(lab, name, text):
    """A file beside the lab's configuration, replaced whole as an editor does; its path."""
    path = os.path.join(lab.dir, name)
    with open(path + ".new", "w", encoding="latin-1") as f:
        f.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
    return path


def trail_entries(lab):
    t = lab.cli_json("status")["trails"]
    return t["entries4"], t["entries6"]


def lists(lab):
    return {x["name"]: x for x in lab.cli_json("trails", "list")["lists"]}


def enforce(lab):
    code, _, err = lab.cli("arm")
    assert code in (0, 6), err


@pytest.fixture
def enforcing(started):
    enforce(started)
    return started


def test_an_imported_trail_is_dropped_and_an_except_inside_it_is_not(enforcing):
    lab = enforcing
    assert lab.ping() == 3 and lab.ping(source=lab.others[0]) == 3
    path = write(lab, "Bad Hosts.txt", "\ufeff# hosts\r\n198.18.0.64/29 # a block\r\n\r\n2001:db8:0:1::66\r\nevil.example\r\ngarbage!\r\n"
                 .encode().decode("latin-1"))
    code, _, err = lab.cli("trails", "import", path)
    assert code == 0, err
    assert "bad-hosts: 1 IPv4 and 1 IPv6 entries in force" in err and "1, the first in line 6" in err
    assert lab.ping() == 0 and lab.ping(target=lab.host6) == 0 and lab.ping(source=lab.others[0]) == 0
    bad = lists(lab)["bad-hosts"]
    assert bad["action"] == "drop"
    assert bad["bad_lines"] == 1 and bad["first_bad"] == "line 6: 'garbage!'", bad
    code, _, err = lab.cli("trails", "import", write(lab, "fine.txt", lab.others[0] + "\n"), "--action", "except")
    assert code == 0, err
    assert lab.ping(source=lab.others[0]) == 3, "the except is longer than the trail"
    assert lab.ping() == 0
    assert lab.cli("check", lab.attacker)[0] == 1
    assert lab.cli("check", lab.others[0])[0] == 0
    assert lab.cli("check", "www.evil.example")[0] == 1 and lab.cli("check", "http://evil.example/x")[0] == 1
    assert lab.cli("check", "good.example")[0] == 0
    code, _, err = lab.cli("check", "198.18.0.666")
    assert code == 2 and "not a subject: 198.18.0.666" in err, "a mistyped address is no name that is not listed"
    assert "bad-hosts" in lab.cli("why", lab.attacker)[1]
    assert [h["line"] for h in lab.cli_json("trails", "search", lab.attacker)["hits"]] == [2]
    lab.cli("trails", "remove", "bad-hosts")
    assert lab.ping() == 3


@pytest.mark.parametrize("text, why", [
    ("198.18.0.66\n\n0.0.0.0/0\n", "line 3: 0.0.0.0/0 is wider than /8"),
    ("<html>\n<body>\n", "line 1: '<html>'"),
    ("198.18.0.66\n\0\0\n", "line 2: a NUL byte"),
    ("", "no trail in"),
])
def test_an_absurd_file_is_refused_by_line_and_the_old_set_stays(enforcing, text, why):
    lab = enforcing
    lab.cli("trails", "import", write(lab, "bad.txt", lab.attacker + "\n"))
    code, _, err = lab.cli("trails", "import", write(lab, "bad.txt", text))
    assert code == 1 and why in err
    assert trail_entries(lab) == (1, 0)
    assert lab.ping() == 0


def test_a_file_of_the_configuration_is_read_at_start_and_again_when_it_changes():
    with Lab() as lab:
        path = write(lab, "mine.txt", lab.attacker + "\n")
        lab.write_config(f"trails:\n  files:\n    - {path}\n")
        lab.start()
        enforce(lab)
        lab.wait(lambda: trail_entries(lab) == (1, 0), 5, "the file is in force")
        assert lab.ping() == 0
        write(lab, "mine.txt", lab.others[0] + "\n" + lab.others[1] + "\n")
        lab.wait(lambda: trail_entries(lab) == (2, 0), 5, "the changed file is in force")
        assert lab.ping() == 3 and lab.ping(source=lab.others[0]) == 0
        os.chmod(path, 0)
        write_error = lab.wait(lambda: lists(lab)["mine"]["error"], 5, "the unreadable file is told")
        assert "cannot be read" in write_error
        assert trail_entries(lab) == (2, 0)
        assert any("mine" in d for d in lab.cli_json("status")["degraded"])
        os.chmod(path, 0o644)
        lab.wait(lambda: not lists(lab)["mine"]["error"], 5, "it can be read again")


def test_trails_stay_in_force_without_the_engine_and_come_back_with_it(enforcing):
    lab = enforcing
    lab.cli("trails", "import", write(lab, "bad.txt", lab.attacker + "\n"))
    assert lab.ping() == 0
    lab.kill("sockwarden-engine")
    assert lab.ping() == 0
    lab.wait(lab.is_up, 10, "the engine is back")
    lab.wait(lambda: "bad" in lists(lab), 5, "the list is back")
    assert lists(lab)["bad"]["entries4"] == 1
    assert lab.ping() == 0


def test_what_is_allowed_passes_and_the_import_says_so(enforcing):
    lab = enforcing
    lab.cli("allow", "add", lab.attacker)
    data = lab.cli_json("trails", "import", write(lab, "bad.txt", "198.18.0.0/24\n"))
    assert lab.attacker in [p["net"] for p in data["protected"]]
    assert lab.host in [p["net"] for p in data["protected"]], "the host's own address is named"
    assert lab.ping() == 3
    assert lab.ping(source=lab.others[0]) == 0


def test_a_directory_of_static_trails_is_imported_with_its_citations(started):
    lab = started
    for folder, name, text in (("malware", "mal_one.txt", "# Reference: https://report.example/7\nevil.example\n198.18.0.67\n198.18.0.68:443\n"),
                               ("suspicious", "odd.txt", "/wp-shell.php\n")):
        os.makedirs(os.path.join(lab.dir, "static", folder))
        with open(os.path.join(lab.dir, "static", folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    os.chmod(os.path.join(lab.dir, "static"), 0o700)  # only who imports it can read it
    code, _, err = lab.cli("trails", "import", os.path.join(lab.dir, "static"))
    assert code == 0 and "static: 1 IPv4 and 0 IPv6 entries in force" in err, err
    found = lambda text: [(h["net"], h["kind"], h["info"], h["citation"], h["line"]) for h in lab.cli_json("trails", "search", text)["hits"]]
    want = [("evil.example", "domain", "mal one (malware)", "https://report.example/7", 2)]
    lab.wait(lambda: found("http://www.evil.example/x") == want, 5, "the directory is compiled")
    assert found("/wp-shell.php")[0][:3] == ("/wp-shell.php", "path", "odd (suspicious)")
    assert lab.cli("trails", "search", "good.example")[0] != 0
    assert "mal_one.txt" in lab.cli("why", "evil.example")[1]
    assert lists(lab)["static"]["action"] == "observe" and lists(lab)["static"]["others"] == 3
    lab.stop()
    lab.start()
    lab.wait(lambda: found("a.evil.example") == want, 5, "it is there after a restart")


OWN = {"198.18.0.70": "ip", "198.18.9.0/24": "cidr", "198.18.0.71:8443": "ip-port", "[2001:db8::9]:53": "ip-port", "2001:db8:7::/48": "cidr",
       "own.example": "domain", "http://own.example/x.php": "url", "/own-shell.php": "path", "own[0-9]+.example": "regex",
       "0123456789abcdef0123456789abcdef": "ja3"}


def test_trails_of_every_kind_are_added_kept_exported_and_taken_out(enforcing):
    lab = enforcing
    for trail in [lab.attacker, *OWN]:
        code, _, err = lab.cli("trails", "add", trail, "--reason", "ticket of " + trail)
        assert code == 0 and "list own" in err and "in force" in err, err
    assert lab.cli("trails", "add", "^bad agent #?", "--user-agent")[0] == 2, "a '#' would be a note"
    assert lab.cli("trails", "add", "^bad agent", "--user-agent")[0] == 0
    assert lab.ping() == 0
    assert lab.cli("trails", "add", "x.example", "--action", "observe")[0] == 1, "a list has one action"
    assert lab.cli("trails", "add", "no trail at all")[0] == 2
    cited = lambda: {h["citation"] for h in lab.cli_json("trails", "search", "own.example")["hits"]}
    lab.wait(lambda: cited() == {"ticket of own.example"}, 5, "what was added is compiled")
    lab.stop()
    lab.start()
    enforce(lab)
    assert lab.ping() == 0 and lists(lab)["own"]["action"] == "drop"
    lab.wait(lambda: cited() == {"ticket of own.example"}, 5, "it is there after a restart")
    stats = {x["name"]: x for x in lab.cli_json("trails", "stats")["lists"]}["own"]
    kinds = {k: sum(1 for x in OWN.values() if x == k) for k in OWN.values()} | {"ip": 2, "user-agent": 1}
    assert {k: v for k, v in stats.items() if k in kinds} == kinds and stats["bytes"] > 0
    text = lab.cli("trails", "export", "own")[1]
    assert text.startswith("# sockwarden trail list own, action drop\n")
    assert "# Reference: ticket of own.example\nown.example\n" in text and "# Kind: user-agent\n^bad agent\n" in text
    path = write(lab, "again.txt", text)
    code, _, err = lab.cli("trails", "test", path)
    assert code == 0 and "12 lines would be taken, 0 skipped" in err, err
    assert lab.cli("trails", "remove", "own")[0] == 0 and lab.ping() == 3
    assert lab.cli("trails", "import", path)[0] == 0
    assert lab.ping() == 0
    assert lab.cli("trails", "export", "own")[1] == text, "the same list comes out again"
    code, _, err = lab.cli("trails", "remove", lab.attacker, "--list", "own")
    assert code == 0 and lab.ping() == 3, err
    assert lab.cli("trails", "remove", lab.attacker, "--list", "own")[0] == 1
    assert lab.cli("trails", "remove", "^bad agent", "--list", "own", "--user-agent")[0] == 0
    assert lab.cli("trails", "add", lab.attacker, "--list", "short")[0] == 0 and "short" in lists(lab)
    assert lab.cli("trails", "remove", lab.attacker, "--list", "short")[0] == 0
    assert "short" not in lists(lab), "with its last trail the list is gone"


def test_a_plain_list_keeps_its_lines_when_a_trail_is_added_and_a_drop_list_of_domains_stays_one(started):
    lab = started
    lab.cli("trails", "import", write(lab, "plain.txt", "# x\n198.18.0.80\n198.18.0.64/29\nevil.example\n"))
    assert lab.cli("trails", "add", "198.18.0.90", "--list", "plain")[0] == 0
    assert [(h["line"], h["list"]) for h in lab.cli_json("trails", "search", "198.18.0.80")["hits"]] == [(2, "plain")]
    assert (lists(lab)["plain"]["entries4"], lists(lab)["plain"]["others"]) == (3, 1)
    assert lab.cli("trails", "add", "names.example", "--list", "names")[0] == 0
    path = write(lab, "mine.txt", lab.attacker + "\n")
    lab.stop()
    lab.write_config(f"trails:\n  files:\n    - {path}\n")
    lab.start()
    lab.wait(lambda: "names" in lists(lab), 5, "the lists are back")
    assert lists(lab)["names"]["action"] == "drop"
    lab.wait(lambda: lists(lab).get("mine", {}).get("entries4") == 1, 5, "the configuration's file is read")
    code, _, err = lab.cli("trails", "add", "198.18.0.91", "--list", "mine")
    assert code == 1 and "of kind file" in err
    assert lab.cli("trails", "export", "mine")[1].endswith(lab.attacker + "\n")


def test_a_list_that_cannot_be_read_yet_is_refused_with_the_same_words(started):
    lab = started
    path = os.path.join(lab.dir, "later.txt")  # it is not there
    lab.stop()
    lab.write_config(f"trails:\n  files:\n    - {path}\n")
    lab.start()
    lab.wait(lambda: lists(lab).get("later", {}).get("error"), 5, "the file is missed")
    before = lab.cli("trails", "add", "198.18.0.91", "--list", "later")
    write(lab, "later.txt", lab.attacker + "\n")
    lab.wait(lambda: lists(lab).get("later", {}).get("entries4") == 1, 5, "the file is read")
    assert before[0] == 1 and before == lab.cli("trails", "add", "198.18.0.91", "--list", "later")


def test_a_trail_ends_by_itself_and_is_kept_until_then(enforcing):
    lab = enforcing
    for words, why in ((("--for", "1h", "--until", "2099-01-01"), "one end"), (("--until", "tomorrow"), "is no time"),
                       (("--until", "2020-01-01"), "has passed"), (("--for", "soon"), "soon")):
        code, _, err = lab.cli("trails", "add", "198.18.0.77", *words)
        assert code == 2 and why in err, err
    assert "own" not in lists(lab)
    code, _, err = lab.cli("trails", "add", "198.18.0.77", "--until", "2099-01-01T12:00:00Z")
    assert code == 0 and "until 2099-01-01T12:00:00Z" in err, err
    assert lab.cli("trails", "add", "later.example", "--for", "2h")[0] == 0
    code, _, err = lab.cli("trails", "add", lab.attacker, "--for", "4s")
    assert code == 0 and lab.ping() == 0, err
    assert lists(lab)["own"]["next_end"] and lists(lab)["own"]["over"] == 0
    lab.wait(lambda: lists(lab)["own"]["over"] == 1, 10, "its time has come")
    lab.wait(lambda: lab.ping() == 3, 5, "it is in the kernel's set no more")
    assert lab.cli("check", lab.attacker)[0] == 0
    hit = lab.cli_json("trails", "search", "198.18.0.77")["hits"][0]
    assert hit["expires"].startswith("2099-01-01T12:00:00") and "until 2099-01-01T12:00Z" in lab.cli("why", "198.18.0.77")[1]
    lab.stop()
    lab.start()
    assert lab.cli_json("trails", "search", "198.18.0.77")["hits"][0]["expires"] == hit["expires"]
    text = lab.cli("trails", "export", "own")[1]
    assert "198.18.0.77 # until: 2099-01-01T12:00:00Z\n" in text and "later.example # until: " in text
    bad = write(lab, "bad.txt", "198.18.0.70\n198.18.0.71 # until: 31.12.2026\n")
    code, _, err = lab.cli("trails", "import", bad)
    assert code == 1 and "line 2: until: '31.12.2026' is no time" in err, err


def test_trails_added_at_the_same_time_are_all_there(started):
    lab = started
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda i: lab.cli("trails", "add", f"198.18.7.{i}")[0], range(6)))
    assert codes == [0] * 6
    assert lists(lab)["own"]["entries4"] == 6


@pytest.mark.parametrize("engine", ["packed", "lpm"])
def test_an_address_with_a_port_is_dropped_for_that_port_alone(engine):
    with Lab() as lab:
        lab.write_config(f"trails:\n  engine: {engine}\n")
        lab.start()
        enforce(lab)
        bad, good = lab.listen(address=lab.attacker, on_host=False)[0], lab.listen(address=lab.attacker, on_host=False)[0]
        bad6 = lab.listen(address=lab.attacker6, on_host=False)[0]

        def tries(port, source=lab.host, target=lab.attacker):
            r = lab.on_host(sys.executable, "-S", "-E", "-c", CONNECT, source, target, 1.0, port, check=True)
            return r.stdout.split()[1]

        def import_list(name, text, *more):
            code, _, err = lab.cli("trails", "import", write(lab, name, text), *more)
            assert code == 0, err

        assert (tries(bad), tries(good), tries(bad6, lab.host6, lab.attacker6)) == ("open",) * 3
        import_list("ports.txt", f"{lab.attacker}:{bad}\n[{lab.attacker6}]:{bad6}\n", "--action", "drop")
        assert lab.cli_json("status")["trails"]["engine"] == engine
        assert (tries(bad), tries(good), tries(bad6, lab.host6, lab.attacker6)) == ("silent", "open", "silent")
        assert lab.ping() == 3, "the address itself is on no list"
        assert lab.counter("trail-src", "dropped") > 0
        assert "ports" in lab.cli("why", lab.attacker)[1] and "ports" in lab.cli("why", f"{lab.attacker}:{bad}")[1]
        assert [h["net"] for h in lab.cli_json("trails", "search", lab.attacker)["hits"]] == [f"{lab.attacker}:{bad}"]
        import_list("fine.txt", lab.attacker + "\n", "--action", "except")
        assert (tries(bad), tries(bad6, lab.host6, lab.attacker6)) == ("open", "silent")
        lab.cli("trails", "remove", "fine")
        assert tries(bad) == "silent"
        lab.cli("allow", "add", lab.attacker)
        assert tries(bad) == "open", "allow wins"
        lab.cli("trails", "remove", "ports")
        assert tries(bad6, lab.host6, lab.attacker6) == "open"


BIG_FILES, BIG_LINES = 300, 5000


def big_trail(i):
    """One of a million and a half: seven in ten a domain, then URLs, addresses, addresses with a port."""
    host = f"{16 + i % 150}.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
    if i % 10 < 7:
        return f"d{i:x}.big{i % 977}.example"
    return {7: f"http://u{i:x}.example/gate.php", 8: host, 9: f"{host}:{1 + i % 65535}"}[i % 10]


def test_a_directory_of_a_million_and_a_half_trails_keeps_every_file_line_and_citation():
    with Lab() as lab:
        top = os.path.join(lab.dir, "static")
        os.makedirs(os.path.join(top, "malware"))
        for n in range(BIG_FILES):
            with open(os.path.join(top, "malware", f"family_{n}.txt"), "w", encoding="ascii") as f:
                for k in range(BIG_LINES):
                    if k % 10 == 0:
                        f.write(f"# Reference: https://report.example/{n}/{k}\n")
                    f.write(big_trail(n * BIG_LINES + k) + "\n")
        lab.write_config(f"trails:\n  directories:\n    - {top}\n")
        lab.start(seconds=60)
        compiled = lambda: lab.cli_json("trails", "stats")["compiled"]
        state = lambda: lists(lab).get("static", {}).get("state")
        lab.wait(lambda: state() == "being read", 30, "it is told that the directory is being read", every=0.05)
        last = big_trail(BIG_FILES * BIG_LINES - 1)
        assert "so that not all it holds is known yet" in lab.cli("why", last)[1]
        lab.wait(lambda: compiled()["trails"] == BIG_FILES * BIG_LINES, 120, "the directory is compiled", every=0.5)
        assert state() is None and "known yet" not in lab.cli("why", last)[1]
        told = compiled()
        assert not told["is_mapped"] and lists(lab)["static"]["others"] == BIG_FILES * BIG_LINES * 9 // 10

        def check():
            for i in range(0, BIG_FILES * BIG_LINES, 74771):
                n, k = divmod(i, BIG_LINES)
                hit = lab.cli_json("trails", "search", big_trail(i))["hits"][0]
                assert hit["origin"].endswith(f"/malware/family_{n}.txt") and hit["line"] == k + k // 10 + 2, (i, hit)
                assert hit["citation"] == f"https://report.example/{n}/{k // 10 * 10}", (i, hit)

        check()
        lab.stop()
        lab.start(seconds=60)
        lab.wait(lambda: compiled()["trails"] == BIG_FILES * BIG_LINES, 60, "it is there after a restart", every=0.1)
        again = compiled()
        print(f"compiled in {told['ms']:.0f} ms, mapped in {again['ms']:.0f} ms, {again['bytes'] >> 20} MiB")
        assert again["is_mapped"], "nothing is parsed twice"
        check()
