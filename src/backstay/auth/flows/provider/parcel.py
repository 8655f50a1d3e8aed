"""What a login leaves for the client that redeems its code: sealed, for the database must not tell it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backstay.auth.factors.seal import SealingKeys, seal, sealing_keys, unseal
from backstay.auth.oidc.exchange import Tokens
from backstay.auth.oidc.profile import Profile
from backstay.auth.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is left.

    Arguments:
        tokens: the provider's own, as a session names them.
        profile: the identity that is still to be linked to the user; None: it is theirs already.
    """

    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    profile: Profile | None = None

    @classmethod
    def of(cls, tokens: Tokens, profile: Profile | None = None) -> Parcel:
        """A parcel of a provider's tokens; those that it did not give are left out."""
        named = {"provider_token": tokens.access_token, "provider_refresh_token": tokens.refresh_token}
        return cls({name: token for name, token in named.items() if token}, profile)


async def pack(db: AsyncSession, sign_in: SignIn, flow_id: UUID, parcel: Parcel) -> None:
    """Leave a parcel with a flow."""
    profile = None if parcel.profile is None else {**asdict(parcel.profile)}
    text = orjson.dumps({"tokens": parcel.tokens, "profile": profile}).decode()
    flows = sign_in.tables.flows
    sealed = seal(text, _keys(sign_in), _about(flow_id))
    await db.execute(sa.update(flows).where(flows.c.id == flow_id).values(sealed=sealed))


def unpack(sign_in: SignIn, row: sa.RowMapping) -> Parcel:
    """What was left with a flow."""
    if row["sealed"] is None:
        return Parcel()
    found: dict[str, Any] = orjson.loads(unseal(row["sealed"], _keys(sign_in), _about(row["id"])))
    profile = found["profile"]
    return Parcel(found["tokens"], None if profile is None else Profile(**profile))


def _keys(sign_in: SignIn) -> SealingKeys:
    return sealing_keys(sign_in.settings.encryption_key, sign_in.settings.jwt_secret)


def _about(flow_id: UUID) -> str:
    return f"flow {flow_id}"
