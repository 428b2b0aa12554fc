"""Kubernetes' rules for host names, labels and annotations."""

import pytest

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.names import (
    check_annotation_key,
    check_hostname,
    check_label_key,
    check_label_value,
)

LONG = "a" * 63
DOMAIN = ".".join(["a" * 50] * 5)[:253]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        *((check_hostname, text) for text in ("a", "web-1", "1", "0-0", LONG)),
        *((check_label_key, text) for text in ("a", "A.b_c-9", LONG, "example.com/a", "a/b")),
        (check_label_key, f"{DOMAIN}/{LONG}"),
        *((check_label_value, text) for text in ("", "a", "A.b_c-9", LONG)),
        *((check_annotation_key, text) for text in ("a", "Example.COM/Note", f"{DOMAIN}/{LONG}")),
    ],
)
def test_what_kubernetes_takes_stays_as_it_is(check, text):
    assert check(text) == text


LETTERS = "needs letters, digits, -, _ and ., and begins and ends with a letter or digit"
HOST = "needs lower case letters, digits and -, and begins and ends with a letter or digit"


@pytest.mark.parametrize(
    ("check", "text", "reason"),
    [
        *(
            (check_hostname, text, f'"{text}" is not a host name; it {HOST}')
            for text in ("", "Web", "web.example.com", "-a", "a-", "a_b", "ä", "a\n")
        ),
        (check_hostname, f"{LONG}a", f'"{LONG}a" is longer than 63 characters'),
        *(
            (check_label_key, text, f'the key "{text}" is not valid; it {LETTERS}')
            for text in ("", "a b", "-a", "a.", "a/", "ä", "a\n")
        ),
        *(
            (
                check_label_key,
                text,
                f'the key "{text}" is not valid: the part before the / is not a DNS name',
            )
            for text in ("/a", "a/b/c", "Example.com/a", "a..b/c", f"{DOMAIN}a/b")
        ),
        (
            check_label_key,
            f"x/{LONG}a",
            f'the key "x/{LONG}a" is not valid: its name is longer than 63 characters',
        ),
        (check_annotation_key, "A b", f'the key "A b" is not valid; it {LETTERS}'),
        (
            check_annotation_key,
            "a/b/c",
            'the key "a/b/c" is not valid: the part before the / is not a DNS name',
        ),
        *(
            (check_label_value, text, f'the value "{text}" is not valid; it {LETTERS}')
            for text in ("a b", "-a", "a.", "a/b", "ä", "\n")
        ),
        (check_label_value, f"{LONG}a", f'the value "{LONG}a" is longer than 63 characters'),
    ],
)
def test_what_kubernetes_refuses_is_refused_with_the_rule(check, text, reason):
    with pytest.raises(InvalidValue) as refusal:
        check(text)
    assert refusal.value.reason == reason
