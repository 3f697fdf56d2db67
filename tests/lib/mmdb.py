# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small databases of the published MaxMind DB form (2.0): a binary tree of 28-bit records, data, metadata."""
import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"


def _head(kind, size):
    ext = b"" if kind < 8 else bytes([kind - 7])
    first = (kind << 5 if kind < 8 else 0)
    return bytes([first | size]) + ext if size < 29 else bytes([first | 29]) + ext + bytes([size - 29])


def _number(kind, value):
    raw = value.to_bytes(8, "big").lstrip(b"\0")
    return _head(kind, len(raw)) + raw


def encode(value):
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(encode(v) for v in value)
    return _number(6, value)


def _tree(nets, bits, n_data):
    """Nodes as [left, right]; None is empty, an int a node, ("data", i) an entry."""
    nodes = [[None, None]]
    for net, i in nets:
        net = ipaddress.ip_network(net)
        shift = bits - net.max_prefixlen  # IPv4 lies below ::/96
        at = 0
        for depth in range(shift + net.prefixlen):
            bit = 0 if depth < shift else int(net.network_address) >> (net.max_prefixlen - 1 - (depth - shift)) & 1
            if depth == shift + net.prefixlen - 1:
                nodes[at][bit] = ("data", i)
            elif isinstance(nodes[at][bit], int):
                at = nodes[at][bit]
            else:
                nodes.append([nodes[at][bit]] * 2)  # what was wider goes on below
                nodes[at][bit] = len(nodes) - 1
                at = len(nodes) - 1
    return nodes


def _record(n):
    return n & 0xffffff, n >> 24


def database(nets, ip_version=6, link=(), alter=None):
    """nets: [(network, data)]. link: networks that lead to the IPv4 part, as ::ffff:0:0/96. alter: changes nodes."""
    data, offsets = b"", []
    for _, value in nets:
        offsets.append(len(data))
        data += encode(value)
    bits = 128 if ip_version == 6 else 32
    nodes = _tree([(n, i) for i, (n, _) in enumerate(nets)] + [(n, "v4") for n in link], bits, len(nets))
    v4 = 0
    for _ in range(96 if bits == 128 else 0):
        v4 = nodes[v4][0]
    if alter:
        alter(nodes)
    tree = b""
    for node in nodes:
        words = []
        for r in node:
            if r is None:
                r = len(nodes)
            elif isinstance(r, tuple):
                r = v4 if r[1] == "v4" else len(nodes) + 16 + offsets[r[1]]
            words.append(_record(r))
        (left, left_top), (right, right_top) = words
        tree += left.to_bytes(3, "big") + bytes([left_top << 4 | right_top]) + right.to_bytes(3, "big")
    about = {"node_count": len(nodes), "description": {"en": "test"}, "database_type": "Test", "languages": ["en"]}
    meta = encode(about)
    extra = [("record_size", 5, 28), ("ip_version", 5, ip_version), ("binary_format_major_version", 5, 2),
             ("binary_format_minor_version", 5, 0), ("build_epoch", 9, 1700000000)]
    meta = struct.pack("B", 7 << 5 | (len(about) + len(extra))) + meta[1:]
    meta += b"".join(encode(k) + _number(kind, v) for k, kind, v in extra)
    return tree + bytes(16) + data + MARKER + meta


def country(code, name):
    return {"country": {"iso_code": code, "names": {"en": name}}}


def asn(number, name):
    return {"autonomous_system_number": number, "autonomous_system_organization": name}
