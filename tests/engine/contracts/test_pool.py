from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from engine.contracts import api_pb2 as api
from engine.contracts.pool import POOL, descriptor_of
from engine.contracts.registry import message_type

ROOT = Path(__file__).parents[3]

_BOTH_IN_ONE_PROCESS = """
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

foreign = descriptor_pb2.FileDescriptorProto(name="engine/contracts/host/http.proto", package="http", syntax="proto3")
foreign.message_type.add(name="HttpRequest").field.add(name="verb", number=1, type=5, label=1)
descriptor_pool.Default().Add(foreign)
Foreign = message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName("http.HttpRequest"))

from engine.contracts.host.http_pb2 import HttpRequest

assert HttpRequest(url="u").SerializeToString() == b"\\x0a\\x01u"
assert Foreign(verb=3).SerializeToString() == b"\\x08\\x03"
"""


def test_another_library_may_have_messages_of_the_same_names_and_file() -> None:
    run = subprocess.run([sys.executable, "-c", _BOTH_IN_ONE_PROCESS], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_contract_leaves_the_process_wide_pool_alone() -> None:
    assert message_type("api.TrackInfo").DESCRIPTOR is POOL.FindMessageTypeByName("api.TrackInfo")
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("api.TrackInfo")


def test_a_message_and_its_class_have_one_descriptor() -> None:
    assert descriptor_of(api.Song()) is descriptor_of(api.Song)


def test_generated_classes_name_the_module_that_carries_them() -> None:
    assert api.TrackInfo.__module__ == "engine.contracts.api_pb2"
