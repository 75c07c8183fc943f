"""The wire contract of the plugin system: generated messages, and what is derived from their descriptors."""
