"""Certificates to throw away."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

NO_OPENSSL = "needs the openssl command to make a certificate"


def make_certificate(folder: Path, names: Sequence[str] = ("DNS:localhost", "IP:127.0.0.1")) -> Path | None:
    """Make a certificate for these names, with its key in the same file; None where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    command = (
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -keyout {folder / 'key.pem'} -out {folder / 'cert.pem'} -subj /CN=localhost"
        f" -addext subjectAltName={','.join(names)}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


def serve_with(certificate: Path) -> ssl.SSLContext:
    """Return what a server shows itself with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
