"""The one way out for text: no known secret in any of its forms, nothing that steers a terminal or a CI system."""

from __future__ import annotations

import ast
import base64
import html
import io
import json
import re
import shlex
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

import reconciler
from reconciler.config.variables.template import COMPOSE, KEYCLOAK, escaped
from reconciler.core.resource.values import Secret
from reconciler.log import configure
from reconciler.render.output.plain import joined, one_line, painted, with_its_colours
from reconciler.render.output.writer import Writer
from tests.kit.instructions import instructions

SECRETS = [
    "hunter2-canary",
    "q\"uo\\te'd / ünd+x",
    "a\ttab in it",
    "pass-\U0001f600-word",
    "line one\nline two of it",
    100 * "long",
]


def a_writer(*secrets: str) -> Writer:
    writer = Writer()
    writer.known.learn("test", lambda: [Secret(text) for text in secrets])
    return writer


FORMS = {
    "as it is": str,
    "inside a word": "x{}y".format,
    "in a URL": lambda text: f"postgres://u:{quote(text, safe='')}@h/db",
    "in a form": quote_plus,
    "in JSON": json.dumps,
    "in JSON with letters as they are": lambda text: json.dumps(text, ensure_ascii=False),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "in Python": repr,
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in base64 behind a name": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "in base64 in the middle": lambda text: base64.b64encode(f"ab{text}!".encode()).decode().rstrip("="),
    "in base64 in lines": lambda text: base64.encodebytes(text.encode()).decode().rstrip(),
    "in HTML": html.escape,
    "in HTML with numbers": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "in XML": lambda text: "".join(f"&#x{ord(each):x};" for each in text),
    "in HTML in JSON": lambda text: json.dumps(html.escape(text)),
    "in JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "in a shell": shlex.quote,
    "in a shell with backslashes": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "in a shell without quotes": lambda text: re.sub(r"([^\w\n])", r"\\\1", text),
    "in a shell in JSON": lambda text: json.dumps(shlex.quote(text)),
    "in SQL": lambda text: "'" + text.replace("'", "''") + "'",
    "in CSV": lambda text: '"' + text.replace('"', '""') + '"',
    "in hex": lambda text: text.encode().hex(),
    "in hex in upper case": lambda text: text.encode().hex().upper(),
    "in hex with colons": lambda text: text.encode().hex(":"),
    "in a dump in hex": lambda text: text.encode().hex(" "),
    "in C": lambda text: "".join(f"\\{each:03o}" if each < 0o200 else f"\\x{each:02x}" for each in text.encode()),
    "in upper case": str.upper,
    "in lower case": str.lower,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("others", [0, 200])
def test_a_known_secret_is_hidden_in_every_form(secret, form, others):
    writer = a_writer(secret, *(f"another-{number}" for number in range(others)))
    text = f"before {form(secret)} after"

    shown = writer.text(text)

    assert "(secret)" in shown
    assert form(secret) not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


SPLIT = "abcdefghijk0123456789"
UNSEEN = [
    chr(code)
    for code in range(sys.maxunicode)
    if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp"}
    or (unicodedata.category(chr(code)) == "Cf" and unicodedata.bidirectional(chr(code)) in {"BN", "LRE", "RLE", "PDF"})
    or 0xFE00 <= code <= 0xFE0F
    or code in {0xD800, 0xDFFF}
]
SPLITTERS = [
    *(
        "\x1b[0m",
        "\x1b[1;31m",
        "\x1b[38;5;12m",
        "\x1b[K",
        "\x1b[2J",
        "\x1b[?25l",
        "\x9b31m",
        "\x1b]0;title\x07",
        "\x1b(B",
    ),
    *("\x1b]8;;http://h/\x1b\\", "\x1bPq\x1b\\", "\x1b", "\x1b[", "\x1b=", "\x1b7", "\r\n", "\n\n", "\n    ", "\r\n\t"),
    *("\u200b\u200b", "\x1b[0m\u200b\x00\n", "\u202e\u202c", "\x1b\x1b[0m", "\ufdd0", "\ufdd031\ufdd0"),
]
OUTPUTS = {
    "text": lambda writer, text: writer.text(text),
    "message": lambda writer, text: writer.message(f"it failed; its last lines:\n{text}"),
    "narrow message": lambda writer, text: writer.message(text, 12),
    "line": lambda writer, text: writer.line(text),
    "JSON": lambda writer, text: writer.json({"a": [text]}),
    "document": lambda writer, text: str(writer.document({text: text})),
    "history": lambda writer, text: writer.known.hidden(text),
    "log of a container": lambda writer, text: writer.text(with_its_colours(one_line(text), shown=False)),
    "log in colours": lambda writer, text: writer.text(with_its_colours(one_line(text), shown=True)),
    "lines in JSON": lambda writer, text: writer.text(json.dumps({"log": text})),
    "lines in Python": lambda writer, text: writer.text(repr(text)),
    "line of ours": lambda writer, text: writer.line(joined([text])),
    "log of the program": lambda writer, text: logged(writer.line, text, as_json=False),
    "log as JSON": lambda writer, text: logged(writer.hidden, text, as_json=True),
}


def logged(clean, text, *, as_json):
    stream = io.StringIO()
    configure(as_json=as_json, clean=clean, finish=str, stream=stream).error("failed", error=text)
    return stream.getvalue()


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("others", [0, 200])
def test_a_secret_that_is_split_by_what_nobody_sees_is_hidden_in_every_output(output, others):
    writer = a_writer(SPLIT, *(f"another-{number}" for number in range(others)))
    splitters = SPLITTERS if others else [*UNSEEN, *SPLITTERS]

    shown = {
        splitter: output(writer, text)
        for splitter in splitters
        for text in (f"it is {SPLIT[:5]}{splitter}{SPLIT[5:]}!", f"it is {splitter.join(SPLIT)}!")
    }

    assert {splitter: text for splitter, text in shown.items() if not is_hidden(text)} == {}


def is_hidden(text):
    return (
        "(secret)" in text and "it is" in text and "!" in text and not re.search(r"fghij|a.*b.*c.*d.*9", text.lower())
    )


def test_a_colour_around_a_secret_stays():
    text = a_writer(SPLIT).text(f"{painted(SPLIT, '31')} {painted(f'a {SPLIT}', '32')} b")

    assert text == "\033[31m(secret)\033[0m \033[32ma (secret)\033[0m b"


@pytest.mark.parametrize("text", ["the pass word is wrong", "a PASSWORD", "abc def", "lines\nof words"])
def test_a_secret_that_is_a_word_is_found_as_it_is_written_only(text):
    writer = a_writer("password", "Pass\n", "secret1", "linesof")

    assert writer.text("it is password") == "it is (secret)"
    assert a_writer("password", "abcdef").text(text) == text


def test_a_secret_beside_words_takes_no_word_with_it():
    encoded = base64.b64encode(SPLIT.encode()).decode()

    assert a_writer(SPLIT).text(f"first\n{encoded}\nlast") == "first\n(secret)\nlast"


@pytest.mark.parametrize(
    "piece", ["\x1b[", "\x1b]0;", "\x9d\n", "a\x00", "\\u0041", "%41+", "&lt;", "''", "6162", "\n  ", SPLIT[:9]]
)
def test_the_search_takes_linear_time(piece):
    writer = a_writer(SPLIT, "''", *(f"another-{number}" for number in range(50)))

    few, many = (instructions(lambda n=n: writer.text(piece * n), below=str(PACKAGE)).total() for n in (1_000, 4_000))

    assert many <= 5 * few


@pytest.mark.parametrize("text", ["nothing of it", "aGVsbG8gd29ybGQh", "%41%42", "\\u0041", "ünicode %"])
def test_other_text_is_as_it_was(text):
    assert a_writer(*SECRETS).text(text) == text


@pytest.mark.parametrize("seal", [str, Secret])
@pytest.mark.parametrize(
    "live",
    ["postgres://u:{}@h/db", "redis-server --requirepass={}", "SMTP_PASSWORD={} exec app", "mysql://u:{}@h, b=1"],
)
def test_what_a_live_text_shows_to_be_a_secret_is_hidden_in_another_one(live, seal):
    writer = Writer()
    writer.known.learn("live", lambda: [{"environment": {"A": seal(live.format("old-canary-4711"))}}])

    assert writer.text("sleep 1000 # old-canary-4711") == "sleep 1000 # (secret)"


def test_the_password_of_a_live_url_may_have_a_quote_in_it():
    writer = Writer()
    writer.known.learn("live", lambda: ["postgres://u:old\"canary'4711@h/db"])

    assert writer.text("sleep 1000 # old\"canary'4711") == "sleep 1000 # (secret)"


def test_a_line_of_a_secret_file_is_hidden_by_itself():
    assert a_writer("first line\nsecond line\n").text("it read second line") == "it read (secret)"


def test_a_short_secret_is_hidden_by_its_place_only():
    writer = a_writer("abc")

    assert writer.text("abc postgres://u:abc@h") == "abc postgres://u:(secret)@h"


def test_a_password_that_is_a_name_is_hidden_by_its_place_only():
    writer = a_writer("postgres")
    writer.known.learn_names(["postgres"])

    assert writer.text("docker.container/postgres") == "docker.container/postgres"


def test_documents_keep_their_shape():
    document = {"a": ["hunter2-canary", 1, None, {"b": "x hunter2-canary"}], "c": True}

    assert json.loads(a_writer("hunter2-canary").json(document)) == {
        "a": ["(secret)", 1, None, {"b": "x (secret)"}],
        "c": True,
    }


STEERING = [
    "\x1b[2J",
    "\x1b]0;x\x07",
    "\x9b31m",
    "\x07",
    "\x08",
    "\r",
    "\x00",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
]


@pytest.mark.parametrize("steering", STEERING)
def test_nothing_steers_a_terminal(steering):
    shown = a_writer().text(f"a{steering}b\tc\nd")

    assert shown.endswith("b\tc\nd")
    assert not set(steering[:1]) & set(shown)


@pytest.mark.parametrize("line", ["::error::x", "  ::set-output name=a::b", "##[error]x", "a ##vso[task]"])
def test_no_line_is_a_command_of_a_ci_system(line):
    shown = a_writer().text(f"first\n{line}\nlast")

    assert not any(each.lstrip().startswith("::") for each in shown.splitlines())
    assert "##" not in shown


def test_a_line_stays_one_whatever_is_in_it():
    assert joined(["a\n::error::x", "b\r\n| c |"]).split("\n") == ["a\\n::error::x", "b\\n| c |"]


def test_a_colour_of_ours_is_one_and_a_foreign_one_is_not():
    assert a_writer().text(painted("a\x1b[31mb", "32")) == "\033[32ma\\x1b[31mb\033[0m"


@pytest.mark.parametrize(
    ("line", "on_a_terminal"),
    [
        ("\x1b[1;32mok\x1b[0m", "\x1b[1;32mok\x1b[0m\x1b[0m"),
        ("\x1b[38;5;8mgrey", "\x1b[38;5;8mgrey\x1b[0m"),
        ("\x1b[8mconcealed", "concealed"),
        ("\x1b[2Jcleared", "\\x1b[2Jcleared"),
    ],
)
def test_of_a_container_s_line_the_colours_are_shown_on_a_terminal_only(line, on_a_terminal):
    assert a_writer().text(with_its_colours(line, shown=True)) == on_a_terminal
    assert "\x1b" not in a_writer().text(with_its_colours(line, shown=False))


@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_line_stays_one_and_hides_secrets(as_json):
    writer, stream = a_writer("hunter2-canary"), io.StringIO()
    log = configure(as_json=as_json, clean=writer.line, stream=stream)

    log.info("pass\nfailed", error="x hunter2-canary\n12:00:00 error forged", why=["hunter2-canary", "\x1b[2J"])

    assert stream.getvalue().count("\n") == 1
    assert "hunter2" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


PACKAGE = Path(reconciler.__file__).parent
HOMES = {"cli/output.py", "cli/live.py", "log.py", "secrets/dotenvfile.py", "__main__.py"}
"""Where text leaves. What is drawn again and again on a terminal is cleaned by the writer of cli/output.py."""

WRITES = {
    "echo",
    "secho",
    "print",
    "write_text",
    "write_bytes",
    "writelines",
    "confirm",
    "prompt",
    "print_exception",
    "print_exc",
}


def calls(file: Path):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.parametrize("file", sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")))
def test_text_leaves_in_one_place_only(file):
    """Secrets are written into .env as they are; everything else goes through the writer."""
    text = (PACKAGE / file).read_text(encoding="utf-8")
    found = set(calls(PACKAGE / file)) & WRITES
    streams = {name for name in ("sys.stderr.write", "sys.stdout.write", "\\033[") if name in text}

    assert file in HOMES | {"render/output/plain.py"} or (found, streams) == (set(), set())


@pytest.mark.parametrize("dialect", [COMPOSE, KEYCLOAK])
@pytest.mark.parametrize(
    "secret",
    ["abc$def$$ghiSECRETlong", "$$$long-canary", "long-canary$", "a${ABC}b$${DEF}-canary", "$(env:X)-c$$anary"],
)
def test_a_secret_with_dollars_is_hidden_as_a_file_has_it(secret, dialect):
    writer, written = a_writer(secret), escaped(secret, dialect)

    assert writer.text(f"D: {written} # {secret}") == "D: (secret) # (secret)"
    assert secret not in writer.json({"D": written})
    assert written not in writer.json({"D": written})


def test_what_a_followed_source_finds_later_is_hidden_from_then_on():
    writer, found = a_writer(), [Secret("first-canary")]

    def taken():
        while found:
            yield found.pop()

    writer.known.follow("live", taken)
    assert writer.text("first-canary second-canary") == "(secret) second-canary"
    found.append(Secret("second-canary"))
    assert writer.text("first-canary second-canary") == "(secret) (secret)"


def test_what_one_thread_takes_is_hidden_in_the_others():
    writer, found = a_writer(), list[Secret]()
    begun, goes_on = threading.Event(), threading.Event()

    def taken():
        while found:
            value = found.pop()
            begun.set()
            goes_on.wait(60)
            yield value

    writer.known.follow("live", taken)
    found.append(Secret("first-canary"))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(writer.text, "first-canary")
        assert begun.wait(60)
        second = pool.submit(writer.text, "it is first-canary")
        # The second one either waits for the first, or would have ended by now with the secret in it.
        wait([second], timeout=0.2)
        goes_on.set()
        assert (first.result(60), second.result(60)) == ("(secret)", "it is (secret)")
