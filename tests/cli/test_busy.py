"""Creating a series on a server that is too busy for it: what is tried again, and for how long."""

from __future__ import annotations

import pytest

from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.transport import is_too_busy_to_create
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_bulk import FIVE, NAMES, clones
from tests.cli.test_wait import errors

CREATES = "verb=create,resource=virtualmachineclones"


def test_that_a_server_is_busy_is_said_once(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=[f"503:{CREATES},after=1,count=3"])

    answer = kvc(*FIVE)

    said = [line for line in answer.err.splitlines() if "busy" in line]
    assert len(said) == 1
    assert said[0].startswith(
        "the server is busy, trying again: Error from server (ServiceUnavailable): "
    )
    assert sorted(clones(plane)) == NAMES


def test_an_internal_error_is_an_answer_and_a_second_run_makes_what_is_missing(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=[f"500:{CREATES},after=2,count=1"])

    answer = kvc(*FIVE, "--parallel=1", exit_code=1)

    (error,) = errors(answer)
    assert error == (
        "error: virtualmachineclone.clone.kubevirt.io/clone-web-03 was not created:"
        " Error from server: etcdserver: request timed out"
    )
    assert sorted(clones(plane)) == [name for name in NAMES if name != "clone-web-03"]
    kvc(*FIVE)
    assert sorted(clones(plane)) == NAMES


@pytest.mark.parametrize("fault", ["503", "429:retry-after=30"])
def test_a_server_that_stays_busy_is_not_asked_for_longer_than_the_timeout(
    kvc: Kvc, make_plane: Planes, fault: str
) -> None:
    sent: list[str] = []
    code, _, more = fault.partition(":")
    plane = make_plane(
        faults=[f"{code}:{CREATES},count=10000{more and f',{more}'}"],
        on_request=lambda method, path, code: sent.append(f"{method} {path.rpartition('/')[2]}"),
    )

    answer = kvc(*FIVE, "--timeout=300ms", exit_code=1)

    told = [line for line in errors(answer) if "was not created: " in line]
    assert [line.split()[1].rpartition("/")[2] for line in told] == NAMES
    assert clones(plane) == {}
    tried = [request for request in sent if request.startswith("POST virtualmachineclones")]
    # Again after 0.1, 0.2 and 0.4 s, if there is time, which tests/unit/test_pool.py sees; not for
    # 5 s.
    assert 5 <= len(tried) <= 25


def failed(code: int, message: str = "no", **details: object) -> StatusError:
    return StatusError({"message": message, "details": details}, code)


@pytest.mark.parametrize(
    ("outcome", "busy"),
    [
        (({}, "created"), False),
        (None, False),
        (failed(409), False),
        (failed(429), True),
        (failed(500), False),
        (failed(500, retryAfterSeconds=2), True),
        (failed(503), True),
        (failed(503, "failed calling webhook"), False),
        (failed(504), True),
        (ConnectionFailed("refused"), False),
        (ConnectionFailed("reset", reset=True), True),
    ],
)
def test_a_creation_is_tried_again_where_the_server_may_have_time_later(
    outcome: object, busy: bool
) -> None:
    assert is_too_busy_to_create(outcome) is busy
