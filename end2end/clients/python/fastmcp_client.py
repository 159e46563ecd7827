"""fastmcp, as its users write it: it opens a browser and waits on a port of its own. Argument: the era's choice."""

import asyncio
import sys
import warnings
import webbrowser

from fastmcp import Client
from fastmcp.client.auth import OAuth

from every_tool import every_tool
from setting import ENDPOINT, REVISIONS, authorize_and_deliver
from story import refreshed, work


class Person(webbrowser.BaseBrowser):
    """The browser that fastmcp finds, with the person in front of it."""

    asked = 0

    def open(self, url, new=0, autoraise=True):
        self.asked += 1
        authorize_and_deliver(url)
        return True


async def main(mode: str) -> None:
    # It warns that tokens are kept in memory only, which is what a test wants.
    warnings.simplefilter("ignore", UserWarning)
    person = Person()
    webbrowser.register("person", None, person, preferred=True)
    auth = OAuth(mcp_url=ENDPOINT, client_name=f"fastmcp, {mode}", callback_timeout=60)

    async def session(use) -> int:
        async with Client(ENDPOINT, auth=auth, mode=mode) as client:
            return await use(client)

    async def at_work(client) -> int:
        return await work(client, REVISIONS[mode])

    count = await session(at_work)
    before = auth.context.current_tokens
    # As if the hour were over: the client then refreshes by itself.
    auth.context.token_expiry_time = 1
    assert await session(at_work) == count
    refreshed(before, auth.context.current_tokens)
    calls = await session(every_tool)
    assert person.asked == 1, "a refresh does not ask the person"
    print(f"{count} tools, refreshed, {calls} calls, {REVISIONS[mode]}")


asyncio.run(main(sys.argv[1]))
