"""Secrets to be found, made at random so that none stands in a file, and texts that hold none."""

from __future__ import annotations

import base64
import json
import random
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
URLSAFE = LETTERS + "_-"


def _key(chance: random.Random, prefix: str, length: int, letters: str = LETTERS) -> str:
    return prefix + "".join(chance.choice(letters) for _ in range(length))


def _jwt(chance: random.Random) -> str:
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": _key(chance, "", 12), "iat": chance.randrange(10**9)},
    )
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join((*encoded, _key(chance, "", 43, URLSAFE)))


def _pem(chance: random.Random) -> str:
    what = chance.choice(("", "RSA ", "EC ", "OPENSSH "))
    body = "\n".join(_key(chance, "", 64, LETTERS + "+/") for _ in range(chance.randint(3, 20)))
    return f"-----BEGIN {what}PRIVATE KEY-----\n{body}\n-----END {what}PRIVATE KEY-----"


MARKED: dict[str, Callable[[random.Random], str]] = {
    "private key": _pem,
    "aws id": lambda c: _key(c, c.choice(("AKIA", "ASIA")), 16, UPPER),
    "github": lambda c: _key(c, c.choice(("ghp_", "gho_", "ghs_", "ghr_", "ghu_")), 36),
    "github fine": lambda c: _key(c, "github_pat_", 82),
    "gitlab": lambda c: _key(c, "glpat-", 20, URLSAFE),
    "slack": lambda c: _key(c, c.choice(("xoxb-", "xoxp-", "xoxa-")), 40, LETTERS),
    "slack webhook": lambda c: _key(c, "hooks.slack.com/services/T0123ABCD/B0123ABCD/", 24),
    "discord webhook": lambda c: _key(c, "discord.com/api/webhooks/123456789012345678/", 68),
    "openai": lambda c: _key(c, "sk-proj-", 64, URLSAFE),
    "openai old": lambda c: _key(c, "sk-", 48),
    "anthropic": lambda c: _key(c, "sk-ant-api03-", 93, URLSAFE),
    "google": lambda c: _key(c, "AIza", 35, URLSAFE),
    "google oauth": lambda c: _key(c, "ya29.", 80, URLSAFE),
    "stripe": lambda c: _key(c, c.choice(("sk_live_", "rk_live_", "sk_test_")), 24),
    "npm": lambda c: _key(c, "npm_", 36),
    "pypi": lambda c: _key(c, "pypi-AgEIcHlwaS5vcmc", 100, URLSAFE),
    "hugging face": lambda c: _key(c, "hf_", 34),
    "sendgrid": lambda c: f"{_key(c, 'SG.', 22, URLSAFE)}.{_key(c, '', 43, URLSAFE)}",
    "telegram": lambda c: _key(c, f"{c.randrange(10**8, 10**9)}:AA", 33, URLSAFE),
    "jwt": _jwt,
    "vault": lambda c: _key(c, "hvs.", 90, URLSAFE),
    "age": lambda c: _key(c, "AGE-SECRET-KEY-1", 58, UPPER),
}
"""Secrets that say what they are."""

AROUND = (
    "{}", "the key is {} ok", '"{}"', "x={}\n", "line one\n{}\nline three", "`{}`", "<{}>",
    '{{"output": "{}"}}', "https://host/?k={}&a=1", "\x1b[32m{}\x1b[0m", "ключ {} 日本", "({}),",
)  # fmt: skip

PLACED = (
    "Authorization: Bearer {}",
    "curl -H 'authorization: token {}' https://host",
    "authorization: Basic {}",
    "postgres://user:{}@db.host:5432/name",
    "https://user:{}@host/repo.git",
    "export DATABASE_PASSWORD={}",
    "STRIPE_SECRET='{}' ./run",
    "MY_API_KEY={}",
    "GITHUB_TOKEN={} gh pr list",
    'password = "{}"',
    "'client_secret': '{}'",
    '{{"api_key": "{}"}}',
    '{{\\"access_token\\": \\"{}\\"}}',
    "tool --token {} --fast",
    "tool --password={}",
    "curl -u user:{} https://host",
    "machine host login user password {}",
    "aws_secret_access_key: '{}'",
    'refreshToken: "{}"',
    "private_key => '{}'",
)
"""Places for secrets of any form."""

PLAIN = (
    "def token_count(text: str) -> int:",
    "tokens: 12345, output tokens = 678",
    'usage = {"input_tokens": 1200, "output_tokens": 56}',
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "session 8B6E2C1E-5B1E-4E0E-9C55-2F3A1D0C7B11",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "password: str = field(repr=False)",
    "if password is None: raise ValueError",
    'password = os.environ["DATABASE_PASSWORD"]',
    "const apiKey = process.env.API_KEY",
    "export API_KEY=$OTHER_KEY",
    "API_KEY=${API_KEY:-none}",
    "secret: <your secret here>",
    'api_key: "YOUR-KEY-HERE"',
    'password: "changeme"',
    "the secret of good tests is that they can fail",
    "author: Jane Token <jane@example.org>",
    "https://example.org:8080/path?query=1",
    "git@github.com:owner/repo.git",
    "ssh -i ~/.ssh/id_ed25519 user@host",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END CERTIFICATE-----",
    "sk-learn and sk-image are installed",
    "from sklearn.feature_extraction import text",
    "npm_config_registry is set; npm_package_name",
    "task-runner-with-a-rather-long-name-0123456789",
    "risk-assessment-of-the-whole-organisation",
    "keyboard shortcut: ctrl+k",
    "for key, value in tokens.items(): print(key, value)",
    'print("password:", end="")',
    "Set-Cookie is cleared",
    "the bearer of this letter",
    "bearer authentication is required",
    "basic usage: tool --token-file path",
    "tool --password-stdin < file",
    "cookie: the user consents",
    "AKIA is how their ids begin",
    "eyJ is how tokens begin",
    "primary_key=True, foreign_key='users.id'",
    'sort_key = "created_at"',
    "KEYS=3 TOKENS=none",
    "MONKEY=banana_split",
    'placeholder="password"',
    'type="password" name="password"',
    "I read the file src/tokens/lexer.py and changed the tokenizer",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "user:group 1000:1000",
    "tar -u file:name",
    "version 1.2.3-rc.4+build.567",
    "/usr/share/doc/libsecret-1-0/copyright",
    "integrity sha512-AbCdEf0123456789AbCdEf0123456789AbCdEf0123456789==",
)


def marked(seed: int, each: int) -> Iterator[tuple[str, str, str]]:
    """Yield (name, secret, text that holds it) of every form."""
    chance = random.Random(seed)
    for name, make in MARKED.items():
        for _ in range(each):
            secret = make(chance)
            yield name, secret, chance.choice(AROUND).format(secret)


def placed(seed: int, each: int) -> Iterator[tuple[str, str, str]]:
    """Yield (place, secret, text that holds it) of every place."""
    chance = random.Random(seed)
    for place in PLACED:
        for _ in range(each):
            secret = _key(chance, chance.choice(LETTERS), chance.randint(9, 40), LETTERS + "_-.!+")
            yield place, secret, place.format(secret)
