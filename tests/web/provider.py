"""An OpenID Connect provider of the tests' own: discovery, keys, the code flow with PKCE, userinfo."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from policy.clock import machine_now

ISSUER = "https://idp.example.com"
CLIENT, SECRET = "rebalancer", "a-clients-secret"


@dataclass
class Idp:
    """What it says of the person who signs in there: `claims` in the token, `info` when asked again."""

    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "7", "preferred_username": "gus", "groups": ["desk"]}
    )
    info: dict[str, Any] = field(default_factory=lambda: {"sub": "7", "groups": ["deciders"]})
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: RSAKey | None = None
    spoils: dict[str, Any] = field(default_factory=dict)  # claims in the place of the right ones
    asked: dict[str, str] = field(default_factory=dict)

    def go(self, location: str) -> dict[str, str]:
        """The browser comes by and signs in; what it goes back with."""
        assert location.startswith(f"{ISSUER}/authorize?")
        self.asked = {name: each[0] for name, each in parse_qs(urlsplit(location).query).items()}
        assert self.asked["code_challenge_method"] == "S256" and self.asked["response_type"] == "code"
        return {"code": "a-code", "state": self.asked["state"]}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/.well-known/openid-configuration":
            ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            told = {name: f"{ISSUER}/{end}" for name, end in ends.items()}
            return httpx.Response(200, json={"issuer": ISSUER, "userinfo_endpoint": f"{ISSUER}/userinfo", **told})
        if path == "/jwks":
            return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
        if path == "/userinfo":
            assert request.headers["authorization"] == "Bearer an-access-token"
            return httpx.Response(200, json=self.info)
        assert path == "/token", path
        return self._token(request)

    def _token(self, request: httpx.Request) -> httpx.Response:
        given = {name: each[0] for name, each in parse_qs(request.content.decode()).items()}
        proof = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if challenge != self.asked["code_challenge"] or request.headers["authorization"] != f"Basic {basic}":
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = int(machine_now().timestamp())  # the provider's own clock
        claims = {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.asked["nonce"]}
        claims |= self.claims | self.spoils
        key = self.signs_with or self.key
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        return httpx.Response(
            200,
            content=json.dumps({"access_token": "an-access-token", "token_type": "Bearer", "id_token": token}),
            headers={"content-type": "application/json"},
        )
