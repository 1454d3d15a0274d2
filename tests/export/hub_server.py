"""A small hub on the loopback: enough of its API to make a repository, check a card and take a commit.

What it asks of a card is what the hub documents (model cards, licences, ISO 639), not the hub's own code.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import yaml

from madx_pipeline.export.names import hub_licences

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_HEAD = re.compile(r"^---\n(.*?)\n---\n", re.DOTALL)
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_PRIVATE_USE = re.compile(r"q[a-t][a-z]")


@dataclass
class Hub:
    """What the server has, and how it answers.

    Attributes:
        url: Its address.
        repositories: Id to file name to content.
        private: Ids of the repositories that are private.
        requests: Method and path of every request.
        status: What every request for a repository is answered with instead; 200 answers properly.
        uploaded: sha256 of a large file to its content.
        cut: Whether the connection is cut in the middle of an upload.
    """

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    cut: bool = False


@contextmanager
def serve() -> Iterator[Hub]:
    """Runs the server for the block."""
    hub = Hub()

    class Handler(_Handler):
        the_hub = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


def card_errors(content: str) -> list[str]:
    """What the hub documents that a model card must not say."""
    match = _HEAD.match(content)
    if match is None:
        return ["no metadata"]
    data = yaml.safe_load(match[1])
    errors = [f'"{key}" is empty' for key, value in data.items() if value in (None, [], "")]
    errors += [f'"language" with value "{code}" is not ISO 639' for code in data.get("language", []) if not _iso(code)]
    if data.get("license") not in hub_licences():
        errors.append(f'"license" is {data.get("license")}')
    ids = [*([data["base_model"]] if "base_model" in data else []), *data.get("datasets", [])]
    errors += [f'"{name}" is no id' for name in ids if not _ID.fullmatch(name)]
    if not all(isinstance(tag, str) for tag in data.get("tags", [])):
        errors.append('"tags" are not text')
    return errors + [error for model in data.get("model-index", []) for error in _index_errors(model)]


def _iso(code: object) -> bool:
    return isinstance(code, str) and bool(re.fullmatch("[a-z]{2,3}", code)) and not _PRIVATE_USE.fullmatch(code)


def _index_errors(model: dict[str, Any]) -> list[str]:
    needed = {"task": ("type",), "dataset": ("type", "name")}
    errors = [] if isinstance(model.get("name"), str) else ["model-index has no name"]
    for result in model["results"]:
        errors += [
            f"{part}.{key} is missing" for part, keys in needed.items() for key in keys if key not in result[part]
        ]
        errors += ["a metric lacks type or value" for one in result["metrics"] if not {"type", "value"} <= set(one)]
        if not _ID.fullmatch(result["dataset"]["type"]):
            errors.append("dataset.type is no id")
    return errors


class _Handler(BaseHTTPRequestHandler):
    the_hub: Hub

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_PUT(self) -> None:
        body = self._body()
        if self.the_hub.cut:
            self.connection.close()
            return
        self.the_hub.uploaded[self.path.rpartition("/")[2]] = body
        self._answer("PUT", body)

    def do_POST(self) -> None:
        self._answer("POST", self._body())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, method: str, body: bytes) -> None:
        hub, path = self.the_hub, self.path.partition("?")[0]
        hub.requests.append((method, path))
        if path == "/api/validate-yaml":
            return self._validate(body)
        if hub.status != 200:
            return self._send(hub.status, {"error": "no"})
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        return self._send(200, self._of_repository(path, body))

    def _of_repository(self, path: str, body: bytes) -> Any:
        hub = self.the_hub
        match = re.match(r"(?:/api/models)?/([^/]+/[^/.]+)(.*)", path)
        if match is None or match[1] not in hub.repositories:
            return {}
        files, rest = hub.repositories[match[1]], match[2]
        if "preupload" in rest:
            modes = {True: "lfs", False: "regular"}
            names = [file["path"] for file in json.loads(body)["files"]]
            large = (".safetensors", ".bin")
            plain = {"shouldIgnore": False, "oid": None}
            return {"files": [{"path": name, "uploadMode": modes[name.endswith(large)], **plain} for name in names]}
        if "info/lfs" in rest:
            return {"transfer": "basic", "objects": [self._lfs(one) for one in json.loads(body)["objects"]]}
        if "/commit/" in rest:
            return self._commit(match[1], [json.loads(line) for line in body.splitlines()])
        if "/tree/" in rest:
            return [{"type": "file", "path": name, "size": len(files[name]), "oid": COMMIT} for name in files]
        siblings = [{"rfilename": name} for name in files]
        return {"id": match[1], "sha": COMMIT, "private": match[1] in hub.private, "siblings": siblings}

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.the_hub.repositories:
            return self._send(
                409, {"error": "You already created this model repo", "url": f"{self.the_hub.url}/{name}"}
            )
        self.the_hub.repositories[name] = {".gitattributes": b""}
        if wanted.get("private"):
            self.the_hub.private.add(name)
        return self._send(200, {"url": f"{self.the_hub.url}/{name}", "name": name})

    def _lfs(self, wanted: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.the_hub.url}/lfs/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href, "header": {}}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> dict[str, str]:
        files = self.the_hub.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.the_hub.uploaded[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        return {"commitUrl": f"{self.the_hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT}

    def _validate(self, body: bytes) -> None:
        text = body.decode("utf-8")
        content = json.loads(text)["content"] if text.startswith("{") else parse_qs(text)["content"][0]
        errors = [{"message": error} for error in card_errors(content)]
        self._send(400 if errors else 200, {"errors": errors, "warnings": []})

    def _send(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def files_of(folder: Path) -> dict[str, bytes]:
    """Name to content of the files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
