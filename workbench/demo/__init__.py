"""The demo: sample plugins, the local services that they talk to, and requests that bring answers."""
