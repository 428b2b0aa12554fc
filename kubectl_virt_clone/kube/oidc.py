"""ID tokens of a kubeconfig's ``auth-provider``, renewed and kept as kubectl does.

Only what concerns the provider; the header is made of the token by ``credentials.py``.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from typing import Any

from kubectl_virt_clone.errors import ConfigError, said_of
from kubectl_virt_clone.kube.kubeconfig import Connection
from kubectl_virt_clone.objects.fields import mapping_at, text_at

# The library renews nothing but an ID token that has ended: {"exp": 0}.
_ENDED = "e30.eyJleHAiOjB9.e30"
_CONTEXT = "renewal"


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
def _locked(file: Path | None) -> Iterator[Path]:
    """The file that a kubeconfig's name leads to, locked as kubectl locks it."""
    path = (file or Path()).resolve()
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
    """The new ID token and refresh token, under their keys in a kubeconfig."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config_from_dict

    given = {key: value for key, value in config.items() if value}
    asked = {"client-id": "", "client-secret": "", **given, "id-token": _ENDED}
    if not given.keys() & {"idp-certificate-authority", "idp-certificate-authority-data"}:
        # Without an authority the library would not verify the provider at all.
        asked["idp-certificate-authority"] = _system_authorities()
    document = {
        "clusters": [{"name": _CONTEXT, "cluster": {"server": "https://unused.invalid"}}],
        "users": [{"name": _CONTEXT, "user": {"auth-provider": {"name": "oidc", "config": asked}}}],
        "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT}}],
        "current-context": _CONTEXT,
    }
    try:
        load_kube_config_from_dict(
            document, client_configuration=Configuration(), persist_config=False
        )
    except Exception as error:
        raise _not_renewed() from error
    if asked["id-token"] == _ENDED:
        raise _not_renewed()
    return {key: str(asked[key]) for key in ("id-token", "refresh-token")}


def _system_authorities() -> str:
    found = ssl.get_default_verify_paths().cafile
    if found:
        return found
    import certifi

    return certifi.where()


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
