"""The command line: one file per command or group of commands, and what they share.

Nothing here imports the engine, protobuf, httpx or Textual at the top of a file: `workbench --help` answers
before any of them is loaded, and only the full screen loads Textual.
"""
