"""Which method is shown for a plugin, and what its request begins with."""

from __future__ import annotations

from engine.contracts.registry import find_method
from workbench.tui.drafts import RequestBook

BIOGRAPHY, MBID = find_method("GetArtistBiography"), find_method("GetArtistMBID")
SCROBBLE, AUTHORIZED = find_method("Scrobbler.Scrobble"), find_method("Scrobbler.IsAuthorized")


def test_a_plugin_gets_its_first_declared_method_unless_the_present_one_fits() -> None:
    book = RequestBook()
    assert book.method_for("a", ("Scrobbler",), None) is AUTHORIZED
    assert book.method_for("a", ("Scrobbler",), BIOGRAPHY) is AUTHORIZED
    assert book.method_for("a", ("MetadataAgent",), BIOGRAPHY) is BIOGRAPHY
    assert book.method_for("a", (), BIOGRAPHY) is next(iter(book.methods.values()))


def test_a_method_that_was_chosen_by_hand_stays_with_its_plugin() -> None:
    book = RequestBook()
    book.choose("a", SCROBBLE)
    assert book.method_for("a", ("MetadataAgent",), BIOGRAPHY) is SCROBBLE
    assert book.method_for("b", ("MetadataAgent",), BIOGRAPHY) is BIOGRAPHY


def test_a_draft_is_kept_for_each_method_and_begins_with_what_stood_in_the_one_before() -> None:
    book = RequestBook()
    book.draft(BIOGRAPHY).set_text("name", "Nina")
    assert book.draft(BIOGRAPHY).value()["name"] == "Nina"
    assert book.draft(MBID).value()["name"] == ""
    assert book.draft(MBID, instead_of=BIOGRAPHY).value()["name"] == "Nina"
    assert book.draft(BIOGRAPHY, instead_of=BIOGRAPHY).value()["name"] == "Nina"
