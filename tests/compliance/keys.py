"""Keys in a real browser: Chromium's own authenticators without hardware, through its protocol for developers."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import CDPSession, Page


class Keys:
    """Authenticators of one page: what is built into the computer, and what is plugged into it.

    Arguments:
        page: whose.
        transport: ``internal`` for what is built in, ``usb`` for a security key.
        verifies: whether it can ask for a finger or a PIN.
    """

    def __init__(self, page: Page, *, transport: str = "internal", verifies: bool = True) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": transport,
            "hasResidentKey": True,
            "hasUserVerification": verifies,
            "isUserVerified": verifies,
            "automaticPresenceSimulation": True,
        }
        self._id: str = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The keys that it keeps."""
        found: list[dict[str, Any]] = self._ask("getCredentials")["credentials"]
        return found

    def keep(self, key: dict[str, Any]) -> None:
        """Have it keep this key and no other: a copy of one of before, or of one of another page's."""
        for each in self.kept:
            self._ask("removeCredential", credentialId=each["credentialId"])
        self._ask("addCredential", credential=key)

    def verify(self, verified: bool) -> None:
        """Whether its user shows the right finger from now on."""
        self._ask("setUserVerified", isUserVerified=verified)

    def _ask(self, name: str, **told: Any) -> Any:
        return self._session.send(f"WebAuthn.{name}", {"authenticatorId": self._id, **told})
