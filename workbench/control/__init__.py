"""How one program asks a workbench that runs on the same plugins folder: a private socket for each folder.

`address.py` says where it is, `server.py` answers, `client.py` asks. One JSON object on one line each way.
"""
