"""Who may ask for the page."""

import pytest

from impasto.errors import UserError
from impasto.tasks.serve.access import host_names, is_own

OWN = ["localhost", "LOCALHOST:7860", "a.localhost", "127.0.0.1:7860", "127.9.9.9", "[::1]:80"]
OWN += ["paint.example.org", "Paint.Example.org:443", "localhost."]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7", ""]
FOREIGN += ["evil-localhost", "0.0.0.0", "x@localhost", "localhost/", "localhost, evil.example"]
FOREIGN += ["localhost:7860:80", "[::2]", "example.org", "\u0660"]


def asked(*hosts: str, origin: str | None = None) -> bool:
    origins = [] if origin is None else [origin]
    return is_own(hosts, origins, host_names(["Paint.example.org"]))


def test_only_by_its_own_names() -> None:
    assert not asked()
    for host in OWN:
        assert asked(host), host
        for scheme in ("http", "https"):
            assert asked("localhost", origin=f"{scheme}://{host}"), host
    for host in FOREIGN:
        assert not asked(host), host
        for origin in (f"http://{host}", f"https://{host}"):
            assert not asked("localhost", origin=origin), host
    for origin in ("null", "", "localhost", "file://localhost", "http://localhost/"):
        assert not asked("localhost", origin=origin), origin
    assert not asked("localhost", "evil.example")


@pytest.mark.parametrize(
    "hosts", [["http://a.example"], ["a.example:80"], ["*"], ["*.example.org"], [""], [1], 5]
)
def test_names_that_are_none(hosts: object) -> None:
    with pytest.raises(UserError, match="which is no name of a machine"):
        host_names(hosts)
