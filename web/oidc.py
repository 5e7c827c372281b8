"""Signing in by a provider (OpenID Connect): the code flow with PKCE, state and nonce; groups become roles.

What a flow needs again when the browser comes back is derived of one secret in a cookie: nothing is kept here.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from identity.person import oidc_subject
from identity.roles import known
from identity.tokens import same

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
PATIENCE = 10.0  # seconds that the provider may take


class NotVouchedFor(Exception):
    """The provider does not say who somebody is, or says what can't be believed."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouches for: `roles` by the groups of this sign-in."""

    subject: str
    name: str
    groups: tuple[str, ...]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in: `state`, `nonce` and PKCE's verifier, all derived of the browser's secret."""

    secret: str

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    @property
    def state(self) -> str:
        """Tells this flow from one that another site began."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Ties the provider's word to this flow."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Proves to the provider that who asks for the token began the flow."""
        return self._derived("verifier")


@dataclass(frozen=True)
class Provider:
    """A provider, as the settings name it. `roles` is from group to role; `redirect` where browsers come back."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect: str
    roles: Mapping[str, str]
    groups_claim: str = "groups"
    transport: httpx.BaseTransport | None = None  # of a test

    def begin(self, flow: Flow) -> str:
        """Where the browser is sent. Raises NotVouchedFor where the provider does not answer."""
        with self._client() as client:
            told = self._discovered(client)
            url, _ = client.create_authorization_url(
                str(told["authorization_endpoint"]), flow.state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(url)

    def end(self, flow: Flow, asked: Mapping[str, str]) -> Vouched:
        """Who it is, by what the browser came back with. Raises NotVouchedFor."""
        if not same(asked.get("state", ""), flow.state):
            raise NotVouchedFor("this sign-in was begun elsewhere, or took too long")
        if "code" not in asked:
            told = asked.get("error_description") or asked.get("error") or "no reason"
            raise NotVouchedFor(f"the provider refused: {told[:200]}")
        with self._client() as client:
            told_of = self._discovered(client)
            try:
                token = client.fetch_token(
                    str(told_of["token_endpoint"]), code=asked["code"], code_verifier=flow.verifier
                )
                claims = self._claims(client, told_of, token, flow)
                more = self._userinfo(client, told_of)
            except (OAuthError, httpx.HTTPError, ValueError, KeyError) as flaw:
                raise NotVouchedFor(f"the provider's answer can't be used: {type(flaw).__name__}") from None
        if more and more.get("sub") != claims["sub"]:
            raise NotVouchedFor("the provider's two answers are about two people")
        groups = tuple(dict.fromkeys([*self._groups(claims), *self._groups(more)]))
        said = {**claims, **more}
        name = next((str(said[each]) for each in ("preferred_username", "email", "name") if said.get(each)), "")
        name = "".join(each for each in name if each.isprintable()).strip()[:180] or str(claims["sub"])[:180]
        return Vouched(oidc_subject(self.issuer, str(claims["sub"])), name, groups, self.roles_of(groups))

    def roles_of(self, groups: Iterable[str]) -> frozenset[str]:
        """The roles of groups; a group that is not in the map has none."""
        return known(self.roles[each] for each in groups if each in self.roles)

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self.client_id,
            client_secret=self.client_secret,
            scope="openid profile email groups",
            redirect_uri=self.redirect,
            code_challenge_method="S256",
            timeout=PATIENCE,
            transport=self.transport,
        )

    def _discovered(self, client: OAuth2Client) -> Mapping[str, Any]:
        where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            told = client.request("GET", where, withhold_token=True).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as flaw:
            raise NotVouchedFor("the provider does not answer; sign in by password, or try later") from flaw
        if not isinstance(told, dict) or told.get("issuer") != self.issuer:
            raise NotVouchedFor("the provider says that it is another one")
        return told

    def _claims(
        self, client: OAuth2Client, told: Mapping[str, Any], token: Mapping[str, Any], flow: Flow
    ) -> Mapping[str, Any]:
        keys = KeySet.import_key_set(
            client.request("GET", str(told["jwks_uri"]), withhold_token=True).raise_for_status().json()
        )
        try:
            found = jwt.decode(str(token["id_token"]), keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=30,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": flow.nonce},
            ).validate(found.claims)
        except JoseError as flaw:
            raise NotVouchedFor(f"the provider's word is not good: {flaw.error}") from None
        return found.claims

    def _userinfo(self, client: OAuth2Client, told: Mapping[str, Any]) -> Mapping[str, Any]:
        where = told.get("userinfo_endpoint")
        if not where:
            return {}
        found = client.get(str(where)).raise_for_status().json()
        return found if isinstance(found, dict) else {}

    def _groups(self, said: Mapping[str, Any]) -> list[str]:
        given = said.get(self.groups_claim) or []
        return [str(each) for each in given] if isinstance(given, list) else [str(given)]


def from_environment(environ: Mapping[str, str], origin: str) -> Provider | None:
    """REBALANCER_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET_FILE, _ROLES and _GROUPS_CLAIM; None without an issuer.

    `_ROLES` is JSON from group to role, like {"rebalancing-desk": "operator"}. Raises ValueError in a line.
    """
    issuer = environ.get("REBALANCER_OIDC_ISSUER")
    if not issuer:
        return None
    if not issuer.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise ValueError(f"REBALANCER_OIDC_ISSUER={issuer} is not reached by https")
    client_id, file = environ.get("REBALANCER_OIDC_CLIENT_ID"), environ.get("REBALANCER_OIDC_CLIENT_SECRET_FILE")
    if not client_id or not file:
        raise ValueError(
            "REBALANCER_OIDC_ISSUER needs REBALANCER_OIDC_CLIENT_ID and REBALANCER_OIDC_CLIENT_SECRET_FILE"
        )
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
        roles = json.loads(environ.get("REBALANCER_OIDC_ROLES") or "{}")
        known(roles.values())
    except OSError as flaw:
        raise ValueError(f"REBALANCER_OIDC_CLIENT_SECRET_FILE={file} can't be read: {flaw.strerror}") from flaw
    except (ValueError, AttributeError, TypeError) as flaw:
        raise ValueError(f'REBALANCER_OIDC_ROLES is JSON like {{"rebalancing-desk": "operator"}}: {flaw}') from flaw
    claim = environ.get("REBALANCER_OIDC_GROUPS_CLAIM") or "groups"
    return Provider(issuer, client_id, secret, f"{origin}/sign-in/oidc/back", roles, claim)
