"""Those who are notified, as real servers: a web server that keeps what is posted, and a mail server."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Hook:
    """A web server; it answers with `answers` in turn, and then with 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    is_silent: threading.Event = field(default_factory=threading.Event)
    """Set for one that takes what is posted and never answers."""

    @property
    def titles(self) -> list[str]:
        return [one["notice"]["title"] for one in self.posted]


@contextmanager
def hook(*answers: int) -> Iterator[Hook]:
    """A web server on this machine, for the time of the block."""
    kept = Hook(answers=list(answers))
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.headers.append(self.headers)
            kept.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if kept.is_silent.is_set():
                over.wait()
                return
            code = kept.answers.pop(0) if kept.answers else 200
            self.send_response(code)
            if code == 302:
                self.send_header("Location", kept.url)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/s3cr3t"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mails:
    """A mail server; it takes mails for everybody but those in `unknown`."""

    port: int
    unknown: set[str] = field(default_factory=set)
    answer: str = "250 taken"
    """What it says of a mail as a whole."""
    taken: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    password: str = ""
    """That of everybody who logs in."""
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.unknown:
            return "550 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            message = BytesParser(policy=default).parsebytes(envelope.content)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
            self.encrypted.append(session.ssl is not None)
        return self.answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        is_right = login[1] == self.password
        return AuthResult(success=is_right, handled=is_right)


@contextmanager
def mails(certificate: Path | None = None, password: str = "") -> Iterator[Mails]:
    """A mail server on this machine, for the time of the block; it asks for encryption with a certificate."""
    from aiosmtpd.controller import Controller

    kept = Mails(free_port(), password=password)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    controller = Controller(
        kept,
        hostname="127.0.0.1",
        port=kept.port,
        tls_context=context,
        require_starttls=context is not None,
        authenticator=kept.authenticate if password else None,
        auth_required=bool(password),
        auth_require_tls=context is not None,
    )
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def certificate(folder: Path) -> Path:
    """A key and a certificate of this machine, signed by itself, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlorch's tests")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path
