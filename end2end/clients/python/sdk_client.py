"""The official Python SDK. Argument: how it chooses the era of the protocol."""

import asyncio
import sys

from every_tool import every_tool
from sdk import Sdk
from setting import REVISIONS
from story import refreshed, work


async def main(mode: str) -> None:
    sdk = Sdk(f"Python SDK, {mode}", mode)

    async def at_work(client) -> int:
        return await work(client, REVISIONS[mode])

    count = await sdk.session(at_work)
    before = sdk.storage.tokens
    # As if the hour were over: the SDK then refreshes by itself.
    sdk.provider.context.token_expiry_time = 1
    assert await sdk.session(at_work) == count
    refreshed(before, sdk.storage.tokens)
    calls = await sdk.session(every_tool)
    assert sdk.person.asked == 1, "a refresh does not ask the person"
    print(f"{count} tools, refreshed, {calls} calls, {REVISIONS[mode]}")


asyncio.run(main(sys.argv[1]))
