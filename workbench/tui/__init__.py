"""The full screen. Nothing below is imported by the command line until the screen opens."""
