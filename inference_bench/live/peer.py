"""The user at the other end of a loopback connection, as the kernel's table of connections shows it."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

_CLOSED_INODE = "0"


def peer_uid(client: tuple[str, int], server_port: int | None) -> int | None:
    """Return the user id of the process that opened a connection from ``client``.

    Args:
        client: address and port of the client, on this machine.
        server_port: port that it is connected to; None if unknown.

    Returns:
        None if there is no such connection, or the system does not tell.
    """
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    found = {uid for uid, remote in _sockets(address, client[1]) if server_port in (None, remote)}
    return found.pop() if len(found) == 1 else None


def _sockets(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> Iterator[tuple[int, int]]:
    """Yield user id and remote port of each socket with this local address."""
    local = f"{_hexadecimal(address)}:{port:04X}"
    try:
        lines = Path("/proc/net/tcp" if address.version == 4 else "/proc/net/tcp6").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if local not in line:
            continue
        fields = line.split()
        if fields[1] == local and fields[9] != _CLOSED_INODE:
            yield int(fields[7]), int(fields[2].rpartition(":")[2], 16)


def _hexadecimal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return an address as the kernel writes it: 32-bit words in the machine's order of bytes."""
    packed = address.packed
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))
