"""`python -m web.certificate FOLDER`: a certificate of the console's own name, where the folder has none yet.

For a first start: browsers warn of it, as nobody vouches for it. A firm puts its own `console.crt` and `console.key`
there.
"""

import os
import sys
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from policy.clock import machine_now

GOOD_FOR = timedelta(days=365)


def main(arguments: list[str]) -> int:
    """Exit status 1 with one line where the folder can't be written."""
    if len(arguments) != 1:
        sys.stderr.write("certificate: name the folder, like python -m web.certificate /tls\n")
        return 1
    folder = Path(arguments[0])
    if (folder / "console.crt").exists():
        return 0
    name = urlsplit(os.environ.get("REBALANCER_CONSOLE_ORIGIN") or "https://localhost:8443").hostname or "localhost"
    try:
        make(folder, name)
    except OSError as flaw:
        sys.stderr.write(f"certificate: {folder} can't be written: {flaw.strerror}\n")
        return 1
    sys.stdout.write(f"a certificate for {name}, which nobody vouches for, is in {folder}\n")
    return 0


def make(folder: Path, name: str) -> None:
    """Writes `console.key` and, last, `console.crt`, for a host's name or address."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = machine_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + GOOD_FOR)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    # Readable by the proxy, which is another user; nobody else is given the folder.
    (folder / "console.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "console.crt").write_bytes(made.public_bytes(pem))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
