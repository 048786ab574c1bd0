"""Causes of a failed login that show in the walk itself, or in what the services wrote meanwhile.

The rows know OpenID Connect, browsers and the words of common clients of databases, Redis and S3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.diagnosis import Check, Row, Suspect
from reconciler.core.login import Evidence, Stage, Trouble, origin_of
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.record import Struct

_LONG: Final = 200


class Case(Struct, frozen=True):
    """A failed login of a document's application. ``address_of`` gives the address of a service, by its name."""

    document: Document
    evidence: Evidence
    address_of: Callable[[str], Address | None]

    def suspect(self, /, **facts: object) -> Suspect:
        """The application itself, at the line of the declared login."""
        walk = self.evidence.walk
        return Suspect(
            origin_of(walk.login.url), {"url": walk.url, "words": walk.message, **facts}, origin=walk.login.origin
        )


# ------------------------------------------------------------------ the walk


def _silent_application(case: Case) -> Iterator[Suspect]:
    walk = case.evidence.walk
    if walk.trouble is Trouble.SILENT and walk.stage in (Stage.OPEN, Stage.RETURN):
        yield case.suspect()


def _no_tls(case: Case) -> Iterator[Suspect]:
    walk = case.evidence.walk
    if walk.trouble is Trouble.TLS:
        yield case.suspect(at=origin_of(walk.url))


def _lost_cookies(case: Case) -> Iterator[Suspect]:
    for lost in case.evidence.walk.lost:
        yield case.suspect(name=lost.name, host=lost.host, reason=lost.reason)


def _other_host(case: Case) -> Iterator[Suspect]:
    walk = case.evidence.walk
    back = urlsplit(walk.request.get("redirect_uri", ""))
    began = urlsplit(walk.login.url)
    if back.hostname and back.hostname != began.hostname and walk.stage is Stage.RETURN:
        yield case.suspect(began=began.hostname, back=back.hostname, right=began._replace(netloc=back.netloc).geturl())


def _forgotten(case: Case) -> Iterator[Suspect]:
    walk = case.evidence.walk
    if walk.trouble in (Trouble.FORGOTTEN, Trouble.LOOP) and not walk.lost and not any(_other_host(case)):
        yield case.suspect()


def _more_asked(case: Case) -> Iterator[Suspect]:
    walk = case.evidence.walk
    if walk.trouble is Trouble.ACTION and not re.search(r"\([A-Z_]+\)$", walk.message):
        yield case.suspect()


# ------------------------------------------------------------------ the logs


def _said(*patterns: str) -> Callable[[Case], Iterator[Suspect]]:
    """Finds services that wrote a line of one of these forms during the walk; its last one is shown."""
    form = re.compile("|".join(patterns), re.IGNORECASE)

    def found(case: Case) -> Iterator[Suspect]:
        for service, lines in case.evidence.logs.items():
            matches = [match for line in lines if (match := form.search(line))]
            if matches:
                # The last line is the nearest to the failure.
                text = matches[-1].string.strip()
                origin = case.document.locate(("stack", "services", service, "environment"))
                facts = {"service": service, "line": text[:_LONG]}
                yield Suspect(f"service {service}", facts, case.address_of(service), "environment", origin)

    return found


_SERVICES: Final = tuple(
    f"service-{state}"
    for state in ("missing", "stopped", "out-of-memory", "crashing", "unhealthy", "paused", "starting")
)
"""Findings that explain by themselves that a server does not answer."""

_CALLS: Final = "reconcile diff   # then `reconcile apply`; else correct the password in `environment` of {service}"

ROWS: Final[tuple[Row[Case], ...]] = (
    Row(
        "login-silent",
        "the application answers",
        "nothing answers at {url}: {words}",
        "reconcile status",
        _silent_application,
        _SERVICES,
        is_symptom=True,
    ),
    Row(
        "login-tls",
        "the connection is trusted",
        "the connection to {at} is not trusted: {words}",
        "x-reconcile: {{login: {{ca_file: ca.pem}}}}",
        _no_tls,
    ),
    Row(
        "cookie",
        "browsers keep the cookies of the login",
        "a browser drops the cookie {name} of {host}: {reason}",
        "serve {host} by https, or switch off the cookie's mark in the application",
        _lost_cookies,
    ),
    Row(
        "cookie-host",
        "the login ends at the host at which it begins",
        "the login begins at {began} and returns to {back}, where the browser has no cookie of it",
        "begin at {right}",
        _other_host,
    ),
    Row(
        "session",
        "the application remembers the visitor",
        "the application has forgotten the visitor after the login: {words}",
        "check the store of its sessions: reconcile status",
        _forgotten,
        _SERVICES,
        is_symptom=True,
    ),
    Row(
        "login-action",
        "the login page asks for no more than name and password",
        "after name and password there is another page: {words}",
        "use an account without further steps in `x-reconcile.login`",
        _more_asked,
    ),
    Row(
        "client-secret",
        "the application has the client's secret",
        "the application does not know the client's secret: {line}",
        "give both the same secret: reconcile apply",
        _said(r"invalid_client\b|unauthorized_client|invalid_client_credentials"),
        ("client-missing", "client-disabled", "client-flow", "client-authenticator"),
    ),
    Row(
        "redis-password",
        "Redis accepts the application's password",
        "Redis does not accept the password: {line}",
        _CALLS,
        _said(r"WRONGPASS|NOAUTH|invalid username-password pair|Client sent AUTH, but no password is set"),
    ),
    Row(
        "database-password",
        "the database accepts the application's password",
        "the database does not accept the password: {line}",
        _CALLS,
        _said(r"password authentication failed|Access denied for user|role \"[^\"]+\" does not exist"),
    ),
    Row(
        "store-password",
        "the object store accepts the application's keys",
        "the object store does not accept the keys: {line}",
        _CALLS,
        _said(r"InvalidAccessKeyId|SignatureDoesNotMatch"),
    ),
    Row(
        "name-unresolved",
        "the application finds its servers by name",
        "it can't find a server by its name: {line}",
        "reconcile status   # and `networks` of {service}",
        _said(
            "could not translate host name",
            "Name or service not known",
            "Temporary failure in name resolution",
            "nodename nor servname",
            "UnknownHostException",
            "No address associated with hostname",
        ),
        (*_SERVICES, "name-unknown", "name-wrong"),
        is_symptom=True,
    ),
    Row(
        "server-refused",
        "the application's servers answer",
        "a server that it needs does not answer: {line}",
        "reconcile status",
        _said(
            "Connection refused|ECONNREFUSED|EndpointConnectionError",
            "All connection attempts failed|No route to host|Host is unreachable",
        ),
        (*_SERVICES, "backchannel", "keycloak-address"),
        is_symptom=True,
    ),
    Row(
        "token",
        "the application accepts the token",
        "the application does not accept the token: {line}",
        "check clocks, and issuer and keys of the provider: reconcile logs {service}",
        _said(
            r"(invalid|wrong|mismatching).{0,30}\b(iss|issuer|audience|nonce)\b",
            "invalid_token|ExpiredTokenError|InvalidClaimError|token (is )?expired|not valid yet",
        ),
    ),
)


def checks(document: Document, evidence: Evidence, address_of: Callable[[str], Address | None]) -> Sequence[Check]:
    """The checks of what a failed walk shows by itself."""
    case = Case(document, evidence, address_of)
    return [row.check(case) for row in ROWS]
