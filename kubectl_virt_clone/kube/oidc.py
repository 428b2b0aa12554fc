"""ID tokens of a kubeconfig's ``auth-provider: oidc``, renewed and kept as kubectl does.

kubectl has it still; the providers of clouds it has not (since 1.26). Only what concerns the
provider; the header is made of the token by ``auth.py``.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConfigError, said_of
from kubectl_virt_clone.kube.auth import pool_to, trusting
from kubectl_virt_clone.kube.kubeconfig import Connection
from kubectl_virt_clone.objects.fields import mapping_at, text_at

TIMEOUT = 30.0  # in seconds, for each of the provider's answers


def id_token(connection: Connection) -> str:
    """The user's ID token; one that has ended is renewed, and kept in the kubeconfig.

    It has to be kept: an identity provider takes a refresh token once, and gives another with
    the ID token. Raises ConfigError where there is no valid token and none can be had.
    """
    provider = connection.user["auth-provider"]
    name = text_at(provider, "name")
    if name != "oidc":
        raise ConfigError(f'no Auth Provider found for name "{name}"')
    config = mapping_at(provider, "config")
    token = text_at(config, "id-token")
    if _is_valid(token):
        return token
    try:
        with _locked(connection.user_file) as path:
            renewed = _renewed(config)
            _keep(path, connection.user_name, renewed)
    except OSError as error:
        raise ConfigError(
            "the ID token of the user's auth-provider has ended, and another can't be kept in"
            f" {connection.user_file}: {said_of(error)}"
        ) from error
    return renewed["id-token"]


@contextmanager
def _locked(file: str) -> Iterator[Path]:
    """The file that a kubeconfig's name leads to, locked as kubectl locks it."""
    path = Path(file).resolve()
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            raise PermissionError(EACCES, "permission denied")
    lock = path.with_name(f"{path.name}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
    try:
        yield path
    finally:
        lock.unlink()


def _is_valid(token: str) -> bool:
    payload = "".join(token.split(".")[1:2])
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return False
    ends = mapping_at({"claims": claims}, "claims").get("exp")
    return isinstance(ends, (int, float)) and ends > time.time()


def _renewed(config: Mapping[str, Any]) -> dict[str, str]:
    """The new ID token and refresh token, under their keys in a kubeconfig.

    As Go's oauth2, the client names itself in a header, or where that is refused in the body.
    Nothing is sent over plain HTTP, nor believed that came over it.
    """
    from urllib3 import make_headers
    from urllib3.exceptions import HTTPError

    keys = ("idp-issuer-url", "client-id", "client-secret", "refresh-token")
    issuer, client, secret, refresh = (text_at(config, key) for key in keys)
    grant = {"grant_type": "refresh_token", "refresh_token": refresh}
    named = make_headers(basic_auth=f"{quote(client, safe='')}:{quote(secret, safe='')}")
    body = {**grant, "client_id": client, "client_secret": secret}
    forms = ("certificate-authority", "certificate-authority-data")
    trusted = {form: config.get(f"idp-{form}") for form in forms}
    pool = pool_to(issuer, trusted, {"ssl_context": trusting(trusted), "timeout": TIMEOUT})

    def answer(method: str, url: str, **kept: Any) -> Any:
        if not url.startswith("https://"):
            raise _not_renewed()
        response = pool.request(method, url, redirect=False, retries=False, **kept)
        return response.json() if response.status == HTTPStatus.OK else {}

    try:
        found = answer("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        endpoint = text_at(found, "token_endpoint")
        for fields, headers in ((grant, named), (body, {})):
            given = answer("POST", endpoint, fields=fields, headers=headers, encode_multipart=False)
            if token := text_at(given, "id_token"):
                return {
                    "id-token": token,
                    "refresh-token": text_at(given, "refresh_token") or refresh,
                }
    except (HTTPError, OSError, ValueError) as error:
        raise _not_renewed() from error
    raise _not_renewed()


def _not_renewed() -> ConfigError:
    return ConfigError(
        "the ID token of the user's auth-provider has ended, and its provider gives no other: log"
        " in anew as you did the first time"
    )


def _keep(path: Path, name: str, renewed: Mapping[str, str]) -> None:
    """Write the tokens into the user's entry; the file is replaced in one step, with its mode."""
    import yaml

    from kubectl_virt_clone.objects.documents import Dumper, values_in

    document = values_in(path.read_text(encoding="utf-8"))[0]
    (entry, *_) = [user for user in document["users"] if user.get("name") == name]
    entry["user"]["auth-provider"]["config"].update(renewed)
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            yaml.dump(document, file, Dumper=Dumper, sort_keys=False, allow_unicode=True)
        os.chmod(written, path.stat().st_mode & 0o777)
        os.replace(written, path)
    except BaseException:
        os.unlink(written)
        raise
