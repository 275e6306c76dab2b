"""`HTTPError`: its members, and its content by RFC 9457."""

from __future__ import annotations

import copy
import http
import json
import pickle
import subprocess
import sys

import pytest
import vitok.http
from vitok.http import HTTPError
from vitok.http.native.errors import PROBLEM_JSON, phrase_of


def test_the_content_of_a_plain_error_has_the_phrase_of_its_status() -> None:
    error = HTTPError(404)
    assert error.problem() == {"type": "about:blank", "title": "Not Found", "status": 404}
    assert error.content() == b'{"type":"about:blank","title":"Not Found","status":404}'
    assert PROBLEM_JSON == "application/problem+json"


def test_members_follow_the_detail() -> None:
    error = HTTPError(403, "Not enough credit.", type="https://example.org/credit", title="Credit", balance=30, a=[1])
    assert list(error.problem().items()) == [
        ("type", "https://example.org/credit"),
        ("title", "Credit"),
        ("status", 403),
        ("detail", "Not enough credit."),
        ("balance", 30),
        ("a", [1]),
    ]


def test_a_lone_surrogate_is_escaped() -> None:
    content = HTTPError(400, "caf\u00e9 \ud800").content()
    assert b"caf\xc3\xa9 \\ud800" in content
    assert json.loads(content)["detail"] == "caf\u00e9 \ud800"


@pytest.mark.parametrize("value", [{1}, float("nan"), object()])
def test_a_member_that_is_no_json_is_an_error_of_content(value: object) -> None:
    error = HTTPError(400, member=value)
    with pytest.raises((TypeError, ValueError)):
        error.content()


def test_header_fields_are_a_mapping_or_pairs() -> None:
    assert HTTPError(401).headers == []
    assert HTTPError(401, headers={"WWW-Authenticate": "Basic"}).headers == [("WWW-Authenticate", "Basic")]
    pairs = [("a", "1"), ("a", "2")]
    error = HTTPError(401, headers=iter(pairs))
    assert error.headers == pairs


@pytest.mark.parametrize("status", [0, -1, 200, 302, 399, 600, 10**30])
def test_a_status_that_is_no_error_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="status: expected 400 to 599"):
        HTTPError(status)


def test_a_member_of_the_enumeration_is_a_plain_number() -> None:
    error = HTTPError(http.HTTPStatus.CONFLICT)
    assert type(error.status) is int
    assert error.content().endswith(b'"status":409}')


def test_the_text_of_an_error_says_all_of_it() -> None:
    assert str(HTTPError(404)) == "404 Not Found"
    assert str(HTTPError(400, "no comma in line 3")) == "400 Bad Request: no comma in line 3"
    assert str(HTTPError(499)) == "499 Error"
    assert phrase_of(599) == "Error"


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_is_equal(how: object) -> None:
    assert callable(how)
    error = HTTPError(409, "twice", headers={"a": "b"}, type="urn:x", title="Twice", row=3)
    other = how(error)
    assert other.problem() == error.problem()
    assert (str(other), other.headers) == (str(error), error.headers)


def test_a_subclass_keeps_its_own_arguments() -> None:
    class Missing(HTTPError):
        def __init__(self, name: str) -> None:
            super().__init__(404, f"{name} is not here", name=name)

    assert copy.copy(Missing("a")).problem()["name"] == "a"


def test_the_name_is_imported_at_its_first_use() -> None:
    assert vitok.http.HTTPError is HTTPError
    code = "import sys, vitok.http; assert 'vitok.http.native' not in sys.modules; vitok.http.HTTPError"
    subprocess.run([sys.executable, "-c", code], check=True)
