# SPDX-License-Identifier: GPL-3.0-or-later
"""Countries and autonomous systems of a database, from the file to dropped packets."""
import os

from lab import Lab
from mmdb import asn, country, database


def write(lab, name, data):
    """Replaced whole, as an updater does; its path."""
    path = os.path.join(lab.dir, name)
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
    return path


def lists(lab):
    return {x["name"]: x for x in lab.cli_json("trails", "list")["lists"]}


def in_force(lab, name):
    x = lists(lab).get(name)
    return bool(x and x["entries4"] + x["entries6"])


def test_a_country_is_dropped_when_armed_and_another_passes():
    with Lab() as lab:
        bad, fine, system = lab.attacker, lab.others[0], lab.others[1]
        nets = [(bad + "/32", country("KP", "North Korea")), (fine + "/32", country("NO", "Norway")),
                ("2001:db8:66::/48", country("KP", "North Korea"))]
        path = write(lab, "country.mmdb", database(nets, link=["::ffff:0:0/96", "2002::/16"]))
        systems = write(lab, "asn.mmdb", database([(system + "/32", asn(64500, "Example Net"))], ip_version=4))
        lab.write_config(f"countries:\n  file: {path}\n  drop: [kp]\n  observe: [NO]\n  asn_file: {systems}\n  drop_asn: [AS64500]\n")
        lab.start()
        for name in ("country:KP", "country:NO", "asn:64500"):
            lab.wait(lambda name=name: in_force(lab, name), 5, f"{name} is in force")
        assert lab.ping() == 3, "observing drops nothing"
        assert lab.cli("arm")[0] in (0, 6)
        assert lab.ping() == 0 and lab.ping(source=system) == 0
        assert lab.ping(source=fine) == 3, "a country that is observed passes"
        kp = lists(lab)["country:KP"]
        assert (kp["kind"], kp["action"], kp["entries4"], kp["entries6"]) == ("country", "drop", 1, 1)
        assert kp["cover_percent"] is not None
        assert "country:KP" in lab.cli("trails", "list")[1]
        why = lab.cli("why", bad)[1]
        assert "KP, North Korea" in why and "country:KP (drop)" in why
        assert "AS64500, Example Net" in lab.cli("why", system)[1]
        assert [h["list"] for h in lab.cli_json("trails", "search", bad)["hits"]] == ["country:KP"]
        assert lab.cli("trails", "remove", "country:KP")[0] == 1
        lab.ok("allow", "add", bad)
        assert lab.ping() == 3, "the allow list wins"
        lab.ok("allow", "remove", bad)

        # a broken file keeps the old one, and it is said; a good one follows at once
        write(lab, "country.mmdb", database(nets)[:200])
        error = lab.wait(lambda: lists(lab)["country:KP"]["error"], 5, "the broken file is told")
        assert "not a whole database" in error
        assert any("country:" in d for d in lab.cli_json("status")["degraded"])
        assert lab.ping() == 0, "the list from before stays in force"
        assert "KP, North Korea" in lab.cli("why", bad)[1]
        write(lab, "country.mmdb", database([(fine + "/32", country("KP", "North Korea"))] + [(bad + "/32", country("NO", "Norway"))]))
        lab.wait(lambda: not lists(lab)["country:KP"]["error"] and lists(lab)["country:KP"]["entries6"] == 0, 5, "the new file is in force")
        assert lab.ping() == 3 and lab.ping(source=fine) == 0
        assert "NO, Norway" in lab.cli("why", bad)[1]


def test_wrong_countries_are_errors_of_the_configuration(lab):
    for text, want in (("file: /x.mmdb\n  drop: [UK]", "did you mean 'GB'?"), ("file: /x.mmdb\n  drop: [China]", "did you mean 'CN'?"),
                       ("drop: [CN]", "countries.file names no database"), ("file: /x.mmdb\n  drop: [CN]\n  observe: [CN]", "is given already"),
                       ("asn_file: /x.mmdb\n  drop_asn: [AS0]", "not the number of an autonomous system")):
        lab.write_config("countries:\n  " + text + "\n")
        code, _, err = lab.cli("config", "check", os.path.join(lab.dir, "sockwarden.yaml"))
        assert code == 5 and want in err, (text, code, err)
