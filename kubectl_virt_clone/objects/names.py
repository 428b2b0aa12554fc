"""Kubernetes' rules for what names, labels and annotations may look like.

Source: apimachinery ``pkg/util/validation``. Which object needs which name is decided elsewhere.
"""

from __future__ import annotations

import re

from kubectl_virt_clone.errors import InvalidValue

LONGEST_LABEL, LONGEST_SUBDOMAIN = 63, 253

_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"


_ENDS = "begins and ends with a letter or digit"


def check_hostname(text: str) -> str:
    """Return ``text`` if it is a valid host name: a DNS label (RFC 1123). Raises InvalidValue."""
    _check_length(text, f'"{text}"')
    if not re.fullmatch(_DNS_LABEL, text):
        rule = f"it needs lower case letters, digits and -, and {_ENDS}"
        raise InvalidValue(f'"{text}" is not a host name; {rule}')
    return text


def check_label_key(text: str) -> str:
    """Return ``text`` if it is a valid key: ``NAME`` or ``DOMAIN/NAME``. Raises InvalidValue."""
    return _check_key(text, text.rpartition("/")[0])


def check_annotation_key(text: str) -> str:
    """Return an annotation's key: its domain may also have capitals. Raises InvalidValue."""
    return _check_key(text, text.rpartition("/")[0].lower())


def check_label_value(text: str) -> str:
    """Return ``text`` if it is a valid label value; it may be empty. Raises InvalidValue."""
    _check_length(text, f'the value "{text}"')
    return text and _check_qualified(text, text, "value")


def _check_key(text: str, domain: str) -> str:
    _, slash, name = text.rpartition("/")
    if slash and (not re.fullmatch(_SUBDOMAIN, domain) or len(domain) > LONGEST_SUBDOMAIN):
        wrong = "the part before the / is not a DNS name"
        raise InvalidValue(f'the key "{text}" is not valid: {wrong}')
    _check_length(name, f'the key "{text}" is not valid: its name')
    return _check_qualified(text, name, "key")


def _check_length(text: str, what: str) -> None:
    if len(text) > LONGEST_LABEL:
        raise InvalidValue(f"{what} is longer than {LONGEST_LABEL} characters")


def _check_qualified(text: str, name: str, kind: str) -> str:
    if not re.fullmatch(_QUALIFIED, name):
        rule = f"it needs letters, digits, -, _ and ., and {_ENDS}"
        raise InvalidValue(f'the {kind} "{text}" is not valid; {rule}')
    return text
