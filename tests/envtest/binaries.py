"""etcd and kube-apiserver as processes of ours, on ports and in a folder of their own.

As controller-runtime's envtest starts them; what the API server then serves is in ``cluster``.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kubevirt_sandbox.apiserver.access.certificates import Certificates, make_certificates

ASSETS = "KUBEBUILDER_ASSETS"
KEEPER = Path(__file__).with_name("keeper.py")
HOST = "127.0.0.1"
PATIENCE = 120.0
OFF = "ServiceAccount,StorageObjectInUseProtection"
"""Admission plugins that want a controller-manager, which is not here."""


@dataclass(frozen=True)
class ApiServer:
    """A running kube-apiserver and how its admin reaches it."""

    url: str
    token: str
    folder: Path

    @property
    def ca_file(self) -> Path:
        """The CA that signed its certificate."""
        return self.folder / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig."""
        return self.folder / "kubeconfig"


def why_not() -> str:
    """Why no API server can be started of the folder that is named; empty when it can."""
    folder = os.environ[ASSETS]
    missing = [name for name in ("etcd", "kube-apiserver") if not shutil.which(name, path=folder)]
    return f"{ASSETS}={folder}: {' and '.join(missing)} can't be run" if missing else ""


@contextlib.contextmanager
def running_apiserver() -> Iterator[ApiServer]:
    """etcd and kube-apiserver as long as the block lasts; RuntimeError where they don't start."""
    assets = Path(os.environ[ASSETS]).resolve()
    # The keeper removes the folder, too, and may be at it where Ctrl-C ends us.
    with tempfile.TemporaryDirectory(prefix="virt-clone-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        client, peer, port = _free_ports(3)
        etcd = f"http://{HOST}:{client}"
        server = ApiServer(f"https://{HOST}:{port}", secrets.token_urlsafe(32), folder)
        _write_credentials(server, make_certificates(HOST))
        commands = [
            [str(assets / "etcd"), *_etcd_arguments(folder, etcd, f"http://{HOST}:{peer}")],
            [str(assets / "kube-apiserver"), *_apiserver_arguments(server, etcd, port)],
        ]
        with _kept(folder, commands) as keeper:
            _until_ready(server, keeper)
            yield server


@contextlib.contextmanager
def _kept(folder: Path, commands: list[list[str]]) -> Iterator[subprocess.Popen[str]]:
    """The process that runs the programs until its input ends: with the block, or with us."""
    keeper = subprocess.Popen(
        [sys.executable, "-I", KEEPER, folder, json.dumps(commands)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a terminal or a time limit sends to all of us is not for it: it ends after us.
        start_new_session=True,
    )
    assert keeper.stdin
    assert keeper.stderr
    try:
        yield keeper
    finally:
        # Its own end of a block would wait no longer than a moment after Ctrl-C.
        keeper.stdin.close()
        keeper.wait()
        keeper.stderr.close()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind((HOST, 0))
        return [item.getsockname()[1] for item in sockets]


def _etcd_arguments(folder: Path, url: str, peer: str) -> list[str]:
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _apiserver_arguments(server: ApiServer, etcd: str, port: int) -> list[str]:
    folder = server.folder
    return [
        f"--etcd-servers={etcd}",
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'service-accounts.key'}",
        f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--disable-admission-plugins={OFF}",
    ]


def _write_credentials(server: ApiServer, certificates: Certificates) -> None:
    folder = server.folder
    server.ca_file.write_bytes(certificates.ca)
    (folder / "server.crt").write_bytes(certificates.server)
    (folder / "server.key").write_bytes(certificates.server_key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "service-accounts.key").write_bytes(pem)
    (folder / "tokens.csv").write_text(f'{server.token},admin,admin,"system:masters"\n')
    cluster = {"server": server.url, "certificate-authority": str(server.ca_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "envtest", "cluster": cluster}],
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "admin"}}],
        "current-context": "envtest",
        "users": [{"name": "admin", "user": {"token": server.token}}],
    }
    server.kubeconfig.write_text(yaml.safe_dump(config))


def _until_ready(server: ApiServer, keeper: subprocess.Popen[str]) -> None:
    context = ssl.create_default_context(cafile=server.ca_file)
    headers = {"Authorization": f"Bearer {server.token}"}
    request = urllib.request.Request(f"{server.url}/readyz", headers=headers)
    deadline = time.monotonic() + PATIENCE
    while keeper.poll() is None:
        if time.monotonic() > deadline:
            log = (server.folder / "kube-apiserver.log").read_text(errors="replace")
            raise RuntimeError(f"kube-apiserver does not get ready:\n{log[-4000:]}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE, context=context):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.1)
    assert keeper.stderr
    raise RuntimeError(keeper.stderr.read().strip())
