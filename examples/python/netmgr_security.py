"""How a netmgr node finds its leader and proves who it is, written from docs/protocol.md: tokens, TLS, device keys.

Ed25519 comes from the `cryptography` package where it is installed, otherwise from the `openssl` command (3.0 or newer).
"""
import base64
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import zlib

TOKEN = re.compile(r"nmtk-1-([cov])-([a-z2-7]{52})-([a-z2-7]{8})-[a-z2-7]{32}-([a-z2-7]{7})")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
LEADER_URI = "netmgr:leader:"
DIAL_SECONDS = 5


class Refused(Exception):
    """There is no use in trying again."""


class Token:
    def __init__(self, text):
        self.text = "".join(text.split()).lower()
        parts, (body, _, checksum) = TOKEN.fullmatch(self.text), self.text.rpartition("-")
        if not parts or checksum != to_base32(zlib.crc32(body.encode()).to_bytes(4, "big")):
            raise Refused("this is no join token, or it has a typo")
        self.role = {"c": "collaborator", "o": "operator", "v": "observer"}[parts[1]]
        self.fingerprint, self.id = base64.b32decode(parts[2].upper() + "===="), parts[3]


class Identity:
    """A node's directory: the key that it is known by, and the roots of the cluster that took it in."""

    def __init__(self, directory, token=None, backend=None):
        self.token, self.known = token, None
        self.key_path, self.cluster_path = (os.path.join(directory, name) for name in ("device.key", "cluster.json"))
        backend = BACKENDS[backend] if backend else next(iter(BACKENDS.values()))
        os.makedirs(directory, mode=0o700, exist_ok=True)
        if token is None:
            if not os.path.exists(self.cluster_path):
                raise Refused("this node has not joined yet: it needs a token")
            self.known = json.loads(read_private(self.cluster_path))
        elif not os.path.exists(self.key_path):
            write_private(self.key_path, backend.generate())
        self.key = backend(read_private(self.key_path))

    def context(self, host, port):
        """TLS 1.3 with whoever has a certificate of the cluster's authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # Whose certificate it is says its URI: `check_leader`.
        roots = [pin(host, port, self.token)] if self.token else self.known["roots"]
        context.load_verify_locations(cadata="\n".join(roots))
        return context

    def check_leader(self, tls):
        """The chain was verified; is it that of the leader? Nothing has been written yet."""
        names = [name for kind, name in tls.getpeercert().get("subjectAltName", ()) if kind == "URI"]
        self.cluster = next((name[len(LEADER_URI):] for name in names if name.startswith(LEADER_URI)), None)
        if self.cluster is None or (self.known and self.cluster != self.known["cluster"]):
            raise Refused(f"that is not the leader of this cluster, but {names}")
        self.binding = hashlib.sha256(tls.getpeercert(binary_form=True)).digest()

    def answer(self, challenge, role, name):
        """What to say to a challenge: a verb and its payload."""
        parts = (from_base64url(challenge["nonce"]), role.encode(), name.encode(), self.binding)
        if self.token:
            verb, claim = "enrol", {"token": self.token.text}
            signed = length_prefixed(b"netmgr enrol v1", *parts, self.token.id.encode())
        else:
            verb, claim, signed = "prove", {}, length_prefixed(b"netmgr session v1", *parts)
        return verb, {**claim, "key": to_base64url(self.key.public), "signature": to_base64url(self.key.sign(signed))}

    def welcomed(self, greeting):
        """From now on the key is enough."""
        known = {"cluster": self.cluster, "roots": greeting["roots"]}
        if known != self.known:
            write_private(self.cluster_path, json.dumps(known, indent=2).encode())
        self.known, self.token = known, None


class PackageKey:
    """An Ed25519 key, by the `cryptography` package."""

    def __init__(self, pem):
        self.key = serialization.load_pem_private_key(pem, None)
        self.public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @staticmethod
    def generate():
        return ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def sign(self, data):
        return self.key.sign(data)


class CommandKey:
    """The same, by the `openssl` command."""

    def __init__(self, pem):
        self.pem = pem
        self.public = openssl("pkey", "-pubout", "-outform", "DER", given=pem)[-32:]

    @staticmethod
    def generate():
        return openssl("genpkey", "-algorithm", "ed25519")

    def sign(self, data):
        with tempfile.NamedTemporaryFile() as file:  # It has to know the size before it reads.
            file.write(data)
            file.flush()
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", "/dev/stdin", "-in", file.name, given=self.pem)


BACKENDS = {"openssl": CommandKey}
try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
    BACKENDS = {"cryptography": PackageKey, **BACKENDS}
except ImportError:
    pass


def pin(host, port, token):
    """The first dial: who is there, and has it the authority that the token names? Returns that, in PEM."""
    for certificate in served_chain(host, port):
        if hashlib.sha256(certificate).digest() == token.fingerprint:
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise Refused(f"{host}:{port} is not the leader that the token {token.id} is of")


def served_chain(host, port):
    """Trusts nobody and writes nothing. What comes back is not verified: DER, the leaf first."""
    if not hasattr(ssl.SSLSocket, "get_unverified_chain"):  # Older than Python 3.13: ask the command.
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        shown = openssl("s_client", "-tls1_3", "-showcerts", "-connect", address).decode(errors="replace")
        return [ssl.PEM_cert_to_DER_cert(pem) for pem in CERTIFICATE.findall(shown)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), DIAL_SECONDS) as tcp:
        with context.wrap_socket(tcp, server_hostname=host) as tls:
            return tls.get_unverified_chain()


def openssl(*arguments, given=b""):
    run = subprocess.run(["openssl", *arguments], input=given, capture_output=True, timeout=DIAL_SECONDS)
    if run.returncode != 0:
        raise ConnectionError(f"openssl {arguments[0]}: {run.stderr.decode(errors='replace').strip()}")
    return run.stdout


def read_private(path):
    """A file of this user alone, and no link to another."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise Refused(f"others can use {path}: chmod 600 {path}")
        return file.read()


def write_private(path, data):
    """Whoever reads it finds all of it, or what was there before."""
    aside = f"{path}.{os.getpid()}.new"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def without_secrets(text):
    return TOKEN.sub(lambda parts: f"nmtk-1-{parts[1]}-…-{parts[3]}-[secret]", text)


def length_prefixed(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def to_base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def to_base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
