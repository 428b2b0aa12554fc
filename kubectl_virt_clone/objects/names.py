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


def check_hostname(text: str) -> str:
    """Return ``text`` if it is a valid host name: a DNS label (RFC 1123). Raises InvalidValue."""
    if len(text) > LONGEST_LABEL:
        raise InvalidValue(f'"{text}" is longer than {LONGEST_LABEL} characters')
    if not re.fullmatch(_DNS_LABEL, text):
        raise InvalidValue(
            f'"{text}" is not a host name; it needs lower case letters, digits and -,'
            " and begins and ends with a letter or digit"
        )
    return text


def check_label_key(text: str) -> str:
    """Return ``text`` if it is a valid key: ``NAME`` or ``DOMAIN/NAME``. Raises InvalidValue."""
    return _check_key(text, text.rpartition("/")[0])


def check_annotation_key(text: str) -> str:
    """Return an annotation's key: its domain may have capitals too. Raises InvalidValue."""
    return _check_key(text, text.rpartition("/")[0].lower())


def _check_key(text: str, domain: str) -> str:
    _, slash, name = text.rpartition("/")
    if slash and (not re.fullmatch(_SUBDOMAIN, domain) or len(domain) > LONGEST_SUBDOMAIN):
        raise InvalidValue(
            f'the key "{text}" is not valid: the part before the / is not a DNS name'
        )
    if len(name) > LONGEST_LABEL:
        raise InvalidValue(
            f'the key "{text}" is not valid: its name is longer than {LONGEST_LABEL} characters'
        )
    if not re.fullmatch(_QUALIFIED, name):
        raise InvalidValue(
            f'the key "{text}" is not valid; it needs letters, digits, -, _ and .,'
            " and begins and ends with a letter or digit"
        )
    return text


def check_label_value(text: str) -> str:
    """Return ``text`` if it is a valid label value; it may be empty. Raises InvalidValue."""
    if len(text) > LONGEST_LABEL:
        raise InvalidValue(f'the value "{text}" is longer than {LONGEST_LABEL} characters')
    if text and not re.fullmatch(_QUALIFIED, text):
        raise InvalidValue(
            f'the value "{text}" is not valid; it needs letters, digits, -, _ and .,'
            " and begins and ends with a letter or digit"
        )
    return text
