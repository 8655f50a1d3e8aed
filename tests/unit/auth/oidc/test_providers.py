"""What may be declared of a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from backstay import OIDC, Apple, Discord, Facebook, GitHub, GitLab, Google, LinkedIn, Microsoft, Provider, Slack
from backstay.auth.oidc.remote import is_issuer
from backstay.errors import DeclarationError

READY: list[Provider] = [
    Google("id", "secret"),
    GitHub("id", "secret"),
    GitLab("id", "secret"),
    Microsoft("id", "secret"),
    Apple("id", team="TEAM", key_id="KEY", private_key="-----BEGIN PRIVATE KEY-----"),
    Facebook("id", "secret"),
    Discord("id", "secret"),
    Slack("id", "secret"),
    LinkedIn("id", "secret"),
    OIDC("own", "https://login.example.com", "id", "secret"),
]


def named(provider: Provider) -> str:
    return type(provider).__name__


@pytest.mark.parametrize("provider", READY, ids=named)
def test_a_provider_is_reached_by_https_alone(provider: Provider) -> None:
    facts = provider.facts
    places = [facts.issuer, facts.discovery, facts.authorization_endpoint, facts.token_endpoint, facts.account_endpoint]
    assert all(place.startswith("https://") for place in places if place)


@pytest.mark.parametrize("provider", READY, ids=named)
def test_a_provider_does_not_show_its_secret(provider: Provider) -> None:
    assert "secret" not in repr(provider).replace("secret=", "") + repr(provider.facts)
    assert "PRIVATE" not in repr(provider) + repr(provider.facts)


def test_a_provider_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Google("id", "secret").client_id = "other"  # type: ignore[misc]


def test_names_are_those_that_clients_use() -> None:
    assert [provider.facts.name for provider in READY] == [
        *("google", "github", "gitlab", "azure", "apple", "facebook", "discord", "slack_oidc", "linkedin_oidc", "own")
    ]


@pytest.mark.parametrize("issuer", ["http://localhost:9000", "http://127.0.0.1:9000", "http://[::1]:9000"])
def test_an_issuer_on_this_machine_may_do_without_tls(issuer: str) -> None:
    assert OIDC("own", issuer, "id", "secret").facts.issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        *(
            "http://login.example.com",
            "ftp://login.example.com",
            "login.example.com",
            "https://",
            "",
            "javascript:alert(1)",
        ),
        *("https://login.example.com?a=b", "https://login.example.com#a", "https://user@login.example.com"),
        *("http://localhost.example.com", "http://localhost@example.com", "https://exam ple.com", "https://a:x"),
        *("http://10.0.0.1", "http://0.0.0.0", "http://169.254.169.254"),
    ],
)
def test_an_issuer_elsewhere_may_not(issuer: str) -> None:
    with pytest.raises(DeclarationError):
        OIDC("own", issuer, "id", "secret")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Google(""),
        lambda: GitHub("id"),
        lambda: Discord("id"),
        lambda: Facebook("id"),
        lambda: Facebook("id", "secret", version="23"),
        lambda: OIDC("Own", "https://login.example.com", "id"),
        lambda: OIDC("own", "https://login.example.com", ""),
        lambda: Microsoft("id", "secret", tenant="a/../b"),
        lambda: Microsoft("id", "secret", email_trusted=True),
        lambda: Apple("id", private_key="no key"),
        lambda: Apple("id", private_key="-----BEGIN PRIVATE KEY-----"),
        lambda: GitLab("id", "secret", url="http://gitlab.example.com"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(make: Callable[[], Provider]) -> None:
    with pytest.raises(DeclarationError):
        make()


TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("tenant", "named", "good"),
    [
        ("common", "https://login.microsoftonline.com/{tenantid}/v2.0", True),
        ("common", f"https://login.microsoftonline.com/{TENANT}/v2.0", True),
        ("common", "https://login.microsoftonline.com/evil.example.com/v2.0", False),
        ("common", f"https://login.microsoftonline.com/{TENANT}/../{TENANT}/v2.0", False),
        ("common", f"https://evil.example.com/{TENANT}/v2.0", False),
        (TENANT, f"https://login.microsoftonline.com/{TENANT}/v2.0", True),
        (TENANT, "https://login.microsoftonline.com/{tenantid}/v2.0", False),
        (TENANT, f"https://login.microsoftonline.com/{TENANT.replace('1', '9')}/v2.0", False),
    ],
)
def test_microsofts_issuer_is_that_of_the_tenant(tenant: str, named: str, good: bool) -> None:
    assert is_issuer(named, Microsoft("id", "secret", tenant=tenant).facts) is good
