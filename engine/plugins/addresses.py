"""Where an IP address leads: to the public network, to this machine, or to somewhere private.

Spec behaviour section 3.2, rule 3. The ranges are written out because the standard library's idea of a global
address differs between Python versions.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network


class Reach(StrEnum):
    """What connecting to an address means."""

    PUBLIC = "public"
    """Globally routable unicast."""
    LOCALHOST = "localhost"
    """127.0.0.1 or ::1, in any spelling."""
    PRIVATE = "private"
    """Everything else: private, link-local, shared, reserved, multicast, unspecified, not an address at all."""


_IPV4_PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 itself reaches this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # retired 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_IPV6_PUBLIC = IPv6Network("2000::/3")
"""All global unicast space that was ever handed out; loopback, private and multicast ranges lie outside."""
_IPV6_PRIVATE = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def reach_of(address: str) -> Reach:
    """Where a connection to the IP literal `address` goes; a zone id plays no part."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Reach.PRIVATE
    return _ipv4_reach(parsed) if isinstance(parsed, IPv4Address) else _ipv6_reach(parsed)


def is_ip_literal(host: str) -> bool:
    """Whether `host`, as `NormalUrl` spells hosts, is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ipv4_reach(address: IPv4Address) -> Reach:
    if address == IPv4Address("127.0.0.1"):
        return Reach.LOCALHOST
    return Reach.PRIVATE if any(address in network for network in _IPV4_PRIVATE) else Reach.PUBLIC


def _ipv6_reach(address: IPv6Address) -> Reach:
    if address == IPv6Address("::1"):
        return Reach.LOCALHOST
    inner = _embedded_ipv4(address)
    if inner is not None:
        return _ipv4_reach(inner)
    is_public = address in _IPV6_PUBLIC and not any(address in network for network in _IPV6_PRIVATE)
    return Reach.PUBLIC if is_public else Reach.PRIVATE


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets really go to: IPv4-mapped, 6to4 and the well-known NAT64 prefix."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
