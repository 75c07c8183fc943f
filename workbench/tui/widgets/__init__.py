"""Widgets: they show frozen values and emit messages, and know neither engine nor app."""
