"""What is wrong with rules, beyond what each of them says: their callers, their truth, the way they are written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from backstay.schema.caller import CallerAttribute, SignedIn
from backstay.schema.check.finding import Finding
from backstay.schema.check.spelling import Spelling
from backstay.schema.column import Expressed
from backstay.schema.declaration import Asked, Declarations, Resource
from backstay.schema.rule import Place, Using
from backstay.schema.served import Schema, Served

_RULES: Final = ("select", "insert", "update", "update_check", "delete")
_STARTING: Final = timedelta(minutes=10)


def check_rules(schema: Schema, declarations: Declarations) -> Iterator[Finding]:
    """Findings about the rules of every resource."""
    spelling = Spelling()
    for declared in declarations.resources:
        yield from _missing(getattr(declared.model, "__name__", str(declared.model)), declared.asked, declared.place)
        yield from spelling.pythonic_rules(declared.place)
        yield from _same_using(declared)
    for reflection in declarations.reflections:
        yield from _missing("what app.reflect() finds", reflection.asked, reflection.place)
        yield from spelling.pythonic_rules(reflection.place)
    for scope in declarations.scopes:
        for grant in scope.grants:
            yield from spelling.pythonic_rules(grant.place)
    for served in schema.resources.values():
        yield from _never(served)
        yield from _callers(schema, served)
        yield from _frozen_times(served)


def _same_using(declared: Resource[Any]) -> Iterator[Finding]:
    update = declared.asked.update
    if isinstance(update, Using) and (update.old is update.check or _equal(update.old, update.check)):
        message = "Using(old, check=...) asks the same twice"
        yield Finding("BS109", message, "Write the one expression: update=...", declared.place)


def _equal(one: Any, other: Any) -> bool:
    elements = [sa.sql.coercions.expect(sa.sql.roles.WhereHavingRole, each) for each in (one, other) if _is_sql(each)]
    return len(elements) == 2 and bool(elements[0].compare(elements[1]))


def _is_sql(expression: Any) -> bool:
    return isinstance(expression, sa.ClauseElement) or hasattr(expression, "__clause_element__")


def _missing(name: str, asked: Asked, place: Place) -> Iterator[Finding]:
    if asked.select is asked.insert is asked.update is asked.delete is None:
        hint = "Say who may do what: select=anyone, select=signed_in, write=Note.author_id == me.id ..."
        yield Finding("BS121", f"{name} has no rule, so nobody may use it", hint, place)
    elif asked.select is None and not (asked.update is asked.delete is None):
        hint = "Add select=: a row is found by what the caller may see."
        yield Finding("BS111", f"rows of {name} may be changed but not seen", hint, place)


def _never(served: Served) -> Iterator[Finding]:
    for name in _RULES:
        rule = getattr(served.rules, name)
        if rule is not None and any(isinstance(each, sa.False_) for each in _conjuncts(rule.expression)):
            yield Finding("BS108", f"{rule.name} is always false", "Leave it out: no rule means nobody.", rule.place)


def _conjuncts(expression: Any) -> Iterator[Any]:
    if isinstance(expression, sa.BooleanClauseList) and expression.operator is sa.sql.operators.and_:
        for clause in expression.clauses:
            yield from _conjuncts(clause)
    else:
        yield expression


# Callers -----------------------------------------------------------------------------------------------------


def _callers(schema: Schema, served: Served) -> Iterator[Finding]:
    for name, place, expression in _expressions(served):
        for element in visitors.iterate(expression):
            if isinstance(element, CallerAttribute | SignedIn) and schema.user is None:
                term = "signed_in" if isinstance(element, SignedIn) else f"me.{element.name}"
                hint = "Say who the users are: Backstay(url, auth=Auth(User))."
                yield Finding("BS106", f"{name}: `{term}` has no meaning without users", hint, place)
            elif isinstance(element, CallerAttribute) and element.users is not schema.user:
                users = schema.user.name if schema.user is not None else ""
                message = f"{name}: `me.{element.name}` is of {element.user.__name__}, but users are rows of {users}"
                yield Finding("BS105", message, "Write me = current(User) with the class that Auth(...) has.", place)


def _expressions(served: Served) -> Iterator[tuple[str, Place, Any]]:
    """Everything of a resource that may speak of the caller: its rules and its defaults."""
    for name in _RULES:
        rule = getattr(served.rules, name)
        if rule is not None:
            yield rule.name, rule.place, rule.expression
    for column in served.columns.values():
        for filling in (column.default, column.onupdate):
            if isinstance(filling, Expressed):
                yield f"default of {served.name[1]}.{column.name}", served.place, filling.expression


# Times -------------------------------------------------------------------------------------------------------


def _frozen_times(served: Served) -> Iterator[Finding]:
    for name, place, expression in _expressions(served):
        for element in visitors.iterate(expression):
            if isinstance(element, sa.BindParameter) and _is_now(element.value):
                hint = "Write sa.func.now() or sa.func.current_date(), which are asked anew each time."
                yield Finding("BS112", f"{name}: {element.value!r} is the time when the program started", hint, place)


def _is_now(value: Any) -> bool:
    """Whether a value of a rule is a moment so near that the program must have asked the clock for it."""
    if isinstance(value, datetime):
        now = datetime.now(UTC if value.tzinfo else None)
        return abs(now - value) < _STARTING or (not value.tzinfo and abs(now - _naive_utc(value)) < _STARTING)
    return isinstance(value, date) and value == date.today()


def _naive_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
