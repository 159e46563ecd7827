"""What a client has to see once it is connected. The two Python clients have the same methods."""

from setting import ANALYST

CALLS = {
    "list_alerts": {"severities": ["CRITICAL", "HIGH"]},
    "get_permissions": {},
}


async def work(client, revision: str) -> int:
    """Lists and calls; the number of tools."""
    assert client.protocol_version == revision, client.protocol_version
    listed = await client.list_tools()
    names = [tool.name for tool in getattr(listed, "tools", listed)]
    for name, arguments in CALLS.items():
        assert name in names, f"{name} is not among {names}"
        answer = await client.call_tool(name, arguments)
        assert not answer.is_error, answer
        check(name, answer.structured_content)
    return len(names)


def check(name: str, data) -> None:
    """A good answer has its data."""
    assert data, f"{name} has no structured content"
    if name == "get_permissions":
        assert data["user_email"] == ANALYST, data
        assert any(permission["name"] == "AlertRead" for permission in data["permissions"]), data
    else:
        assert data["alerts"], "the demo has serious alerts"


def refreshed(before, after) -> None:
    """A refresh gives both tokens anew."""
    assert after.access_token != before.access_token
    assert after.refresh_token and after.refresh_token != before.refresh_token, "refresh tokens rotate"
