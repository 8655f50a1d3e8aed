"""A.16: errors as they are answered."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from backstay import errors
from backstay.errors import BackstayError, DatabaseFault
from backstay.frontends.rest.errors import _TABLE, render, status_of
from unit.rest.ask import header

# What A.16 and A.3 to A.14 say, apart from the table that is tested.
WIRE = {
    errors.ParseError: ("PGRST100", 400),
    errors.CallMethodNotAllowed: ("PGRST101", 405),
    errors.BodyError: ("PGRST102", 400),
    errors.RangeNotSatisfiable: ("PGRST103", 416),
    errors.PutFilters: ("PGRST105", 405),
    errors.UnknownSchema: ("PGRST106", 406),
    errors.NotAcceptable: ("PGRST107", 406),
    errors.NotEmbedded: ("PGRST108", 400),
    errors.PutRange: ("PGRST114", 400),
    errors.PutMismatch: ("PGRST115", 400),
    errors.NotSingular: ("PGRST116", 406),
    errors.MethodNotAllowed: ("PGRST117", 405),
    errors.RelatedOrder: ("PGRST118", 400),
    errors.PreferenceError: ("PGRST122", 400),
    errors.AggregatesDisabled: ("PGRST123", 400),
    errors.TooManyAffected: ("PGRST124", 400),
    errors.UnknownPath: ("PGRST125", 404),
    errors.NotImplementedHere: ("PGRST127", 400),
    errors.MaxAffectedOnCall: ("PGRST128", 400),
    errors.UnknownRelation: ("PGRST200", 400),
    errors.AmbiguousRelation: ("PGRST201", 300),
    errors.UnknownFunction: ("PGRST202", 404),
    errors.AmbiguousFunction: ("PGRST203", 300),
    errors.UnknownPayloadColumn: ("PGRST204", 400),
    errors.UnknownResource: ("PGRST205", 404),
    errors.InvalidToken: ("PGRST301", 401),
    errors.AnonymousDisabled: ("PGRST302", 401),
    errors.InvalidClaims: ("PGRST303", 401),
    errors.DatabaseUnavailable: ("PGRST000", 503),
    errors.PoolTimeout: ("PGRST003", 504),
    errors.UniqueViolation: ("23505", 409),
    errors.ForeignKeyViolation: ("23503", 409),
    errors.NotNullViolation: ("23502", 400),
    errors.CheckViolation: ("23514", 400),
    errors.InvalidLiteral: ("22P02", 400),
    errors.OutOfRange: ("22003", 400),
    errors.TooLong: ("22001", 400),
    errors.InvalidDate: ("22007", 400),
    errors.DateOutOfRange: ("22008", 400),
    errors.InvalidPattern: ("2201B", 400),
    errors.InvalidParameter: ("22023", 400),
    errors.TypeMismatch: ("42804", 400),
    errors.UnknownColumn: ("42703", 400),
    errors.UnknownType: ("42704", 400),
    errors.UnknownOperator: ("42883", 404),
    errors.PermissionDenied: ("42501", 403),
    errors.RowRefused: ("42501", 403),
    errors.ReadOnly: ("25006", 405),
    errors.StatementTimeout: ("57014", 500),
    errors.SecretMissing: ("PGRST300", 500),
    errors.StorageFull: ("53100", 503),
}


def every(kind: type[BackstayError] = BackstayError) -> Iterator[type[BackstayError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.startswith("backstay.errors."):
            yield from every(below)


@pytest.mark.parametrize("kind", list(every()), ids=lambda kind: kind.__name__)
def test_every_class_has_a_code_and_a_status(kind: type[BackstayError]) -> None:
    assert kind in _TABLE or kind is DatabaseFault
    response = render(kind("said", hint="try"))
    content = orjson.loads(response.body)
    assert list(content) == ["code", "message", "details", "hint"]
    assert header(response, "content-type") == "application/json; charset=utf-8"
    assert header(response, "content-length") == str(len(response.body))
    assert header(response, "proxy-status") == f"PostgREST; error={content['code']}"
    assert 300 <= response.status < 600
    if issubclass(kind, errors.RequestError):
        assert response.status < 500 or kind is DatabaseFault
        assert (content["message"], content["hint"]) == ("said", "try")


@pytest.mark.parametrize("kind", list(WIRE), ids=lambda kind: kind.__name__)
def test_the_code_and_status_are_the_wires(kind: type[BackstayError]) -> None:
    response = render(kind())
    assert (orjson.loads(response.body)["code"], response.status) == WIRE[kind]


@pytest.mark.parametrize("kind", list(every(errors.DataFault)), ids=lambda kind: kind.__name__)
def test_a_data_fault_is_answered_with_its_own_state(kind: type[errors.DataFault]) -> None:
    assert orjson.loads(render(kind()).body)["code"] == kind.state


@pytest.mark.parametrize("kind", [kind for kind, (_, status) in WIRE.items() if status == 405])
def test_what_is_not_allowed_is_told_with_what_is(kind: type[BackstayError]) -> None:
    assert "POST" in header(render(kind()), "allow").split(", ")


def test_the_methods_are_those_of_the_place() -> None:
    assert header(render(errors.MethodNotAllowed(allow=("GET", "HEAD"))), "allow") == "GET, HEAD"


def test_the_body_has_four_keys_with_nulls() -> None:
    assert render(errors.UnknownResource("no")).body == (
        b'{"code":"PGRST205","message":"no","details":null,"hint":null}'
    )


def test_details_may_be_a_list() -> None:
    error = errors.AmbiguousRelation("two", detail=[{"cardinality": "many-to-one"}], hint="h")
    assert orjson.loads(render(error).body)["details"] == [{"cardinality": "many-to-one"}]


def test_minimal_verbosity_tells_code_and_message_alone() -> None:
    error = errors.UniqueViolation("twice", detail="Key (id)=(1) already exists.", hint="h")
    assert orjson.loads(render(error, minimal=True).body) == {"code": "23505", "message": "twice"}


def test_an_answer_to_head_has_no_body() -> None:
    assert render(errors.UnknownResource("no"), head=True).body == b""


@pytest.mark.parametrize(
    "error", [ValueError("secret"), BackstayError("secret", detail="secret"), errors.DeclarationError("secret")]
)
def test_of_an_internal_error_nothing_is_told(error: Exception) -> None:
    response = render(error)
    assert response.status == 500
    assert response.body == b'{"code":"XX000","message":"Internal error","details":null,"hint":null}'


def test_text_that_is_not_unicode_is_answered_all_the_same() -> None:
    assert orjson.loads(render(errors.UnknownResource("\udcff")).body)["message"] == "?"


# The caller --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [errors.PermissionDenied(), errors.RowRefused(), DatabaseFault("denied", state="42501")]
)
def test_what_is_denied_an_anonymous_caller_is_401(error: BackstayError) -> None:
    assert (render(error).status, header(render(error), "www-authenticate")) == (403, "")
    anonymous = render(error, anonymous=True)
    assert (anonymous.status, header(anonymous, "www-authenticate")) == (401, "Bearer")
    assert orjson.loads(anonymous.body)["code"] == "42501"


@pytest.mark.parametrize("kind", [errors.InvalidToken, errors.InvalidClaims, errors.InvalidKey])
def test_a_bad_token_is_told_in_a_challenge(kind: type[BackstayError]) -> None:
    response = render(kind('JWT "x"\r\nSet-Cookie: é'))
    assert response.status == 401
    assert header(response, "www-authenticate") == (
        'Bearer error="invalid_token", error_description="JWT xSet-Cookie: "'
    )


def test_who_must_sign_in_is_challenged() -> None:
    assert header(render(errors.AnonymousDisabled()), "www-authenticate") == "Bearer"


# Outages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(every(errors.Outage)), ids=lambda kind: kind.__name__)
def test_503_says_when_to_try_again(kind: type[BackstayError]) -> None:
    response = render(kind())
    assert (header(response, "retry-after") == "1") is (response.status == 503)


# The database's own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [("08006", 503), ("09000", 500), ("0L000", 403), ("0P000", 403), ("21000", 500), ("22P02", 400), ("23502", 400),
     ("23503", 409), ("23505", 409), ("23514", 400), ("23P01", 400), ("25006", 405), ("25001", 500), ("28000", 403),
     ("2D000", 500), ("38000", 500), ("39000", 500), ("3B000", 500), ("40001", 500), ("42703", 400), ("42804", 400),
     ("42883", 404), ("42P01", 404), ("42P17", 500), ("42501", 403), ("53400", 500), ("53300", 503), ("54001", 500),
     ("55P03", 500), ("57014", 500), ("57P01", 503), ("58030", 500), ("F0000", 500), ("HV000", 500), ("P0001", 400),
     ("P0002", 500), ("XX000", 500), ("22023", 400), ("PT402", 402), ("PT999", 400), ("PTabc", 400), ("ZZ123", 400)],
)  # fmt: skip
def test_the_status_follows_from_the_sqlstate(state: str, status: int) -> None:
    assert status_of(state) == status
    response = render(DatabaseFault("raised", state=state, detail="d", hint="h"))
    assert response.status == status
    assert orjson.loads(response.body) == {"code": state, "message": "raised", "details": "d", "hint": "h"}


def test_a_refused_write_without_a_filter_is_400() -> None:
    assert status_of("21000", "UPDATE requires a WHERE clause") == 400
    assert status_of("54000", "number of array dimensions (7) exceeds the maximum allowed (6)") == 400


def test_a_role_that_does_not_exist_is_401() -> None:
    assert status_of("22023", 'role "x" does not exist') == 401


def test_a_status_without_a_body_has_none() -> None:
    response = render(DatabaseFault("gone", state="PT204"))
    assert (response.status, response.headers, response.body) == (204, (), b"")


def test_a_function_may_decide_the_whole_answer() -> None:
    error = DatabaseFault(
        '{"code":"123","message":"m","details":"d","hint":"h"}',
        state="PGRST",
        detail='{"status":418,"headers":{"X-Tea":"green","Content-Length":"1"}}',
    )
    response = render(error)
    assert response.status == 418
    assert orjson.loads(response.body) == {"code": "123", "message": "m", "details": "d", "hint": "h"}
    assert header(response, "x-tea") == "green"
    assert header(response, "content-length") == str(len(response.body))


@pytest.mark.parametrize(
    ("message", "detail", "details"),
    [
        ("m", '{"status":400,"headers":{}}', "Invalid JSON value for MESSAGE: 'm'"),
        ('{"code":"1"}', '{"status":400,"headers":{}}', "Invalid JSON value for MESSAGE: '{\"code\":\"1\"}'"),
        ('{"code":"1","message":"m"}', None, "DETAIL is missing in the RAISE statement"),
        ('{"code":"1","message":"m"}', "d", "Invalid JSON value for DETAIL: 'd'"),
        ('{"code":"1","message":"m"}', '{"status":"x","headers":{}}',
         'Invalid JSON value for DETAIL: \'{"status":"x","headers":{}}\''),
        ('{"code":"1","message":"m"}', '{"status":400,"headers":{"a":"b\\r\\nc"}}',
         'Invalid JSON value for DETAIL: \'{"status":400,"headers":{"a":"b\\r\\nc"}}\''),
        ('{"code":"1","message":"m"}', '{"status":9999,"headers":{}}',
         'Invalid JSON value for DETAIL: \'{"status":9999,"headers":{}}\''),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_pgrst121(message: str, detail: str | None, details: str) -> None:
    response = render(DatabaseFault(message, state="PGRST", detail=detail))
    content = orjson.loads(response.body)
    assert (response.status, content["code"], content["details"]) == (500, "PGRST121", details)
    assert content["message"] == "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
