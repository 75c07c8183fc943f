"""Generated messages of the host services, one module per service; see `proto/host/`."""
