"""Certificates for servers of the tests: good ones, and such as nobody must accept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Authority:
    """Signs certificates, and writes them into files."""

    folder: Path

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def file(self) -> Path:
        """Its own certificate, for those who trust it."""
        made = _unsigned("Authority", self._key, days=9)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(_SIGNS, critical=True)
        return self._written("authority", made.sign(self._key, hashes.SHA256()))

    def certify(self, host: str = "127.0.0.1", *, days: int = 9, by_itself: bool = False) -> Path:
        """A server's certificate and its key, in one file.

        Args:
            days: until it ends; it began ten days before that.
            by_itself: signed with its own key, and not by the authority.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        signer = key if by_itself else self._key
        made = _unsigned(host, key, days=days, issuer=None if by_itself else "Authority")
        made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        # Python 3.13 and later insist on it.
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        made = made.add_extension(by, critical=False)
        signed = made.sign(signer, hashes.SHA256())
        return self._written(f"{host}-{days}-{by_itself}", signed, key)

    def _written(
        self, name: str, signed: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None
    ) -> Path:
        file = self.folder / f"{name}.pem"
        content = signed.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            content += key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        file.write_bytes(content)
        return file


def _unsigned(
    subject: str, key: ec.EllipticCurvePrivateKey, *, days: int, issuer: str | None = None
) -> x509.CertificateBuilder:
    end = NOW + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=10))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
