"""Navidrome's own configuration, and the workbench's part of it, as one frozen value.

Names are Navidrome's (spec behaviour section 19): a TOML file whose key names ignore case, and `ND_*` variables.
What only the workbench knows lives under `[Workbench]`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal, cast, get_args

from engine.errors import Place, SettingsError
from engine.limits import UNLIMITED_S as UNLIMITED_S
from engine.limits import Limits as Limits
from engine.limits import PoolMode as PoolMode
from engine.limits import PoolSettings as PoolSettings
from engine.limits import read_limits, read_pool
from engine.plugins.permissions import UndeclaredPolicy
from engine.plugins.url_routes import UrlRoute, parse_route
from engine.settings_sources import (
    SettingSources,
    SubsonicUser,
    any_seconds,
    any_size,
    config_text,
    count_or_none,
    flag,
    folder,
    http_url,
    one_of,
    subsonic_users,
    text,
)
from engine.toml_source import TomlSource, read_toml

_APP_FOLDER = "navidrome-workbench"
_DEFAULT_FILE = Path("navidrome.toml")
_COMPILE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsSettings:
    """`[Plugins]`."""

    enabled: bool = True
    folder: Path
    cache_size_bytes: int | None = 100_000_000
    """Where the purge of compiled code stops; None or 0 is no purge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsonicSettings:
    """`[Workbench.Subsonic]`: what answers the SubsonicAPI service; nothing does when neither folder nor server is set.

    A file of the folder is preferred to the server.
    """

    users: tuple[SubsonicUser, ...] = ()
    folder: Path | None = None
    """Holds canned answers, one per endpoint: `getAlbumList2.json`."""
    upstream: str | None = field(default=None, repr=False)
    """URL of a real Subsonic server; may hold a password."""


class Fidelity(StrEnum):
    """Whose habits hold where a plugin can tell the difference; docs/fidelity.md lists them."""

    DOCUMENT = "document"
    """What plugin authors are promised: isolated calls, real time, real randomness."""
    NAVIDROME = "navidrome"
    """What Navidrome 0.57 to 0.59 really do."""


CallPathSetting = Literal["auto", "native", "public"]
"""How guests are called: the fast path where it passes its test, the fast one untested, or wasmtime's public API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchSettings:
    """`[Workbench]`."""

    fidelity: Fidelity = Fidelity.DOCUMENT
    """Set it by `Settings.with_fidelity`, which changes what depends on it too."""
    seed: int | None = None
    """Every instance draws the same random bytes, made from this number; None for real randomness."""
    call_path: CallPathSetting = "auto"
    """For finding out whether a fault is one of the fast path; nothing but speed depends on it."""
    new_version_on_module_change: bool = True
    """A changed module counts as a new version, so that an edited OnInit runs (C12)."""
    proxy: str | None = field(default=None, repr=False)
    """URL of the proxy for plugins' HTTP requests; may hold a password."""
    undeclared_permissions: UndeclaredPolicy = "document"
    """What a manifest without a `permissions` key grants (C3)."""
    routes: tuple[UrlRoute, ...] = ()
    """`[Workbench.Routes]`: URL patterns led to other base URLs, in the order of the file."""
    subsonic: SubsonicSettings = field(default_factory=SubsonicSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. `Settings.load` reads it, `dataclasses.replace` and the `with_` methods derive."""

    plugins: PluginsSettings
    data_folder: Path
    cache_folder: Path
    compile_timeout_s: float = _COMPILE_TIMEOUT_S
    """How long a caller waits for a compilation."""
    share_url: str = ""
    plugin_config: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """`[PluginConfig.<plugin>]` as written; it holds keys and passwords."""
    limits: Limits = field(default_factory=Limits)
    pool: PoolSettings = field(default_factory=PoolSettings)
    workbench: WorkbenchSettings = field(default_factory=WorkbenchSettings)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Setting name, such as `Plugins.Folder`, to `default`, `command line`, the settings file or the variable."""
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Setting name to what was read for it, before the command line had its say; for showing, may hold passwords."""

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        plugins_folder: Path | None = None,
    ) -> Settings:
        """Read the settings; raises `SettingsError` with file, line and key.

        The file is `path`, else what `ND_CONFIGFILE` names, else `navidrome.toml` in the current folder, else none.
        Variables win over the file. `plugins_folder` comes from the command line, wins over both, and enables plugins.
        """
        source = _source(path, environ)
        sources = SettingSources(source, environ)
        data_folder = sources.value("DataFolder", folder, _xdg(environ, "XDG_DATA_HOME", ".local/share"))
        cache_default = data_folder / "cache"
        if sources.origins["DataFolder"] == "default":
            cache_default = _xdg(environ, "XDG_CACHE_HOME", ".cache")
        timeout_s = sources.value("DevPluginCompilationTimeout", any_seconds, _COMPILE_TIMEOUT_S)
        settings = cls(
            plugins=_plugins(sources, data_folder),
            data_folder=data_folder,
            cache_folder=sources.value("CacheFolder", folder, cache_default),
            compile_timeout_s=timeout_s if timeout_s > 0 else _COMPILE_TIMEOUT_S,
            share_url=sources.value("ShareURL", http_url, ""),
            plugin_config={} if source is None else _plugin_config(source),
            limits=read_limits(sources),
            pool=read_pool(sources),
            workbench=replace(_workbench(sources), routes=_routes(source, sources.origins)),
            origins=sources.origins,
            values=sources.values,
        )
        sources.refuse_unknown("Workbench")
        settings = settings._with_habits(settings.workbench.fidelity)
        return settings if plugins_folder is None else settings.with_folders(plugins=plugins_folder)

    @property
    def compile_cache_folder(self) -> Path:
        """Where compiled code lies: beside, never in, what a running Navidrome keeps in its own cache."""
        return self.cache_folder / "plugins" / "workbench"

    def config_for(self, plugin: str, folder: str = "") -> dict[str, str]:
        """The plugin's own configuration: looked up by its name, then by its folder's name.

        Keys are as written, each with a lower-case alias where no such key exists (C27), since Navidrome folds the
        names of keys and of the section.
        """
        section = self._section(plugin) or self._section(folder) or {}
        aliases = {key.lower(): value for key, value in reversed(list(section.items()))}
        return {**aliases, **section}

    def with_plugin_config(self, plugin: str, values: Mapping[str, str]) -> Settings:
        """These settings with `values` as the whole configuration of `plugin`."""
        return replace(self, plugin_config={**self.plugin_config, plugin: dict(values)})

    def with_folders(
        self, *, plugins: Path | None = None, data: Path | None = None, cache: Path | None = None
    ) -> Settings:
        """These settings with other folders, as if given on the command line; a plugins folder enables plugins."""
        origins = dict(self.origins)
        plugins_settings = self.plugins
        if plugins is not None:
            plugins_settings = replace(plugins_settings, enabled=True, folder=plugins.absolute())
            origins |= {"Plugins.Folder": "command line", "Plugins.Enabled": "command line"}
        if data is not None:
            origins["DataFolder"] = "command line"
        if cache is not None:
            origins["CacheFolder"] = "command line"
        return replace(
            self,
            plugins=plugins_settings,
            data_folder=self.data_folder if data is None else data.absolute(),
            cache_folder=self.cache_folder if cache is None else cache.absolute(),
            origins=origins,
        )

    def with_fidelity(self, fidelity: Fidelity) -> Settings:
        """These settings with another fidelity, as if given on the command line.

        `Pool.Mode` and `Limits.CallTimeout` follow it where nobody has set them.
        """
        origins = {**self.origins, "Workbench.Fidelity": "command line"}
        return replace(self, origins=origins)._with_habits(fidelity)

    def _with_habits(self, fidelity: Fidelity) -> Settings:
        limits, pool = self.limits, self.pool
        is_released = fidelity is Fidelity.NAVIDROME
        if self.origins.get("Workbench.Limits.CallTimeout") == "default":
            limits = replace(limits, call_timeout_s=UNLIMITED_S if is_released else Limits().call_timeout_s)
        if self.origins.get("Workbench.Pool.Mode") == "default":
            pool = replace(pool, mode=PoolMode.REUSE if is_released else PoolMode.FRESH)
        return replace(self, limits=limits, pool=pool, workbench=replace(self.workbench, fidelity=fidelity))

    def _section(self, name: str) -> Mapping[str, str] | None:
        if name in self.plugin_config:
            return self.plugin_config[name]
        folded = name.lower()
        return next((section for key, section in self.plugin_config.items() if key.lower() == folded), None)


def _source(path: Path | str | None, environ: Mapping[str, str]) -> TomlSource | None:
    """The settings file to read, if there is one."""
    if path is not None:
        return read_toml(Path(path).absolute())
    if named := environ.get("ND_CONFIGFILE"):
        return read_toml(Path(named).absolute())
    return read_toml(_DEFAULT_FILE.absolute()) if _DEFAULT_FILE.exists() else None


def _xdg(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """The workbench's own folder in a user folder of the XDG base directory specification."""
    given = Path(environ.get(variable) or "")
    base = given if given.is_absolute() else Path(environ.get("HOME") or Path.home()) / below_home
    return base.absolute() / _APP_FOLDER


def _plugins(sources: SettingSources, data_folder: Path) -> PluginsSettings:
    default = PluginsSettings(folder=data_folder / "plugins")
    return PluginsSettings(
        enabled=sources.value("Plugins.Enabled", flag, default.enabled),
        folder=sources.value("Plugins.Folder", folder, default.folder),
        cache_size_bytes=sources.value("Plugins.CacheSize", any_size, default.cache_size_bytes),
    )


def _workbench(sources: SettingSources) -> WorkbenchSettings:
    default = WorkbenchSettings()
    return WorkbenchSettings(
        fidelity=sources.value("Workbench.Fidelity", _fidelity, default.fidelity),
        seed=sources.value("Workbench.Seed", count_or_none, default.seed),
        call_path=sources.value("Workbench.CallPath", _call_path, default.call_path),
        new_version_on_module_change=sources.value(
            "Workbench.NewVersionOnModuleChange", flag, default.new_version_on_module_change
        ),
        proxy=sources.value("Workbench.Proxy", http_url, "") or None,
        undeclared_permissions=sources.value(
            "Workbench.UndeclaredPermissions", _policy, default.undeclared_permissions
        ),
        subsonic=SubsonicSettings(
            users=sources.value("Workbench.Subsonic.Users", subsonic_users, ()),
            folder=sources.value("Workbench.Subsonic.Folder", folder, None),
            upstream=sources.value("Workbench.Subsonic.Upstream", http_url, "") or None,
        ),
    )


def _routes(source: TomlSource | None, origins: dict[str, str]) -> tuple[UrlRoute, ...]:
    """The lines of `[Workbench.Routes]`; there is no variable for them."""
    origins["Workbench.Routes"] = "default"
    routes: list[UrlRoute] = []
    for top, tables in () if source is None else source.values.items():
        if top.lower() != "workbench" or not isinstance(tables, dict):
            continue
        for name in (name for name in tables if name.lower() == "routes"):
            assert source is not None
            origins["Workbench.Routes"] = str(source.file)
            for pattern, base in _table(tables[name], source, (top, name)).items():
                try:
                    routes.append(parse_route(pattern, text(base)))
                except ValueError as error:
                    raise SettingsError(
                        f'{top}.{name}."{pattern}": {error}',
                        hint='Write it as "https://api.example.com/*" = "http://127.0.0.1:9000".',
                        place=source.place_of((top, name, pattern)),
                    ) from error
    return tuple(routes)


def _fidelity(value: object) -> Fidelity:
    return Fidelity(one_of(*Fidelity)(value))


def _call_path(value: object) -> CallPathSetting:
    return cast("CallPathSetting", one_of(*get_args(CallPathSetting))(value))


def _policy(value: object) -> UndeclaredPolicy:
    return cast("UndeclaredPolicy", one_of(*get_args(UndeclaredPolicy))(value))


def _plugin_config(source: TomlSource) -> dict[str, dict[str, str]]:
    """The `[PluginConfig.<plugin>]` tables, values as text."""
    sections: dict[str, dict[str, str]] = {}
    for top, tables in source.values.items():
        if top.lower() != "pluginconfig":
            continue
        for plugin, values in _table(tables, source, (top,)).items():
            section = sections.setdefault(plugin, {})
            for key, value in _table(values, source, (top, plugin)).items():
                try:
                    section[key] = config_text(value)
                except ValueError as error:
                    raise SettingsError(
                        f"{top}.{plugin}.{key}: {error}",
                        hint="Plugins see texts only; put a list or a table into one text.",
                        place=source.place_of((top, plugin, key)),
                    ) from error
    return sections


def _table(value: object, source: TomlSource, key: tuple[str, ...]) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    place: Place = source.place_of(key)
    raise SettingsError(
        f"{'.'.join(key)}: expected a table", hint=f"Write a [{'.'.join(key)}] header over its keys.", place=place
    )
