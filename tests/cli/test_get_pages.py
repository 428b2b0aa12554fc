"""``get`` of many clones: in pages at the wire, each printed before the next is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubectl_virt_clone.objects.fields import Object
from tests.cli.conftest import Kvc
from tests.cli.stub import Answer, Serve, answering, failing

OBJECT = "virtualmachineclone.clone.kubevirt.io"
GONE = {"kind": "Status", "reason": "Expired", "message": "too old", "code": 410}


def clone(name: str) -> Object:
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name, "namespace": "default"},
    }


def page(*names: str, more: str = "") -> Answer:
    metadata = {"resourceVersion": "1", **({"continue": more} if more else {})}
    return answering(200, {"metadata": metadata, "items": [clone(name) for name in names]})


class Pages:
    """Answers by the continue token of the request, and remembers what was asked."""

    def __init__(self, answers: dict[str, Answer], meanwhile: Callable[[], object]) -> None:
        self.asked: list[dict[str, str]] = []
        self.meanwhile: list[object] = []
        self._answers = answers
        self._meanwhile = meanwhile

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        query = dict(parse_qsl(urlsplit(handler.path).query))
        self.asked.append(query)
        self.meanwhile.append(self._meanwhile())
        self._answers[query.get("continue", "")](handler)


def nothing() -> str:
    return ""


def test_a_row_is_printed_before_the_next_page_is_asked_for(
    kvc: Kvc, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"": page("a", "b", more="2"), "2": page("c-longer", more="3"), "3": page("d")}
    pages = Pages(answers, lambda: capsys.readouterr().out)

    last = kvc("get", "--chunk-size=2", "-l", "x=y", "-s", serve(pages)).out

    selector = {"labelSelector": "x=y", "limit": "2"}
    assert pages.asked == [selector, {**selector, "continue": "2"}, {**selector, "continue": "3"}]
    assert [*pages.meanwhile, last] == [
        "",
        "NAME   PHASE     SOURCE   TARGET   READY    AGE\n"
        "a      Pending   <none>   <none>   <none>   <unknown>\n"
        "b      Pending   <none>   <none>   <none>   <unknown>\n",
        "c-longer   Pending   <none>   <none>   <none>   <unknown>\n",
        "d          Pending   <none>   <none>   <none>   <unknown>\n",
    ]


def test_a_list_of_objects_is_written_page_by_page_and_whole_at_the_end(
    kvc: Kvc, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = Pages({"": page("a", more="2"), "2": page("b")}, lambda: capsys.readouterr().out)

    last = kvc("get", "-o", "json", "-s", serve(pages)).out

    parts = [*pages.meanwhile, last]
    assert [part.count('"kind": "VirtualMachineClone"') for part in map(str, parts)] == [0, 1, 1]
    assert json.loads("".join(map(str, parts)))["items"] == [clone("a"), clone("b")]


def test_all_at_once_is_asked_for_without_a_limit(kvc: Kvc, serve: Serve) -> None:
    pages = Pages({"": page("a")}, nothing)

    kvc("get", "--chunk-size=0", "-s", serve(pages))

    assert pages.asked == [{}]


def test_five_hundred_are_asked_for_unless_told_otherwise(kvc: Kvc, serve: Serve) -> None:
    pages = Pages({"": page("a")}, nothing)

    kvc("get", "-s", serve(pages))

    assert pages.asked == [{"limit": "500"}]


def test_a_list_that_expires_midway_goes_on_from_where_it_was_and_says_so(
    kvc: Kvc, serve: Serve
) -> None:
    newer = answering(410, {**GONE, "metadata": {"continue": "3"}})
    answers = {"": page("a", more="2"), "2": newer, "3": page("b", more="4")}
    answers["4"] = answering(410, {**GONE, "metadata": {"continue": "5"}})
    answers["5"] = page("c")
    pages = Pages(answers, nothing)

    answer = kvc("get", "-o", "name", "-s", serve(pages))

    assert answer == (
        f"{OBJECT}/a\n{OBJECT}/b\n{OBJECT}/c\n",
        "Warning: the list expired while it was being read: the rest is newer than what came"
        " before\n",
    )


@pytest.mark.parametrize("token", [{}, {"continue": "2"}], ids=["none", "the same"])
def test_a_list_that_can_not_go_on_is_an_error_behind_what_was_read(
    kvc: Kvc, serve: Serve, token: dict[str, str]
) -> None:
    expired = answering(410, {**GONE, "metadata": token})
    pages = Pages({"": page("a", more="2"), "2": expired}, nothing)

    answer = kvc("get", "-o", "name", "-s", serve(pages), exit_code=1)

    assert answer == (f"{OBJECT}/a\n", "Error from server (Expired): too old\n")


def test_a_json_list_that_breaks_off_is_no_valid_json(kvc: Kvc, serve: Serve) -> None:
    pages = Pages({"": page("a", more="2"), "2": failing(500, "InternalError")}, nothing)

    answer = kvc("get", "-o", "json", "-s", serve(pages), exit_code=1)

    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.out)
    assert answer.err == "Error from server (InternalError): no\n"
