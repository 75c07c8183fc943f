"""The development loop: from saved source to a reloaded plugin."""
