"""A model hub on this machine, and a client of it in a process of its own.

The server speaks the part of the hub's API that its client uses: the list of a repository's files, and the files,
large ones by way of a redirect to another address as on the hub. It can cut connections, fall silent, refuse, and
send other bytes than it promises. The client is a fresh process because `huggingface_hub` reads its environment
when it is imported; it lives through a whole module of tests, because importing takes longer than they do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.hub_cache import COMMIT

LARGE = (".bin", ".safetensors")
"""Endings of files that a hub keeps apart (LFS)."""


@dataclass
class HubRepository:
    """A repository with one commit.

    Attributes:
        files: Name to content.
        commit: Its only commit; `main` and `v1` point at it.
        token: Without this token nothing is shown, if it is set.
        gated: Whether a refusal says that access must be asked for.
        silent: Whether a request is never answered.
        status: What every request is answered with, if it is set.
        cuts: For each coming transfer of a large file the position at which it is cut off; used up one by one.
        promised: Name to content that is promised (by its sha256) instead of the one that is sent.
        xet: Whether files are also offered in the hub's other way.
    """

    files: dict[str, bytes]
    commit: str = COMMIT
    token: str | None = None
    gated: bool = False
    silent: bool = False
    status: int | None = None
    cuts: list[int] = field(default_factory=list)
    promised: dict[str, bytes] = field(default_factory=dict)
    xet: bool = False

    def content(self, digest: str) -> bytes:
        """The content that is sent for a promised sha256."""
        return next(sent for name, sent in self.files.items() if sha256(self.promised.get(name, sent)) == digest)


@dataclass(frozen=True)
class Request:
    """What a client asked for; `range` is where a transfer is to start, if it said so."""

    method: str
    path: str
    range: str | None


class HubServer:
    """Serves `repositories` (`owner/name` to repository) until it is stopped; can be started again."""

    def __init__(self) -> None:
        self.repositories: dict[str, HubRepository] = {}
        self.requests: list[Request] = []
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self._server.connections:  # a client keeps them open between requests
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def asked(self, *, clear: bool = True) -> list[Request]:
        """The requests since the last time."""
        found = list(self.requests)
        if clear:
            self.requests.clear()
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub: HubServer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """The tests look at `requests` instead."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server_hub.requests.append(Request(self.command, path, self.headers.get("Range")))
        parts = path.strip("/").split("/")  # api/models/owner/name/revision/main, owner/name/resolve/main/file, ...
        start = {"api": 2, "large": 1}.get(parts[0], 0)
        name, rest = "/".join(parts[start : start + 2]), parts[start + 2 :]
        repository = self.server_hub.repositories.get(name)
        if repository is None:
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif repository.silent:
            self.server_hub.closing.wait(60)
            self.close_connection = True
        elif repository.status is not None:
            self._refuse(repository.status)
        elif repository.token is not None and self.headers.get("Authorization") != f"Bearer {repository.token}":
            self._refuse(401, "GatedRepo" if repository.gated else "", "Invalid credentials")
        elif parts[0] == "large":
            self._send_large(repository, rest[0])
        elif rest[1:] and rest[1] not in ("main", "v1", repository.commit):
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        elif parts[0] == "api":
            self._list(name, repository)
        else:
            self._resolve(name, repository, rest[2])

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _list(self, name: str, repository: HubRepository) -> None:
        siblings = [{"rfilename": file} for file in repository.files]
        listed = {"id": name, "modelId": name, "sha": repository.commit, "private": False, "siblings": siblings}
        self._send(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})

    def _resolve(self, name: str, repository: HubRepository, file: str) -> None:
        content = repository.promised.get(file, repository.files.get(file))
        headers = {"X-Repo-Commit": repository.commit}
        if content is None:
            return self._send(404, b"", headers | {"X-Error-Code": "EntryNotFound"})
        if not file.endswith(LARGE):
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            return self._send(200, content, headers | {"ETag": f'"{git}"'})
        digest = sha256(content)
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        headers |= {"Location": f"{self.server_hub.url}/large/{name}/{digest}"}
        if repository.xet:
            headers |= {"X-Xet-Hash": digest, "X-Xet-Refresh-Route": f"{self.server_hub.url}/xet"}
        return self._send(302, b"", headers)

    def _send_large(self, repository: HubRepository, digest: str) -> None:
        content = repository.content(digest)
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        cut = repository.cuts.pop(0) if repository.cuts else None
        self._send(206 if start else 200, content[start:], headers, cut=None if cut is None else max(cut - start, 0))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True


@dataclass(frozen=True)
class Answer:
    """What a call in the client's process came to.

    Attributes:
        value: What it returned, paths as text.
        problems: Message and hint of each problem that it raised; None if it raised none.
        out: What it wrote for people.
        err: What it wrote to the error stream.
    """

    value: Any
    problems: list[tuple[str, str]] | None
    out: str
    err: str

    @property
    def problem(self) -> tuple[str, str]:
        """The only problem."""
        assert self.problems is not None, self.value
        ((message, hint),) = self.problems
        return message, hint


_CLIENT = """
import contextlib, importlib, io, json, sys
from madx_pipeline.errors import MadxError
answers = sys.stdout
for line in sys.stdin:
    name, arguments = json.loads(line)
    module, _, function = name.rpartition(".")
    out, err, value, problems = io.StringIO(), io.StringIO(), None, None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            value = getattr(importlib.import_module(module), function)(*arguments)
        except MadxError as error:
            problems = [[problem.message, problem.hint] for problem in error.problems]
    answer = {"value": value, "problems": problems, "out": out.getvalue(), "err": err.getvalue()}
    print(json.dumps(answer, default=str), file=answers, flush=True)
"""


class HubClient:
    """A process whose hub is `endpoint` and whose cache lies in `home`."""

    def __init__(self, endpoint: str, home: Path, **environment: str) -> None:
        ours = ("HF_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
        settings = {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_ETAG_TIMEOUT": "2",
            "HF_HUB_DOWNLOAD_TIMEOUT": "2",
            "HTTP_PROXY": "http://192.0.2.1:9",  # leads nowhere: a hub on this machine is not behind a proxy
        }
        self.cache = home / "hub"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=inherited | settings | environment,
        )

    def call(self, function: str, *arguments: Any) -> Answer:
        """Calls a function by its full name; arguments are plain data."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client died"
        read = json.loads(line)
        problems = None if read["problems"] is None else [(message, hint) for message, hint in read["problems"]]
        return Answer(read["value"], problems, read["out"], read["err"])

    def download(self, repository: str, revision: str | None, files: list[str], **expected: str) -> Answer:
        """`hub.download`; `expected` has `_` for the dot of a file's name."""
        wanted = {name.replace("_bin", ".bin"): digest for name, digest in expected.items()}
        return self.call("madx_pipeline.hub.download.download", repository, revision, files, wanted)

    def close(self) -> None:
        """Ends the process and waits for it."""
        self._process.communicate(timeout=300)


def sha256(content: bytes) -> str:
    """sha256 (hex)."""
    return hashlib.sha256(content).hexdigest()
