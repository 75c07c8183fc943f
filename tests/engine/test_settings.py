"""Settings: Navidrome's names from file and variables, defaults, origins, and errors with their line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import (
    UNLIMITED_S,
    Fidelity,
    Limits,
    PoolMode,
    PoolSettings,
    Settings,
    SubsonicSettings,
    WorkbenchSettings,
)
from engine.settings_sources import SubsonicUser


@pytest.fixture(autouse=True)
def empty_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No navidrome.toml of the machine is read, and relative paths count from here."""
    monkeypatch.chdir(tmp_path)


def load(text: str = "", environ: Mapping[str, str] | None = None, *, plugins_folder: Path | None = None) -> Settings:
    Path("settings.toml").write_text(text)
    return Settings.load(
        "settings.toml", environ={"HOME": "/home/me", **(environ or {})}, plugins_folder=plugins_folder
    )


def refusal(text: str = "", environ: Mapping[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(text, environ)
    assert caught.value.hint
    return caught.value


def test_without_a_file_everything_has_its_default() -> None:
    settings = Settings.load(environ={"HOME": "/home/me"})
    assert settings.plugins.enabled
    assert settings.plugins.cache_size_bytes == 100_000_000
    assert settings.data_folder == Path("/home/me/.local/share/navidrome-workbench")
    assert settings.cache_folder == Path("/home/me/.cache/navidrome-workbench")
    assert settings.plugins.folder == settings.data_folder / "plugins"
    assert settings.compile_cache_folder == settings.cache_folder / "plugins" / "workbench"
    assert settings.compile_timeout_s == 60
    assert settings.share_url == ""
    assert (settings.limits, settings.pool, settings.workbench) == (Limits(), PoolSettings(), WorkbenchSettings())
    assert set(settings.origins.values()) == {"default"}


def test_the_users_folders_are_respected_where_they_are_absolute() -> None:
    settings = Settings.load(environ={"HOME": "/home/me", "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "relative"})
    assert settings.data_folder == Path("/data/navidrome-workbench")
    assert settings.cache_folder == Path("/home/me/.cache/navidrome-workbench")


def test_navidromes_file_is_understood_whatever_the_case_of_its_keys() -> None:
    settings = load(
        """
        datafolder = "/srv/music"
        SHAREURL = "https://share.example/base"
        DevPluginCompilationTimeout = "1m30s"
        MusicFolder = "/music"
        [pLuGiNs]
        ENABLED = false
        CacheSize = "10MiB"
        """
    )
    assert settings.data_folder == Path("/srv/music")
    assert settings.cache_folder == Path("/srv/music/cache")
    assert settings.plugins.folder == Path("/srv/music/plugins")
    assert settings.share_url == "https://share.example/base"
    assert settings.compile_timeout_s == 90
    assert not settings.plugins.enabled
    assert settings.plugins.cache_size_bytes == 10_485_760


def test_a_call_may_be_without_a_time_limit() -> None:
    assert load('[Workbench.Limits]\nCallTimeout = "0"').limits.call_timeout_s == UNLIMITED_S
    assert load(environ={"ND_WORKBENCH_LIMITS_CALLTIMEOUT": "0s"}).limits.call_timeout_s == UNLIMITED_S


def test_the_fidelity_decides_what_nobody_has_set() -> None:
    released = load('[Workbench]\nFidelity = "Navidrome"')
    assert released.workbench.fidelity is Fidelity.NAVIDROME
    assert (released.pool.mode, released.limits.call_timeout_s) == (PoolMode.REUSE, UNLIMITED_S)
    assert released.pool == PoolSettings(mode=PoolMode.REUSE)
    kept = load('[Workbench]\nFidelity = "navidrome"\nSeed = 3\n[Workbench.Pool]\nMode = "FRESH"')
    assert (kept.pool.mode, kept.workbench.seed) == (PoolMode.FRESH, 3)
    assert load('[Workbench.Pool]\nMode = "reuse"').workbench.fidelity is Fidelity.DOCUMENT


def test_relative_folders_count_from_the_current_one(tmp_path: Path) -> None:
    assert load('DataFolder = "data"').plugins.folder == tmp_path / "data" / "plugins"


def test_variables_win_over_the_file_and_empty_ones_do_not() -> None:
    text = 'CacheFolder = "/file/cache"\n[Plugins]\nFolder = "/file/plugins"'
    environ = {"ND_PLUGINS_FOLDER": "/var/plugins", "ND_CACHEFOLDER": "", "ND_PLUGINS_ENABLED": "false"}
    settings = load(text, environ)
    assert settings.plugins.folder == Path("/var/plugins")
    assert settings.cache_folder == Path("/file/cache")
    assert not settings.plugins.enabled


def test_the_file_is_the_named_one_or_the_variables_or_navidrome_toml(tmp_path: Path) -> None:
    def share_url(path: str | None, environ: Mapping[str, str]) -> str:
        return Settings.load(path, environ=environ).share_url

    for name in ("navidrome", "variable", "argument"):
        (tmp_path / f"{name}.toml").write_text(f'ShareURL = "https://{name}.example"')
    assert share_url(None, {}) == "https://navidrome.example"
    assert share_url(None, {"ND_CONFIGFILE": "variable.toml"}) == "https://variable.example"
    assert share_url("argument.toml", {"ND_CONFIGFILE": "variable.toml"}) == "https://argument.example"


@pytest.mark.parametrize("environ", [{}, {"ND_CONFIGFILE": "absent.toml"}])
def test_a_file_that_was_named_must_exist(environ: dict[str, str]) -> None:
    path = None if environ else "absent.toml"
    with pytest.raises(SettingsError, match="no such file or directory"):
        Settings.load(path, environ=environ)


def test_a_folder_on_the_command_line_wins_and_enables_plugins(tmp_path: Path) -> None:
    settings = load("[Plugins]\nEnabled = false", {"ND_PLUGINS_FOLDER": "/var/plugins"}, plugins_folder=Path("mine"))
    assert settings.plugins.enabled
    assert settings.plugins.folder == tmp_path / "mine"
    assert settings.origins["Plugins.Folder"] == "command line"


def test_origins_name_the_file_the_variable_or_the_default(tmp_path: Path) -> None:
    settings = load('[plugins]\nfolder = "/x"', {"ND_DATAFOLDER": "/y"})
    assert settings.origins["Plugins.Folder"] == str(tmp_path / "settings.toml")
    assert settings.origins["DataFolder"] == "ND_DATAFOLDER"
    assert settings.origins["CacheFolder"] == "default"
    assert settings.origins["Workbench.Limits.Memory"] == "default"


def test_every_setting_has_an_origin() -> None:
    groups = sum(len(fields(group)) for group in (Limits, PoolSettings, WorkbenchSettings, SubsonicSettings))
    groups -= len(("WorkbenchSettings.subsonic",))
    assert len(load().origins) == groups + len(("Enabled", "Folder", "CacheSize", "Data", "Cache", "Timeout", "Share"))


def test_the_workbenchs_own_settings() -> None:
    settings = load(
        """
        [Workbench]
        NewVersionOnModuleChange = false
        Proxy = "http://proxy.example:3128"
        UndeclaredPermissions = "refuse"
        [Workbench.Limits]
        CallTimeout = "2s"
        Memory = "64MiB"
        HostCalls = 7
        [workbench.pool]
        maxidle = 0
        Wait = "100ms"
        """,
        {"ND_WORKBENCH_LIMITS_CACHE": "1KiB", "ND_WORKBENCH_POOL_MAXINUSE": "3"},
    )
    assert settings.workbench == WorkbenchSettings(
        new_version_on_module_change=False, proxy="http://proxy.example:3128", undeclared_permissions="refuse"
    )
    assert (settings.limits.call_timeout_s, settings.limits.memory_bytes) == (2, 64 * 1024 * 1024)
    assert (settings.limits.host_calls, settings.limits.cache_bytes) == (7, 1024)
    assert (settings.pool.max_idle, settings.pool.max_in_use, settings.pool.wait_s) == (0, 3, 0.1)


def test_who_may_be_asked_for_over_the_subsonic_api_and_who_answers() -> None:
    subsonic = load(
        """
        [Workbench.Subsonic]
        Folder = "answers"
        Upstream = "https://music.example.com/base"
        [[Workbench.Subsonic.Users]]
        Name = "alice"
        Password = "sesame"
        [[Workbench.Subsonic.Users]]
        name = "root"
        admin = true
        """
    ).workbench.subsonic
    assert subsonic.users == (SubsonicUser(name="alice", password="sesame"), SubsonicUser(name="root", is_admin=True))
    assert (subsonic.folder, subsonic.upstream) == (Path("answers").absolute(), "https://music.example.com/base")
    assert "sesame" not in repr(subsonic)
    for names in (
        load(environ={"ND_WORKBENCH_SUBSONIC_USERS": "alice, bob"}),
        load("Workbench.Subsonic.Users = ['alice', 'bob']"),
    ):
        assert [user.name for user in names.workbench.subsonic.users] == ["alice", "bob"]


@pytest.mark.parametrize(
    ("users", "problem"),
    [
        ("7", "expected a list of users, got a number"),
        ("[7]", "expected a text, got a number"),
        ("[{Admin = true}]", "a user needs a Name"),
        ("[{Name = 'a', Role = 'b'}]", 'a user has Name, Admin and Password, but no "role"'),
        ("['Bob', 'bob']", 'the user "Bob" is given twice; case does not count'),
    ],
)
def test_users_of_the_subsonic_api_that_make_no_sense_are_refused(users: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(f"[Workbench.Subsonic]\nUsers = {users}")
    assert caught.value.summary == f"Workbench.Subsonic.Users: {problem}"
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize("text", ["DevPluginCompilationTimeout = 0", 'DevPluginCompilationTimeout = "-5s"'])
def test_a_compile_timeout_of_zero_or_less_is_the_default(text: str) -> None:
    assert load(text).compile_timeout_s == 60


def test_a_bare_number_is_nanoseconds_as_in_navidrome() -> None:
    assert load("DevPluginCompilationTimeout = 1500000000").compile_timeout_s == 1.5


@pytest.mark.parametrize(("given", "size"), [('"lots"', None), ('""', None), ("0", 0), ("3", 3), ('"200K"', 200_000)])
def test_a_cache_size_that_cannot_be_read_means_no_purge(given: str, size: int | None) -> None:
    assert load(f"[Plugins]\nCacheSize = {given}").plugins.cache_size_bytes == size


ERRORS = [
    ("\nDataFolder = 7", 2, "DataFolder: expected a text, got a number"),
    ('DataFolder = ""', 1, "DataFolder: expected the path of a folder"),
    ('[Plugins]\nEnabled = "maybe"', 2, "Plugins.Enabled: expected true or false, got a text"),
    ("[Plugins]\nCacheSize = []", 2, "Plugins.CacheSize: expected a size such as 100MB, got an array"),
    (
        'DevPluginCompilationTimeout = "soon"',
        1,
        'DevPluginCompilationTimeout: "soon" is not a duration such as 90s, 1h30m or 500ms',
    ),
    ('ShareURL = "share.example"', 1, "ShareURL: expected a URL of the form https://host"),
    ('ShareURL = "https://"', 1, "ShareURL: expected a URL of the form https://host"),
    ('ShareURL = "http://host:99999"', 1, "ShareURL: expected a URL of the form https://host"),
    ("[Workbench]\nProxies = 1", 2, "unknown setting workbench.proxies"),
    ("Workbench = 7", 1, "unknown setting workbench"),
    ("[Workbench.Limits]\nMemory = 0", 2, "Workbench.Limits.Memory: expected a size above zero, such as 64MiB"),
    ("[Workbench.Limits]\nStartTimeout = 0", 2, "Workbench.Limits.StartTimeout: expected a duration above zero, such"),
    ('[Workbench]\nFidelity = "high"', 2, "Workbench.Fidelity: expected document or navidrome"),
    ('[Workbench.Pool]\nMode = "new"', 2, "Workbench.Pool.Mode: expected fresh or reuse"),
    ('[Workbench.Limits]\nCallTimeout = "-1s"', 2, "Workbench.Limits.CallTimeout: expected a duration above zero"),
    ("[Workbench.Limits]\nHostCalls = 1.5", 2, "Workbench.Limits.HostCalls: expected a whole number from 1"),
    ("[Workbench.Limits]\nHostCalls = true", 2, "Workbench.Limits.HostCalls: expected a whole number from 1"),
    ("[Workbench.Pool]\nMaxIdle = -1", 2, "Workbench.Pool.MaxIdle: expected a whole number from 1"),
    ("[Workbench.Pool]\nMaxIdle = []", 2, "Workbench.Pool.MaxIdle: expected a whole number from 1"),
    ("[Workbench.Pool.MaxIdle]\nx = 1", 2, "unknown setting workbench.pool.maxidle.x"),
    ("[Workbench]\nUndeclaredPermissions = 'all'", 2, "Workbench.UndeclaredPermissions: expected document or refuse"),
    ("[Plugins]\nfolder = '/a'\nFolder = '/b'", 2, "Plugins.Folder is given twice"),
    ("PluginConfig = 1", 1, "PluginConfig: expected a table"),
    ("[PluginConfig]\ndemo = 1", 2, "PluginConfig.demo: expected a table"),
    ("[PluginConfig.demo]\nkeys = []", 2, "PluginConfig.demo.keys: expected a text, number or boolean, got an array"),
]


@pytest.mark.parametrize(("text", "line", "message"), ERRORS, ids=[message for _, _, message in ERRORS])
def test_an_error_names_the_key_and_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    error = refusal(text)
    assert error.summary.startswith(message)
    assert error.place is not None
    assert (error.place.file, error.place.line) == (tmp_path / "settings.toml", line)


def test_tables_may_be_opened_in_several_spellings_and_be_empty() -> None:
    settings = load("[Workbench]\n[workbench.Pool]\nWait = '1s'\n[WORKBENCH.pool]\nidle = '2s'\n[Workbench.Limits]")
    assert (settings.pool.wait_s, settings.pool.idle_s) == (1, 2)


def test_an_error_in_a_variable_names_the_variable() -> None:
    assert refusal(environ={"ND_WORKBENCH_POOL_WAIT": "soon"}).summary.startswith(
        'the variable ND_WORKBENCH_POOL_WAIT: "soon" is not a duration'
    )


def test_a_misspelt_workbench_setting_is_an_error_and_any_other_key_is_navidromes() -> None:
    assert refusal("[Workbench]\nProxies = 1").hint == "Did you mean Workbench.Proxy?"
    assert refusal(environ={"ND_WORKBENCH_PROXYS": "x"}).hint == "Did you mean ND_WORKBENCH_PROXY?"
    load("Whatever = 1\n[Jukebox]\nEnabled = true", {"ND_WHATEVER": "1"})


def test_plugin_configuration_becomes_text() -> None:
    settings = load(
        """
        [PluginConfig.demo]
        text = "as is"
        whole = 30
        hexadecimal = 0xff
        decimal = 1.5
        round = 2.0
        large = 1e21
        small = 1.5e-7
        yes = true
        no = false
        day = 2026-03-10
        """
    )
    assert settings.config_for("demo") == {
        "text": "as is",
        "whole": "30",
        "hexadecimal": "255",
        "decimal": "1.5",
        "round": "2",
        "large": "1000000000000000000000",
        "small": "0.00000015",
        "yes": "true",
        "no": "false",
        "day": "2026-03-10",
    }


def test_configuration_keys_have_a_lower_case_alias_where_there_is_none() -> None:
    settings = load("[PluginConfig.demo]\nApiKey = 'a'\nUser = 'b'\nuser = 'c'")
    assert settings.config_for("demo") == {"ApiKey": "a", "apikey": "a", "User": "b", "user": "c"}


def test_configuration_is_found_by_plugin_name_then_folder_name_and_never_anothers() -> None:
    settings = load(
        "[PluginConfig.demo]\nk = 'name'\n[PluginConfig.folder]\nk = 'folder'\n[PluginConfig.'My Plugin']\nk = 'mine'"
    )
    assert settings.config_for("demo", "folder") == {"k": "name"}
    assert settings.config_for("other", "folder") == {"k": "folder"}
    assert settings.config_for("my plugin", "") == {"k": "mine"}
    assert settings.config_for("other", "elsewhere") == {}


def test_settings_can_be_derived() -> None:
    base = load("[PluginConfig.demo]\na = '1'")
    derived = base.with_plugin_config("demo", {"b": "2"}).with_plugin_config("more", {"c": "3"})
    assert derived.config_for("demo") == {"b": "2"}
    assert derived.config_for("more") == {"c": "3"}
    assert base.config_for("demo") == {"a": "1"}
    moved = base.with_folders(plugins=Path("/p"), data=Path("/d"), cache=Path("/c"))
    assert (moved.plugins.folder, moved.data_folder, moved.cache_folder) == (Path("/p"), Path("/d"), Path("/c"))
    assert moved.origins["DataFolder"] == moved.origins["CacheFolder"] == "command line"


def test_secrets_are_not_in_the_repr() -> None:
    settings = load("[PluginConfig.demo]\napi_key = 'secret'\n[Workbench]\nProxy = 'http://me:secret@proxy.example'")
    assert "secret" not in repr(settings)


def test_routes_are_read_in_the_order_of_the_file() -> None:
    settings = load(
        """
        [workbench.routes]
        "https://api.example.com/*" = "http://127.0.0.1:9000"
        "wss://stream.example.com" = "ws://localhost:9001/mock"
        """
    )
    assert [(route.pattern.text, route.base.text) for route in settings.workbench.routes] == [
        ("https://api.example.com/*", "http://127.0.0.1:9000/"),
        ("wss://stream.example.com", "ws://localhost:9001/mock"),
    ]
    assert settings.origins["Workbench.Routes"].endswith("settings.toml")
    assert load().origins["Workbench.Routes"] == "default"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('"https://api.example.com/*" = "here"', "expected a base URL"),
        ('"https://api.example.com/*" = 9000', "expected a text, got a number"),
        ('"api.example.com" = "http://127.0.0.1"', "never matches"),
    ],
)
def test_a_bad_route_is_refused_with_its_line(line: str, cause: str) -> None:
    error = refusal(f"[Workbench.Routes]\n{line}")
    assert cause in error.summary
    assert error.place is not None
    assert error.place.line == 2


def test_routes_that_are_no_table_are_refused() -> None:
    assert "expected a table" in refusal("[Workbench]\nRoutes = 1").summary
