"""A program's key may what its owner may, as far as one of its scopes lets it, on every door."""

from __future__ import annotations

from typing import Any

import pytest

from asking import Agency
from fixtures.agency import ADA, BOB, CYD, SECRET_KEY

DENIED = 403
INVOICES, CUSTOMERS, SALARIES = "/rest/v1/invoices", "/rest/v1/customers", "/rest/v1/salaries"

# What each key of Ada's comes to: ids, a number, the status of a refusal.
SCOPES = {
    "a session": None,
    "*": ("*",),
    "read": ("invoices:read",),
    "open": ("invoices:open",),
    "billing": ("billing",),
    "team": ("team",),
    "read and open": ("invoices:read", "invoices:open"),
    "team and billing": ("team", "billing"),
    "* and open": ("*", "invoices:open"),
}
ALL = dict.fromkeys(("a session", "*", "* and open"))


def every(found: Any, **others: Any) -> dict[str, Any]:
    """What those find who may all that Ada may, and the others; what is not named is refused."""
    return {**dict.fromkeys(SCOPES, DENIED), **dict.fromkeys(ALL, found), **{_named(k): v for k, v in others.items()}}


def _named(word: str) -> str:
    return word.replace("_", " ")


READS: dict[str, dict[str, Any]] = {
    f"{INVOICES}?select=id&order=id": every(
        [1, 2, 3],
        read=[1, 2, 3],
        open=[2, 3],
        billing=[1, 2, 3],
        read_and_open=[1, 2, 3],
        team_and_billing=[1, 2, 3],
    ),
    f"{INVOICES}?select=id&paid=is.true": every(
        [1], read=[1], open=[], billing=[1], read_and_open=[1], team_and_billing=[1]
    ),
    f"{CUSTOMERS}?select=id&order=id": every([1, 2], billing=[1], team=[1, 2], team_and_billing=[1, 2]),
    f"{SALARIES}?select=id": every([1]),
    f"{INVOICES}?select=id,customers(id)&order=id": every([1, 2, 3], billing=[1, 2, 3], team_and_billing=[1, 2, 3]),
    f"{INVOICES}?select=id,customers!inner(id)&order=id": every([1, 2, 3], billing=[1, 3], team_and_billing=[1, 2, 3]),
    f"{CUSTOMERS}?select=id,invoices(id)&order=id": every([1, 2], billing=[1], team_and_billing=[1, 2]),
    f"{CUSTOMERS}?select=id&invoices=not.is.null&order=id": every(400),
    "/rest/v1/users?select=id": every([str(ADA)]),
    "/api/invoices": every([1, 2, 3], billing=[1, 2, 3], team_and_billing=[1, 2, 3]),
    "/api/salaries": every([1]),
}
READS.pop(f"{CUSTOMERS}?select=id&invoices=not.is.null&order=id")


def shown(agency: Agency, name: str) -> str:
    scopes = SCOPES[name]
    return agency.token(ADA) if scopes is None else agency.key(*scopes)


def found(answer: Any) -> Any:
    if answer.status >= 400:
        return answer.status
    rows = answer.json
    return [row["id"] if isinstance(row, dict) else row for row in rows] if isinstance(rows, list) else rows


@pytest.mark.asvs("8.2.1")
@pytest.mark.parametrize("name", SCOPES)
@pytest.mark.parametrize("path", READS)
def test_what_a_key_reads(module_agency: Agency, path: str, name: str) -> None:
    answer = module_agency.ask("GET", path, key=shown(module_agency, name))
    assert found(answer) == READS[path][name]


@pytest.mark.parametrize("name", SCOPES)
def test_what_a_key_counts(module_agency: Agency, name: str) -> None:
    key = shown(module_agency, name)
    counted = module_agency.ask("HEAD", f"{INVOICES}?limit=1", key=key, prefer="count=exact")
    seen = READS[f"{INVOICES}?select=id&order=id"][name]
    expected = (DENIED, None) if seen == DENIED else (206, f"0-0/{len(seen)}")
    assert (counted.status, counted.range) == expected


@pytest.mark.parametrize("name", SCOPES)
def test_what_is_embedded_in_what_a_key_reads(module_agency: Agency, name: str) -> None:
    path = f"{INVOICES}?select=id,customers(name)&order=id"
    answer = module_agency.ask("GET", path, key=shown(module_agency, name))
    names = {"billing": ["Large", None, "Large"]}.get(name, ["Large", "Small", "Large"])
    if READS[f"{INVOICES}?select=id,customers(id)&order=id"][name] == DENIED:
        assert answer.status == DENIED
    else:
        assert [(row["customers"] or {"name": None})["name"] for row in answer.json] == names


NEW = {"id": 50, "customer_id": 1, "amount": 5}
LARGE = {**NEW, "amount": 5000}
WRITES: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "insert": ("POST", INVOICES, NEW, every(201, open=201, billing=201, read_and_open=201, team_and_billing=201)),
    "insert much": ("POST", INVOICES, LARGE, every(201, open=201, read_and_open=201)),
    "insert paid": (
        "POST",
        INVOICES,
        {**NEW, "paid": True},
        every(201, billing=201, team_and_billing=201),
    ),
    "update": ("PATCH", f"{INVOICES}?id=eq.3", {"amount": 4}, every([3], open=[3], read_and_open=[3])),
    "update what is paid": ("PATCH", f"{INVOICES}?id=eq.1", {"amount": 4}, every([1], open=[], read_and_open=[])),
    "pay": ("PATCH", f"{INVOICES}?id=eq.3", {"paid": True}, every([3])),
    "delete": ("DELETE", f"{INVOICES}?id=eq.2", None, every([2], open=[2], read_and_open=[2])),
    "delete what is paid": ("DELETE", f"{INVOICES}?id=eq.1", None, every([1], open=[], read_and_open=[])),
    "delete somebody else's": ("DELETE", f"{INVOICES}?id=eq.3", None, every([], open=[], read_and_open=[])),
    "add a salary": ("POST", SALARIES, {"id": 50, "amount": 1}, every(201)),
}


@pytest.mark.parametrize("name", SCOPES)
@pytest.mark.parametrize("write", WRITES)
def test_what_a_key_writes(module_agency: Agency, write: str, name: str) -> None:
    method, path, body, expected = WRITES[write]
    kept = "return=minimal" if method == "POST" else "return=representation"
    answer = module_agency.ask(method, path, body, key=shown(module_agency, name), prefer=f"tx=rollback,{kept}")
    assert (answer.status if method == "POST" else found(answer)) == expected[name]


@pytest.mark.parametrize("name", SCOPES)
def test_a_merge_takes_what_insert_and_update_take(module_agency: Agency, name: str) -> None:
    prefer = "tx=rollback,resolution=merge-duplicates,return=minimal"
    body = {"id": 3, "customer_id": 1, "amount": 5}
    answer = module_agency.ask("POST", INVOICES, body, key=shown(module_agency, name), prefer=prefer)
    assert answer.status == every(200, open=200, read_and_open=200)[name]


def test_what_a_write_shows_is_what_the_key_may_read(module_agency: Agency) -> None:
    key = module_agency.key("billing")
    prefer = "tx=rollback,return=representation"
    answer = module_agency.ask(
        "POST", f"{INVOICES}?select=amount,customers(name)", {**NEW, "customer_id": 2}, key=key, prefer=prefer
    )
    assert answer.json == [{"amount": 5, "customers": None}]


CALLS: dict[str, dict[str, Any]] = {
    "total": every(123, billing=123, team_and_billing=123),
    "pay_roll": every(7),
}


@pytest.mark.parametrize("name", SCOPES)
@pytest.mark.parametrize("function", CALLS)
def test_what_a_key_calls(module_agency: Agency, function: str, name: str) -> None:
    answer = module_agency.ask("POST", f"/rest/v1/rpc/{function}", {}, key=shown(module_agency, name))
    assert found(answer) == CALLS[function][name]


@pytest.mark.parametrize("name", SCOPES)
def test_what_a_key_is_told_of(module_agency: Agency, name: str) -> None:
    answer = module_agency.ask("GET", "/rest/v1/", key=shown(module_agency, name))
    told = {path for path in answer.json["paths"] if path != "/"}
    expected = {
        path
        for path, reads in (
            ("/invoices", READS[f"{INVOICES}?select=id&order=id"]),
            ("/customers", READS[f"{CUSTOMERS}?select=id&order=id"]),
            ("/salaries", READS[f"{SALARIES}?select=id"]),
            ("/users", READS["/rest/v1/users?select=id"]),
            ("/rpc/total", CALLS["total"]),
            ("/rpc/pay_roll", CALLS["pay_roll"]),
        )
        if reads[name] != DENIED
    }
    assert told == expected


def test_a_refusal_hints_at_nothing_that_a_key_may_not_know(module_agency: Agency) -> None:
    key = module_agency.key("team")
    for path in ("/rest/v1/salarie", "/rest/v1/rpc/pay_rol?x=1", f"{CUSTOMERS}?select=salary(id)"):
        answer = module_agency.ask("GET", path, key=key)
        assert answer.status in (400, 404)
        assert b"salaries" not in answer.body
        assert b"pay_roll" not in answer.body


def test_a_mounted_application_knows_whose_program_asks(module_agency: Agency) -> None:
    asked = {name: module_agency.ask("GET", "/api/me", key=shown(module_agency, name)) for name in SCOPES}
    assert asked["billing"].json == {"id": str(ADA), "scopes": ["billing"], "billing": True}
    assert asked["*"].json == {"id": str(ADA), "scopes": ["*"], "billing": True}
    assert asked["a session"].json == {"id": str(ADA), "scopes": [], "billing": True}
    assert asked["read"].status == DENIED
    assert module_agency.ask("GET", "/api/me", key=f"{module_agency.key('billing')}x").status == 401


def test_a_rule_about_claims_holds_for_keys(module_agency: Agency) -> None:
    for user, expected in ((ADA, [1, 2]), (BOB, []), (CYD, [])):
        answer = module_agency.ask("GET", f"{CUSTOMERS}?select=id&order=id", key=module_agency.key("team", user=user))
        assert found(answer) == expected


@pytest.mark.invariant("I1")
def test_keys_see_the_rows_of_their_owners_tenant_only(module_agency: Agency) -> None:
    path = f"{INVOICES}?select=id&order=id"
    assert found(module_agency.ask("GET", path, key=module_agency.key("*", user=CYD))) == [4]
    assert found(module_agency.ask("GET", path, key=module_agency.key("invoices:read", user=CYD))) == [4]
    assert found(module_agency.ask("GET", f"{path}&id=eq.4", key=module_agency.key("*"))) == []
    answer = module_agency.ask("POST", INVOICES, {**NEW, "org_id": 2}, key=module_agency.key("*"), prefer="tx=rollback")
    assert answer.status == DENIED


def test_a_key_of_a_tenant_sees_that_tenants_rows(module_agency: Agency) -> None:
    path = f"{INVOICES}?select=id&order=id"
    one, two = (module_agency.key("invoices:read", user=None, tenant=tenant) for tenant in (1, 2))
    assert found(module_agency.ask("GET", path, key=one)) == [1, 2, 3]
    assert found(module_agency.ask("GET", path, key=two)) == [4]
    everything = module_agency.key("*", user=None, tenant=2)
    assert found(module_agency.ask("GET", f"{SALARIES}?select=id", key=everything)) == [2]
    assert found(module_agency.ask("GET", "/rest/v1/users?select=id", key=everything)) == []
    deleted = module_agency.ask(
        "DELETE", f"{INVOICES}?id=eq.4", key=everything, prefer="tx=rollback,return=representation"
    )
    assert deleted.json == [], "what is a user's is not a tenant's"
    added = module_agency.ask(
        "POST", INVOICES, {**NEW, "customer_id": 3}, key=everything, prefer="tx=rollback,return=representation"
    )
    assert (added.json[0]["org_id"], added.json[0]["author_id"]) == (2, None)


def test_a_rule_about_a_users_row_is_false_for_a_tenants_key(module_agency: Agency) -> None:
    key = module_agency.key("team", "billing", user=None, tenant=1)
    assert found(module_agency.ask("GET", f"{CUSTOMERS}?select=id", key=key)) == [1]
    assert (
        found(module_agency.ask("GET", f"{CUSTOMERS}?select=id", key=module_agency.key("team", user=None, tenant=1)))
        == []
    )
    assert found(module_agency.ask("GET", "/api/customers", key=key)) == [1]


@pytest.mark.asvs("6.3.3")
def test_a_key_is_one_factor(module_agency: Agency) -> None:
    answer = module_agency.ask("PATCH", f"/rest/v1/users?id=eq.{ADA}", {"team": "x"}, key=module_agency.key("*"))
    assert answer.status == DENIED


def test_the_secret_key_is_not_bound_by_scopes(module_agency: Agency) -> None:
    answer = module_agency.ask("GET", f"{INVOICES}?select=id&order=id", key=SECRET_KEY)
    assert found(answer) == [1, 2, 3, 4]
