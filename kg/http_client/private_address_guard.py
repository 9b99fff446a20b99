"""Network addresses: name look-up with a timeout, and the check that an address is public."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Written out, because what Python's ipaddress considers global differs between versions (and includes NAT64).
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, among them Teredo, which holds an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds one, too
        "3fff::/20",
    )
)
_CLOSED_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)


def address_of(text: str) -> IPAddress | None:
    """Parse an IP address in its usual form; return ``None`` for anything else, and for one with a zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else address


def is_public(address: IPAddress) -> bool:
    """Return whether an address belongs to the public Internet.

    Private, shared (CGNAT), loopback, link-local, multicast, reserved and documentation addresses do not; nor does any
    IPv6 form that contains an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _PUBLIC_6 and not any(address in network for network in _CLOSED_6)


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """Return the network addresses of a name, each once.

    Raises:
        TimeoutError: the resolver does not respond within ``seconds``.
        OSError: the name is unknown or malformed.
    """
    found: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([str(row[4][0]) for row in rows])
        except OSError as error:
            found.put(error)
        except UnicodeError:  # such as a..b
            found.put(OSError("its name is not a host name"))

    # getaddrinfo cannot be cancelled, so at the deadline its thread is abandoned; it ends when the resolver returns.
    threading.Thread(target=resolve, daemon=True).start()
    try:
        result = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, OSError):
        raise result
    return list(dict.fromkeys(result))
