"""Certificate authorities, made at every start, and the certificates that they sign.

Whom a certificate stands for is read in ``authentication``.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Certificates:
    """PEM texts: the CA that clients trust, and the server's certificate with its key."""

    ca: bytes
    server: bytes
    server_key: bytes


class Authority:
    """A CA, which signs certificates of servers and of users; ``ca`` is its own, as PEM."""

    def __init__(self, name: str = "kubectl virt-clone sandbox CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        certificate = (
            self._builder(self._name, self._key.public_key(), LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(self._identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = certificate.public_bytes(Encoding.PEM)

    def server(
        self,
        address: str,
        names: tuple[str, ...] = ("localhost",),
        *,
        lifetime: timedelta = LIFETIME,
    ) -> Pair:
        """A certificate of the server at an IP address with DNS names."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives.append(x509.IPAddress(ipaddress.ip_address(address)))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        extension = x509.SubjectAlternativeName(alternatives)
        return self._sign(subject, ExtendedKeyUsageOID.SERVER_AUTH, lifetime, extension)

    def client(
        self, user: str, groups: tuple[str, ...] = (), *, lifetime: timedelta = LIFETIME
    ) -> Pair:
        """A certificate of a user, who is its common name and in the groups of its O."""
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        return self._sign(x509.Name(attributes), ExtendedKeyUsageOID.CLIENT_AUTH, lifetime)

    def _sign(
        self,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        lifetime: timedelta,
        *extensions: x509.ExtensionType,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            self._identifier
        )
        builder = (
            self._builder(subject, key.public_key(), lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            # Python 3.13 verifies strictly: without this identifier it refuses the certificate.
            .add_extension(identifier, critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return Pair(
            builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            # A client's clock may be a little behind; a lifetime below zero has ended already.
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + lifetime)
        )


def make_certificates(address: str, names: tuple[str, ...] = ("localhost",)) -> Certificates:
    """A new CA and a server certificate for an IP address and DNS names."""
    authority = Authority()
    server = authority.server(address, names)
    return Certificates(authority.ca, server.certificate, server.key)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
