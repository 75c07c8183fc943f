"""The areas of the main screen: plugins, call, trace, log."""
