"""The official Python SDK. Argument: how it chooses the era of the protocol."""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from every_tool import every_tool
from setting import ANSWER_SECONDS, ENDPOINT, REVISIONS, authorize
from story import refreshed, work

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


async def main(mode: str) -> None:
    storage, person = Storage(), Person()
    provider = OAuthClientProvider(
        server_url=ENDPOINT,
        client_metadata=OAuthClientMetadata(client_name=f"Python SDK, {mode}", redirect_uris=[REDIRECT]),
        storage=storage,
        redirect_handler=person.redirect,
        callback_handler=person.answer,
    )

    async def session(use) -> int:
        async with httpx2.AsyncClient(auth=provider, timeout=ANSWER_SECONDS) as http:
            transport = streamable_http_client(ENDPOINT, http_client=http)
            async with Client(transport, mode=mode) as client:
                return await use(client)

    async def at_work(client) -> int:
        return await work(client, REVISIONS[mode])

    count = await session(at_work)
    before = storage.tokens
    # As if the hour were over: the SDK then refreshes by itself.
    provider.context.token_expiry_time = 1
    assert await session(at_work) == count
    refreshed(before, storage.tokens)
    calls = await session(every_tool)
    assert person.asked == 1, "a refresh does not ask the person"
    print(f"{count} tools, refreshed, {calls} calls, {REVISIONS[mode]}")


asyncio.run(main(sys.argv[1]))
