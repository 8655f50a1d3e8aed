"""The hiring platform: who sees what, and who may do what. Its own data, small."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from backstay import system
from backstay.testing import Client, client

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def seed() -> ModuleType:
    """The module that makes the data, as a user's own files import it."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module("seed")
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture
async def backend(seed: ModuleType, database_url: str) -> AsyncIterator[Client]:
    """The platform with a little data, asked anonymously."""
    async with client(seed.app, database=database_url) as backend:
        amounts = seed.Amounts(companies=4, candidates=10, postings=40, applications=60)
        async with seed.app.session(system) as db:
            await seed.fill(db, seed.Seed(amounts))
        yield backend


@pytest.fixture
def rita(backend: Client, seed: ModuleType) -> Client:
    """A recruiter of the first company, after a second factor."""
    return backend.as_(seed.RITA.id, aal="aal2")


@pytest.fixture
def hasty(backend: Client, seed: ModuleType) -> Client:
    """The same recruiter, who signed in by a password alone."""
    return backend.as_(seed.RITA.id)


@pytest.fixture
def raj(backend: Client, seed: ModuleType) -> Client:
    """A recruiter of the second company."""
    return backend.as_(seed.RAJ.id)


@pytest.fixture
def ada(backend: Client, seed: ModuleType) -> Client:
    """A candidate."""
    return backend.as_(seed.ADA.id)


@pytest.fixture
def ben(backend: Client, seed: ModuleType) -> Client:
    """Another candidate."""
    return backend.as_(seed.BEN.id)


async def rows(asking: Client, path: str) -> list[dict[str, Any]]:
    answer = await asking.get(f"/rest/v1/{path}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def everything(seed: ModuleType, model: str) -> list[Any]:
    async with seed.app.session(system) as db:
        return list((await db.scalars(sa.select(getattr(seed, model)))).all())


async def new_posting(rita: Client, **values: Any) -> dict[str, Any]:
    row = {"title": "Developer", "city": "Austin", "level": "MID", "salary_low": 1, "salary_high": 2, **values}
    answer = await rita.post("/rest/v1/postings", row)
    assert answer.status == 201, answer.text
    posting: dict[str, Any] = answer.json()[0]
    return posting


# What is public ------------------------------------------------------------------------------------------------


async def test_everybody_sees_the_salary_guide(backend: Client) -> None:
    guide = await rows(backend, "salary_guide?select=low,high,city&city=eq.Austin&level=eq.SENIOR")
    assert len(guide) == 1
    assert 100_000 < guide[0]["low"] < guide[0]["high"]


async def test_everybody_sees_open_postings_and_no_others(backend: Client, seed: ModuleType) -> None:
    seen = {row["id"] for row in await rows(backend, "postings?select=id")}
    assert seen == {
        str(posting.id) for posting in await everything(seed, "Posting") if posting.status is seed.PostingStatus.OPEN
    }


async def test_a_recruiter_sees_the_drafts_of_their_company_and_of_no_other(rita: Client, seed: ModuleType) -> None:
    seen = await rows(rita, "postings?select=company_id&status=neq.OPEN")
    assert {row["company_id"] for row in seen} == {str(seed.company_id(0))}


async def test_skills_of_a_draft_are_not_seen_either(backend: Client, rita: Client) -> None:
    draft = await new_posting(rita)
    asked = {"posting_id": draft["id"], "skill_id": 1}
    assert (await rita.post("/rest/v1/posting_skills", asked)).status == 201
    place = f"posting_skills?posting_id=eq.{draft['id']}"
    assert await rows(backend, place) == []
    assert len(await rows(rita, place)) == 1


async def test_postings_come_with_company_place_and_skills(backend: Client) -> None:
    found = await rows(backend, "postings?select=title,company(name),location(market),skills(name)&limit=3")
    assert all(row["company"]["name"] and row["location"]["market"] and len(row["skills"]) > 1 for row in found)


async def test_the_middle_of_the_pay_is_computed(backend: Client) -> None:
    found = await rows(backend, "postings?select=salary_low,salary_high,salary_middle&limit=5")
    assert all(row["salary_middle"] == (row["salary_low"] + row["salary_high"]) // 2 for row in found)


# Who sees applications and notes --------------------------------------------------------------------------------


async def test_a_candidate_sees_their_own_applications_and_no_others(ada: Client, seed: ModuleType) -> None:
    seen = {row["id"] for row in await rows(ada, "applications?select=id")}
    sent = {str(each.id) for each in await everything(seed, "Application") if each.candidate_id == seed.ADA.id}
    assert seen == sent != set()


async def test_a_company_sees_the_applications_to_it_and_no_others(rita: Client, seed: ModuleType) -> None:
    seen = {row["id"] for row in await rows(rita, "applications?select=id")}
    mine = seed.company_id(0)
    assert seen == {str(each.id) for each in await everything(seed, "Application") if each.company_id == mine} != set()


async def test_strangers_see_no_application(backend: Client) -> None:
    assert await rows(backend, "applications?select=id") == []


async def test_only_the_company_sees_its_notes(rita: Client, raj: Client, ada: Client, seed: ModuleType) -> None:
    notes = await everything(seed, "Note")
    for asking, company in ((rita, 0), (raj, 1)):
        seen = {row["id"] for row in await rows(asking, "notes?select=id")}
        assert seen == {str(note.id) for note in notes if note.company_id == seed.company_id(company)} != set()
    assert await rows(ada, "notes?select=id") == []


async def test_notes_embedded_in_ones_own_application_stay_unseen(ada: Client, rita: Client) -> None:
    assert {len(row["notes"]) for row in await rows(ada, "applications?select=notes(text)")} == {0}
    assert any(row["notes"] for row in await rows(rita, "applications?select=notes(text)"))


async def test_a_company_sees_who_applied_and_its_colleagues(rita: Client, seed: ModuleType) -> None:
    seen = {row["id"] for row in await rows(rita, "users?select=id")}
    mine = seed.company_id(0)
    applied = {str(each.candidate_id) for each in await everything(seed, "Application") if each.company_id == mine}
    colleagues = {str(user.id) for user in await everything(seed, "User") if user.company_id == mine}
    assert seen == applied | colleagues


async def test_candidates_see_nobody_but_themselves(ada: Client, seed: ModuleType) -> None:
    assert await rows(ada, "users?select=email") == [{"email": seed.ADA.email}]


async def test_saved_searches_are_their_owner_s(ada: Client, ben: Client) -> None:
    assert [row["name"] for row in await rows(ada, "saved_searches?select=name")] == ["Django in Austin"]
    assert [row["name"] for row in await rows(ben, "saved_searches?select=name")] == ["Remote and senior"]
    assert await rows(ben, "saved_searches?select=name&filters->>city=eq.Austin") == []


async def test_words_are_searched_in_what_one_may_see(ada: Client, rita: Client, seed: ModuleType) -> None:
    postings = await everything(seed, "Posting")
    leads = {str(each.id) for each in postings if "Lead" in each.title}
    for asking in (ada, rita):
        seen = {row["id"] for row in await rows(asking, "postings?select=id")}
        assert {row["id"] for row in await rows(asking, "postings?select=id&title=wfts.leads")} == leads & seen
        assert {row["id"] for row in await rows(asking, "postings?select=id&title=not.wfts.leads")} == seen - leads


async def test_counts_tell_no_more_than_rows(ada: Client, seed: ModuleType) -> None:
    answer = await ada.get("/rest/v1/notes?select=id", headers={"prefer": "count=exact"})
    assert answer.headers["content-range"] == "*/0"


# Who may do what --------------------------------------------------------------------------------------------------


async def test_a_new_posting_is_the_recruiter_s_company_s(rita: Client, seed: ModuleType) -> None:
    assert (await new_posting(rita))["company_id"] == str(seed.company_id(0))


async def test_a_posting_cannot_be_made_in_another_company_s_name(rita: Client, seed: ModuleType) -> None:
    row = {"title": "x", "city": "Austin", "level": "MID", "salary_low": 1, "salary_high": 2}
    answer = await rita.post("/rest/v1/postings", {**row, "company_id": str(seed.company_id(1))})
    assert (answer.status, answer.json()["code"]) == (403, "42501")


async def test_a_candidate_makes_no_postings(ada: Client, seed: ModuleType) -> None:
    row = {"title": "x", "city": "Austin", "level": "MID", "salary_low": 1, "salary_high": 2}
    answer = await ada.post("/rest/v1/postings", {**row, "company_id": str(seed.company_id(0))})
    assert (answer.status, answer.json()["code"]) == (403, "42501")


async def test_pay_must_be_a_range(rita: Client) -> None:
    row = {"title": "x", "city": "Austin", "level": "MID", "salary_low": 2, "salary_high": 1}
    answer = await rita.post("/rest/v1/postings", row)
    assert (answer.status, answer.json()["code"]) == (400, "23514")


async def test_opening_a_posting_publishes_it(rita: Client) -> None:
    draft = await new_posting(rita)
    assert draft["published_at"] is None
    answer = await rita.patch(f"/rest/v1/postings?id=eq.{draft['id']}", {"status": "OPEN"})
    assert answer.json()[0]["published_at"] is not None


async def test_a_posting_is_published_only_after_a_second_factor(rita: Client, hasty: Client) -> None:
    draft = await new_posting(hasty)
    place = f"/rest/v1/postings?id=eq.{draft['id']}"
    answer = await hasty.patch(place, {"status": "OPEN"})
    assert (answer.status, answer.json()["code"]) == (403, "42501")
    row = {"title": "x", "city": "Austin", "level": "MID", "salary_low": 1, "salary_high": 2, "status": "OPEN"}
    assert (await hasty.post("/rest/v1/postings", row)).status == 403
    assert (await hasty.patch(place, {"title": "A better title"})).status == 200
    assert (await rita.patch(place, {"status": "OPEN"})).status == 200


async def test_what_is_published_is_changed_after_a_second_factor_but_closed_without(
    rita: Client, hasty: Client
) -> None:
    posting = await new_posting(rita, status="OPEN")
    place = f"/rest/v1/postings?id=eq.{posting['id']}"
    assert (await hasty.patch(place, {"salary_high": 1_000_000})).status == 403
    assert (await hasty.patch(place, {"status": "CLOSED"})).json()[0]["status"] == "CLOSED"


async def test_when_a_posting_was_published_is_not_for_callers_to_say(rita: Client) -> None:
    draft = await new_posting(rita)
    answer = await rita.patch(f"/rest/v1/postings?id=eq.{draft['id']}", {"published_at": "2020-01-01T00:00:00Z"})
    assert answer.status == 403


async def test_an_application_goes_to_the_company_of_the_posting(rita: Client, ben: Client, seed: ModuleType) -> None:
    posting = await new_posting(rita, status="OPEN")
    sent = await ben.post("/rest/v1/applications", {"posting_id": posting["id"], "letter": "Me!"})
    assert sent.status == 201, sent.text
    assert sent.json()[0]["company_id"] == str(seed.company_id(0))
    assert len(await rows(rita, f"applications?posting_id=eq.{posting['id']}")) == 1


async def test_one_applies_once(rita: Client, ben: Client) -> None:
    posting = await new_posting(rita, status="OPEN")
    letter = {"posting_id": posting["id"], "letter": "Me!"}
    assert (await ben.post("/rest/v1/applications", letter)).status == 201
    again = await ben.post("/rest/v1/applications", letter)
    assert (again.status, again.json()["code"]) == (409, "23505")


async def test_one_does_not_apply_to_a_draft(rita: Client, ben: Client) -> None:
    posting = await new_posting(rita)
    answer = await ben.post("/rest/v1/applications", {"posting_id": posting["id"], "letter": "Me!"})
    assert answer.status == 409
    assert answer.json()["message"] == "This posting takes no applications."


async def test_one_does_not_apply_for_another(rita: Client, ben: Client, seed: ModuleType) -> None:
    posting = await new_posting(rita, status="OPEN")
    letter = {"posting_id": posting["id"], "letter": "Her!", "candidate_id": str(seed.ADA.id)}
    assert (await ben.post("/rest/v1/applications", letter)).status == 403


async def test_nobody_applies_as_already_hired(rita: Client, ben: Client) -> None:
    posting = await new_posting(rita, status="OPEN")
    letter = {"posting_id": posting["id"], "letter": "Me!", "status": "HIRED"}
    assert (await ben.post("/rest/v1/applications", letter)).status == 403


async def test_the_company_decides_and_the_candidate_may_only_withdraw(rita: Client, ben: Client) -> None:
    posting = await new_posting(rita, status="OPEN")
    sent = (await ben.post("/rest/v1/applications", {"posting_id": posting["id"], "letter": "Me!"})).json()[0]
    place = f"/rest/v1/applications?id=eq.{sent['id']}"
    assert (await ben.patch(place, {"status": "HIRED"})).status == 403
    assert (await rita.patch(place, {"status": "INTERVIEW"})).json()[0]["status"] == "INTERVIEW"
    assert (await ben.patch(place, {"status": "WITHDRAWN"})).json()[0]["status"] == "WITHDRAWN"


async def test_nobody_rewrites_an_application(rita: Client, ben: Client) -> None:
    posting = await new_posting(rita, status="OPEN")
    sent = (await ben.post("/rest/v1/applications", {"posting_id": posting["id"], "letter": "Me!"})).json()[0]
    answer = await rita.patch(f"/rest/v1/applications?id=eq.{sent['id']}", {"letter": "Take anybody else."})
    assert answer.status == 409


async def test_a_company_notes_on_its_own_applications_only(rita: Client, seed: ModuleType) -> None:
    applications = await everything(seed, "Application")
    for company, status in ((0, 201), (1, 403)):
        application = next(each for each in applications if each.company_id == seed.company_id(company))
        answer = await rita.post("/rest/v1/notes", {"application_id": str(application.id), "text": "Good."})
        assert answer.status == status, answer.text


async def test_a_note_cannot_be_moved_to_another_company(rita: Client, seed: ModuleType) -> None:
    note = (await rows(rita, "notes?select=id&limit=1"))[0]["id"]
    answer = await rita.patch(f"/rest/v1/notes?id=eq.{note}", {"company_id": str(seed.company_id(1))})
    assert answer.status == 403


async def test_a_user_changes_their_name_but_not_their_company(ada: Client, seed: ModuleType) -> None:
    place = f"/rest/v1/users?id=eq.{seed.ADA.id}"
    assert (await ada.patch(place, {"name": "Ada L."})).json()[0]["name"] == "Ada L."
    assert (await ada.patch(place, {"company_id": str(seed.company_id(0))})).status == 403


# Functions --------------------------------------------------------------------------------------------------------


async def test_anyone_asks_what_a_job_pays(backend: Client) -> None:
    answer = await backend.get("/rest/v1/rpc/salary_range?city=Austin&level=SENIOR")
    assert answer.status == 200, answer.text
    found = answer.json()
    assert (found["city"], found["level"]) == ("Austin", "SENIOR")
    assert found["low"] < found["high"]


async def test_a_city_that_the_guide_does_not_cover_is_not_found(backend: Client) -> None:
    answer = await backend.post("/rest/v1/rpc/salary_range", {"city": "Atlantis"})
    assert (answer.status, answer.json()["message"]) == (404, "The guide does not cover Atlantis.")


async def test_a_function_s_session_is_its_caller_s(rita: Client, ada: Client, seed: ModuleType) -> None:
    applications = await everything(seed, "Application")
    for asking, mine in (
        (rita, [each for each in applications if each.company_id == seed.company_id(0)]),
        (ada, [each for each in applications if each.candidate_id == seed.ADA.id]),
    ):
        counted = (await asking.post("/rest/v1/rpc/pipeline")).json()
        assert sum(counted.values()) == len(mine)


# The data -----------------------------------------------------------------------------------------------------------


def test_the_data_is_always_the_same(seed: ModuleType) -> None:
    amounts = seed.Amounts(companies=3, candidates=5, postings=10, applications=12)
    first, second = ([rows for _, rows in seed.Seed(amounts).tables()] for _ in range(2))
    assert first == second


def test_the_data_is_as_much_as_was_asked_for(seed: ModuleType) -> None:
    amounts = seed.Amounts(companies=7, candidates=5, postings=30, applications=50)
    made = {model.__name__: len(rows) for model, rows in seed.Seed(amounts).tables()}
    assert made["Company"] == 7
    assert made["Posting"] == 30
    assert made["Application"] in (50, 51)
