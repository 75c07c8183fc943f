"""What people touch: the command line, the full screen, the development loop, requests, traces and the demo."""
