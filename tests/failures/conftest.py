"""--write: make docs/failures.md of what the run shows, instead of holding it against it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .book import Book


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="write docs/failures.md anew")


@pytest.fixture(scope="session")
def book(request: pytest.FixtureRequest) -> Iterator[Book]:
    """The document; written at the end of a run of all its tests without a failure."""
    # The option is unknown to a run of the whole suite, which only compares.
    opened = Book(writing=request.config.getoption("--write", default=False))
    yield opened
    if opened.writing and not request.session.testsfailed:
        opened.write()
