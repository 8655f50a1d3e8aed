"""The interface in Django Ninja, as its tutorial has it: schemas, operations, an HttpBearer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.security import HttpBearer

from bench.servers.django_app.asked import newest, visible
from bench.servers.django_app.models import Company, Document, Member, Message, Posting, SavedSearch, User
from bench.servers.token import subject


class Bearer(HttpBearer):
    """A user by their bearer token."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The user of the token."""
        identity = subject(f"Bearer {token}")
        return None if identity is None else User.objects.filter(pk=identity).first()


class CompanyBrief(Schema):
    """A company within a posting."""

    id: UUID
    name: str


class PostingListed(Schema):
    """A posting in a list."""

    id: UUID
    title: str
    salary_low: int
    salary_high: int
    company: CompanyBrief


class PostingShown(PostingListed):
    """A posting by itself."""

    city: str

    @staticmethod
    def resolve_city(posting: Any) -> str:
        """The key of the location."""
        return str(posting.city_id)


class PostingBrief(Schema):
    """A posting within a company."""

    id: UUID
    title: str
    status: str
    salary_low: int
    salary_high: int


class CompanyShown(CompanyBrief):
    """A company with its postings."""

    postings: list[PostingBrief]


class CompanyChanged(CompanyBrief):
    """A company after a change."""

    website: str | None


class Counted(Schema):
    """A page and how many there are in all."""

    total: int
    items: list[PostingListed]


class SearchCreate(Schema):
    """A search to save."""

    name: str
    filters: dict[str, Any]


class SearchShown(SearchCreate):
    """A saved search."""

    id: UUID
    user_id: UUID


class CompanyUpdate(Schema):
    """What of a company may change."""

    website: str | None


class MessageCreate(Schema):
    """A message to send."""

    room_id: int
    text: str


class MessageShown(MessageCreate):
    """A message."""

    id: int
    author_id: UUID


class DocumentShown(Schema):
    """A document."""

    id: int
    body: str


api = NinjaAPI(auth=Bearer(), docs_url=None)


@api.get("/postings", response=list[PostingListed])
def list_postings(request: HttpRequest, city: str | None = None, search: str | None = None, limit: int = 20) -> Any:
    """A page of postings."""
    return newest(request.auth, city, search)[:limit]


@api.get("/postings/counted", response=Counted)
def count_postings(request: HttpRequest, city: str, limit: int = 20) -> Any:
    """A page of postings, and how many there are."""
    found = newest(request.auth, city, None)
    return {"total": found.count(), "items": list(found[:limit])}


@api.get("/postings/{uuid:posting_id}", response=PostingShown)
def get_posting(request: HttpRequest, posting_id: UUID) -> Any:
    """One posting with its company."""
    return get_object_or_404(Posting.objects.filter(visible(request.auth)).select_related("company"), pk=posting_id)


@api.get("/companies/{uuid:company_id}", response=CompanyShown)
def get_company(request: HttpRequest, company_id: UUID) -> Any:
    """One company with the postings that the user may see."""
    postings = Posting.objects.filter(visible(request.auth)).order_by("id")
    return get_object_or_404(Company.objects.prefetch_related(Prefetch("postings", postings)), pk=company_id)


@api.patch("/companies/{uuid:company_id}", response=CompanyChanged)
def update_company(request: HttpRequest, company_id: UUID, change: CompanyUpdate) -> Any:
    """Change one's own company."""
    company = get_object_or_404(Company.objects.filter(pk=request.auth.company_id), pk=company_id)
    for name, value in change.dict(exclude_unset=True).items():
        setattr(company, name, value)
    company.save()
    return company


@api.post("/searches", response={201: SearchShown})
def create_search(request: HttpRequest, search: SearchCreate) -> Any:
    """Save a search."""
    return 201, SavedSearch.objects.create(user=request.auth, **search.dict())


@api.post("/searches/bulk", response={201: dict[str, int]})
def create_searches(request: HttpRequest, searches: list[SearchCreate]) -> Any:
    """Save many searches."""
    made = SavedSearch.objects.bulk_create([SavedSearch(user=request.auth, **row.dict()) for row in searches])
    return 201, {"inserted": len(made)}


@api.post("/messages", response={201: MessageShown})
def create_message(request: HttpRequest, message: MessageCreate) -> Any:
    """Say something in a room."""
    if not Member.objects.filter(room_id=message.room_id, user=request.auth).exists():
        raise HttpError(403, "Not a member of the room")
    return 201, Message.objects.create(author=request.auth, **message.dict())


@api.get("/documents", response=list[DocumentShown])
def list_documents(request: HttpRequest, limit: int = 100) -> Any:
    """The first documents."""
    return Document.objects.order_by("id")[:limit]


@api.get("/documents/{int:document_id}", response=DocumentShown)
def get_document(request: HttpRequest, document_id: int) -> Any:
    """One document."""
    return get_object_or_404(Document, pk=document_id)


urlpatterns = [path("", api.urls)]
