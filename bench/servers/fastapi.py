"""The interface in FastAPI, async SQLAlchemy and Pydantic, as their tutorials have it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload, selectinload

from bench.places import SECRET
from bench.servers.tables import Company, Document, Member, Message, Posting, SavedSearch, User, engine_of

engine = engine_of()
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="token")


async def get_session() -> AsyncIterator[AsyncSession]:
    """One session for a request."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def get_current_user(token: Annotated[str, Depends(bearer)], session: Session) -> User:
    """The user of the token."""
    try:
        identity = UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise HTTPException(401, "Could not validate credentials") from None
    user = await session.get(User, identity)
    if user is None:
        raise HTTPException(401, "Could not validate credentials")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


class Read(BaseModel):
    """What is read from a table's row."""

    model_config = ConfigDict(from_attributes=True)


class CompanyBrief(Read):
    """A company within a posting."""

    id: UUID
    name: str


class PostingListed(Read):
    """A posting in a list."""

    id: UUID
    title: str
    salary_low: int
    salary_high: int
    company: CompanyBrief


class PostingShown(PostingListed):
    """A posting by itself."""

    city: str


class PostingBrief(Read):
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


class Counted(BaseModel):
    """A page and how many there are in all."""

    total: int
    items: list[PostingListed]


class SearchCreate(BaseModel):
    """A search to save."""

    name: str
    filters: dict[str, Any]


class SearchShown(Read):
    """A saved search."""

    id: UUID
    user_id: UUID
    name: str
    filters: dict[str, Any]


class CompanyUpdate(BaseModel):
    """What of a company may change."""

    website: str | None


class MessageCreate(BaseModel):
    """A message to send."""

    room_id: int
    text: str


class MessageShown(Read):
    """A message."""

    id: int
    room_id: int
    author_id: UUID
    text: str


class DocumentShown(Read):
    """A document."""

    id: int
    body: str


def visible(user: User) -> ColumnElement[bool]:
    """The rule on postings."""
    return or_(Posting.status == "OPEN", Posting.company_id == user.company_id)


def filtered(user: User, city: str | None, search: str | None) -> list[ColumnElement[bool]]:
    """What a page of postings is filtered by."""
    found = [visible(user), Posting.status == "OPEN"]
    if city is not None:
        found.append(Posting.city == city)
    if search is not None and engine.dialect.name == "postgresql":
        found.append(
            func.to_tsvector("english", Posting.title).bool_op("@@")(func.websearch_to_tsquery("english", search))
        )
    elif search is not None:
        found.append(Posting.title.icontains(search))
    return found


async def page(session: AsyncSession, conditions: list[ColumnElement[bool]], limit: int) -> Sequence[Posting]:
    """The newest postings, with their companies."""
    statement = select(Posting).where(*conditions).options(joinedload(Posting.company))
    statement = statement.order_by(Posting.published_at.desc(), Posting.id).limit(limit)
    return (await session.scalars(statement)).all()


@app.get("/postings", response_model=list[PostingListed])
async def list_postings(
    session: Session, user: CurrentUser, city: str | None = None, search: str | None = None, limit: int = 20
) -> Sequence[Posting]:
    """A page of postings."""
    return await page(session, filtered(user, city, search), limit)


@app.get("/postings/counted", response_model=Counted)
async def count_postings(session: Session, user: CurrentUser, city: str, limit: int = 20) -> dict[str, Any]:
    """A page of postings, and how many there are."""
    conditions = filtered(user, city, None)
    total = await session.scalar(select(func.count()).select_from(Posting).where(*conditions))
    return {"total": total, "items": await page(session, conditions, limit)}


@app.get("/postings/{posting_id}", response_model=PostingShown)
async def get_posting(posting_id: UUID, session: Session, user: CurrentUser) -> Posting:
    """One posting with its company."""
    statement = select(Posting).where(Posting.id == posting_id, visible(user)).options(joinedload(Posting.company))
    posting = (await session.scalars(statement)).one_or_none()
    if posting is None:
        raise HTTPException(404, "Posting not found")
    return posting


@app.get("/companies/{company_id}", response_model=CompanyShown)
async def get_company(company_id: UUID, session: Session, user: CurrentUser) -> Company:
    """One company with the postings that the user may see."""
    embed = selectinload(Company.postings.and_(visible(user)))
    company = (await session.scalars(select(Company).where(Company.id == company_id).options(embed))).one_or_none()
    if company is None:
        raise HTTPException(404, "Company not found")
    return company


@app.patch("/companies/{company_id}", response_model=CompanyChanged)
async def update_company(company_id: UUID, change: CompanyUpdate, session: Session, user: CurrentUser) -> Company:
    """Change one's own company."""
    company = await session.get(Company, company_id)
    if company is None or company.id != user.company_id:
        raise HTTPException(404, "Company not found")
    for name, value in change.model_dump(exclude_unset=True).items():
        setattr(company, name, value)
    await session.commit()
    return company


@app.post("/searches", response_model=SearchShown, status_code=201)
async def create_search(search: SearchCreate, session: Session, user: CurrentUser) -> SavedSearch:
    """Save a search."""
    saved = SavedSearch(user_id=user.id, **search.model_dump())
    session.add(saved)
    await session.commit()
    return saved


@app.post("/searches/bulk", status_code=201)
async def create_searches(searches: list[SearchCreate], session: Session, user: CurrentUser) -> dict[str, int]:
    """Save many searches."""
    session.add_all(SavedSearch(user_id=user.id, **search.model_dump()) for search in searches)
    await session.commit()
    return {"inserted": len(searches)}


@app.post("/messages", response_model=MessageShown, status_code=201)
async def create_message(message: MessageCreate, session: Session, user: CurrentUser) -> Message:
    """Say something in a room."""
    if await session.get(Member, (message.room_id, user.id)) is None:
        raise HTTPException(403, "Not a member of the room")
    sent = Message(author_id=user.id, **message.model_dump())
    session.add(sent)
    await session.commit()
    return sent


@app.get("/documents", response_model=list[DocumentShown])
async def list_documents(session: Session, user: CurrentUser, limit: int = 100) -> Sequence[Document]:
    """The first documents."""
    return (await session.scalars(select(Document).order_by(Document.id).limit(limit))).all()


@app.get("/documents/{document_id}", response_model=DocumentShown)
async def get_document(document_id: int, session: Session, user: CurrentUser) -> Document:
    """One document."""
    document = await session.get(Document, document_id)
    if document is None:
        raise HTTPException(404, "Document not found")
    return document
