"""Fixtures of the host services' tests."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.host.network import SystemNetwork
from tests.engine.host.loopback import LoopbackServer, Script

Serve = Callable[[Script], LoopbackServer]

CERTIFICATE = Path(__file__).parent / "certificates" / "loopback.pem"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts scripted servers on loopback; they end with the test."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(LoopbackServer(script))


@pytest.fixture
def serve_tls() -> Iterator[Serve]:
    """As `serve`, with TLS and the tests' own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(LoopbackServer(script, tls=context))


@pytest.fixture
def network() -> Iterator[SystemNetwork]:
    """The machine's network, trusting the tests' certificate and no other."""
    network = SystemNetwork(tls_context=lambda: ssl.create_default_context(cafile=str(CERTIFICATE)))
    yield network
    network.close()
