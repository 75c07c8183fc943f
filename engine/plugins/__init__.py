"""A plugin on disk: its manifest, permissions, folder and package."""
