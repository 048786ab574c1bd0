"""Webhooks: signatures of four forges, wrong and replayed ones, bursts."""

from __future__ import annotations

import hmac
from hashlib import sha256

import anyio
import pytest

from reconciler.web.app import MOST_BODIES, application
from reconciler.web.forges import BETWEEN_S
from tests.kit.web import Stage, box

SECRET, OLD = "webhook-secret-0123456", "older-secret-0123456"
BODY = b'{"repository": {"clone_url": "https://evil.example/"}}'


def signed(body, secret=SECRET):
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def headers_of(forge, body, secret=SECRET):
    digest = signed(body, secret)
    return {
        "github": {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "push"},
        "gitea": {"x-gitea-signature": digest, "x-hub-signature-256": f"sha256={digest}", "x-gitea-event": "push"},
        "forgejo": {"x-forgejo-signature": digest, "x-gitea-signature": digest, "x-forgejo-event": "push"},
        "gitlab": {"x-gitlab-token": secret, "x-gitlab-event": "Push Hook", "x-gitlab-event-uuid": digest},
    }[forge]


FORGES = ["github", "gitea", "forgejo", "gitlab"]


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, [box("a", size=1)], webhook_secrets=(OLD, SECRET))
    made.look()
    made.now, made.waiting = 0.0, []
    made.desk.webhooks.now = lambda: made.now
    made.desk.webhooks.later = lambda call, seconds: made.waiting.append((call, seconds))
    return made


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_a_signed_webhook_is_a_hint_and_nothing_more(stage, forge, secret):
    answer = stage.client(address="203.0.113.9").post("/webhook", content=BODY, headers=headers_of(forge, BODY, secret))

    assert answer.status_code == 202
    event = "Push Hook" if forge == "gitlab" else "push"
    assert [str(hint) for hint in stage.asked] == [f"webhook of {forge}: {event}"]


WRONG = [
    {},
    {"x-hub-signature-256": ""},
    {"x-hub-signature-256": signed(BODY)},  # without its prefix
    {"x-hub-signature-256": f"sha1={signed(BODY)}"},
    {"x-hub-signature-256": f"sha256={signed(BODY)[:-1]}"},
    {"x-hub-signature-256": f"sha256={signed(BODY + b' ')}"},
    {"x-hub-signature-256": f"sha256={signed(BODY, 'another-secret-012345')}"},
    {"x-hub-signature-256": "sha256=é"},
    {"x-gitea-signature": f"sha256={signed(BODY)}"},
    {"x-gitea-signature": SECRET},
    {"x-forgejo-signature": "0" * 64, "x-gitea-signature": signed(BODY)},
    {"x-gitlab-token": signed(BODY)},
    {"x-gitlab-token": ""},
    {"authorization": f"Bearer {SECRET}"},
    {"cookie": f"reconcile={SECRET}"},
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_a_wrong_signature_is_refused_without_a_reason(stage, headers):
    sent = {name: value.encode() for name, value in headers.items()}

    answer = stage.client().post("/webhook", content=BODY, headers=sent)

    assert (answer.status_code, answer.json()) == (401, {"error": "The signature is missing or wrong."})
    assert stage.asked == []


@pytest.mark.parametrize("forge", FORGES)
def test_a_replay_is_refused_whatever_its_other_headers_say(stage, forge):
    client, headers = stage.client(), headers_of(forge, BODY)
    client.post("/webhook", content=BODY, headers=headers)

    again = client.post("/webhook", content=BODY, headers={**headers, "x-github-delivery": "another"})

    assert again.status_code == 409


def test_the_same_push_of_gitlab_with_another_id_is_another_one(stage):
    client, headers = stage.client(), headers_of("gitlab", BODY)
    client.post("/webhook", content=BODY, headers=headers)

    assert client.post("/webhook", content=BODY, headers={**headers, "x-gitlab-event-uuid": "other"}).status_code == 202


def test_a_burst_of_webhooks_is_two_looks(stage):
    hooks, asked = stage.desk.webhooks, []
    for number in range(10_000):
        body = str(number).encode()
        headers = headers_of("github", body)
        assert hooks.is_new(hooks.forge(headers, body), headers, body)
        hooks.look(lambda: asked.append(1))
    during = len(asked)

    for call, _ in stage.waiting:
        call()

    assert (during, len(asked), len(stage.waiting)) == (1, 2, 1)
    assert stage.waiting[0][1] <= BETWEEN_S


def post(parts):
    """A webhook whose body comes in these parts, spoken as a server does it."""
    sent, coming = [], iter(parts)
    headers = [(b"host", b"127.0.0.1"), (b"x-hub-signature-256", b"sha256=0")]
    scope = {"type": "http", "method": "POST", "path": "/webhook", "query_string": b"", "headers": headers}

    async def receive():
        part = next(coming, b"")
        if callable(part):
            part = await part()
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def send(message):
        sent.append(message)

    async def asked(app):
        await app({**scope, "client": ("203.0.113.9", 1)}, receive, send)
        return sent[0]["status"]

    return asked


def test_few_bodies_of_strangers_are_in_memory_at_a_time(stage):
    read, most = set(), []

    def parts(number):
        async def first():
            read.add(number)
            most.append(len(read))
            await anyio.sleep(0.02)
            return b"x"

        async def last():
            read.discard(number)
            return b""

        return [first, last]

    async def all_at_once():
        app, statuses = application(stage.desk), []

        async def one(number):
            statuses.append(await post(parts(number))(app))

        async with anyio.create_task_group() as tasks:
            for number in range(4 * MOST_BODIES):
                tasks.start_soon(one, number)
        return statuses

    assert anyio.run(all_at_once) == [401] * 4 * MOST_BODIES
    assert max(most) == MOST_BODIES


def test_a_body_that_does_not_come_is_given_up(stage):
    async def never():
        await anyio.sleep(60)

    assert anyio.run(post([b"x", never]), application(stage.desk, body_s=0.1)) == 408


def test_what_is_remembered_of_webhooks_is_bounded(stage):
    hooks = stage.desk.webhooks
    forge = hooks.forge(headers_of("github", b"x"), b"x")
    for number in range(10_100):
        hooks.is_new(forge, {}, str(number).encode())

    assert len(hooks._seen) == 10_000


def test_without_a_secret_there_is_no_webhook(tmp_path):
    stage = Stage(tmp_path)
    stage.look()

    assert stage.client().post("/webhook", content=BODY, headers=headers_of("github", BODY)).status_code == 404


def test_an_event_of_another_form_is_not_repeated(stage):
    headers = {**headers_of("github", BODY), "x-github-event": "\x1b[31mpush<script>"}

    stage.client().post("/webhook", content=BODY, headers=headers)

    assert [str(hint) for hint in stage.asked] == ["webhook of github: event"]


def test_a_body_is_read_up_to_one_mebibyte(stage):
    large = b"x" * (1_048_576 + 1)

    assert stage.client().post("/webhook", content=large, headers=headers_of("github", large)).status_code == 413
