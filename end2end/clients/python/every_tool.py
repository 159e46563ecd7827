"""Calls every tool, as support/every-tool.json says. What the plan means is told in support/every-tool.mjs."""

import json
import os
from pathlib import Path

PLAN = Path(__file__).parent.parent / "support" / "every-tool.json"
# How much of an answer an error shows.
SHOWN = 2_000


def plan() -> list[dict]:
    """The steps of every run, and those that MARGAY_MORE_STEPS names in addition."""
    files = [PLAN, *filter(None, [os.environ.get("MARGAY_MORE_STEPS")])]
    steps = [step for file in files for step in json.loads(Path(file).read_text("utf-8"))]
    return [{"name": step["tool"], **step} for step in steps]


async def every_tool(client) -> int:
    """Goes through the plan; the number of calls. The two Python clients have the same methods."""
    steps = plan()
    listed = await client.list_tools()
    tools = getattr(listed, "tools", listed)
    for tool in tools:
        assert (tool.output_schema or {}).get("type") == "object", f"{tool.name} has no output schema"
    validated = note_validated(client.session)

    answers: dict[str, dict] = {}
    for step in steps:
        assert step["name"] not in answers, f"steps have different names: {step['name']}"
        missing = [name for name in step.get("after", []) if name not in answers]
        assert not missing, f"{step['name']} needs {missing}, which come later"
        answers[step["name"]] = await perform(step, client, answers)
    called = sorted({step["tool"] for step in steps})
    assert called == sorted(tool.name for tool in tools), "every tool of the list is called, and has to be planned for"
    assert validated == [step["tool"] for step in steps], "the client holds every answer against its schema"
    return len(steps)


def note_validated(session) -> list[str]:
    """The names of the tools whose answers the SDK has held against their schemas, as it goes on."""
    names: list[str] = []
    validate = session.validate_tool_result

    async def noted(name, result):
        await validate(name, result)
        names.append(name)

    session.validate_tool_result = noted
    return names


async def perform(step: dict, client, answers: dict) -> dict:
    arguments = fill(step.get("arguments", {}), answers)
    asked = f"{step['name']}, {step['tool']} {json.dumps(arguments)}"
    try:
        answer = await client.call_tool(step["tool"], arguments)
    except Exception as error:
        raise AssertionError(f"{asked}: {error}") from error
    shown = str(answer)[:SHOWN]
    assert not answer.is_error, f"{asked} failed: {shown}"
    data = answer.structured_content
    assert isinstance(data, dict), f"{asked} has no structured content: {shown}"
    for expected in step.get("expect", []):
        found = find(data, expected["path"])
        assert found is not None, f"{asked}: nothing at {expected['path']} of {shown}"
        if "is" in expected:
            wanted = fill(expected["is"], answers)
            assert found == wanted, f"{asked}: {expected['path']} is {found}, not {wanted}"
    return data


def fill(value, answers: dict):
    """A value of the plan with what earlier answers say."""
    if isinstance(value, list):
        return [fill(item, answers) for item in value]
    if not isinstance(value, dict):
        return value
    if "concat" in value:
        return "".join(str(fill(item, answers)) for item in value["concat"])
    if "from" not in value:
        return {key: fill(item, answers) for key, item in value.items()}
    assert value["from"] in answers, f"{value['from']} is not answered yet"
    found = find(answers[value["from"]], value["path"])
    assert found is not None, f"the answer of {value['from']} has nothing at {value['path']}"
    return found


def find(value, path: list):
    """What stands at the end of a path; None if that is nothing."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if not isinstance(value, (dict, list)):
        return None
    items = list(value.values()) if isinstance(value, dict) else value
    if step == "*" or isinstance(step, dict):
        for item in items:
            found = find(item, rest) if step == "*" or matches(item, step) else None
            if found is not None:
                return found
        return None
    if isinstance(step, int):
        return find(items[step], rest) if isinstance(value, list) and step < len(items) else None
    return find(value.get(step), rest) if isinstance(value, dict) else None


def matches(item, members: dict) -> bool:
    return isinstance(item, dict) and all(item.get(key) == wanted for key, wanted in members.items())
