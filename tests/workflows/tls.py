"""A TLS front for the test's own Temporal server, as a cluster has one, with certificates made for the test."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "temporal.test"
VALID = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs the certificates of a test, and keeps them in a folder."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def certificate(self) -> Path:
        path = self.folder / f"{self.name}.pem"
        if not path.exists():
            built = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, 0), critical=True)
            path.write_bytes(built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a server or client."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        built = self._builder(name, key).add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - VALID)
            .not_valid_after(now + VALID)
        )


@dataclass(slots=True)
class Front:
    """Where it listens, and what clients said to it, decrypted."""

    address: str
    said: bytearray = field(default_factory=bytearray)
    handshakes: int = 0


@contextlib.asynccontextmanager
async def front(upstream: str, authority: Authority, clients: Authority | None = None) -> AsyncIterator[Front]:
    """Ends TLS in front of a server; with `clients`, only for those who show a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(HOST))
    context.set_alpn_protocols(["h2"])
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    host, _, port = upstream.rpartition(":")
    made = Front("")
    open_: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray | None) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(65536):
                if kept is not None:
                    kept += data
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.handshakes += 1
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        for task in (pump(reader, far_writer, made.said), pump(far_reader, writer, None)):
            each = asyncio.ensure_future(task)
            open_.add(each)
            each.add_done_callback(open_.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for each in open_:
            each.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
