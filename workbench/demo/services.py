"""The local services of the demo, started and stopped together, and the settings with which the samples find them."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from engine.settings import Settings
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.http_server import LoopbackServer
from workbench.demo.music_service import MusicService
from workbench.demo.presets import DEMO_USER
from workbench.demo.scrobble_service import Play, ScrobbleService

MUSIC_KEY: Final = "demo-music-key"
SCROBBLE_TOKEN: Final = "demo-scrobble-token"
"""Not secrets: they guard invented data on loopback, and are written in the samples' READMEs."""


class DemoServices:
    """Context manager that runs the music and the scrobble service on loopback ports chosen by the system.

    Entering raises `OSError` when there is no port to be had. Leaving stops both.
    """

    def __init__(self) -> None:
        self._music = MusicService(CATALOGUE, key=MUSIC_KEY)
        self._scrobble = ScrobbleService(token=SCROBBLE_TOKEN, users=frozenset({DEMO_USER}))
        self._stack = ExitStack()
        self._scrobble_url = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._music.base_url = _serve(stack, self._music, "music")
            self._scrobble_url = _serve(stack, self._scrobble, "scrobble")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def music_url(self) -> str:
        """Address of the music service, without a slash at its end; empty before it is started."""
        return self._music.base_url

    @property
    def scrobble_url(self) -> str:
        """Address of the scrobble service, without a slash at its end; empty before it is started."""
        return self._scrobble_url

    def received(self) -> tuple[Play, ...]:
        """The last plays that the scrobble service was told of, oldest first."""
        return self._scrobble.received()


def demo_settings(base: Settings, services: DemoServices) -> Settings:
    """`base` with what the samples need to know; what `base` itself sets for a sample wins."""
    needed = {
        "hello-wat": {"greeting": "Welcome"},
        "lyre-metadata": {"base_url": services.music_url, "api_key": MUSIC_KEY},
        "lyre-scrobbler": {"base_url": services.scrobble_url, "token": SCROBBLE_TOKEN},
    }
    settings = base
    for plugin, values in needed.items():
        settings = settings.with_plugin_config(plugin, values | base.config_for(plugin))
    return settings


def _serve(stack: ExitStack, service: MusicService | ScrobbleService, name: str) -> str:
    server = LoopbackServer(service, name=name)
    stack.callback(server.close)
    return server.url
