"""Just enough of an S3 client to look into a bucket.

Signed by hand (AWS signature 4, forty lines): the tests then see the bucket from outside, with the account's
keys and without the libraries through which MLflow wrote to it, and need no boto3.
"""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

REGION = "us-east-1"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class S3:
    """An S3 server and the account to speak to it with."""

    url: str
    access_key: str
    secret_key: str

    def objects(self, bucket: str, prefix: str = "") -> tuple[str, ...]:
        """The names of the objects under a prefix (of the first thousand)."""
        answer = self._get(f"/{bucket}", {"list-type": "2", "prefix": prefix})
        return tuple(key.text or "" for key in ET.fromstring(answer).iterfind(".//{*}Contents/{*}Key"))

    def content(self, bucket: str, name: str) -> bytes:
        return self._get(f"/{bucket}/{name}", {})

    def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        url = self.url.rstrip("/") + urllib.parse.quote(path) + (f"?{canonical_query(query)}" if query else "")
        headers = signed_headers(url, self.access_key, self.secret_key, now=datetime.now(UTC))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, headers=headers), timeout=30) as response:
            return bytes(response.read())


def refuses_strangers(url: str, bucket: str) -> bool:
    """Returns whether the bucket is closed to those who have no keys."""
    try:
        S3(url, "stranger", "strangers-have-no-key").objects(bucket)
    except urllib.error.HTTPError as error:
        return error.code == 403
    return False


def canonical_query(query: Mapping[str, str]) -> str:
    return urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="")


def signed_headers(url: str, access_key: str, secret_key: str, *, now: datetime) -> dict[str, str]:
    """The headers that make a GET of this address the account's own."""
    place = urllib.parse.urlsplit(url)
    time, scope = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}/{REGION}/s3/aws4_request"
    headers = {"host": place.netloc, "x-amz-content-sha256": EMPTY_HASH, "x-amz-date": time}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    names = ";".join(headers)
    request = "\n".join(("GET", place.path or "/", place.query, lines, names, EMPTY_HASH))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", time, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = _keyed(_signing_key(secret_key, scope), to_sign).hex()
    value = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": value}


def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
