"""Which addresses are on the public network."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plugins.addresses import Reach, is_ip_literal, reach_of

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255"]
PUBLIC += ["2606:4700::1111", "2a00:1450::1", "2620:fe::fe", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::8.8.8.8"]
PRIVATE = ["0.0.0.0", "0.1.2.3", "10.0.0.1", "127.0.0.2", "127.255.255.255", "100.64.0.1", "169.254.169.254"]
PRIVATE += ["172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"]
PRIVATE += ["203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]
PRIVATE += ["::", "::2", "::7f00:1", "::8.8.8.8", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"]
PRIVATE += ["2001::1", "2001:0:4136:e378::", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "64:ff9b:1::1"]
PRIVATE += ["::ffff:10.0.0.1", "2002:a00:1::", "64:ff9b::192.168.1.1", "not an address", "", "1.2.3", "01.2.3.4"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert reach_of(address) is Reach.PUBLIC


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_is_private(address: str) -> None:
    assert reach_of(address) is Reach.PRIVATE


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "2002:7f00:1::"])
def test_this_machine_in_any_spelling(address: str) -> None:
    assert reach_of(address) is Reach.LOCALHOST


@settings(deadline=None)
@given(st.ip_addresses())
def test_no_public_address_is_one_that_the_standard_library_knows_as_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    embeds = isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address in NAT64)
    if reach_of(str(address)) is Reach.PUBLIC and not embeds:
        assert not (address.is_private or address.is_loopback or address.is_link_local or address.is_multicast)


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@pytest.mark.parametrize(("host", "is_literal"), [("1.2.3.4", True), ("::1", True), ("a.example", False), ("", False)])
def test_literals_are_told_from_names(host: str, is_literal: bool) -> None:
    assert is_ip_literal(host) is is_literal
