"""What the first request of a plugin would wait for is made ready when the plugin is loaded, and never waited for."""

from __future__ import annotations

import ssl
import threading

import pytest

from engine.host.http import HttpService
from engine.host.network import SystemNetwork
from engine.settings import Limits
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness, manifest_of
from tests.engine.host.recorded_network import RecordedNetwork

THREAD = "http-warm-up"
HTTP = {"reason": "to ask", "allowedUrls": {"https://example.com/*": ["GET"]}, "allowLocalNetwork": False}


def all_done() -> None:
    """Wait until no preparation is under way."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(30)
            assert not thread.is_alive()


def test_many_loads_prepare_once_on_a_thread_of_its_own() -> None:
    network = RecordedNetwork()
    service = HttpService(Limits(), network)
    for _ in range(3):
        service.prepare()
    all_done()
    assert network.preparations.get_nowait() == THREAD
    assert network.preparations.empty()


def test_a_service_that_was_closed_prepares_nothing_more() -> None:
    network = RecordedNetwork()
    service = HttpService(Limits(), network)
    service.close()
    service.prepare()
    all_done()
    assert network.preparations.empty()


def test_a_context_is_prepared_once_for_all_loads() -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    network = SystemNetwork(tls_context=make)
    for _ in range(2):
        network.prepare()
    assert len(made) == 1
    network.close()


@pytest.mark.parametrize("error", [FileNotFoundError("no certificates"), ssl.SSLError("bad file"), ImportError("gone")])
def test_a_context_that_cannot_be_made_is_left_to_the_first_connection(error: Exception) -> None:
    tries = 0

    def make() -> ssl.SSLContext:
        nonlocal tries
        tries += 1
        raise error

    network = SystemNetwork(tls_context=make)
    network.prepare()
    network.prepare()
    assert tries == 2
    network.close()


def test_a_closed_network_makes_no_context() -> None:
    network = SystemNetwork(tls_context=lambda: pytest.fail("a context is made after close"))
    network.close()
    network.prepare()


@pytest.mark.parametrize(
    ("permissions", "preload", "is_prepared"),
    [({"http": HTTP}, True, True), ({}, True, False), ({"http": HTTP}, False, False)],
)
async def test_loading_a_plugin_that_may_use_http_prepares_it_unless_a_call_waits_for_the_load(
    harness: PluginHarness, permissions: dict[str, object], preload: bool, is_prepared: bool
) -> None:
    network = RecordedNetwork()
    harness.write(plugin_wat({}), manifest=manifest_of("probe", permissions=permissions))
    async with harness.engine(network=network, preload=preload) as engine:
        assert (await engine.ready("probe")).state == "ready"
        all_done()
    assert network.preparations.empty() is not is_prepared
