"""A client that is configured the way Gemini's function declarations are, with the vendor's own types.

The vendor's `Schema` refuses what its API refuses: an unknown key, a list of types, a type that it does not know. Its
converter for JSON Schema is asked as well, for both of its products, and told to fail on every field that it would
drop. What the model then sends comes as a protobuf `Struct`, in which each number is a double: 30 arrives as 30.0.
"""

import asyncio
import re
from typing import Any

from google.genai import types

from every_tool import every_tool
from sdk import Sdk
from setting import REVISIONS

# The documented rule for `FunctionDeclaration.name`.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
# The documented formats for a number and a text.
FORMATS = {None, "float", "double", "int32", "int64", "enum", "date-time"}
PRODUCTS = ("GEMINI_API", "VERTEX_AI")


def declared(tool) -> types.FunctionDeclaration:
    """The tool as a function that Gemini can call; fails if the vendor's types refuse it."""
    assert NAME.fullmatch(tool.name), f"{tool.name} is no name of a function"
    schema = types.Schema.model_validate(tool.input_schema)
    look(schema, tool.name)
    for product in PRODUCTS:
        json_schema = types.JSONSchema.model_validate(tool.input_schema)
        types.Schema.from_json_schema(
            json_schema=json_schema, api_option=product, raise_error_on_unsupported_field=True
        )
    return types.FunctionDeclaration(name=tool.name, description=tool.description, parameters=schema)


def look(schema: types.Schema, where: str) -> None:
    """What the types cannot say: every value has one known type, every list says what it holds."""
    assert schema.type in set(types.Type) - {types.Type.TYPE_UNSPECIFIED, types.Type.NULL}, f"{where}: {schema.type}"
    assert schema.any_of is None, f"{where} has alternatives"
    # The types know the key, the Gemini API does not.
    assert schema.additional_properties is None, f"{where} says what else may be there"
    assert schema.format in FORMATS, f"{where}: {schema.format}"
    if schema.type == types.Type.ARRAY:
        assert schema.items is not None, f"{where}: a list of what?"
        look(schema.items, f"{where}[]")
    properties = schema.properties or {}
    missing = set(schema.required or []) - set(properties)
    assert not missing, f"{where} requires {missing}, which it does not have"
    for name, inner in properties.items():
        assert inner.description, f"{where}.{name} has no description"
        look(inner, f"{where}.{name}")


def doubles(value: Any) -> Any:
    """A value after its way through a `Struct`."""
    if isinstance(value, bool) or not isinstance(value, (int, list, dict)):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, list):
        return [doubles(item) for item in value]
    return {name: doubles(item) for name, item in value.items()}


class Gemini:
    """A client whose calls are function calls of the model."""

    def __init__(self, client) -> None:
        self.client = client
        self.session = client.session

    async def list_tools(self):
        return await self.client.list_tools()

    async def call_tool(self, name: str, arguments: dict):
        call = types.FunctionCall(name=name, args=doubles(arguments))
        return await self.client.call_tool(call.name, call.args)


async def main() -> None:
    sdk = Sdk("Gemini", "auto")

    async def use(client) -> int:
        tools = (await client.list_tools()).tools
        types.Tool(function_declarations=[declared(tool) for tool in tools])
        print(f"{len(tools)} function declarations", end=", ")
        return await every_tool(Gemini(client))

    calls = await sdk.session(use)
    print(f"{calls} calls with doubles, {REVISIONS['auto']}")


asyncio.run(main())
