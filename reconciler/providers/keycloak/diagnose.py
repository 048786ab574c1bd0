"""Checks of a Keycloak, and of the realm, client and user of a login that failed: the rows that `doctor` carries out.

They only read. What a realm would give an application is asked of the server itself: the example of an ID token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from operator import attrgetter
from ssl import SSLError
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from reconciler.core.diagnosis import Check, Row, Suspect
from reconciler.core.login import Evidence, Stage, Trouble, Walk, origin_of
from reconciler.core.message.errors import Denied, Misconfigured, ProviderError
from reconciler.core.provider import Pending
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.answers import Limits, underneath
from reconciler.providers.keycloak.table.connection import Client
from reconciler.providers.transport import LOOPBACK
from reconciler.vocabulary.keycloak import CLIENT, REALM, USER

LIMITS: Final = Limits(seconds=10.0)
"""The limits of each answer: a check must end soon, whatever hangs."""
MOST_OFFSET_S: Final = 30.0
_SERVER: Final = "Keycloak"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass
class Server:
    """A Keycloak as the document declares it, and the failed login that is looked into, if there is one.

    ``address_of`` gives the address of a service, by its name.
    """

    connect: Callable[[], Client]
    document: Document
    address_of: Callable[[str], Address | None]
    evidence: Evidence | None = None
    _read: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def client(self) -> Client:
        """The connection. Raises Misconfigured without a URL, NoLogin without an account."""
        return self.connect()

    def get(self, path: str) -> Any:
        """An object of the Admin API, read once; ABSENT where there is none."""
        if path not in self._read:
            with self.client.understood():
                self._read[path] = self.client.get(path)
        return self._read[path]

    # -------------------------------------------------------------- declared

    @property
    def url(self) -> str:
        return str(self.document.connection.get("url") or "")

    @property
    def service(self) -> str:
        """The service of the stack that is this server; "" where it runs elsewhere."""
        return str(self.document.connection.get("service") or "")

    @cached_property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        return self.document.section("services")

    def variables(self) -> Iterator[tuple[str, str, Any]]:
        """Service, name and value of each variable of the stack."""
        for service, each in self.services.items():
            environment = each.get("environment")
            for name, value in environment.items() if isinstance(environment, Mapping) else ():
                yield service, name, value

    def variable(self, service: str, name: str, /, **facts: object) -> Suspect:
        """A variable of a service as the place of a finding."""
        path = ("stack", "services", service, "environment", name)
        facts = {"service": service, "name": name, **facts}
        return Suspect(
            f"service {service}, {name}",
            facts,
            self.address_of(service),
            f"environment.{name}",
            self.document.locate(path),
        )

    def place(self, kind: str, key: str, *path: str) -> Origin | None:
        """The place of an object of the realm in the files."""
        for index, realm in enumerate(self.document.realms or ()):
            if realm.get("realm") != self.realm:
                continue
            if kind == REALM:
                return self.document.locate(("realms", index, *path))
            section, natural = _SECTIONS[kind]
            objects: Any = realm.get(section) or ()
            for number, each in enumerate(objects):
                if str(each.get(natural, "")).lower() == key.lower():
                    return self.document.locate(("realms", index, section, number, *path))
        return None

    # -------------------------------------------------------------- the login

    @property
    def walk(self) -> Walk:
        assert self.evidence
        return self.evidence.walk

    @cached_property
    def realm(self) -> str:
        """The realm of the login: by the address of its page, else by the client that leads back to the application."""
        found = re.search(r"/realms/([^/]+)/", self.walk.provider) if self.evidence else None
        return found[1] if found else self._declared[0]

    @property
    def client_id(self) -> str:
        return self.walk.request.get("client_id") or self._declared[1]

    @cached_property
    def _declared(self) -> tuple[str, str]:
        """Realm and client whose redirect addresses lead to the application."""
        # Without a walk there is no address that could be compared.
        at = origin_of(self.walk.login.url) if self.evidence else ""
        for realm in self.document.realms or ():
            clients: Any = realm.get("clients") or ()
            for each in clients:
                if any(str(uri).startswith(at) for uri in each.get("redirectUris") or ()):
                    return str(realm["realm"]), str(each["clientId"])
        return next((str(realm["realm"]) for realm in self.document.realms or ()), ""), ""

    @property
    def path(self) -> str:
        return f"admin/realms/{quote(self.realm, safe='')}"

    @cached_property
    def live_client(self) -> Mapping[str, Any]:
        """The live client; empty where there is none."""
        found = self.get(f"{self.path}/clients?{urlencode({'clientId': self.client_id})}") if self.client_id else ()
        return (
            next((each for each in found or () if each.get("clientId") == self.client_id), {})
            if found is not ABSENT
            else {}
        )

    @cached_property
    def live_user(self) -> Mapping[str, Any]:
        """The live canary user; empty where there is none."""
        name = self.walk.login.user
        # A person may log in by either, so the declared name may be either.
        for key in ("username", "email"):
            found = self.get(f"{self.path}/users?{urlencode({key: name, 'exact': 'true'})}") if name else ()
            if found and found is not ABSENT:
                return dict(found[0])
        return {}

    def of_client(self, at: str = "", /, **facts: object) -> Suspect:
        address = Address(CLIENT, (self.realm, self.client_id))
        facts = {"client": self.client_id, "realm": self.realm, **facts}
        origin = self.place(CLIENT, self.client_id, *((at,) if at else ()))
        return Suspect(f"client {self.client_id} of realm {self.realm}", facts, address, at, origin)

    def of_user(self, at: str = "", /, **facts: object) -> Suspect:
        name = str(self.live_user.get("username") or self.walk.login.user)
        facts = {"user": name, "realm": self.realm, **facts}
        origin = self.place(USER, name, *((at,) if at else ()))
        return Suspect(f"user {name} of realm {self.realm}", facts, Address(USER, (self.realm, name)), at, origin)

    def of_realm(self, at: str = "", /, **facts: object) -> Suspect:
        facts = {"realm": self.realm, **facts}
        origin = self.place(REALM, self.realm, *((at,) if at else ()))
        return Suspect(f"realm {self.realm}", facts, Address(REALM, (self.realm,)), at, origin)


_SECTIONS: Final = {CLIENT: ("clients", "clientId"), USER: ("users", "username")}

# ------------------------------------------------------------------ the server


_CONNECTION: Final = ("realms", 0, OPTIONS, "connection")


def _answer(server: Server) -> ProviderError | None:
    """The error with which the server answers, if it does."""
    try:
        verdict = server.client.ready()
    except ProviderError as error:
        return error
    return ProviderError(verdict.note) if isinstance(verdict, Pending) else None


def _untrusted(server: Server) -> Iterator[Suspect]:
    error = _answer(server)
    if error and _is_tls(error):
        yield Suspect(_SERVER, {"words": error}, origin=_connection(server, "caFile"))


def _is_tls(error: ProviderError) -> bool:
    return underneath(error, SSLError) is not None or any(sign in str(error) for sign in _SIGNS_OF_TLS)


_SIGNS_OF_TLS: Final = ("does not speak TLS", "spoken with by TLS")


def _silent(server: Server) -> Iterator[Suspect]:
    error = _answer(server)
    if error and not isinstance(error, Denied | Misconfigured) and not _is_tls(error):
        address = server.address_of(server.service) if server.service else None
        remedy = (
            f"reconcile logs --tail 50 {server.service}"
            if server.service
            else f"correct {server.document.place((*_CONNECTION, 'url'))}"
        )
        yield Suspect(_SERVER, {"words": error, "remedy": remedy}, address, origin=_connection(server, "url"))


def _no_url(server: Server) -> Iterator[Suspect]:
    error = _answer(server)
    if isinstance(error, Misconfigured):
        yield Suspect(_SERVER, {"words": error})


def _refused(server: Server) -> Iterator[Suspect]:
    error = _answer(server)
    if isinstance(error, Denied) and not _is_tls(error):
        auth: Any = server.document.connection.get("auth") or {}
        key = "clientSecret" if auth.get("clientSecret") else "password"
        place = server.document.place((*_CONNECTION, "auth", key))
        yield Suspect(_SERVER, {"words": error, "place": place}, origin=_connection(server, "auth"))


def _connection(server: Server, key: str) -> Origin | None:
    return server.document.locate((*_CONNECTION, key)) if server.document.realms else None


def _wrong_time(server: Server) -> Iterator[Suspect]:
    offset_s = server.client.clock_offset_s()
    if abs(offset_s) > MOST_OFFSET_S:
        yield Suspect(_SERVER, {"offset": f"{offset_s:+.0f} s"})


def _realms(server: Server) -> Iterator[tuple[int, str, Any]]:
    for index, realm in enumerate(server.document.realms or ()):
        name = str(realm["realm"])
        yield index, name, server.get(f"admin/realms/{quote(name, safe='')}")


def _no_realm(server: Server) -> Iterator[Suspect]:
    for index, name, live in _realms(server):
        if live is ABSENT:
            yield Suspect(
                f"realm {name}",
                {"realm": name},
                Address(REALM, (name,)),
                origin=server.document.locate(("realms", index)),
            )


def _closed_realm(server: Server) -> Iterator[Suspect]:
    for index, name, live in _realms(server):
        if live is not ABSENT and live.get("enabled") is False:
            origin = server.document.locate(("realms", index, "enabled"))
            yield Suspect(f"realm {name}", {"realm": name}, Address(REALM, (name,)), "enabled", origin)


# ------------------------------------------------------------------ addresses


def _addresses(server: Server) -> Iterator[tuple[str, str, str]]:
    """Service, variable and address of each variable that names a realm's address at this server."""
    for service, name, value in server.variables():
        if isinstance(value, str) and re.match(r"https?://[^/]+/.*\brealms/", value):
            yield service, name, value


def _wrong_address(server: Server) -> Iterator[Suspect]:
    """Lists addresses that containers have of this server, and that lead to nothing there."""
    base = urlsplit(server.url).path.rstrip("/")
    for service, name, url in _addresses(server):
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host in LOOPBACK:
            yield server.variable(service, name, url=url, why="in a container that name means the container itself")
        elif host in server.services and host != server.service and server.service:
            yield server.variable(
                service, name, url=url, why=f"service {host} is not this Keycloak; `{server.service}` is"
            )
        elif (
            host == server.service
            and (port := _inner_port(server))
            and (parts.port or _DEFAULT_PORTS[parts.scheme]) != port
        ):
            yield server.variable(service, name, url=url, why=f"{host} listens at port {port}")
        # Host and port are right, so the server itself is asked whether the path leads anywhere.
        elif host == server.service:
            path = parts.path.removeprefix(base).lstrip("/")
            status, _ = server.client.openly(path)
            if status == 404:
                yield server.variable(service, name, url=url, why="Keycloak answers it with 404; check realm and path")


def _inner_port(server: Server) -> int | None:
    """The port inside the container that is published as the one of our URL."""
    parts = urlsplit(server.url)
    outer = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    ports = server.services.get(server.service, {}).get("ports") or ()
    return next((int(each["target"]) for each in ports if str(each.get("published")) == str(outer)), None)


def _wrong_backchannel(server: Server) -> Iterator[Suspect]:
    """Containers get addresses from the server that only browsers can reach."""
    for service, _, url in _addresses(server):
        parts = urlsplit(url)
        realm = re.search(r"\brealms/([^/]+)", parts.path)
        if parts.hostname != server.service or realm is None:
            continue
        # Asked as the container would: Keycloak makes the addresses in its answer from the Host header.
        status, found = server.client.openly(f"realms/{realm[1]}/.well-known/openid-configuration", host=parts.netloc)
        endpoint = str(found.get("token_endpoint") or "") if status == 200 else ""
        if endpoint and urlsplit(endpoint).hostname in LOOPBACK:
            yield server.variable(server.service, "KC_HOSTNAME_BACKCHANNEL_DYNAMIC", endpoint=endpoint, asking=service)


def _is_lost(server: Server) -> bool:
    """Returns whether the browser was sent to an address of the server at which nobody answers."""
    return server.walk.trouble in (Trouble.SILENT, Trouble.TLS) and server.walk.is_about_provider


def _wrong_hostname(server: Server) -> Iterator[Suspect]:
    if not _is_lost(server) or any(_remembered(server)):
        return
    url = origin_of(server.url)
    facts = {"at": origin_of(server.walk.url), "words": server.walk.message, "url": url, "line": f"KC_HOSTNAME: {url}"}
    if _has_own_address(server):
        yield server.of_realm("attributes", **{**facts, "line": 'attributes: {frontendUrl: ""}'})
    elif server.service:
        yield server.variable(server.service, "KC_HOSTNAME", **facts)
    else:
        yield Suspect(_SERVER, facts)


def _remembered(server: Server) -> Iterator[Suspect]:
    """Applications that send browsers to another address than the server tells them by now."""
    at = origin_of(server.walk.url)
    for service, name, url in _addresses(server):
        path = f"realms/{quote(server.realm, safe='')}/.well-known/openid-configuration"
        # Asked under the name that the application uses: the server's answer depends on it.
        status, found = server.client.openly(path, host=urlsplit(url).netloc)
        told = origin_of(str(found.get("authorization_endpoint") or ""))
        if _is_lost(server) and server.walk.stage is Stage.AUTHORIZE and status == HTTPStatus.OK and told != at:
            yield server.variable(service, name, at=at, told=told)


def _has_own_address(server: Server) -> bool:
    """Returns whether the realm has an address for browsers that overrides the server's."""
    try:
        realm = server.get(server.path)
    except ProviderError:  # another finding's matter
        return False
    return realm is not ABSENT and bool((realm.get("attributes") or {}).get("frontendUrl"))


def _needs_https(server: Server) -> Iterator[Suspect]:
    realm = server.get(server.path)
    if realm is not ABSENT and "https required" in server.walk.message.lower():
        yield server.of_realm("sslRequired", required=realm.get("sslRequired"))


# ------------------------------------------------------------------ the client


def _unknown_client(server: Server) -> Iterator[Suspect]:
    if server.walk.request and not server.live_client and server.get(server.path) is not ABSENT:
        yield server.of_client()


def _with(
    read: Callable[[Server], Mapping[str, Any]], find: Callable[[Server, Mapping[str, Any]], Iterator[Suspect]]
) -> Callable[[Server], Iterator[Suspect]]:
    """A check of a live object, where there is one."""

    def found(server: Server) -> Iterator[Suspect]:
        if live := read(server):
            yield from find(server, live)

    return found


_CLIENT: Final = attrgetter("live_client")
_USER: Final = attrgetter("live_user")


def _closed_client(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    if client.get("enabled") is False:
        yield server.of_client("enabled")


def _no_browser_flow(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    if client.get("protocol", "openid-connect") != "openid-connect":
        yield server.of_client("protocol", why=f"it speaks {client['protocol']}", line="protocol: openid-connect")
    elif client.get("bearerOnly"):
        yield server.of_client("bearerOnly", why="it is bearer-only", line="bearerOnly: false")
    elif client.get("standardFlowEnabled") is False:
        yield server.of_client(
            "standardFlowEnabled", why="its standard flow is switched off", line="standardFlowEnabled: true"
        )


def _wrong_redirect(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    asked = server.walk.request.get("redirect_uri", "")
    allowed = [str(uri) for uri in client.get("redirectUris") or ()]
    if asked and server.walk.stage is Stage.AUTHORIZE and not any(_allows(uri, asked, client) for uri in allowed):
        yield server.of_client("redirectUris", asked=asked, allowed=", ".join(allowed) or "none")


def _allows(uri: str, asked: str, client: Mapping[str, Any]) -> bool:
    """Keycloak's rule: the same text, or the same beginning where the address ends with a star."""
    whole = f"{str(client.get('rootUrl') or '').rstrip('/')}{uri}" if uri.startswith("/") else uri
    if whole == "*":
        return True
    if whole.endswith("*"):
        # Keycloak compares without the query, and a star also stands for nothing.
        return asked.partition("?")[0].startswith(whole[:-1]) or asked.partition("?")[0] == whole[:-1].rstrip("/")
    return whole in (asked, asked.partition("?")[0])


def _wrong_scope(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    asked = server.walk.request.get("scope", "")
    known = {"openid", *(client.get("defaultClientScopes") or ()), *(client.get("optionalClientScopes") or ())}
    # A scope may be named with a parameter behind a colon.
    unknown = [scope for scope in asked.split() if scope not in known and scope.partition(":")[0] not in known]
    if not unknown or server.walk.stage in (Stage.PASSWORD, Stage.DONE):
        return
    right = " ".join(dict.fromkeys(part for part in re.split(r"[\s,]+", asked) if part in known))
    facts = {"asked": ", ".join(f"`{scope}`" for scope in unknown), "right": right or "openid"}
    found = next(((service, name) for service, name, value in server.variables() if value == asked), None)
    yield server.variable(*found, **facts) if found else server.of_client("", **facts)


def _wants_pkce(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    method = (client.get("attributes") or {}).get("pkce.code.challenge.method")
    if method and server.walk.request and "code_challenge" not in server.walk.request:
        yield server.of_client("attributes", method=method)


def _wrong_secret(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    """The application's secret is another one than the client's, by the variables beside the client's name."""
    live = client.get("secret")
    # A wrong secret shows when the application redeems the code, which is on the way back.
    if client.get("publicClient") or not live or server.walk.stage is not Stage.RETURN:
        return
    applications = {service for service, _, value in server.variables() if value == server.client_id}
    for application in sorted(applications - {server.service}):
        held = {
            name: value
            for service, name, value in server.variables()
            if service == application and re.search("SECRET", name)
        }
        if held and Secret(str(live)) not in [
            value if isinstance(value, Secret) else Secret(str(value)) for value in held.values()
        ]:
            # Several variables may be secrets; the one that names a client is meant most likely.
            name = next((name for name in held if "CLIENT" in name), min(held))
            yield server.of_client("secret", service=application, name=name)


def _other_authenticator(server: Server, client: Mapping[str, Any]) -> Iterator[Suspect]:
    method = client.get("clientAuthenticatorType", "client-secret")
    if not client.get("publicClient") and method != "client-secret" and server.walk.stage is Stage.RETURN:
        yield server.of_client("clientAuthenticatorType", method=method)


# ------------------------------------------------------------------ claims


def _group_mappers(server: Server) -> Sequence[Mapping[str, Any]]:
    """The mappers of groups that write into the client's ID tokens, its own and those of its default scopes."""
    scopes = server.get(f"{server.path}/client-scopes")
    # An application may ask for further scopes by name.
    used = set(server.live_client.get("defaultClientScopes") or ()) | set(server.walk.request.get("scope", "").split())
    of_scopes = [
        each for scope in scopes or () if scope.get("name") in used for each in scope.get("protocolMappers") or ()
    ]
    return [
        each
        for each in (*(server.live_client.get("protocolMappers") or ()), *of_scopes)
        if each.get("protocolMapper") == "oidc-group-membership-mapper"
        and (each.get("config") or {}).get("id.token.claim", "true") == "true"
    ]


def _is_refused(server: Server) -> bool:
    walk = server.walk
    return bool(walk.trouble is Trouble.REFUSED and server.live_client and server.live_user)


def _groups_of_user(server: Server) -> Sequence[str]:
    found = server.get(f"{server.path}/users/{server.live_user['id']}/groups")
    return [str(each.get("path")) for each in found or ()] if found is not ABSENT else []


def _no_mapper(server: Server) -> Iterator[Suspect]:
    if _is_refused(server) and "group" in server.walk.message.lower() and not _group_mappers(server):
        yield server.of_client("protocolMappers", words=server.walk.message)


def _no_group(server: Server) -> Iterator[Suspect]:
    if (
        _is_refused(server)
        and "group" in server.walk.message.lower()
        and _group_mappers(server)
        and not _groups_of_user(server)
    ):
        yield server.of_user("groups", words=server.walk.message, claims=_wanted_groups(server))


def _full_path(server: Server) -> Iterator[Suspect]:
    """The names of groups differ from those of the application by a slash alone."""
    if not _is_refused(server):
        return
    claims, wanted = _claimed_groups(server), _wanted_names(server)
    for claim in claims:
        other = claim.removeprefix("/") if claim.startswith("/") else f"/{claim}"
        if claim not in wanted and other in wanted:
            # Keycloak writes groups as paths or as names, by this setting of the mapper.
            line = f'full.path: "{str(other.startswith("/")).lower()}"'
            yield server.of_client("protocolMappers", claim=claim, other=other, line=line)
            return


def _other_group(server: Server) -> Iterator[Suspect]:
    """The user is in groups, and in none that the application lets in."""
    if not _is_refused(server):
        return
    claims, wanted = _claimed_groups(server), _wanted_names(server)
    # A difference by the slash alone is another check's finding.
    swapped = {name.removeprefix("/") for name in wanted} & {claim.removeprefix("/") for claim in claims}
    if claims and not set(claims) & wanted and not swapped:
        yield server.of_user(
            "groups", claims=", ".join(claims), wanted=_wanted_groups(server), words=server.walk.message
        )


def _claimed_groups(server: Server) -> Sequence[str]:
    """The groups in the ID token that the server would give the application for this user."""
    # The server can show the token of another user, so nobody has to log in for that.
    query = urlencode({"userId": server.live_user["id"], "scope": server.walk.request.get("scope", "openid")})
    token = server.get(
        f"{server.path}/clients/{server.live_client['id']}/evaluate-scopes/generate-example-id-token?{query}"
    )
    names = [str((each.get("config") or {}).get("claim.name") or "groups") for each in _group_mappers(server)]
    found = [token.get(name) for name in names] if token is not ABSENT else []
    return [str(group) for groups in found if isinstance(groups, list) for group in groups]


def _group_variables(server: Server) -> Iterator[tuple[str, str]]:
    """Variables of applications that name groups: name and value."""
    for service, name, value in server.variables():
        if service != server.service and re.search(r"GROUPS?(_NAMES?)?$", name) and isinstance(value, str):
            yield name, value


def _wanted_names(server: Server) -> set[str]:
    return {part.strip() for _, value in _group_variables(server) for part in value.split(",")}


def _wanted_groups(server: Server) -> str:
    return ", ".join(f"{name}={value}" for name, value in _group_variables(server)) or "other groups"


# ------------------------------------------------------------------ the user


def _unknown_user(server: Server) -> Iterator[Suspect]:
    if server.walk.login.user and server.get(server.path) is not ABSENT and not server.live_user:
        yield server.of_user()


def _closed_user(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    if user.get("enabled") is False:
        yield server.of_user("enabled")


def _locked_user(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    found = server.get(f"{server.path}/attack-detection/brute-force/users/{user['id']}")
    if found is not ABSENT and found.get("disabled"):
        yield server.of_user(failures=found.get("numFailures"))


def _pending_action(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    actions = [str(each) for each in user.get("requiredActions") or ()]
    if not actions and server.walk.trouble is Trouble.ACTION:
        actions = re.findall(r"\(([A-Z_]+)\)$", server.walk.message)
    missing = [name for name in ("email", "firstName", "lastName") if not user.get(name)]
    # An incomplete profile is another check's finding, with the missing properties.
    if actions and not (missing and actions == ["VERIFY_PROFILE"]):
        yield server.of_user("requiredActions", actions=", ".join(actions))


def _incomplete_user(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    missing = [name for name in ("email", "firstName", "lastName") if not user.get(name)]
    said = server.walk.message.lower()
    if missing and (
        server.walk.trouble is Trouble.ACTION or (server.walk.trouble is Trouble.REFUSED and "group" not in said)
    ):
        yield server.of_user(missing[0], missing=", ".join(missing))


def _no_password(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    if server.walk.trouble is Trouble.REJECTED and not _has_password(server, user):
        yield server.of_user("credentials")


def _wrong_password(server: Server, user: Mapping[str, Any]) -> Iterator[Suspect]:
    is_open = user.get("enabled", True) and not any(_locked_user(server, user))
    if server.walk.trouble is Trouble.REJECTED and is_open and _has_password(server, user):
        yield server.of_user(
            "credentials",
            url=f"{server.url.rstrip('/')}/admin/master/console/#/{server.realm}/users/{user['id']}/credentials",
            place=server.document.place(("stack", OPTIONS, "login", "password")),
        )


def _has_password(server: Server, user: Mapping[str, Any]) -> bool:
    if user.get("federationLink"):
        return True
    found = server.get(f"{server.path}/users/{user['id']}/credentials")
    return found is ABSENT or any(each.get("type") == "password" for each in found)


# ------------------------------------------------------------------ the tables

_ANSWERS: Final = ("keycloak-url", "keycloak-tls", "keycloak-unreachable", "keycloak-account")

SERVER_ROWS: Final[tuple[Row[Server], ...]] = (
    Row(
        "keycloak-url", "Keycloak has an address", "{words}", "x-reconcile: {{connection: {{url: https://…}}}}", _no_url
    ),
    Row(
        "keycloak-tls",
        "Keycloak's certificate is trusted",
        "{words}",
        "x-reconcile: {{connection: {{caFile: ca.pem}}}}",
        _untrusted,
    ),
    Row(
        "keycloak-unreachable",
        "Keycloak answers",
        "{words}",
        "{remedy}",
        _silent,
        ("keycloak-url", "keycloak-tls"),
        is_symptom=True,
    ),
    Row(
        "keycloak-account",
        "Keycloak accepts our account",
        "{words}",
        "correct {place}",
        _refused,
        ("keycloak-unreachable",),
    ),
    Row(
        "keycloak-clock",
        "Keycloak's clock agrees with this machine's",
        "its clock differs by {offset}, so tokens are not valid yet or any more",
        "sudo timedatectl set-ntp true",
        _wrong_time,
        _ANSWERS,
    ),
    Row(
        "realm-missing",
        "the declared realms exist",
        "there is no realm {realm}",
        "reconcile apply",
        _no_realm,
        _ANSWERS,
    ),
    Row(
        "realm-disabled",
        "the declared realms are enabled",
        "the realm is disabled",
        "enabled: true",
        _closed_realm,
        _ANSWERS,
    ),
)

LOGIN_ROWS: Final[tuple[Row[Server], ...]] = (
    Row(
        "hostname",
        "browsers are sent to an address of Keycloak that answers",
        "Keycloak sends browsers to {at}, and nothing answers there ({words}); it is at {url}",
        "{line}",
        _wrong_hostname,
        _ANSWERS,
    ),
    Row(
        "stale-address",
        "the application has Keycloak's present address",
        "it still sends browsers to {at}, while Keycloak says {told} by now",
        "reconcile restart {service}",
        _remembered,
        _ANSWERS,
    ),
    Row(
        "keycloak-address",
        "containers have the right address of Keycloak",
        "{url} leads nowhere: {why}",
        "correct {name} of {service}, then `reconcile apply`",
        _wrong_address,
        _ANSWERS,
    ),
    Row(
        "backchannel",
        "Keycloak gives containers addresses that they can reach",
        "{asking} is told to get tokens at {endpoint}, which in a container is the container itself",
        'KC_HOSTNAME_BACKCHANNEL_DYNAMIC: "true"',
        _wrong_backchannel,
        _ANSWERS,
    ),
    Row(
        "https-required",
        "the realm accepts plain http",
        "the realm accepts https alone (sslRequired: {required})",
        "sslRequired: external",
        _needs_https,
        _ANSWERS,
    ),
    Row(
        "client-missing",
        "the client exists",
        "the application logs in as client `{client}`, which realm {realm} does not have",
        "reconcile apply",
        _unknown_client,
        _ANSWERS,
    ),
    Row(
        "client-disabled",
        "the client is enabled",
        "the client is disabled",
        "enabled: true",
        _with(_CLIENT, _closed_client),
        _ANSWERS,
    ),
    Row(
        "client-flow",
        "the client may log users in by the browser",
        "{why}, so no browser can log in with it",
        "{line}",
        _with(_CLIENT, _no_browser_flow),
        _ANSWERS,
    ),
    Row(
        "redirect-uri",
        "the client allows the application's redirect address",
        "the application asks to return to {asked}, and the client allows {allowed}",
        "redirectUris: [{asked}]",
        _with(_CLIENT, _wrong_redirect),
        _ANSWERS,
    ),
    Row(
        "scope",
        "the client has the scopes that the application asks for",
        "the application asks for the scope {asked}, which the client does not have",
        "ask for `{right}`, parted by blanks, or give the client that scope",
        _with(_CLIENT, _wrong_scope),
        _ANSWERS,
    ),
    Row(
        "pkce",
        "the application sends the proof that the client demands",
        "the client demands PKCE ({method}), and the application sends no code challenge",
        'attributes: {{pkce.code.challenge.method: ""}}',
        _with(_CLIENT, _wants_pkce),
        _ANSWERS,
    ),
    Row(
        "client-secret",
        "the application has the client's secret",
        "its secret is not the one that {service} has in {name}",
        "give `secret` of the client and {name} the same value, then `reconcile apply`",
        _with(_CLIENT, _wrong_secret),
        _ANSWERS,
    ),
    Row(
        "client-authenticator",
        "the client proves itself with its secret",
        "the client proves itself by {method}, and not with its secret",
        "clientAuthenticatorType: client-secret",
        _with(_CLIENT, _other_authenticator),
        _ANSWERS,
    ),
    Row(
        "user-missing",
        "the canary user exists",
        "realm {realm} has no user `{user}`",
        "reconcile apply",
        _unknown_user,
        _ANSWERS,
    ),
    Row(
        "user-disabled",
        "the canary user is enabled",
        "the user is disabled",
        "enabled: true",
        _with(_USER, _closed_user),
        _ANSWERS,
    ),
    Row(
        "user-locked",
        "the canary user is not locked out",
        "the user is locked out after {failures} wrong passwords",
        "wait, or unlock the user in the admin console: Users, {user}, Action, Unlock",
        _with(_USER, _locked_user),
        _ANSWERS,
    ),
    Row(
        "user-profile",
        "the canary user has a name and an e-mail address",
        "the user lacks {missing}",
        "{missing}: …",
        _with(_USER, _incomplete_user),
        _ANSWERS,
    ),
    Row(
        "user-action",
        "the canary user has nothing to do first",
        "the user has to do something first: {actions}",
        "requiredActions: []",
        _with(_USER, _pending_action),
        _ANSWERS,
    ),
    Row(
        "user-no-password",
        "the canary user has a password",
        "the user has no password",
        "credentials: [{{type: password, value: …}}]",
        _with(_USER, _no_password),
        _ANSWERS,
    ),
    Row(
        "user-password",
        "the declared password is the canary user's",
        "the password in `x-reconcile.login` is not the user's",
        "set it at {url}, or correct {place}",
        _with(_USER, _wrong_password),
        _ANSWERS,
    ),
    Row(
        "mapper",
        "the ID token has the user's groups",
        "no mapper of the client writes groups into the ID token; the application says: {words}",
        "protocolMappers: [{{name: groups, protocolMapper: oidc-group-membership-mapper, …}}]",
        _no_mapper,
        _ANSWERS,
    ),
    Row(
        "mapper-path",
        "groups are named as the application knows them",
        "the ID token names the group `{claim}`, and the application knows `{other}`",
        "{line}",
        _full_path,
        _ANSWERS,
    ),
    Row(
        "user-groups",
        "the canary user is in a group",
        "the user is in no group, and the application lets in {claims}",
        "groups: [/…] of the user, then `reconcile apply`",
        _no_group,
        _ANSWERS,
    ),
    Row(
        "user-group",
        "the canary user is in a group that the application lets in",
        "the user's groups are {claims}, and the application lets in {wanted}",
        "add the user to one of these groups, then `reconcile apply`",
        _other_group,
        _ANSWERS,
    ),
)


def server_checks(
    connect: Callable[[], Client], document: Document, address_of: Callable[[str], Address | None]
) -> Sequence[Check]:
    """The checks of the server and its realms."""
    server = Server(connect, document, address_of)
    return [row.check(server) for row in SERVER_ROWS]


def login_checks(
    connect: Callable[[], Client],
    document: Document,
    evidence: Evidence,
    address_of: Callable[[str], Address | None],
) -> Sequence[Check]:
    """The checks of what a failed login needs."""
    server = Server(connect, document, address_of, evidence)
    return [row.check(server) for row in LOGIN_ROWS]
