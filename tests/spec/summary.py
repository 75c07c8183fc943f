"""Says at the end of a run how many vector cases of each kind were run, also where several processes ran them."""

from __future__ import annotations

from collections import Counter

import pytest

KIND_PROPERTY = "spec_kind"
"""The user property that carries a case's kind from the process that ran it."""


class VectorCounts:
    """Counts the reports of vector cases."""

    def __init__(self) -> None:
        self._ran: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._not_built: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        kind = dict(report.user_properties).get(KIND_PROPERTY)
        if report.when != "call" or not isinstance(kind, str):
            return
        if report.skipped:
            self._not_built[kind] += 1
        else:
            self._ran[kind] += 1
            self._failed[kind] += int(report.failed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._ran and not self._not_built:
            return
        terminalreporter.section(f"specification vectors: {self._ran.total()} cases ran")
        for kind in sorted({*self._ran, *self._not_built}):
            line = f"{kind}: {self._ran[kind]} ran"
            if self._failed[kind]:
                line += f", {self._failed[kind]} failed"
            if self._not_built[kind]:
                line += f", {self._not_built[kind]} not built yet"
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(VectorCounts(), "vector-counts")
