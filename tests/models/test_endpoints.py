"""Endpoints as they are added, kept, shown and removed; nothing is asked of them here."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.i18n import LANGUAGES, render
from playground.models import endpoints
from playground.models.resolve import resolve
from playground.settings import Endpoint, settings

KEY = "sk-only-for-the-server"
URL = "https://example.org/v1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize("key", ["sk-secret\nmore", "sk-密钥", "sk-\x00", "sk- a"])
def test_a_key_that_no_header_holds_is_refused_and_not_repeated(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the connection would name it."""
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", json.dumps({"x": {"url": "http://a/v1", "model": "m", "key": key}}))
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refused:
        settings()
    assert refused.value.code == "bad_setting" and "sk-" not in str(refused.value)
    assert "ENDPOINTS.X.KEY" in str(refused.value)
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", "{}")
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refused:
        endpoints.add("x", url="http://a/v1", model="m", key=key)
    assert refused.value.code == "bad_endpoint" and "sk-" not in str(refused.value)
    # One that stands in the file already costs no other, and is put right under its name.
    endpoints.add("good", url="http://a/v1", model="m", key=" sk-1\n")
    path = settings().home / "endpoints.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "x": {"url": "http://a/v1", "model": "m", "key": key}}))
    assert list(endpoints.known()) == ["good"] and endpoints.get("good").key.get_secret_value() == "sk-1"
    endpoints.add("other", url="http://a/v1", model="m")
    assert sorted(json.loads(path.read_text())) == ["good", "other", "x"]
    endpoints.add("x", url="http://a/v1", model="m", key="sk-2")
    assert sorted(endpoints.known()) == ["good", "other", "x"]


def test_keys_are_secrets(home: Path) -> None:
    endpoints.add("mine", url="https://example.org/v1", model="m", key=KEY)
    path = home / "endpoints.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and KEY in path.read_text(encoding="utf-8")
    assert KEY not in repr(endpoints.known()) + str(settings())
    endpoints.add("other", url="https://example.org/v1", model="m")
    assert endpoints.known()["mine"].key.get_secret_value() == KEY
    endpoints.remove("endpoint/mine")
    assert sorted(endpoints.known()) == ["other"] and KEY not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "where", "code"),
    [
        ("../x", {"url": "https://example.org/v1"}, "endpoint_name"), ("", {"url": "https://a.org"}, "endpoint_name"),
        ("x", {"url": ""}, "endpoint_incomplete"), ("x", {"url": "file:///etc/passwd"}, "bad_endpoint"),
        ("x", {"url": "not an address"}, "bad_endpoint"), ("x", {"url": "https://[a/v1"}, "bad_endpoint"),
        ("x", {"url": "https://a.org", "provider": "together"}, "endpoint_incomplete"),
        ("x", {"url": "", "provider": "nobody"}, "unknown_provider"),
        ("x", {"url": "", "provider": "together", "model": " "}, "endpoint_without_model"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_endpoint_is_refused(name: str, where: dict[str, str], code: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        endpoints.add(name, **{"model": "m", **where})
    assert refused.value.code == code and all(render(refused.value.hint, lang) for lang in LANGUAGES)


def test_visitors_add_none_and_see_those_of_the_settings_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints.add("mine", url="https://example.org/v1", model="m")
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", '{"ours": {"provider": "together", "model": "m"}}')
    settings.cache_clear()
    assert list(endpoints.known()) == ["ours"]
    for refused, code in ((lambda: resolve("endpoint/mine"), "unknown_endpoint"), (
        lambda: endpoints.add("x", url="https://example.org/v1", model="m"), "endpoints_closed"
    ), (lambda: endpoints.remove("endpoint/mine"), "endpoints_closed")):  # fmt: skip
        with pytest.raises(PlaygroundError) as error:
            refused()
        assert error.value.code == code


@pytest.mark.parametrize(
    "value", ["no json", '{"x": {"model": "m", "key": "sk-y"}}', '{"x": {"url": "ftp://a", "model": "m"}}']
)
def test_a_setting_that_cannot_be_used_is_told(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", value)
    settings.cache_clear()
    with pytest.raises(PlaygroundError) as refused:
        settings()
    assert refused.value.code == "bad_setting" and "ENDPOINTS" in str(refused.value.message.values)
    assert "sk-y" not in str(refused.value)


@pytest.mark.parametrize("spoiled", ['{"mine": {"url": "https://example.org/v1", "key": "sk-1"},}', "[]", "\udcff"])
def test_a_file_that_cannot_be_read_is_not_written_over(home: Path, spoiled: str) -> None:
    path = home / "endpoints.json"
    path.write_text(spoiled, encoding="utf-8", errors="surrogateescape")
    before = path.read_bytes()
    assert endpoints.known() == {}, "the page opens"
    calls = (
        lambda: endpoints.add("other", url=URL, model="m"),
        lambda: endpoints.remove("endpoint/mine"),
        lambda: endpoints.get("mine"),
    )
    for call in calls:
        with pytest.raises(PlaygroundError) as refused:
            call()
        assert refused.value.code == "endpoints_unreadable" and path.read_bytes() == before
        assert all(str(path) in refused.value.text(lang) for lang in LANGUAGES)
        assert "sk-1" not in str(refused.value)
    path.unlink()
    assert endpoints.add("other", url=URL, model="m") == "endpoint/other"


def test_what_is_added_at_once_is_all_kept(home: Path) -> None:
    names = [f"n{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda name: endpoints.add(name, url=URL, model="m"), names))
    assert added == [f"endpoint/{name}" for name in names] and set(endpoints.known()) == set(names)


@pytest.mark.parametrize("model", ["endpoint/none", "mine", "starter/sentiment-en", "", "endpoint/ours"])
def test_only_what_was_added_is_removed(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_ENDPOINTS", '{"ours": {"provider": "together", "model": "m"}}')
    settings.cache_clear()
    endpoints.add("mine", url=URL, model="m")
    with pytest.raises(PlaygroundError) as refused:
        endpoints.remove(model)
    assert refused.value.code == "endpoint_not_added" and sorted(endpoints.known()) == ["mine", "ours"]
    assert all(model in refused.value.text(lang) for lang in LANGUAGES)


def test_what_is_told_names_no_password_and_to_visitors_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Endpoint(url="http://ann:pa@ss@Inner.host:8000/v1", model="m")
    said = "404 for url 'http://ann:pa%40ss@inner.host:8000/v1/chat', http://ann:pa@ss@inner.host at inner.host:8000."
    assert endpoints.where("x", asked) == "Inner.host:8000"
    assert endpoints.told("x", asked, said) == "404 for url inner.host:8000/v1/chat', inner.host at inner.host:8000."
    for url in ("ftp://zoe:secret@host", "http://zoe:sec/ret@host", "zoe:secret@host"):
        with pytest.raises(PlaygroundError) as refused:
            endpoints.add("x", url=url, model="m")
        assert refused.value.code == "bad_endpoint" and "“host”" in str(refused.value)
        assert not any(word in str(refused.value) for word in ("zoe", "sec", "ret"))
    monkeypatch.setenv("PLAYGROUND_PUBLIC", "1")
    settings.cache_clear()
    assert endpoints.where("x", asked) == "x"
    assert endpoints.told("x", asked, said) == "404 for url x/v1/chat', x at x."
    plain = Endpoint(url="http://inner:8000/v1", model="m")
    assert endpoints.told("x", plain, "no http://inner:8000/v1/chat, inner but not winner") == "no x x but not winner"
    assert endpoints.where("x", Endpoint(provider="together", model="m")) == "together", "whom a text is sent to"
