"""A web server on this machine that serves files, in ranges, and misbehaves when asked to."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """files: path -> content. cuts: path -> how often to break off half-way through what was asked for.

    answers: path -> status codes to give, one a request, before the file. html: paths answered by a page.
    requests: (path, Range header) of every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    answers: dict[str, list[int]] = field(default_factory=dict)
    html: set[str] = field(default_factory=set)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        """Serve at `url` on a free port while the block runs."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def handler_of(site: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.lstrip("/")
            asked = self.headers["Range"]
            site.requests.append((path, asked))
            if site.answers.get(path):
                return self.send_error(site.answers[path].pop(0))
            if path not in site.files:
                return self.send_error(404)
            content = site.files[path]
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            start = 0
            if asked and self.headers["If-Range"] == tag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    return self.send_error(416)
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Type", "text/html" if path in site.html else "application/octet-stream")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if site.cuts.get(path):
                site.cuts[path] -= 1
                body = body[: len(body) // 2]
                self.close_connection = True
            self.wfile.write(body)
            return None

        def log_message(self, *arguments):
            """Say nothing."""

    return Handler
