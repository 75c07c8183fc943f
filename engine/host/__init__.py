"""What plugins can ask of the host: one service per file, `base.py` says what a service is."""

from engine.host.artwork import ArtworkService
from engine.host.base import HostScope, HostService, HostTrap
from engine.host.cache import CacheService
from engine.host.config import ConfigService
from engine.host.http import HttpService
from engine.host.network import Network, SystemNetwork
from engine.host.scheduler import SchedulerService
from engine.host.subsonicapi import SubsonicAPIService, SubsonicResponder
from engine.host.websocket import WebSocketService

__all__ = [
    "ArtworkService",
    "CacheService",
    "ConfigService",
    "HostScope",
    "HostService",
    "HostTrap",
    "HttpService",
    "Network",
    "SchedulerService",
    "SubsonicAPIService",
    "SubsonicResponder",
    "SystemNetwork",
    "WebSocketService",
]
