"""How a guest can fail, as seen by the floor that runs it; the floors above turn a fault into an outcome."""

from __future__ import annotations

from engine.calls import Outcome, TrapReport, cut_text


class GuestFault(Exception):
    """A guest did not come back with a reply.

    `outcome` is what the call ended as, `str()` the text for its caller, `report` the trap if there was one.
    """

    def __init__(
        self, outcome: Outcome, text: str, *, hint: str | None = None, report: TrapReport | None = None
    ) -> None:
        text = cut_text(text)
        super().__init__(text)
        self.outcome = outcome
        self.text = text
        self.hint = hint
        self.report = report


class HostStop(Exception):
    """Raised inside a host import to stop the guest; carries what the call then ends as."""

    def __init__(self, outcome: Outcome, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text
