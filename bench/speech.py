"""How each contender is asked, and what its answers say: one speech per wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from bench.wire import Answer, Request
from bench.works import BULK, PAGE, Ask, Subjects

FILTERS = {"city": "Austin", "skills": ["Django"]}
"""What a saved search holds."""

POINT = ("id", "title", "city", "salary_low", "salary_high")
LISTED = ("id", "title", "salary_low", "salary_high")
BRIEF = ("id", "title", "status", "salary_low", "salary_high")


class Speech(Protocol):
    """The wire of a contender."""

    def request(self, ask: Ask, subjects: Subjects) -> Request:
        """How this is asked."""
        ...

    def content(self, ask: Ask, answer: Answer) -> Any:
        """What the answer says, in a form that is the same for every contender; None where nothing was found."""
        ...


def written(ask: Ask) -> Any:
    """The body of a request that writes, as JSON."""
    match ask.work:
        case "insert":
            return {"name": ask.value, "filters": FILTERS}
        case "bulk":
            return [{"name": f"{ask.value}-{number}", "filters": FILTERS} for number in range(BULK)]
        case "update":
            return {"website": f"https://{ask.value}.example"}
        case "message":
            return {"room_id": int(ask.value), "text": f"A message to room {ask.value}."}
        case _:
            return None


def settled(ask: Ask, row: Any) -> Any:
    """The keys of a written row that do not differ from one run to the next."""
    keys = {
        "insert": ("user_id", "name", "filters"),
        "update": ("id", "website"),
        "message": ("room_id", "author_id", "text"),
    }[ask.work]
    return {key: row[key] for key in keys}


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _encode(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Rest:
    """Backstay's wire: PostgREST's."""

    tokens: list[str]

    def request(self, ask: Ask, subjects: Subjects) -> Request:
        """How this is asked."""
        method, target = self.line(ask, subjects)
        headers = _bearer(self.tokens[ask.caller])
        if ask.work in ("insert", "update", "message"):
            headers["prefer"] = "return=representation"
        elif ask.work == "count":
            headers["prefer"] = "count=exact"
        return Request(method, f"/rest/v1/{target}", _encode(written(ask)), headers)

    def line(self, ask: Ask, subjects: Subjects) -> tuple[str, str]:
        """The method, and the target below the prefix."""
        value = quote(ask.value)
        embed = "company:companies(id,name)"
        order = f"order=published_at.desc,id&limit={PAGE}"
        match ask.work:
            case "point":
                return "GET", f"postings?select={','.join(POINT)},{embed}&id=eq.{value}"
            case "page" | "count":
                return "GET", f"postings?select={','.join(LISTED)},{embed}&city=eq.{value}&status=eq.OPEN&{order}"
            case "search":
                return "GET", f"postings?select={','.join(LISTED)},{embed}&title=wfts.{value}&status=eq.OPEN&{order}"
            case "company":
                shown = f"id,name,postings({','.join(BRIEF)})"
                return "GET", f"companies?select={shown}&id=eq.{value}&postings.order=id"
            case "insert" | "bulk":
                return "POST", "saved_searches"
            case "update":
                return "PATCH", f"companies?id=eq.{subjects.callers[ask.caller][1]}"
            case "message":
                return "POST", "messages"
            case "small":
                return "GET", f"documents?id=eq.{value}"
            case _:
                return "GET", f"documents?order=id&limit={value}"

    def content(self, ask: Ask, answer: Answer) -> Any:
        """What the answer says."""
        if ask.work == "bulk":
            return answer.status
        found = json.loads(answer.body)
        if ask.work == "count":
            return {"total": int(answer.headers["content-range"].partition("/")[2]), "items": found}
        if ask.work in ("page", "search", "large"):
            return found
        if not found:
            return None
        return settled(ask, found[0]) if written(ask) else found[0]


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare loop's wire: the work, the caller and the value, and nothing to parse."""

    def request(self, ask: Ask, subjects: Subjects) -> Request:
        """How this is asked."""
        caller, company = subjects.callers[ask.caller]
        value = company if ask.work == "update" else ask.value
        method = "POST" if written(ask) else "GET"
        return Request(method, f"/{ask.work}/{caller}/{quote(value)}", _encode(written(ask)))

    def content(self, ask: Ask, answer: Answer) -> Any:
        """What the answer says: Backstay's own words."""
        return Rest([]).content(ask, answer)


@dataclass(frozen=True, slots=True)
class Plain:
    """The wire of an interface written by hand."""

    tokens: list[str]

    def request(self, ask: Ask, subjects: Subjects) -> Request:
        """How this is asked."""
        method, target = self.line(ask, subjects)
        return Request(method, target, _encode(written(ask)), _bearer(self.tokens[ask.caller]))

    def line(self, ask: Ask, subjects: Subjects) -> tuple[str, str]:
        """The method and the target."""
        value = quote(ask.value)
        match ask.work:
            case "point":
                return "GET", f"/postings/{value}"
            case "page":
                return "GET", f"/postings?city={value}&limit={PAGE}"
            case "count":
                return "GET", f"/postings/counted?city={value}&limit={PAGE}"
            case "search":
                return "GET", f"/postings?search={value}&limit={PAGE}"
            case "company":
                return "GET", f"/companies/{value}"
            case "insert":
                return "POST", "/searches"
            case "bulk":
                return "POST", "/searches/bulk"
            case "update":
                return "PATCH", f"/companies/{subjects.callers[ask.caller][1]}"
            case "message":
                return "POST", "/messages"
            case "small":
                return "GET", f"/documents/{value}"
            case _:
                return "GET", f"/documents?limit={value}"

    def content(self, ask: Ask, answer: Answer) -> Any:
        """What the answer says."""
        if ask.work == "bulk":
            return answer.status
        if answer.status == 404:
            return None
        found = json.loads(answer.body)
        return settled(ask, found) if written(ask) else found


@dataclass(frozen=True, slots=True)
class Pocket:
    """PocketBase's wire."""

    tokens: list[str]

    def request(self, ask: Ask, subjects: Subjects) -> Request:
        """How this is asked."""
        method, target, query = self.line(ask, subjects)
        body = self.body(ask, subjects)
        target = f"/api/{target}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        return Request(method, target, _encode(body), {"authorization": self.tokens[ask.caller]})

    def line(self, ask: Ask, subjects: Subjects) -> tuple[str, str, dict[str, str]]:
        """The method, the path and the query."""
        records = "collections/{}/records".format
        embed = {"expand": "company", "fields": ",".join([*LISTED, "expand.company.id", "expand.company.name"])}
        page = {"filter": f'city="{ask.value}" && status="OPEN"', "sort": "-published_at,id", "perPage": str(PAGE)}
        match ask.work:
            case "point":
                return "GET", f"{records('postings')}/{ask.value}", embed | {"fields": f"{embed['fields']},city"}
            case "page":
                return "GET", records("postings"), embed | page | {"skipTotal": "1"}
            case "count":
                return "GET", records("postings"), embed | page
            case "search":
                page["filter"] = f'title~"{ask.value}" && status="OPEN"'
                return "GET", records("postings"), embed | page | {"skipTotal": "1"}
            case "company":
                inner = ",".join(f"expand.postings_via_company.{key}" for key in BRIEF)
                shown = {"expand": "postings_via_company", "fields": f"id,name,{inner}"}
                return "GET", f"{records('companies')}/{ask.value}", shown
            case "insert":
                return "POST", records("saved_searches"), {}
            case "bulk":
                return "POST", "batch", {}
            case "update":
                return "PATCH", f"{records('companies')}/{subjects.callers[ask.caller][1]}", {}
            case "message":
                return "POST", records("messages"), {}
            case "small":
                return "GET", f"{records('documents')}/{int(ask.value):015}", {"fields": "id,body"}
            case _:
                shown = {"fields": "id,body", "sort": "id", "perPage": ask.value, "skipTotal": "1"}
                return "GET", records("documents"), shown

    def body(self, ask: Ask, subjects: Subjects) -> Any:
        """The body: PocketBase fills no column with the caller, so the caller says who they are, and a rule checks."""
        caller = subjects.callers[ask.caller][0]
        row = written(ask)
        match ask.work:
            case "insert":
                return row | {"user": caller}
            case "bulk":
                url = "/api/collections/saved_searches/records"
                return {"requests": [{"method": "POST", "url": url, "body": each | {"user": caller}} for each in row]}
            case "message":
                return {"room": f"{row['room_id']:015}", "text": row["text"], "author": caller}
            case _:
                return row

    def content(self, ask: Ask, answer: Answer) -> Any:
        """What the answer says."""
        if ask.work == "bulk":
            return 201 if answer.status == 200 else answer.status
        if answer.status == 404:
            return None
        found = json.loads(answer.body)
        match ask.work:
            case "point":
                return self.hoisted(found)
            case "page" | "search":
                return [self.hoisted(row) for row in found["items"]]
            case "count":
                return {"total": found["totalItems"], "items": [self.hoisted(row) for row in found["items"]]}
            case "company":
                postings = found.pop("expand")["postings_via_company"]
                return found | {"postings": sorted(postings, key=lambda row: row["id"])}
            case "small":
                return found | {"id": int(found["id"])}
            case "large":
                return [row | {"id": int(row["id"])} for row in found["items"]]
            case "insert":
                return settled(ask, found | {"user_id": found["user"]})
            case "message":
                return settled(ask, found | {"room_id": int(found["room"]), "author_id": found["author"]})
            case _:
                return settled(ask, found)

    def hoisted(self, row: Any) -> Any:
        """A row with its company where the others have it."""
        return {**{key: value for key, value in row.items() if key != "expand"}, "company": row["expand"]["company"]}
