"""Canaille, a provider of OpenID Connect, with the accounts and clients a test needs, on a free port.

    python serve.py

Everything of the protocol is Canaille's and Authlib's: log-in form, consent, authorization, token, discovery and key
endpoints, one-time codes. This file is its configuration. Access tokens are those of RFC 9068, made by the generator
Authlib has for them; Canaille's own are opaque.

Prints one line of JSON when it is ready. Each line of standard input is a command, answered by a line of JSON:

    redirect ADDRESS    lets the browser be sent there
    rotate              new signing keys; the old ones stay published
    retire              only the newest keys stay published
    quit
"""

import base64
import datetime
import json
import secrets
import socket
import sys
import tempfile
import threading

from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from canaille import create_app
from canaille.app import models
from canaille.app.otp import make_otp_secret
from canaille.backends import Backend
from canaille.oidc.jose import server_jwks
from canaille.oidc.provider import authorization
from canaille.oidc.userinfo import generate_user_claims
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

AUDIENCE = "turnpike-api"


def new_key():
    return RSAKey.generate_key(2048, auto_kid=True)


def published(key):
    return {name: value for name, value in key.as_dict(private=True).items()}


class Person:
    """Canaille's account under the name Authlib's generator asks for."""

    def __init__(self, user):
        self.user = user

    def get_user_id(self):
        return self.user.user_name


class AccessTokens(JWTBearerTokenGenerator):
    """Authlib's tokens of RFC 9068, signed with Canaille's keys."""

    def get_jwks(self):
        return server_jwks(include_inactive=False)

    def get_audiences(self, client, user, scope):
        return AUDIENCE

    def access_token_generator(self, client, grant_type, user, scope):
        return super().access_token_generator(client, grant_type, user and Person(user), scope)

    def get_extra_claims(self, client, grant_type, user, scope):
        return generate_user_claims(user.user) if user else {}

    @staticmethod
    def get_allowed_scope(client, scope):
        return client.get_allowed_scope(scope)


def main():
    with tempfile.TemporaryDirectory() as folder:
        run_in(folder)


def run_in(folder):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    name = f"127.0.0.1:{port}"
    issuer = f"http://{name}"
    first = new_key()
    config = {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "SERVER_NAME": name,
        "PREFERRED_URL_SCHEME": "http",
        # Its back end in memory finds by any of several conditions instead of all: a code of another sign-in would do.
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder}/canaille.sqlite"},
        "CANAILLE": {
            "DATABASE": "sql",
            "AUTHENTICATION_FACTORS": ["password", "otp"],
            "OTP_METHOD": "TOTP",
            "CAPTCHA_ENABLED": False,
            "LOGGING": {"version": 1, "disable_existing_loggers": False},
        },
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": [published(first)],
            "INACTIVE_JWKS": [],
            "USERINFO_MAPPING": {"WEBSITE": "{{ user.organization }}"},
        },
        "SESSION_COOKIE_SECURE": False,
    }
    app = create_app(config, init_backend=True)
    authorization.register_token_generator("default", AccessTokens(issuer))
    told = {"issuer": issuer, "people": {}, "systems": {}}
    with app.app_context():
        fill(told)
    listener.close()
    server = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(told)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        with app.app_context():
            say(run(app, command, argument))
        if command == "quit":
            break
    server.shutdown()


def fill(told):
    now = datetime.datetime.now(datetime.timezone.utc)
    people = {}
    for name, organisation, region in [
        ("rosa.lind", "brookdale-pd", "US-OH"),
        ("milo.park", "brookdale-pd", "US-OH"),
        ("vera.holt", "brookdale-pd", "US-MI"),
        ("ada.quill", "nowhere-pd", "US-OH"),
        ("omar.reed", "brookdale-pd", "US-OH"),
    ]:
        password = secrets.token_urlsafe(18)
        person = models.User(
            user_name=name,
            formatted_name=name,
            family_name=name,
            emails=[f"{name}@people.example"],
            organization=organisation,
            region=region,
            password=password,
        )
        person.secret_token = make_otp_secret()
        person.last_otp_login = now
        Backend.instance.save(person)
        people[name] = person
        shared = base64.b32encode(person.secret_token.encode()).decode().rstrip("=")
        told["people"][name] = {"password": password, "code_secret": shared}
    for group, members in [
        ("plate-investigators", ["rosa.lind", "vera.holt", "ada.quill", "omar.reed"]),
        ("plate-auditors", ["omar.reed"]),
    ]:
        Backend.instance.save(
            models.Group(display_name=group, members=[people[name] for name in members])
        )
    told["client"] = client("turnpike", now, ["authorization_code"], ["code"], ["http://127.0.0.1/callback"])
    for name in ["records-system", "stray-system"]:
        told["systems"][name] = client(name, now, ["client_credentials"], [], [])


def client(name, now, grants, responses, redirects):
    secret = secrets.token_urlsafe(32)
    made = models.Client(
        client_id=name,
        client_secret=secret,
        client_name=name,
        client_uri="http://127.0.0.1",
        redirect_uris=redirects,
        grant_types=grants,
        response_types=responses,
        scope=["openid", "profile", "groups", "address"],
        token_endpoint_auth_method="client_secret_basic",
        id_token_signed_response_alg="RS256",
        client_id_issued_at=now,
    )
    Backend.instance.save(made)
    made.audience = [made]
    Backend.instance.save(made)
    return secret


def run(app, command, argument):
    settings = app.config["CANAILLE_OIDC"]
    if command == "redirect":
        made = Backend.instance.get(models.Client, client_id="turnpike")
        made.redirect_uris = [*made.redirect_uris, argument]
        Backend.instance.save(made)
        return {"redirect": argument}
    if command == "rotate":
        key = new_key()
        settings["INACTIVE_JWKS"] = settings["ACTIVE_JWKS"]
        settings["ACTIVE_JWKS"] = [published(key)]
        return {"kid": key.kid}
    if command == "retire":
        settings["INACTIVE_JWKS"] = []
        return {"retired": True}
    return {"quit": command == "quit"}


def say(what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
