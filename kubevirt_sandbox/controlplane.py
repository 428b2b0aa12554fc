"""The sandbox as a whole: store, registry, API server and KubeVirt, with credentials for them.

Starts and stops; what each part does is its own module's.
"""

from __future__ import annotations

import secrets
import shutil
import ssl
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from kubevirt_sandbox.apiserver.access.authorization import ADMIN, User
from kubevirt_sandbox.apiserver.access.certificates import Certificates, make_certificates
from kubevirt_sandbox.apiserver.faults.fault import (
    NO_CONTROLLER,
    NO_WEBHOOK,
    STALE_CACHE,
    Fault,
    Faults,
)
from kubevirt_sandbox.apiserver.server import HOST, ApiServer, OnRequest
from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.loop import KubeVirt
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.releases import NEWEST, catalogue_of, release_named
from kubevirt_sandbox.kubevirt.seed.planting import load_seed, plant, seed_names
from kubevirt_sandbox.storage.decoding import DEFINITIONS
from kubevirt_sandbox.storage.registry import Registry
from kubevirt_sandbox.storage.status import ApiError

Obj = dict[str, Any]

NAMESPACES = ("default", "kube-system", "kubevirt")
CONTEXT = "virt-clone-sandbox"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class SeedError(ValueError):
    """A seed that can't be read, holds no objects, or whose objects are refused."""


class ControlPlane:
    """A Kubernetes API with a simulated KubeVirt on 127.0.0.1; a context manager.

    ``speed`` 1 is about the pace of a real KubeVirt, 10 ten times faster, ``inf`` without delay;
    ``throttled`` holds back many clones at once as it does.
    ``seeds`` are names of packaged seeds or paths of YAML files; None = all packaged ones but
    those of a folder, such as ``storage/quota-claims``.
    ``users`` maps further bearer tokens to users. ``on_request`` hears method, path and code of
    each request. ``kubevirt`` is the release to stand for. ``faults`` go wrong once it serves,
    and ``self.faults`` may be changed at any time; ValueError for a release or a fault that is
    not known. ``pace`` replaces these two; with ``controllers=False`` nothing is reconciled but
    what ``self.kubevirt.step()`` does.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        throttled: bool = False,
        seeds: Sequence[str | Path] | None = None,
        users: Mapping[str, User] | None = None,
        on_request: OnRequest | None = None,
        registry: Registry | None = None,
        kubevirt: str = NEWEST.name,
        faults: Iterable[str | Fault] = (),
        pace: Pace | None = None,
        controllers: bool = True,
    ) -> None:
        release = release_named(kubevirt)
        self.registry = registry or Registry(catalogue=catalogue_of(release))
        pace = pace or Pace(speed=speed, throttled=throttled)
        self.kubevirt = KubeVirt(LocalApi(self.registry), pace=pace, release=release)
        self.faults = Faults(faults)
        self.token = secrets.token_urlsafe(32)
        self.url = ""
        self._seeds = list(seed_names() if seeds is None else seeds)
        self._users = {self.token: ADMIN, **(users or {})}
        self._on_request = on_request
        self._controllers = controllers
        self._renewing = threading.Lock()
        self._folder: Path | None = None
        self._server: ApiServer | None = None

    def __enter__(self) -> ControlPlane:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig (mode 0600); exists between start and stop."""
        return self._path("kubeconfig")

    @property
    def ca_file(self) -> Path:
        """The CA that signed the server's certificate, as PEM."""
        return self._path("ca.crt")

    def start(self) -> None:
        """Seeds the store and begins to serve; raises SeedError for a seed it can't begin with."""
        certificates = make_certificates(HOST)
        # mkdtemp makes the folder with mode 0700: nobody else may read keys or tokens.
        self._folder = Path(tempfile.mkdtemp(prefix="virt-clone-sandbox-"))
        try:
            tls = self._tls(certificates)
            self._seed()
            self._server = ApiServer(
                self.registry,
                self._users,
                tls,
                self._on_request,
                faults=self.faults,
                on_expiry=self.renew_token,
            )
            self.url = f"https://{HOST}:{self._server.port}"
            _write_private(self.kubeconfig, self.kubeconfig_of(self.token))
            self._break_kubevirt()
            self._server.start()
            if self._controllers:
                self.kubevirt.start()
        except BaseException:
            self._server = None
            self._remove_folder()
            raise

    def stop(self) -> None:
        """Ends the server and the controllers and removes the kubeconfig."""
        if self._server:
            self._server.stop()
            self._server = None
        self.kubevirt.stop()
        self._remove_folder()

    def renew_token(self) -> None:
        """Gives the admin another token, which the kubeconfig then holds; the old one is refused.

        There is no moment at which the kubeconfig holds none that is accepted.
        """
        with self._renewing:
            old, self.token = self.token, secrets.token_urlsafe(32)
            self._users[self.token] = self._users[old]
            written = self._path("kubeconfig.new")
            _write_private(written, self.kubeconfig_of(self.token))
            written.replace(self.kubeconfig)
            del self._users[old]

    def _break_kubevirt(self) -> None:
        """Lets the faults of KubeVirt's own parts begin, now that the seeds are there."""
        if NO_CONTROLLER in self.faults:
            # What it wrote before it went away: above all the status of VMs.
            while self.kubevirt.step():
                pass
        self.kubevirt.controller_runs = lambda: NO_CONTROLLER not in self.faults
        self.kubevirt.cache_lags = lambda: STALE_CACHE in self.faults
        self.kubevirt.admission.reachable = lambda: NO_WEBHOOK not in self.faults

    def kubeconfig_of(self, token: str, namespace: str = "default") -> str:
        """The text of a kubeconfig for the user of a token."""
        user = self._users[token].name if token in self._users else "nobody"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        context = {"cluster": CONTEXT, "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "contexts": [{"name": CONTEXT, "context": context}],
            "current-context": CONTEXT,
            "users": [{"name": user, "user": {"token": token}}],
        }
        return yaml.dump(config, Dumper=_DUMPER, sort_keys=False)

    def _seed(self) -> None:
        create = self.registry.create
        for name in NAMESPACES:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            create("namespaces", "", body)
        for crd in self.registry.catalogue.crds:
            create(DEFINITIONS, "", crd)
        self.registry.admission.append(self.kubevirt.admission)
        for seed in self._seeds:
            try:
                plant(LocalApi(self.registry), load_seed(seed))
            except (
                ApiError,
                OSError,
                ValueError,
                KeyError,
                RecursionError,
                yaml.YAMLError,
            ) as error:
                reason = " ".join(str(error).split())
                raise SeedError(f"seed {seed}: {reason}") from error
        self.kubevirt.announce()
        # A cluster's history is longer than anybody remembers: nobody watches from its beginning.
        self.registry.store.compact()

    def _tls(self, certificates: Certificates) -> ssl.SSLContext:
        self.ca_file.write_bytes(certificates.ca)
        chain, key = self._path("server.crt"), self._path("server.key")
        chain.write_bytes(certificates.server)
        _write_private(key, certificates.server_key.decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(chain, key)
        # ssl reads keys from files only; it has read this one.
        key.unlink()
        return context

    def _path(self, name: str) -> Path:
        if self._folder is None:
            raise RuntimeError("the control plane is not running")
        return self._folder / name

    def _remove_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
