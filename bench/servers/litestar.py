"""The interface in Litestar with advanced-alchemy, as their documentation has it: services, providers, JWTAuth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyPlugin,
    repository,
    service,
)
from advanced_alchemy.extensions.litestar.providers import create_service_provider
from advanced_alchemy.filters import LimitOffset
from litestar import Litestar, Request, get, patch, post
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.security.jwt import JWTAuth, Token
from msgspec import Struct
from sqlalchemy import ColumnElement, func, or_
from sqlalchemy.orm import joinedload, selectinload

from bench.places import SECRET
from bench.servers.tables import Company, Document, Member, Message, Posting, SavedSearch, User, engine_of

engine = engine_of()
alchemy = SQLAlchemyAsyncConfig(
    engine_instance=engine,
    session_config=AsyncSessionConfig(expire_on_commit=False),
    before_send_handler="autocommit",
)
NEWEST = [Posting.published_at.desc(), Posting.id.asc()]


class Postings(service.SQLAlchemyAsyncRepositoryService[Posting]):
    """What is done with postings."""

    class Repository(repository.SQLAlchemyAsyncRepository[Posting]):
        """Their repository."""

        model_type = Posting

    repository_type = Repository


class Companies(service.SQLAlchemyAsyncRepositoryService[Company]):
    """What is done with companies."""

    class Repository(repository.SQLAlchemyAsyncRepository[Company]):
        """Their repository."""

        model_type = Company

    repository_type = Repository


class Searches(service.SQLAlchemyAsyncRepositoryService[SavedSearch]):
    """What is done with saved searches."""

    class Repository(repository.SQLAlchemyAsyncRepository[SavedSearch]):
        """Their repository."""

        model_type = SavedSearch

    repository_type = Repository


class Members(service.SQLAlchemyAsyncRepositoryService[Member]):
    """What is done with the members of rooms."""

    class Repository(repository.SQLAlchemyAsyncRepository[Member]):
        """Their repository."""

        model_type = Member

    repository_type = Repository


class Messages(service.SQLAlchemyAsyncRepositoryService[Message]):
    """What is done with messages."""

    class Repository(repository.SQLAlchemyAsyncRepository[Message]):
        """Their repository."""

        model_type = Message

    repository_type = Repository


class Documents(service.SQLAlchemyAsyncRepositoryService[Document]):
    """What is done with documents."""

    class Repository(repository.SQLAlchemyAsyncRepository[Document]):
        """Their repository."""

        model_type = Document

    repository_type = Repository


class CompanyBrief(Struct):
    """A company within a posting."""

    id: UUID
    name: str


class PostingListed(Struct):
    """A posting in a list."""

    id: UUID
    title: str
    salary_low: int
    salary_high: int
    company: CompanyBrief


class PostingShown(PostingListed):
    """A posting by itself."""

    city: str


class PostingBrief(Struct):
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


class Counted(Struct):
    """A page and how many there are in all."""

    total: int
    items: Sequence[PostingListed]


class SearchCreate(Struct):
    """A search to save."""

    name: str
    filters: dict[str, Any]


class SearchShown(SearchCreate):
    """A saved search."""

    id: UUID
    user_id: UUID


class CompanyUpdate(Struct):
    """What of a company may change."""

    website: str | None


class MessageCreate(Struct):
    """A message to send."""

    room_id: int
    text: str


class MessageShown(MessageCreate):
    """A message."""

    id: int
    author_id: UUID


class DocumentShown(Struct):
    """A document."""

    id: int
    body: str


async def retrieve_user(token: Token, connection: ASGIConnection[Any, Any, Any, Any]) -> User | None:
    """The user of the token."""
    session = alchemy.provide_session(connection.app.state, connection.scope)
    return await session.get(User, UUID(token.sub))


auth = JWTAuth[User](retrieve_user_handler=retrieve_user, token_secret=SECRET)


def visible(user: User) -> ColumnElement[bool]:
    """The rule on postings."""
    return or_(Posting.status == "OPEN", Posting.company_id == user.company_id)


def filtered(user: User, city: str | None, search: str | None) -> list[ColumnElement[bool]]:
    """What a page of postings is filtered by."""
    found = [visible(user), Posting.status == "OPEN"]
    if city is not None:
        found.append(Posting.city == city)
    if search is not None and engine.dialect.name == "postgresql":
        words = func.websearch_to_tsquery("english", search)
        found.append(func.to_tsvector("english", Posting.title).bool_op("@@")(words))
    elif search is not None:
        found.append(Posting.title.icontains(search))
    return found


@get("/postings")
async def list_postings(
    postings: Postings,
    request: Request[User, Token, Any],
    city: str | None = None,
    search: str | None = None,
    limit: int = 20,
) -> list[PostingListed]:
    """A page of postings."""
    found = await postings.list(
        *filtered(request.user, city, search),
        LimitOffset(limit, 0),
        load=[joinedload(Posting.company)],
        order_by=NEWEST,
    )
    return list(postings.to_schema(found, total=len(found), schema_type=PostingListed).items)


@get("/postings/counted")
async def count_postings(postings: Postings, request: Request[User, Token, Any], city: str, limit: int = 20) -> Counted:
    """A page of postings, and how many there are."""
    found, total = await postings.list_and_count(
        *filtered(request.user, city, None),
        LimitOffset(limit, 0),
        load=[joinedload(Posting.company)],
        order_by=NEWEST,
    )
    return Counted(total, postings.to_schema(found, total=total, schema_type=PostingListed).items)


@get("/postings/{posting_id:uuid}")
async def get_posting(postings: Postings, request: Request[User, Token, Any], posting_id: UUID) -> PostingShown:
    """One posting with its company."""
    posting = await postings.get_one_or_none(
        Posting.id == posting_id, visible(request.user), load=[joinedload(Posting.company)]
    )
    if posting is None:
        raise NotFoundException
    return postings.to_schema(posting, schema_type=PostingShown)


@get("/companies/{company_id:uuid}")
async def get_company(companies: Companies, request: Request[User, Token, Any], company_id: UUID) -> CompanyShown:
    """One company with the postings that the user may see."""
    embed = selectinload(Company.postings.and_(visible(request.user)))
    company = await companies.get_one_or_none(Company.id == company_id, load=[embed])
    if company is None:
        raise NotFoundException
    return companies.to_schema(company, schema_type=CompanyShown)


@patch("/companies/{company_id:uuid}")
async def update_company(
    companies: Companies, request: Request[User, Token, Any], company_id: UUID, data: CompanyUpdate
) -> CompanyChanged:
    """Change one's own company."""
    if company_id != request.user.company_id:
        raise NotFoundException
    company = await companies.update({"website": data.website}, item_id=company_id)
    return companies.to_schema(company, schema_type=CompanyChanged)


@post("/searches")
async def create_search(searches: Searches, request: Request[User, Token, Any], data: SearchCreate) -> SearchShown:
    """Save a search."""
    saved = await searches.create({"user_id": request.user.id, "name": data.name, "filters": data.filters})
    return searches.to_schema(saved, schema_type=SearchShown)


@post("/searches/bulk")
async def create_searches(
    searches: Searches, request: Request[User, Token, Any], data: list[SearchCreate]
) -> dict[str, int]:
    """Save many searches."""
    user = request.user.id
    saved = await searches.create_many([{"user_id": user, "name": row.name, "filters": row.filters} for row in data])
    return {"inserted": len(saved)}


@post("/messages")
async def create_message(
    members: Members, messages: Messages, request: Request[User, Token, Any], data: MessageCreate
) -> MessageShown:
    """Say something in a room."""
    if not await members.exists(Member.room_id == data.room_id, Member.user_id == request.user.id):
        raise PermissionDeniedException
    sent = await messages.create({"author_id": request.user.id, "room_id": data.room_id, "text": data.text})
    return messages.to_schema(sent, schema_type=MessageShown)


@get("/documents")
async def list_documents(documents: Documents, limit: int = 100) -> list[DocumentShown]:
    """The first documents."""
    found = await documents.list(LimitOffset(limit, 0), order_by=[Document.id.asc()])
    return list(documents.to_schema(found, total=len(found), schema_type=DocumentShown).items)


@get("/documents/{document_id:int}")
async def get_document(documents: Documents, document_id: int) -> DocumentShown:
    """One document."""
    return documents.to_schema(await documents.get(document_id), schema_type=DocumentShown)


app = Litestar(
    [
        *(list_postings, count_postings, get_posting, get_company, update_company, create_search, create_searches),
        *(create_message, list_documents, get_document),
    ],
    dependencies={
        "postings": create_service_provider(Postings),
        "companies": create_service_provider(Companies),
        "searches": create_service_provider(Searches),
        "members": create_service_provider(Members),
        "messages": create_service_provider(Messages),
        "documents": create_service_provider(Documents),
    },
    plugins=[SQLAlchemyPlugin(config=alchemy)],
    on_app_init=[auth.on_app_init],
    openapi_config=None,
)
