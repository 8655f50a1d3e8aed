"""``answer_sign_in``: a request below ``/auth/v1`` in, its answer out."""

from __future__ import annotations

import orjson

from backstay.auth.limits.admit import admit, tell_refusal
from backstay.auth.protocol.answer import Answer
from backstay.auth.protocol.incoming import Incoming
from backstay.auth.protocol.route import check_caller
from backstay.auth.protocol.routes import ROUTES
from backstay.auth.sign_in import SignIn
from backstay.errors import BackstayError, DatabaseFault, SignInError, TooLarge
from backstay.schema.caller import Caller
from backstay.schema.exchange import Request

MOST_BYTES = 1024 * 1024
"""Most bytes of a body."""

_JSON = ("content-type", "application/json; charset=utf-8")


async def answer_sign_in(
    sign_in: SignIn, request: Request, caller: Caller
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Answer one request: status, headers and body.

    Raises:
        BackstayError: to be worded by :func:`backstay.auth.protocol.words.word`.
    """
    return write(await dispatch(sign_in, request, caller))


async def dispatch(sign_in: SignIn, request: Request, caller: Caller) -> Answer:
    """The answer of the flow that a request is for.

    Raises:
        BackstayError: the caller may not ask for it, or the flow refuses.
    """
    route, names = ROUTES.find(request.method, request.path.rstrip("/") or "/")
    incoming = Incoming(request=request, caller=caller, names=names)
    try:
        check_caller(route.who, caller)
        if route.limit is not None:
            # First of all, so that what cannot be read counts as well.
            await admit(sign_in, incoming, route.limit(sign_in.limits))
        if len(request.body) > MOST_BYTES:
            raise TooLarge
        return await route.flow(sign_in, incoming)
    except SignInError as error:
        await tell_refusal(sign_in, incoming, route.pattern, error)
        raise
    except DatabaseFault as error:
        # What a database says of tables that callers do not know is not for them.
        raise BackstayError from error


def write(answer: Answer) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """An answer as status, headers and body."""
    if answer.text is not None:
        return answer.status, tuple(answer.headers), answer.text.encode()
    if answer.document is None:
        return answer.status, tuple(answer.headers), b""
    return answer.status, (_JSON, *answer.headers), orjson.dumps(answer.document)
