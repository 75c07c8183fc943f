"""Which plugin has which WebSocket connections; belongs to the engine's loop.

Ids belong to the plugin: the key is the pair, so whatever stands in an id, it is nobody else's.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.calls import PluginId
from engine.errors import QuotaExceeded
from engine.events import SocketEnd
from engine.host.connection import Connection, Ending
from engine.host.ids import random_id

_GOING_AWAY = 1001
_REPLACED = Ending(end=SocketEnd.REPLACED, code=1000)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A connection that is being made; it counts against the plugin's limit already."""

    plugin: PluginId
    connection_id: str
    replaced: bool
    """A connection of this id was closed for it."""


class ConnectionTable:
    """The open connections of all plugins, and the places of those that are being made."""

    def __init__(self, *, limit: int) -> None:
        """`limit` is how many connections one plugin may have."""
        self._limit = limit
        self._open: dict[tuple[PluginId, str], Connection] = {}
        self._places: set[Place] = set()
        self._telling: set[Connection] = set()
        """All whose plugin may still be called back; some of them are closed."""
        self._replacing: set[Connection] = set()
        """Made by an OnInit in place of another connection."""

    def find(self, plugin: PluginId, connection_id: str) -> Connection | None:
        """The open connection with this id."""
        return self._open.get((plugin, connection_id))

    def all(self, plugin: PluginId | None = None) -> list[Connection]:
        """The open connections, of one plugin or of all, in the order they were made."""
        return [connection for key, connection in self._open.items() if plugin in (None, key[0])]

    def reserve(self, plugin: PluginId, connection_id: str) -> Place:
        """Take a place for a connection; one that has the id already is closed. Raises `QuotaExceeded`."""
        connection_id = connection_id or self._free_id(plugin)
        old = self.find(plugin, connection_id)
        count = len(self.all(plugin)) + sum(place.plugin == plugin for place in self._places) - (old is not None)
        if count >= self._limit:
            raise QuotaExceeded(
                f"the plugin has {count} connections already, which is the limit",
                hint="Close some, or raise WebSocketConnections in [Workbench.Limits].",
                plugin=plugin,
            )
        if old is not None:
            old.remove(_REPLACED)
        place = Place(plugin=plugin, connection_id=connection_id, replaced=old is not None)
        self._places.add(place)
        return place

    def is_valid(self, place: Place) -> bool:
        """Whether the connection is still wanted: its plugin may have been removed meanwhile."""
        return place in self._places

    def give_back(self, place: Place) -> None:
        """The connection was made, or will not be."""
        self._places.discard(place)

    def add(self, connection: Connection, *, replaces: bool) -> None:
        """Put an open connection in; another one that came to have the id meanwhile is closed."""
        origin = connection.origin
        old = self.find(origin.plugin, origin.connection_id)
        if old is not None:
            old.remove(_REPLACED)
        self._open[origin.plugin, origin.connection_id] = connection
        self._telling.add(connection)
        if origin.made_by_init is not None and (replaces or old is not None):
            self._replacing.add(connection)

    def drop(self, connection: Connection) -> None:
        """A connection ended: its id is free."""
        key = connection.origin.plugin, connection.origin.connection_id
        if self._open.get(key) is connection:
            del self._open[key]

    def told(self, connection: Connection) -> None:
        """No callback of a connection follows any more."""
        self._telling.discard(connection)
        self._replacing.discard(connection)

    def init_finished(self, plugin: PluginId, generation: int, *, ok: bool) -> None:
        """OnInit ended: keep what it made and drop what earlier ones had made, or the other way round (section 20)."""
        mine = [item for item in self._telling_to(plugin) if item.origin.made_by_init == generation]
        if ok:
            for connection in self.all(plugin):
                if connection.origin.made_by_init not in (None, generation):
                    connection.remove(_removed("the OnInit that ran again did not make it again"))
            for connection in mine:
                connection.open_gate()
            return
        for connection in mine:
            note = "the OnInit that made it failed"
            if connection in self._replacing:
                note += "; the connection of the same id that it replaced is not restored"
            connection.remove(_removed(note))

    def forget(self, plugin: PluginId) -> None:
        """The plugin is gone: close what it has, without callbacks."""
        self._places = {place for place in self._places if place.plugin != plugin}
        for connection in self._telling_to(plugin):
            connection.remove(_removed("the plugin is unregistered"))

    def abort_all(self) -> None:
        """The engine closes."""
        for connection in self.all():
            connection.abort()
        self._open.clear()
        self._places.clear()

    def _telling_to(self, plugin: PluginId) -> list[Connection]:
        return [connection for connection in self._telling if connection.origin.plugin == plugin]

    def _free_id(self, plugin: PluginId) -> str:
        while True:
            connection_id = random_id()
            if (plugin, connection_id) not in self._open:
                return connection_id


def _removed(note: str) -> Ending:
    return Ending(end=SocketEnd.REMOVED, code=_GOING_AWAY, note=note)
