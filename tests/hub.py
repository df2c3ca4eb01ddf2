"""A model hub on loopback: as much of its protocol as the client needs to find a model's files and download them."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson


@contextmanager
def hub(repository: str, commit: str, folder: Path) -> Iterator[str]:
    """Serves the files of `folder` as that repository at that commit; gives the endpoint's URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests print nothing."""

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            if path == f"/api/models/{repository}/revision/{commit}":
                files = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(folder.iterdir())]
                self._send(
                    orjson.dumps({"id": repository, "sha": commit, "siblings": files}), {"Content-Type": "application/json"}
                )
            elif path.startswith(f"/{repository}/resolve/{commit}/") and (folder / Path(path).name).is_file():
                content = (folder / Path(path).name).read_bytes()
                self._send(content, {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'})
            else:
                self._send(b"", {}, HTTPStatus.NOT_FOUND)

        def _send(self, content: bytes, headers: dict[str, str], status: int = HTTPStatus.OK) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
