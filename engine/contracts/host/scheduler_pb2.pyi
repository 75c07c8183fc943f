from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ScheduleOneTimeRequest(_message.Message):
    __slots__ = ("delay_seconds", "payload", "schedule_id")
    DELAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    delay_seconds: int
    payload: bytes
    schedule_id: str
    def __init__(self, delay_seconds: _Optional[int] = ..., payload: _Optional[bytes] = ..., schedule_id: _Optional[str] = ...) -> None: ...

class ScheduleRecurringRequest(_message.Message):
    __slots__ = ("cron_expression", "payload", "schedule_id")
    CRON_EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    cron_expression: str
    payload: bytes
    schedule_id: str
    def __init__(self, cron_expression: _Optional[str] = ..., payload: _Optional[bytes] = ..., schedule_id: _Optional[str] = ...) -> None: ...

class ScheduleResponse(_message.Message):
    __slots__ = ("schedule_id",)
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    def __init__(self, schedule_id: _Optional[str] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("schedule_id",)
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    def __init__(self, schedule_id: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("success", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error: str
    def __init__(self, success: _Optional[bool] = ..., error: _Optional[str] = ...) -> None: ...

class TimeNowRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TimeNowResponse(_message.Message):
    __slots__ = ("rfc3339_nano", "unix_milli", "local_time_zone")
    RFC3339_NANO_FIELD_NUMBER: _ClassVar[int]
    UNIX_MILLI_FIELD_NUMBER: _ClassVar[int]
    LOCAL_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    rfc3339_nano: str
    unix_milli: int
    local_time_zone: str
    def __init__(self, rfc3339_nano: _Optional[str] = ..., unix_milli: _Optional[int] = ..., local_time_zone: _Optional[str] = ...) -> None: ...
