"""The official Python SDK with a person who answers for it: what the drivers that use it share."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from setting import ANSWER_SECONDS, ENDPOINT, authorize

# Nothing listens there: the person's way ends at this address, and the driver takes it from there.
REDIRECT = "http://127.0.0.1:8917/callback"


class Storage:
    """Keeps what the SDK gives it."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    """Answers on the authorization page."""

    asked = 0
    callback = ""

    async def redirect(self, url: str) -> None:
        self.asked += 1
        self.callback = await asyncio.to_thread(authorize, url)

    async def answer(self) -> AuthorizationCodeResult:
        assert self.callback.startswith(REDIRECT + "?"), self.callback
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.callback).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])


class Sdk:
    """A client that is registered under `name` and keeps its tokens from one session to the next."""

    def __init__(self, name: str, mode: str) -> None:
        self.mode = mode
        self.storage, self.person = Storage(), Person()
        self.provider = OAuthClientProvider(
            server_url=ENDPOINT,
            client_metadata=OAuthClientMetadata(client_name=name, redirect_uris=[REDIRECT]),
            storage=self.storage,
            redirect_handler=self.person.redirect,
            callback_handler=self.person.answer,
        )

    async def session(self, use) -> int:
        """Connects, lets `use` work with the client, disconnects."""
        async with httpx2.AsyncClient(auth=self.provider, timeout=ANSWER_SECONDS) as http:
            transport = streamable_http_client(ENDPOINT, http_client=http)
            async with Client(transport, mode=self.mode) as client:
                return await use(client)
