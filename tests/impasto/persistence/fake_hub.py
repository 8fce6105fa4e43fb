"""Server that answers as the Hugging Face hub does, of repositories in memory."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Files = dict[str, bytes]


class FakeHub(ThreadingHTTPServer):
    """Repositories, and what was asked of them.

    Attributes:
        repos: Files by repository.
        asked: Method and path of every request.
        tokens: Every token that came with one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Files] = {}
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def commit(self, repo: str) -> str:
        """The hash that a repository's content has."""
        content = sorted((name, data.hex()) for name, data in self.repos[repo].items())
        return hashlib.sha1(json.dumps(content).encode()).hexdigest()


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._file() if self.path.count("/") > 1 else self._answer(200, {})

    def do_GET(self) -> None:
        self._note()
        path = self.path.partition("?")[0]
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision|/tree)?(/.*)?", path)
        if found is None:
            self._file()
            return
        repo, what = found[1], found[2]
        if repo not in self.server.repos:
            self._answer(404, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
            return
        files = self.server.repos[repo]
        if what == "/tree":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in files.items()
            ]
            self._answer(200, entries)
            return
        names = [{"rfilename": name} for name in files]
        self._answer(200, {"id": repo, "sha": self.server.commit(repo), "siblings": names})

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        repo = "/".join(self.path.split("/")[3:5])
        if self.path == "/api/repos/create":
            given = json.loads(body)
            repo = f"{given.get('organization') or 'me'}/{given['name']}"
            self.server.repos.setdefault(repo, {})
            self._answer(200, {"url": f"{self.server.url}/{repo}"})
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            self._answer(200, {"files": files})
        elif "/commit/" in self.path:
            files = self.server.repos[repo]
            for line in body.splitlines():
                one = json.loads(line)
                if one["key"] == "file":
                    files[one["value"]["path"]] = base64.b64decode(one["value"]["content"])
                elif one["key"] == "deletedFile":
                    del files[one["value"]["path"]]
            commit = self.server.commit(repo)
            url = f"{self.server.url}/{repo}/commit/{commit}"
            self._answer(200, {"commitUrl": url, "commitOid": commit})
        else:
            self._answer(404, {})

    def _note(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.tokens |= {self.headers.get("Authorization", "").removeprefix("Bearer ")}

    def _file(self) -> None:
        """Answer with a file of a repository: /owner/name/resolve/revision/file."""
        parts = self.path.split("/")
        repo, name = "/".join(parts[1:3]), "/".join(parts[5:])
        data = self.server.repos.get(repo, {}).get(name)
        if data is None:
            self._answer(404, {}, {"X-Error-Code": "EntryNotFound"})
            return
        commit = {"X-Repo-Commit": self.server.commit(repo), "ETag": f'"{_oid(data)}"'}
        self._send(200, data, commit)

    def _answer(self, code: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self._send(code, json.dumps(content).encode(), headers or {})

    def _send(self, code: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _oid(data: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
