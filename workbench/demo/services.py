"""The local services of the demo, started and stopped together, and the settings with which the samples find them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from engine.settings import Settings, SubsonicSettings
from engine.settings_sources import SubsonicUser
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.http_server import LoopbackServer
from workbench.demo.music_service import MusicService
from workbench.demo.presets import DEMO_USER
from workbench.demo.samples import sample_sources
from workbench.demo.scrobble_service import Play, ScrobbleService
from workbench.demo.ticker_service import TickerService

MUSIC_KEY: Final = "demo-music-key"
SCROBBLE_TOKEN: Final = "demo-scrobble-token"
TICKER_TOKEN: Final = "demo-ticker-token"
"""Not secrets: they guard invented data on loopback, and are written in the samples' READMEs."""

_CANNED: Final = "lyre-toolbox/subsonic"
"""Where the samples keep what a music server would answer."""


class DemoServices:
    """Context manager that runs the music service, the scrobble service and the ticker, on loopback ports.

    The system chooses the ports. Entering raises `OSError` when there is none to be had. Leaving stops them.
    """

    def __init__(self, *, tick_interval_s: float | None = 1.0) -> None:
        """With no `tick_interval_s` the ticker ticks only when its `tick` is called."""
        self._tick_interval_s = tick_interval_s
        self._music = MusicService(CATALOGUE, key=MUSIC_KEY)
        self._scrobble = ScrobbleService(token=SCROBBLE_TOKEN, users=frozenset({DEMO_USER}))
        self._stack = ExitStack()
        self._scrobble_url = ""
        self._ticker: TickerService | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._music.base_url = _serve(stack, self._music, "music")
            self._scrobble_url = _serve(stack, self._scrobble, "scrobble")
            self._ticker = TickerService(CATALOGUE, token=TICKER_TOKEN, interval_s=self._tick_interval_s)
            stack.callback(self._ticker.close)
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

    @property
    def ticker_url(self) -> str:
        """Address of the ticker; empty before it is started."""
        return "" if self._ticker is None else self._ticker.url

    @property
    def ticker(self) -> TickerService:
        """The ticker, to have it tick or hang up; `RuntimeError` before it is started."""
        if self._ticker is None:
            raise RuntimeError("the demo's services are not started")
        return self._ticker

    def received(self) -> tuple[Play, ...]:
        """The last plays that the scrobble service was told of, oldest first."""
        return self._scrobble.received()


def demo_settings(base: Settings, services: DemoServices) -> Settings:
    """`base` with what the samples need to know; what `base` itself sets for a sample wins."""
    needed = {
        "hello-wat": {"greeting": "Welcome"},
        "lyre-metadata": {"base_url": services.music_url, "api_key": MUSIC_KEY},
        "lyre-scrobbler": {"base_url": services.scrobble_url, "token": SCROBBLE_TOKEN},
        "lyre-ticker": {
            "url": services.ticker_url,
            "token": TICKER_TOKEN,
            "artists": ", ".join(artist.name for artist in CATALOGUE.artists[:2]),
        },
        "lyre-toolbox": {
            "http_url": f"{services.scrobble_url}/received",
            "websocket_url": services.ticker_url,
            "websocket_authorization": f"Token {TICKER_TOKEN}",
            "user": DEMO_USER,
        },
    }
    settings = base
    for plugin, values in needed.items():
        settings = settings.with_plugin_config(plugin, values | base.config_for(plugin))
    if settings.workbench.subsonic == SubsonicSettings():
        canned = SubsonicSettings(users=(SubsonicUser(name=DEMO_USER),), folder=sample_sources() / _CANNED)
        settings = replace(settings, workbench=replace(settings.workbench, subsonic=canned))
    return settings


def _serve(stack: ExitStack, service: MusicService | ScrobbleService, name: str) -> str:
    server = LoopbackServer(service, name=name)
    stack.callback(server.close)
    return server.url
