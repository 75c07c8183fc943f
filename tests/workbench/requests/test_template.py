"""Templates: all fields of a request, and good to send as they are."""

from __future__ import annotations

import pytest

from engine.contracts.codec import build
from engine.contracts.registry import CAPABILITIES, Method, find_method
from workbench.requests import template

METHODS = [method for service in CAPABILITIES.values() for method in service.methods.values()]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_template_fits_its_message_and_names_all_fields(method: Method) -> None:
    value = template(method)
    assert list(value) == [field.name for field in method.request_type.DESCRIPTOR.fields]
    build(method.request_type, value)


def test_nested_messages_lists_and_maps_show_what_they_hold() -> None:
    track = template(find_method("Scrobble"))["track"]
    assert isinstance(track, dict)
    assert track["artists"] == [{"name": "", "mbid": ""}]
    assert template(find_method("OnInit")) == {"config": {"key": ""}}
    assert template(find_method("OnSchedulerCallback")) == {"schedule_id": "", "payload": "", "is_recurring": False}
