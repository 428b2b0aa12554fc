"""What the archive's program runs: the same door as pip's script, in an environment set right."""

import os

# Where distributions keep the certificates they trust; the order is that of Go, thus of kubectl.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def _set_right() -> None:
    """Undo what the bootloader does to our children, and find this machine's certificates.

    The bootloader points the linker at our libraries, which a credential plugin or the sandbox's
    command must not get. OpenSSL looks for certificates where the build machine had them.
    """
    if before := os.environ.pop("LD_LIBRARY_PATH_ORIG", None):
        os.environ["LD_LIBRARY_PATH"] = before
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]
    if not os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
        for path in filter(os.path.exists, BUNDLES):
            os.environ["SSL_CERT_FILE"] = path
            break


_set_right()

from kubectl_virt_clone.cli.main import main  # noqa: E402 - in the environment set right

main()
