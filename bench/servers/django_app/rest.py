"""The interface in Django REST framework, as its guide has it: serializers, generic views."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from bench.servers.django_app.asked import newest, visible
from bench.servers.django_app.models import Company, Document, Member, Message, Posting, SavedSearch


class CompanyBrief(serializers.ModelSerializer):
    """A company within a posting."""

    class Meta:
        model = Company
        fields: ClassVar = ["id", "name"]


class PostingListed(serializers.ModelSerializer):
    """A posting in a list."""

    company = CompanyBrief()

    class Meta:
        model = Posting
        fields: ClassVar = ["id", "title", "salary_low", "salary_high", "company"]


class PostingShown(PostingListed):
    """A posting by itself."""

    class Meta:
        model = Posting
        fields: ClassVar = [*PostingListed.Meta.fields, "city"]


class PostingBrief(serializers.ModelSerializer):
    """A posting within a company."""

    class Meta:
        model = Posting
        fields: ClassVar = ["id", "title", "status", "salary_low", "salary_high"]


class CompanyShown(serializers.ModelSerializer):
    """A company with its postings."""

    postings = PostingBrief(many=True)

    class Meta:
        model = Company
        fields: ClassVar = ["id", "name", "postings"]


class CompanyChanged(serializers.ModelSerializer):
    """What of a company may change."""

    class Meta:
        model = Company
        fields: ClassVar = ["id", "name", "website"]
        read_only_fields: ClassVar = ["name"]


class SearchShown(serializers.ModelSerializer):
    """A saved search."""

    user_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = SavedSearch
        fields: ClassVar = ["id", "user_id", "name", "filters"]
        read_only_fields: ClassVar = ["id"]


class MessageShown(serializers.ModelSerializer):
    """A message."""

    room_id = serializers.IntegerField()
    author_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Message
        fields: ClassVar = ["id", "room_id", "author_id", "text"]


class DocumentShown(serializers.ModelSerializer):
    """A document."""

    class Meta:
        model = Document
        fields: ClassVar = ["id", "body"]


class Page(LimitOffsetPagination):
    """A page without a count."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the page."""
        limit = self.get_limit(request) or 20
        return list(queryset[:limit])

    def get_paginated_response(self, data: Any) -> Response:
        """The rows alone."""
        return Response(data)


class Counted(LimitOffsetPagination):
    """A page, and how many rows there are."""

    def get_paginated_response(self, data: Any) -> Response:
        """The rows and their number."""
        return Response({"total": self.count, "items": data})


class PostingList(generics.ListAPIView):
    """A page of postings."""

    serializer_class = PostingListed
    pagination_class: Any = Page

    def get_queryset(self) -> Any:
        """The postings that are asked for."""
        asked = self.request.query_params
        return newest(self.request.user, asked.get("city"), asked.get("search"))


class PostingCount(PostingList):
    """A page of postings, and how many there are."""

    pagination_class = Counted


class PostingDetail(generics.RetrieveAPIView):
    """One posting with its company."""

    serializer_class = PostingShown

    def get_queryset(self) -> Any:
        """The postings that the user may see."""
        return Posting.objects.filter(visible(self.request.user)).select_related("company")


class CompanyDetail(generics.RetrieveUpdateAPIView):
    """One company with the postings that the user may see; one's own may be changed."""

    def get_serializer_class(self) -> Any:
        """What is shown depends on what is asked."""
        return CompanyShown if self.request.method == "GET" else CompanyChanged

    def get_queryset(self) -> Any:
        """The companies that the user may see, or change."""
        if self.request.method != "GET":
            return Company.objects.filter(pk=self.request.user.company_id)
        postings = Posting.objects.filter(visible(self.request.user)).order_by("id")
        return Company.objects.prefetch_related(Prefetch("postings", postings))


class SearchCreate(generics.CreateAPIView):
    """Save a search."""

    serializer_class = SearchShown

    def perform_create(self, serializer: Any) -> None:
        """It belongs to the user."""
        serializer.save(user=self.request.user)


class SearchBulk(generics.CreateAPIView):
    """Save many searches."""

    serializer_class = SearchShown

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """All of them in one statement."""
        given = self.get_serializer(data=request.data, many=True)
        given.is_valid(raise_exception=True)
        made = SavedSearch.objects.bulk_create([SavedSearch(user=request.user, **row) for row in given.validated_data])
        return Response({"inserted": len(made)}, status=201)


class MessageCreate(generics.CreateAPIView):
    """Say something in a room."""

    serializer_class = MessageShown

    def perform_create(self, serializer: Any) -> None:
        """Only members may."""
        if not Member.objects.filter(room_id=serializer.validated_data["room_id"], user=self.request.user).exists():
            raise PermissionDenied
        serializer.save(author=self.request.user)


class DocumentList(generics.ListAPIView):
    """The first documents."""

    serializer_class = DocumentShown
    pagination_class = Page
    queryset = Document.objects.order_by("id")


class DocumentDetail(generics.RetrieveAPIView):
    """One document."""

    serializer_class = DocumentShown
    queryset = Document.objects.all()


urlpatterns = [
    path("postings", PostingList.as_view()),
    path("postings/counted", PostingCount.as_view()),
    path("postings/<uuid:pk>", PostingDetail.as_view()),
    path("companies/<uuid:pk>", CompanyDetail.as_view()),
    path("searches", SearchCreate.as_view()),
    path("searches/bulk", SearchBulk.as_view()),
    path("messages", MessageCreate.as_view()),
    path("documents", DocumentList.as_view()),
    path("documents/<int:pk>", DocumentDetail.as_view()),
]
