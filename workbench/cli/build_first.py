"""What `call` builds before it calls: a text module that changed, or with `--trust` what the plugin's folder says.

The development loop does this all the time; a single call does it once, and never runs a command of the plugin's
folder without being told to.
"""

from __future__ import annotations

import asyncio

from engine import Settings
from engine.calls import OutputStream
from engine.plugins.discovery import DiscoveredPlugin
from workbench.cli.diagnostics import complain, say
from workbench.devloop.build_config import Recipe, find_recipe
from workbench.devloop.builder import Builder
from workbench.devloop.errors import BuildError
from workbench.devloop.sources import is_due, scan_sources
from workbench.devloop.toolchain import Toolchain
from workbench.devloop.trust import TRUST_FILE, TrustStore
from workbench.inert import LINE_LIMIT, display_text, exact_command, exact_env


async def build_if_due(entry: DiscoveredPlugin, settings: Settings, *, trusts_all: bool) -> None:
    """Bring the module of a plugin up to date, as far as that needs nobody's consent.

    Says on stderr what is built and what is out of date. Raises `BuildError` when the build fails, and when there is
    no module and nobody agreed to the command that makes one.
    """
    if entry.error is not None:
        return  # loading says why
    recipe = await asyncio.to_thread(_due_recipe, entry)
    if recipe is None:
        return
    trust = TrustStore(settings.data_folder / TRUST_FILE, trust_all=trusts_all, on_warning=_warn)
    if await asyncio.to_thread(trust.is_trusted, entry.path, recipe):
        say(*f"building {display_text(entry.id)}: {_shown(recipe)}".split("\n"))
        builder = Builder(Toolchain(settings.cache_folder), module_limit_bytes=settings.limits.module_bytes)
        await builder.build(entry.path, recipe, _pass_on)
    elif entry.has_module:
        complain(
            f"{entry.id}: plugin.wasm is older than its sources",
            hint=_cut_nowhere(f"--trust builds it: {_shown(recipe)}"),
        )
    else:
        raise BuildError(
            entry.module_error.summary,
            hint=_cut_nowhere(f"Its folder says how to build it; --trust runs that command: {_shown(recipe)}"),
            plugin=entry.id,
            place=entry.module_error.place,
        )


def _due_recipe(entry: DiscoveredPlugin) -> Recipe | None:
    """How the module has to be built before it can be called; None when it is up to date or comes ready-made."""
    recipe = find_recipe(entry.path)
    if recipe is None or not is_due(entry.path, scan_sources(entry.path, recipe)):
        return None
    return recipe


def _warn(summary: str, hint: str | None) -> None:
    complain(summary, hint=hint)


def _shown(recipe: Recipe) -> str:
    """The command and, a line each, its variables: all that --trust agrees to."""
    return "\n".join([exact_command(recipe.command), *(f"with {variable}" for variable in exact_env(recipe.env))])


def _cut_nowhere(text: str) -> str:
    """`text` in lines short enough to be printed whole: what is agreed to must not end in `…`."""
    return "\n".join(
        line[start : start + LINE_LIMIT] for line in text.split("\n") for start in range(0, len(line), LINE_LIMIT)
    )


def _pass_on(line: str, _stream: OutputStream) -> None:
    say(f"  {display_text(line)}")
