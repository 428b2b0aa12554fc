"""ID tokens of a kubeconfig's ``auth-provider: oidc``, renewed and kept as kubectl does.

kubectl dropped the providers of clouds in 1.26, but not this one. ``auth.py`` makes the header.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Mapping
from errno import EACCES
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConfigError, said_of
from kubectl_virt_clone.kube.auth import pool_to, trusting
from kubectl_virt_clone.kube.kubeconfig import Connection
from kubectl_virt_clone.objects.fields import at, mapping_at, text_at

TIMEOUT = 30.0  # in seconds, for each of the provider's answers


def id_token(connection: Connection) -> str:
    """The user's ID token; an expired one is renewed, and kept in the kubeconfig.

    A provider may take a refresh token only once, and sends another with the ID token. Raises
    ConfigError if there is no valid token and it can't be renewed.
    """
    provider = connection.user["auth-provider"]
    name = text_at(provider, "name")
    if name != "oidc":
        raise ConfigError(f'no Auth Provider found for name "{name}"')
    config = mapping_at(provider, "config")
    token = text_at(config, "id-token")
    if _is_valid(token):
        return token
    path = Path(connection.user_file).resolve()
    lock = path.with_name(f"{path.name}.lock")  # kubectl's; it becomes the new file
    try:
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            raise PermissionError(EACCES, "permission denied")
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                renewed = _renewed(config)
                _write(file, path, connection.user_name, renewed)
            os.chmod(lock, path.stat().st_mode & 0o777)
            os.replace(lock, path)
        except BaseException:
            lock.unlink()
            raise
    except OSError as error:
        raise ConfigError(
            "the ID token of the user's auth-provider has expired, and a new one can't be saved in"
            f" {connection.user_file}: {said_of(error)}"
        ) from error
    return renewed["id-token"]


def _is_valid(token: str) -> bool:
    payload = "".join(token.split(".")[1:2])
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return False
    ends = at(claims, "exp")
    return isinstance(ends, (int, float)) and ends > time.time()


def _renewed(config: Mapping[str, Any]) -> dict[str, str]:
    """The new ID token and refresh token, under their keys in a kubeconfig.

    Like Go's oauth2, the client names itself in a header, or, if that is refused, in the body.
    Never sends or believes anything over plain HTTP.
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
            raise ValueError("anybody could answer")
        response = pool.request(method, url, redirect=False, retries=False, **kept)
        return response.json() if response.status == HTTPStatus.OK else {}

    try:
        found = answer("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        endpoint = text_at(found, "token_endpoint")
        for fields, headers in ((grant, named), (body, {})):
            given = answer("POST", endpoint, fields=fields, headers=headers, encode_multipart=False)
            if token := text_at(given, "id_token"):
                refresh = text_at(given, "refresh_token") or refresh
                return {"id-token": token, "refresh-token": refresh}
        raise ValueError("no ID token came")
    except (HTTPError, OSError, ValueError) as error:
        raise ConfigError(
            "the ID token of the user's auth-provider has expired, and its provider gives no other:"
            " log in again as you did the first time"
        ) from error


def _write(file: IO[str], path: Path, name: str, renewed: Mapping[str, str]) -> None:
    """Write the kubeconfig at ``path`` with the new tokens in the user's entry."""
    import yaml

    from kubectl_virt_clone.objects.documents import Dumper, values_in

    document = values_in(path.read_text(encoding="utf-8"))[0]
    (entry, *_) = [user for user in document["users"] if user.get("name") == name]
    entry["user"]["auth-provider"]["config"].update(renewed)
    yaml.dump(document, file, Dumper=Dumper, sort_keys=False, allow_unicode=True)
