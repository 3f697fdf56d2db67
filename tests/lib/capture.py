# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets and captures for tests, by struct alone: what a test writes is what the program reads."""
import ctypes
import ctypes.util
import hashlib
import hmac
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
ETHER, RAW, NULL, LOOP, SLL, SLL2 = 1, 101, 0, 108, 113, 276
PPP, FDDI, PPP_ETHER, C_HDLC, WIFI, WIFI_RADIO = 9, 10, 51, 104, 105, 127


def packed(addr):
    return ipaddress.ip_address(addr).packed


def ip(src, dst, proto, payload, ext=b"", ext_proto=None):
    """An IP packet; ext: extension headers of IPv6, the first of which is ext_proto."""
    s, d = packed(src), packed(dst)
    if len(s) == 4:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0, s, d) + payload
    return struct.pack("!IHBB16s16s", 6 << 28, len(ext) + len(payload), ext_proto if ext else proto, 64, s, d) + ext + payload


def tcp_bytes(sport, dport, flags, payload=b"", seq=1000, ack=0):
    return struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack, 5 << 4, flags, 65535, 0, 0) + payload


def udp_bytes(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp(src, sport, dst, dport, flags=SYN, payload=b"", seq=1000, **kw):
    return ip(src, dst, 6, tcp_bytes(sport, dport, flags, payload, seq), **kw)


def udp(src, sport, dst, dport, payload=b"x", **kw):
    return ip(src, dst, 17, udp_bytes(sport, dport, payload), **kw)


def icmp(src, dst, kind=8, code=0, payload=b"\0" * 16):
    six = ":" in src
    return ip(src, dst, 58 if six else 1, struct.pack("!BBHHH", kind, code, 0, 1, 1) + payload)


def ether(packet, tags=(), ethertype=None, dst=b"\x02\0\0\0\0\2"):
    if ethertype is None:
        ethertype = 0x86dd if packet[0] >> 4 == 6 else 0x800
    out = dst + b"\x02\0\0\0\0\1"
    for tpid, vid in tags:
        out += struct.pack("!HH", tpid, vid)
    return out + struct.pack("!H", ethertype) + packet


def pppoe(packet, short=False):
    """short: the protocol in one byte."""
    proto = struct.pack("!H", 0x57 if packet[0] >> 4 == 6 else 0x21)[short:]
    return struct.pack("!BBHH", 0x11, 0, 1, len(packet) + len(proto)) + proto + packet


def gre(packet, key=None):
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x800
    return struct.pack("!HH", 0x2000 if key else 0, kind) + (struct.pack("!I", key) if key else b"") + packet


def vxlan(frame):
    return struct.pack("!II", 0x08000000, 7 << 8) + frame


def geneve(frame):
    return struct.pack("!BBHI", 1, 0, 0x6558, 7 << 8) + b"\0\1\2\0" + frame


def dns_name(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def question(name, qtype=1, ident=7):
    return struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", qtype, 1)


def answer(name, records, qtype=1, rcode=0, ident=7):
    """records: (type, data); the first owner is the question's name."""
    out = struct.pack("!HHHHHH", ident, 0x8180 | rcode, 1, len(records), 0, 0) + dns_name(name) + struct.pack("!HH", qtype, 1)
    for kind, data in records:
        out += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
    return out


def http(method="GET", path="/", host="www.example.org", agent="Mozilla/5.0", body=b"", more=()):
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"Host: {host}"] if host else []
    lines += [f"User-Agent: {agent}"] if agent else []
    lines += list(more)
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def extension(kind, data):
    return struct.pack("!HH", kind, len(data)) + data


def hello(sni=None, ciphers=(0x1301, 0x1302, 0xc02f), alpn=(b"h2", b"http/1.1"), pad=0, records=1):
    """A TLS ClientHello in so many records."""
    ext = b""
    if sni:
        n = sni.encode()
        ext += extension(0, struct.pack("!HBH", len(n) + 3, 0, len(n)) + n)
    ext += extension(10, struct.pack("!HHH", 4, 29, 23)) + extension(11, b"\x01\x00")
    ext += extension(13, struct.pack("!HHH", 4, 0x0403, 0x0804))
    if alpn:
        names = b"".join(bytes([len(a)]) + a for a in alpn)
        ext += extension(16, struct.pack("!H", len(names)) + names)
    ext += extension(43, b"\x04\x03\x04\x03\x03") + (extension(21, b"\0" * pad) if pad else b"")
    body = b"\x03\x03" + b"R" * 32 + b"\0" + struct.pack("!H", 2 * len(ciphers))
    body += b"".join(struct.pack("!H", c) for c in ciphers) + b"\x01\0" + struct.pack("!H", len(ext)) + ext
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    step = -(-len(message) // records)
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part
                    for part in (message[i:i + step] for i in range(0, len(message), step)))


def server_hello(certificate=None, records=1):
    """What a TLS server sends first: its hello, then its certificate (DER), or as of 1.3 what nobody can read."""
    hello_body = b"\x03\x03" + b"S" * 32 + b"\0" + b"\xc0\x2f" + b"\0"
    message = b"\x02" + len(hello_body).to_bytes(3, "big") + hello_body
    if certificate is None:
        return b"\x16\x03\x03" + struct.pack("!H", len(message)) + message + b"\x17\x03\x03\0\x30" + b"e" * 48
    chain = len(certificate).to_bytes(3, "big") + certificate + b"\0\0\x03" + b"CA!"
    body = len(chain).to_bytes(3, "big") + chain
    message += b"\x0b" + len(body).to_bytes(3, "big") + body
    step = -(-len(message) // records)
    return b"".join(b"\x16\x03\x03" + struct.pack("!H", len(part)) + part
                    for part in (message[i:i + step] for i in range(0, len(message), step)))


def quic_number(n):
    return struct.pack("!H", n | 0x4000)


def expand_label(secret, label, n):
    info = struct.pack("!HB", n, 6 + len(label)) + b"tls13 " + label + b"\0"
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:n]


QUIC = {1: ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", b"quic ", 0), 0x6b3343cf: ("0dede3def700a6db819381be6e269dcbf9bd2ed9", b"quicv2 ", 1)}


def quic_initial(pieces, version=1, number=0, ident=b"\x83\x94\xc8\xf0\x3e\x51\x57\x08"):
    """A client's Initial with CRYPTO frames of (offset, bytes), sealed, in a datagram of 1200 bytes."""
    nettle = ctypes.CDLL(ctypes.util.find_library("nettle"))
    salt, label, kind = QUIC[version]
    secret = expand_label(hmac.new(bytes.fromhex(salt), ident, hashlib.sha256).digest(), b"client in", 32)
    key, iv, hp = (expand_label(secret, label + what, n) for what, n in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
    frames = b"\x01" + b"".join(b"\x06" + quic_number(at) + quic_number(len(part)) + part for at, part in pieces)
    head = bytes([0xc0 | kind << 4 | 3]) + struct.pack("!IB", version, len(ident)) + ident + b"\0" + b"\0"
    frames += b"\0" * (1200 - len(head) - 2 - 4 - 16 - len(frames))
    head += quic_number(4 + len(frames) + 16) + struct.pack("!I", number)
    ctx, tag, out = ctypes.create_string_buffer(8192), ctypes.create_string_buffer(16), ctypes.create_string_buffer(len(frames))
    nonce = iv[:8] + bytes(a ^ b for a, b in zip(iv[8:], struct.pack("!I", number)))
    nettle.nettle_gcm_aes128_set_key(ctx, key)
    nettle.nettle_gcm_aes128_set_iv(ctx, ctypes.c_size_t(12), nonce)
    nettle.nettle_gcm_aes128_update(ctx, ctypes.c_size_t(len(head)), head)
    nettle.nettle_gcm_aes128_encrypt(ctx, ctypes.c_size_t(len(frames)), out, frames)
    nettle.nettle_gcm_aes128_digest(ctx, ctypes.c_size_t(16), tag)
    sealed = out.raw + tag.raw
    mask = ctypes.create_string_buffer(16)
    nettle.nettle_aes128_set_encrypt_key(ctx, hp)
    nettle.nettle_aes128_encrypt(ctx, ctypes.c_size_t(16), mask, sealed[:16])
    head = bytes([head[0] ^ mask.raw[0] & 15]) + head[1:-4] + bytes(a ^ b for a, b in zip(head[-4:], mask.raw[1:5]))
    return head + sealed


class Capture:
    """Packets with times; `save` writes pcap or pcapng."""

    def __init__(self, link=ETHER, start=1_700_000_000.0):
        self.link, self.now, self.packets = link, start, []

    def add(self, packet, after=0.001):
        """A packet some seconds after the last; an IP packet gets its Ethernet header here."""
        self.now += after
        if self.link == ETHER and packet[0] >> 4 in (4, 6) and packet[:2] != b"\x02\0":
            packet = ether(packet)
        self.packets.append((self.now, packet))
        return self

    def flow(self, src, sport, dst, dport, chunks, answers=True, gap=0.001):
        """A TCP connection: handshake, the client's chunks with an acknowledgement each, and its end."""
        seq = 1000
        self.add(tcp(src, sport, dst, dport, SYN, seq=seq), gap)
        if answers:
            self.add(tcp(dst, dport, src, sport, SYN | ACK, seq=9000), gap)
        seq += 1
        self.add(tcp(src, sport, dst, dport, ACK, seq=seq), gap)
        for chunk in chunks:
            self.add(tcp(src, sport, dst, dport, ACK | PSH, chunk, seq=seq), gap)
            seq += len(chunk)
            if answers:
                self.add(tcp(dst, dport, src, sport, ACK, seq=9001), gap)
        self.add(tcp(src, sport, dst, dport, FIN | ACK, seq=seq), gap)
        if answers:
            self.add(tcp(dst, dport, src, sport, FIN | ACK, seq=9001), gap)
        return self

    def save(self, path, nano=False):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, 262144, self.link))
            for t, p in self.packets:
                us = round(t * 1e6)
                f.write(struct.pack("<IIII", us // 1000000, us % 1000000 * (1000 if nano else 1), len(p), len(p)) + p)
        return str(path)

    def save_ng(self, path):
        def block(kind, body):
            body += b"\0" * (-len(body) % 4)
            return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
        with open(path, "wb") as f:
            f.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
            f.write(block(1, struct.pack("<HHI", self.link, 0, 262144)))
            for t, p in self.packets:
                us = round(t * 1e6)
                f.write(block(6, struct.pack("<IIIII", 0, us >> 32, us & 0xffffffff, len(p), len(p)) + p))
        return str(path)
