"""The errors of requests, data and the database: all but those of sign-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

Detail: TypeAlias = str | Sequence[Mapping[str, str]] | None


class BackstayError(Exception):
    """Internal error."""

    code: ClassVar[str] = "BS500"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: Detail = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message: str = message if message is not None else (type(self).__doc__ or "").partition("\n")[0]
        self.detail: Detail = detail
        self.hint: str | None = hint
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(self.message)


class DeclarationError(BackstayError):
    """The application is declared wrongly.

    ``findings`` holds everything :func:`backstay.schema.check.check` found, each with file, line, code and hint.
    """

    code = "BS001"

    def __init__(self, message: str | None = None, *, findings: Sequence[Any] = (), hint: str | None = None) -> None:
        self.findings = tuple(findings)
        text = message or "\n".join(str(finding) for finding in findings) or None
        super().__init__(text, hint=hint)


class InvalidHeaders(BackstayError):
    """response.headers guc must be a JSON array composed of objects with a single key and a string value"""

    code = "BS50001"


class InvalidStatus(BackstayError):
    """response.status guc must be a valid status code"""

    code = "BS50002"


class RequestError(BackstayError):
    """The request cannot be answered.

    Raise it, or a class of your own that derives from it, in a hook or a function: the caller is told, and everything
    is undone. A class's ``code`` and ``status`` are those of the answer. ``headers`` of an instance are sent with it.
    """

    code = "BS400"
    status = 400


# The request could not be read -------------------------------------------------------------------------------


class ParseError(RequestError):
    """The query string cannot be parsed."""

    code = "BS40001"


class BodyError(RequestError):
    """Empty or invalid json"""

    code = "BS40002"


class TooLarge(RequestError):
    """The request is larger than this server accepts."""

    code = "BS413"
    status = 413


class UrlTooLong(RequestError):
    """The request's URL is longer than this server accepts."""

    code = "BS414"
    status = 414


class HeadersTooLarge(RequestError):
    """The request has more headers, or longer ones, than this server accepts."""

    code = "BS431"
    status = 431


class LengthRequired(RequestError):
    """The request's body must come with its Content-Length."""

    code = "BS411"
    status = 411


class TooSlow(RequestError):
    """The request's body took too long to arrive."""

    code = "BS408"
    status = 408


class TooComplex(RequestError):
    """The request is nested more deeply, or names more, than this server accepts."""

    code = "BS40003"


class Malformed(RequestError):
    """The HTTP request is malformed."""

    code = "BS40004"


class RangeNotSatisfiable(RequestError):
    """Requested range not satisfiable

    ``headers`` hold the Content-Range of what there is, where the range lies beyond it.
    """

    code = "BS416"
    status = 416


class PreferenceError(RequestError):
    """Invalid preferences given with handling=strict"""

    code = "BS40005"


class MethodNotAllowed(RequestError):
    """Unsupported HTTP method

    ``allow`` are the methods that there are (RFC 9110, 15.5.6).
    """

    code = "BS405"
    status = 405

    def __init__(
        self,
        message: str | None = None,
        *,
        allow: tuple[str, ...] = ("OPTIONS", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        detail: Detail = None,
        hint: str | None = None,
    ) -> None:
        self.allow = allow
        super().__init__(message, detail=detail, hint=hint)


class CallMethodNotAllowed(MethodNotAllowed):
    """Cannot use this method on RPC"""

    code = "BS40501"


class PutFilters(MethodNotAllowed):
    """Filters must include all and only primary key columns with 'eq' operators"""

    code = "BS40502"


class PutRange(RequestError):
    """limit/offset querystring parameters are not allowed for PUT"""

    code = "BS40006"


class PutMismatch(RequestError):
    """Payload values do not match URL in primary key column(s)"""

    code = "BS40007"


class NotAcceptable(RequestError):
    """None of these media types are available"""

    code = "BS406"
    status = 406


class NotSingular(RequestError):
    """Cannot coerce the result to a single JSON object"""

    code = "BS40601"
    status = 406


class TooManyAffected(RequestError):
    """Query result exceeds max-affected preference constraint"""

    code = "BS40008"


class MaxAffectedOnCall(RequestError):
    """Function must return SETOF or TABLE when max-affected preference is used with handling=strict"""

    code = "BS40009"


class NotImplementedHere(RequestError):
    """Feature not implemented"""

    code = "BS40010"


class AggregatesDisabled(RequestError):
    """Use of aggregate functions is not allowed"""

    code = "BS40011"


# It names what is not there ----------------------------------------------------------------------------------


class NotFound(RequestError):
    """There is nothing here."""

    code = "BS404"
    status = 404


class UnknownPath(RequestError):
    """Invalid path specified in request URL"""

    code = "BS40401"
    status = 404


class RootDisabled(RequestError):
    """Root endpoint metadata is disabled"""

    code = "BS40405"
    status = 404


class UnknownResource(RequestError):
    """Could not find the table in the schema cache"""

    code = "BS40402"
    status = 404


class UnknownFunction(RequestError):
    """Could not find the function in the schema cache"""

    code = "BS40403"
    status = 404


class AmbiguousFunction(RequestError):
    """Could not choose the best candidate function"""

    code = "BS30001"
    status = 300


class UnknownRelation(RequestError):
    """Could not find a relationship in the schema cache"""

    code = "BS40012"


class AmbiguousRelation(RequestError):
    """Could not embed because more than one relationship was found"""

    code = "BS30002"
    status = 300


class NotEmbedded(RequestError):
    """This is not an embedded resource in this request"""

    code = "BS40013"


class RelatedOrder(RequestError):
    """A related order is not possible here"""

    code = "BS40014"


class UnknownColumn(RequestError):
    """The column does not exist"""

    code = "BS40015"


class UnknownPayloadColumn(RequestError):
    """Could not find the column in the schema cache"""

    code = "BS40016"


class UnknownSchema(RequestError):
    """Invalid schema"""

    code = "BS40602"
    status = 406


class UnknownType(RequestError):
    """The type does not exist"""

    code = "BS40017"


class UnknownOperator(RequestError):
    """The operator does not exist for these types"""

    code = "BS40404"
    status = 404


# The caller --------------------------------------------------------------------------------------------------


class Unauthenticated(RequestError):
    """The token is not valid."""

    code = "BS401"
    status = 401


class InvalidToken(Unauthenticated):
    """JWT cryptographic operation failed"""

    code = "BS40101"


class InvalidClaims(Unauthenticated):
    """JWT expired"""

    code = "BS40102"


class InvalidKey(Unauthenticated):
    """Invalid API key"""

    code = "BS40103"


class SessionEnded(Unauthenticated):
    """The session has ended.

    The token is good, but its session was signed out, or its user was banned, deleted, or signed out everywhere.
    """

    code = "BS40105"


class AnonymousDisabled(Unauthenticated):
    """Anonymous access is disabled"""

    code = "BS40104"


class Forbidden(RequestError):
    """Permission denied."""

    code = "BS403"
    status = 403


class PermissionDenied(Forbidden):
    """permission denied for table

    No rule lets this caller do this at all (SQLSTATE 42501). Answered with 401 to an anonymous caller.
    """

    code = "BS40301"


class RowRefused(Forbidden):
    """new row violates row-level security policy

    The rule refuses the row as it would be after the write (SQLSTATE 42501).
    """

    code = "BS40302"


class SecretKeyInBrowser(Forbidden):
    """Forbidden use of secret API key in browser"""

    code = "BS40303"


class ReadOnly(RequestError):
    """cannot write in a read-only transaction"""

    code = "BS40503"
    status = 405


# The data ----------------------------------------------------------------------------------------------------


class Conflict(RequestError):
    """The request conflicts with the present state."""

    code = "BS409"
    status = 409


class UniqueViolation(Conflict):
    """duplicate key value violates unique constraint"""

    code = "BS40901"


class ForeignKeyViolation(Conflict):
    """insert or update on table violates foreign key constraint"""

    code = "BS40902"


class DataFault(RequestError):
    """The data is not valid.

    ``state`` is the SQLSTATE that PostgreSQL gives for this fault.
    """

    code = "BS40018"
    state: ClassVar[str] = "22000"


class InvalidLiteral(DataFault):
    """invalid input syntax"""

    code = "BS40019"
    state = "22P02"


class OutOfRange(DataFault):
    """value out of range"""

    code = "BS40020"
    state = "22003"


class InvalidDate(DataFault):
    """invalid input syntax for date or time"""

    code = "BS40021"
    state = "22007"


class DateOutOfRange(DataFault):
    """date/time field value out of range"""

    code = "BS40022"
    state = "22008"


class TooLong(DataFault):
    """value too long for type"""

    code = "BS40023"
    state = "22001"


class InvalidPattern(DataFault):
    """invalid regular expression"""

    code = "BS40024"
    state = "2201B"


class InvalidParameter(DataFault):
    """invalid parameter value"""

    code = "BS40025"
    state = "22023"


class TypeMismatch(DataFault):
    """argument must be of another type"""

    code = "BS40026"
    state = "42804"


class NotNullViolation(DataFault):
    """null value violates not-null constraint"""

    code = "BS40027"
    state = "23502"


class CheckViolation(DataFault):
    """new row violates check constraint"""

    code = "BS40028"
    state = "23514"


class DatabaseFault(RequestError):
    """The database refused the request.

    What a database itself raises and Backstay has no class for (a trigger's ``RAISE``, an exclusion constraint):
    ``state`` is the SQLSTATE, from which the front end derives the status.
    """

    code = "BS40029"

    def __init__(
        self, message: str | None = None, *, state: str = "XX000", detail: Detail = None, hint: str | None = None
    ) -> None:
        self.state = state
        super().__init__(message, detail=detail, hint=hint)


# We are at fault ---------------------------------------------------------------------------------------------


class Outage(BackstayError):
    """The service cannot answer now."""

    code = "BS503"
    status = 503


class DatabaseUnavailable(Outage):
    """Database connection error."""

    code = "BS50301"


class PoolTimeout(Outage):
    """Timed out acquiring connection from connection pool."""

    code = "BS50401"
    status = 504


class StatementTimeout(Outage):
    """canceling statement due to statement timeout"""

    code = "BS50402"
    status = 504


class SecretMissing(Outage):
    """Server lacks JWT secret

    A caller shows a token, and the settings name no key that tokens could be signed with.
    """

    code = "BS50003"
    status = 500


class StorageFull(Outage):
    """The disk that holds the database is full."""

    code = "BS50701"
    status = 507


class StorageReadOnly(Outage):
    """The database file is read-only."""

    code = "BS50302"


class Overloaded(Outage):
    """The server is overloaded."""

    code = "BS50303"


class RevocationsUnknown(Outage):
    """It cannot be told now which sessions have ended."""

    code = "BS50305"


class SchemaBehind(Outage):
    """The database's schema is behind the application's."""

    code = "BS50304"
