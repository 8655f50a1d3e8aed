"""An authenticator made of software: what a browser and a security key do together, for tests."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

PRESENT, VERIFIED, MADE = 0x01, 0x04, 0x40


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One key of one user.

    Arguments:
        origin: the page the browser shows.
        verifies: whether it asks for a finger or a PIN.
        counts: whether it counts its uses.
    """

    origin: str
    verifies: bool = True
    counts: bool = True
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    uses: int = 0
    user: bytes = b""

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``."""
        self.user = decode(options["user"]["id"])
        numbers = self.private.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        about = bytes(16) + struct.pack(">H", len(self.id)) + self.id + encode_cbor(key)
        told = self._told(options["rp"]["id"], MADE) + about
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": told})
        client = self._client("webauthn.create", options["challenge"])
        return self._credential(
            clientDataJSON=encode(client), attestationObject=encode(attestation), transports=["internal", "hybrid"]
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.get``."""
        client = self._client("webauthn.get", options["challenge"])
        told = self._told(options["rpId"], 0)
        signature = self.private.sign(told + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=encode(client),
            authenticatorData=encode(told),
            signature=encode(signature),
            userHandle=encode(self.user),
        )

    def _told(self, domain: str, flags: int) -> bytes:
        self.uses += self.counts
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(domain.encode()).digest() + struct.pack(">BI", flags, self.uses)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _credential(self, **response: Any) -> dict[str, Any]:
        return {
            "id": encode(self.id),
            "rawId": encode(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
