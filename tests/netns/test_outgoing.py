# SPDX-License-Identifier: GPL-3.0-or-later
"""What processes of this host connect to: named, summed, and refused while armed."""
import sys

LISTED, ALLOWED, LISTED6 = "198.18.0.68", "198.18.0.69", "2001:db8:68::1"

# A line for each destination given as KIND:ADDRESS: the errno's name, or "-" when it was let go.
TALK = """
import errno, socket, sys
for what in sys.argv[1:]:
    kind, address = what.split(":", 1)
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.setblocking(False)
    try:
        if kind == "sendto":
            s.sendto(b"x", (address, 9))
        else:
            s.connect((address, 9))
        print("-")
    except BlockingIOError:
        print("-")
    except OSError as e:
        print(errno.errorcode[e.errno])
"""
KINDS = ("tcp", "udp", "sendto")


def talk(lab, *what):
    p = lab.spawn(sys.executable, "-S", "-E", "-c", TALK, *what)
    out = p.communicate(timeout=20)[0].split()
    return p.pid, dict(zip(what, out))


def listed(lab, tmp_path):
    text = tmp_path / "bad.txt"
    text.write_text(f"{LISTED}\n{ALLOWED}\n2001:db8:68::/48\n")
    lab.ok("trails", "import", text, "--action", "drop")
    lab.ok("allow", "add", ALLOWED)


def count(lab, name):
    return next(row["count"] for row in lab.cli_json("status")["losses"] if row["name"] == name)


def refused(lab):
    return count(lab, "connects-refused")


def armed(lab):
    lab.ok("arm", "--confirm", "60s")
    lab.ok("arm")


def test_observing_refuses_nothing(started, tmp_path):
    listed(started, tmp_path)
    what = [f"{k}:{LISTED}" for k in KINDS]
    assert "EPERM" not in talk(started, *what)[1].values()
    assert refused(started) == 0


def test_armed_what_is_listed_is_refused_and_the_process_named_and_what_is_allowed_passes(started, tmp_path):
    listed(started, tmp_path)
    armed(started)
    events = started.follow()
    bad = [f"{k}:{LISTED}" for k in KINDS] + [f"tcp:::ffff:{LISTED}", f"tcp:{LISTED6}", f"sendto:{LISTED6}"]
    good = [f"{k}:{ALLOWED}" for k in KINDS] + [f"tcp:::ffff:{ALLOWED}", f"tcp:{started.attacker}"]
    pid, got = talk(started, *bad, *good)
    assert {got[w] for w in bad} == {"EPERM"}, got
    assert "EPERM" not in {got[w] for w in good}, got
    told = started.wait(lambda: events.find(kind="finding", finding="trail-connect", subject=LISTED), 5, "a finding")
    assert "was refused to connect to" in told["text"] and "python" in told["process"] and told["pid"] == pid
    line = started.wait(lambda: events.find(kind="socket", action="connect-refused", remote=LISTED), 5, "an event")
    assert line["pid"] == pid and line["rport"] == 9 and line["error"]
    started.wait(lambda: refused(started) == len(bad), 5, "all are counted")


def test_nothing_is_refused_once_it_is_off_and_all_is_while_nothing_of_ours_runs(started, tmp_path):
    listed(started, tmp_path)
    armed(started)
    started.ok("off")
    assert talk(started, f"tcp:{LISTED}")[1][f"tcp:{LISTED}"] != "EPERM"
    armed(started)
    started.kill_all()
    assert talk(started, f"tcp:{LISTED}")[1][f"tcp:{LISTED}"] == "EPERM"


def test_many_connects_alike_are_told_as_a_sum_and_each_listener_by_itself(started):
    many = """
import signal, socket
for i in range(400):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("198.18.0.70", 9))
    s.close()
held = []
for i in range(400):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    held.append(s)
print("done", flush=True)
signal.pause()
"""
    p = started.spawn(sys.executable, "-S", "-E", "-c", many)
    assert p.stdout.readline().strip() == "done"
    started.wait(lambda: count(started, "socket-events-limited") > 0, 5, "some are told as a sum")
    assert count(started, "socket-events-limited") <= 800  # as many connects, and as many failures
    assert started.cli_json("status")["inventory"]["lost"] == 0
    owned = [s for s in started.cli_json("sockets", "list")["sockets"] if any(q["pid"] == p.pid for q in s["processes"])]
    assert len([s for s in owned if s["state"] == "listen"]) == 400
