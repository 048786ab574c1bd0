"""A login as a browser walks it: the declaration, the answers on the way, and the step at which it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Secret
from reconciler.record import Struct, field


class Login(Struct, frozen=True):
    """A declared login: the address at which it begins, and the account that tries it.

    Without ``user`` the walk ends at the login form. ``ca_file`` has the authorities to trust besides the system's.
    """

    url: str
    user: str = ""
    password: Secret | None = None
    ca_file: str = ""
    origin: Origin | None = None


class Stage(Enum):
    """The part of the way at which a walk ended."""

    OPEN = "open the application"
    AUTHORIZE = "open the login page"
    FORM = "read the login form"
    PASSWORD = "send name and password"  # noqa: S105 (the words for it)
    RETURN = "return to the application"
    DONE = "logged in"


class Trouble(Enum):
    """The kind of end of a walk."""

    NONE = "none"
    SILENT = "no answer"
    TLS = "no trusted connection"
    STATUS = "an error"
    PAGE = "an unexpected page"
    REJECTED = "name and password are refused"
    ACTION = "the account has to do something first"
    REFUSED = "the application refuses the user"
    FORGOTTEN = "the application has forgotten the visitor"
    LOOP = "redirects without end"
    HIDDEN = "not to be reached from here"


class Way(Struct, frozen=True):
    """The place at which a port of another machine is reached from here; ``hidden`` says why there is none.

    Without either nothing listens at that port.
    """

    host: str = ""
    port: int = 0
    hidden: str = ""


class Ways(Struct, frozen=True):
    """The ways to the ports of a machine that is `localhost` for browsers and not for this process. ``otherwise`` says
    why another port of it is not reached."""

    ports: Mapping[int, Way]
    otherwise: str = "it is another machine's, and no container publishes it"

    def to(self, port: int) -> Way:
        return self.ports.get(port) or Way(hidden=self.otherwise)


class Exchange(Struct, frozen=True):
    """One request of the walk and its answer; ``status`` is 0 where none came. Queries with codes are left out."""

    method: str
    url: str
    status: int
    note: str = ""


class LostCookie(Struct, frozen=True):
    """A cookie that a browser would not keep or send back, and why."""

    name: str
    host: str
    reason: str


class Walk(Struct, frozen=True):
    """A login, walked. ``url`` is where it ended, ``message`` what was said there.

    ``request`` are the parameters with which the application sent the browser to the login page, ``provider`` the
    address of that page.
    """

    login: Login
    stage: Stage
    trouble: Trouble
    url: str = ""
    status: int = 0
    message: str = ""
    provider: str = ""
    request: Mapping[str, str] = field(default_factory=dict)
    trail: Sequence[Exchange] = ()
    lost: Sequence[LostCookie] = ()

    @property
    def works(self) -> bool:
        """Returns whether the walk came as far as it could."""
        return self.trouble is Trouble.NONE

    @property
    def fails(self) -> bool:
        """Returns whether a browser would fail as well: what was not to be reached from here proves nothing."""
        return self.trouble not in (Trouble.NONE, Trouble.HIDDEN)

    @property
    def is_about_provider(self) -> bool:
        """Returns whether the walk ended at the server of the login page."""
        return self.stage in (Stage.AUTHORIZE, Stage.FORM, Stage.PASSWORD)


class Evidence(Struct, frozen=True):
    """A failed walk, and what the services wrote meanwhile: name → lines."""

    walk: Walk
    logs: Mapping[str, Sequence[str]] = field(default_factory=dict)


def authorization_of(url: str) -> Mapping[str, str]:
    """The parameters of a request for a login at an OpenID Connect provider; nothing for any other address."""
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return query if query.keys() >= {"client_id", "response_type"} else {}


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def without_query(url: str) -> str:
    """An address without what may be a code or a token."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
