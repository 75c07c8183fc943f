"""The descriptor pool of the plugin contract, and the descriptor of a message.

Not the process-wide default pool: message names such as `http.HttpRequest` are short, and another library in the same
process may register its own under the same name.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

POOL: Final = DescriptorPool()
"""Holds exactly the files of `proto/`; the generated modules add themselves when they are imported."""


def descriptor_of(message: Message | type[Message]) -> Descriptor:
    """What a message is made of; protobuf's stubs leave open which of its two descriptor classes this is."""
    descriptor = message.DESCRIPTOR
    assert isinstance(descriptor, Descriptor)
    return descriptor
