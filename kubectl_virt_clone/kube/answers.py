"""What the bytes of a server say: JSON as Go reads it, a Status, how long to wait.

What an object means is not known here, nor how the bytes came.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from kubectl_virt_clone.errors import ConnectionFailed
from kubectl_virt_clone.objects.fields import well_formed


def _refuse(constant: str) -> NoReturn:
    """Python's parser takes NaN and Infinity, which JSON doesn't have."""
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def read_json(data: bytes) -> Any:
    """The JSON value in ``data``; raises ValueError where there is none.

    As in Go, what is no UTF-8, and half a pair of surrogates, is U+FFFD: the value can be sent and
    printed again.
    """
    text = data.decode("utf-8", "replace")
    try:
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            written = json.dumps(value, ensure_ascii=False)
            value = _DECODER.decode(well_formed(written))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def object_in(data: bytes, server: str) -> dict[str, Any]:
    """The JSON object of an answer; raises ConnectionFailed where there is none."""
    try:
        decoded = read_json(data)
    except ValueError as error:
        raise ConnectionFailed(
            f"Unable to connect to the server: {server} sent no JSON", transient=False
        ) from error
    if not isinstance(decoded, dict):
        raise ConnectionFailed(
            f"Unable to connect to the server: {server} sent no JSON object", transient=False
        )
    return decoded


def status_in(body: bytes, otherwise: str) -> dict[str, Any]:
    """The Status in the body of a failed answer; a proxy's HTML becomes a Status with that text.

    ``otherwise`` is said where there is no text at all.
    """
    try:
        status = read_json(body)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return status
    text = " ".join(body.decode("utf-8", "replace").split())[:200]
    return {"message": text or otherwise}


def retry_after(header: str, code: int) -> float | None:
    """Seconds to wait where the server asks for it (429, and 5xx with Retry-After), else None."""
    is_number = header.isascii() and header.isdigit()
    if is_number and (code == 429 or code >= 500):  # noqa: PLR2004
        return float(header)
    return 1.0 if code == 429 else None  # noqa: PLR2004
