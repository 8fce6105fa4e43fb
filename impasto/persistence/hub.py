"""Exported folders on the Hugging Face hub: one folder is one repository, with its card."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from impasto.errors import UserError
from impasto.io.download import downloading
from impasto.io.files import WEIGHTS, read_text
from impasto.persistence.checksums import CHECKSUMS, write_checksums
from impasto.persistence.exports import CONFIG, exported_files, read_export

PREFIX = "hf://"  # how the address of a repository begins
CARD = "README.md"

_HUB = "https://huggingface.co"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_FILES = (CONFIG, CHECKSUMS, CARD, "*.safetensors", "*.safetensors.index.json")


def pull(address: str) -> Path:
    """Download an exported folder, or find it where it was downloaded to.

    Only what an exported folder has is downloaded: nothing that could be run.

    Args:
        address: ``hf://owner/name``, or ``hf://owner/name@revision``.

    Returns:
        The folder, in the hub's own cache.

    Raises:
        UserError: The address is none, the hub has no such folder or doesn't answer, or it is
            larger than weights may be.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UserError(f"{address} is no address", "give hf://owner/name or hf://owner/name@tag")
    from huggingface_hub import snapshot_download

    repo, revision = found.groups()
    todo = "check its name, `hf auth login` where it is private, or give a folder"
    with asking(repo, todo):
        files = snapshot_download(repo, revision=revision, allow_patterns=[*_FILES], dry_run=True)
        if sum(one.file_size or 0 for one in files) > WEIGHTS:
            raise UserError(f"{address} is larger than {WEIGHTS / 1e9:.0f} GB", "give another one")
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=[*_FILES]))
    if not (folder / CONFIG).exists():
        raise UserError(f"{address} holds no {CONFIG}", "give what a run exported, and was pushed")
    return folder


def push(folder: Path, repo: str, private: bool = False, token: str | None = None) -> str:
    """Upload an exported folder with its card and checksums; an earlier one there is replaced.

    Args:
        folder: The folder. Without a card of its own it gets one that says what it holds.
        repo: ``owner/name``; made if it is not there.
        private: Whether a repository that is made is private.
        token: The hub's; that of ``hf auth login`` by default.

    Returns:
        The address of the commit.

    Raises:
        UserError: The folder is no exported one or damaged, or the hub refuses it or doesn't
            answer.
    """
    if not _ADDRESS.fullmatch(f"{PREFIX}{repo}"):
        raise UserError(f"{repo!r} is no repository", "give owner/name")
    config, _ = read_export(folder)
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    todo = "check its name, and log in by `hf auth login` with a token that may write"
    with TemporaryDirectory() as copied:
        copy = Path(copied)
        for name in exported_files(folder):
            shutil.copyfile(folder / name, copy / name)
        write_checksums(copy, exported_files(copy))
        (copy / CARD).write_text(_card(folder, repo, str(config["kind"])), encoding="utf-8")
        with asking(repo, todo, done="pushed"):
            api.create_repo(repo, private=private, exist_ok=True)
            done = api.upload_folder(
                repo_id=repo,
                folder_path=copy,
                commit_message="Exported weights",
                delete_patterns=["*.safetensors", "*.safetensors.index.json"],
            )
    return str(done.commit_url)


def _card(folder: Path, repo: str, kind: str) -> str:
    """Return the card, with the lines at its head by which the hub finds it."""
    path = folder / CARD
    text = f"# {repo.partition('/')[2]}\n\n```yaml\n{read_text(folder / CONFIG)}```\n"
    if path.is_file():
        text = read_text(path)
    if text.startswith("---\n"):  # it was pulled
        return text
    head = {"library_name": "impasto", "tags": ["impasto", "painting", kind]}
    how = f"The `weights` of this {kind} are `{PREFIX}{repo}`."
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{text}\n## On the hub\n\n{how}\n"


@contextlib.contextmanager
def asking(
    repo: str,
    todo: str,
    errors: tuple[type[BaseException], ...] = (),
    done: str = "downloaded",
) -> Iterator[None]:
    """Turn whatever goes wrong with the hub into a ``UserError``.

    Args:
        repo: ``owner/name`` on the hub.
        todo: What to do instead.
        errors: What else is raised in the block.
        done: What was to be done, for the error.

    Raises:
        UserError: The hub does not answer, or not as it should.
    """
    from huggingface_hub.errors import HfHubHTTPError

    # The bases of the hub's error are those of the HTTP client that this release of it uses.
    errors = (*errors, *HfHubHTTPError.__bases__)
    url = os.environ.get("HF_ENDPOINT", _HUB)
    with downloading(f"{repo} (Hugging Face)", [url], todo, errors, done):
        yield
