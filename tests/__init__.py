"""The tests; a package, so that test files can share code under its real name (`from tests.waiting import ...`)."""
