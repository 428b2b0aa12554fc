"""Spans of time as kubectl prints them."""

from datetime import datetime, timedelta, timezone

import pytest

from kubectl_virt_clone.render.durations import age, human

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
YEAR = 365 * DAY
NOW = datetime(2026, 11, 22, 8, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3600, "<invalid>"),
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (-1, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (1, "1s"),
        (70, "70s"),
        (2 * MINUTE - 1, "119s"),
        (2 * MINUTE - 0.1, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 1, "2m1s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE, "10m"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 59, "3h"),
        (3 * HOUR + MINUTE, "3h1m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR - 1, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR - 1, "7y364d"),
        (8 * YEAR, "8y"),
        (2000 * YEAR, "2000y"),
    ],
)
def test_a_duration_has_kubectls_thresholds_and_units(seconds, text):
    assert human(seconds) == text


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (NOW - timedelta(minutes=3, seconds=20), "3m20s"),
        (NOW, "0s"),
        (NOW + timedelta(seconds=5), "<invalid>"),
        ((NOW - timedelta(hours=5)).astimezone(timezone(timedelta(hours=9))), "5h"),
        (datetime.min.replace(tzinfo=timezone.utc), "2027y"),
        (None, "<unknown>"),
    ],
)
def test_an_age_is_the_duration_until_now(since, text):
    assert age(since, NOW) == text
