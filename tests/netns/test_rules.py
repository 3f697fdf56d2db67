# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules over logs as the daemon gets them: a wrong one at start, and at a reload."""
import os
import signal

from lab import ROOT, Lab

GOOD = "rules:\n  - name: shop\n    files: [/var/log/shop.log]\n    match: ['^shop: no <ADDR>$']\n"


def put(lab, text):
    with open(os.path.join(lab.dir, "rules.d", "own.yaml"), "w", encoding="utf-8") as f:
        f.write(text)


def reload(lab, config, said):
    lab.write_config(config)
    lab.daemon.send_signal(signal.SIGHUP)
    lab.wait(lambda: said in lab.log(), 10, said)


def allowed(lab, addr):
    return any(a["net"] == addr for a in lab.cli_json("allow", "list")["allow"])


def test_a_wrong_rule_is_left_out_at_start_and_keeps_the_old_state_at_a_reload():
    with Lab() as lab:
        lab.write_config("rules:\n  set:\n    - {name: sshd, threshold: 3 in 5m}\n")
        os.mkdir(os.path.join(lab.dir, "rules.d"), 0o755)
        put(lab, GOOD)
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        put(lab, GOOD.replace("files", "filles"))
        reload(lab, "allow: [198.18.0.69]\n", "the old one stays in force")
        assert "own.yaml:3:5: rules[1].filles: unknown key: did you mean 'files'?" in lab.log()
        assert not allowed(lab, "198.18.0.69")
        put(lab, GOOD)
        reload(lab, "allow: [198.18.0.69]\n", "the configuration was reloaded")
        lab.wait(lambda: allowed(lab, "198.18.0.69"), 10, "the new entry is allowed")
        lab.stop()
        put(lab, GOOD.replace("<ADDR>", "(<ADDR>"))
        lab.start("--rules-dir", os.path.join(ROOT, "feeds/rules"))
        assert "own.yaml:4:13: rules[1].match[1]: missing closing parenthesis" in lab.log()
