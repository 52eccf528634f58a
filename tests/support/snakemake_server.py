"""Snakemake in forks of a process that has loaded it, which takes two seconds: with the path of a socket.

A connection sends a folder, arguments and an environment as one line of JSON. It gets what Snakemake writes,
and at the end a zero byte and the exit code.
"""

import gc
import json
import os
import sys
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer

from snakemake.cli import main


class Run(StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return  # somebody asked whether there is a server
        folder, arguments, environment = json.loads(line)
        os.chdir(folder)
        sys.path[0] = folder
        os.environ.clear()
        os.environ |= environment
        for stream in (1, 2):
            os.dup2(self.connection.fileno(), stream)
        sys.argv[1:] = arguments
        code = 1
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        self.wfile.write(b"\0%d" % int(code or 0))


class Server(ForkingMixIn, UnixStreamServer):
    """A fork for each connection."""


if __name__ == "__main__":
    gc.freeze()  # lest each fork looks for garbage in all of Snakemake
    with Server(sys.argv[1], Run) as server:
        server.serve_forever()
