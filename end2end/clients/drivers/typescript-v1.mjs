/** The official TypeScript SDK, version 1. Argument: the authentication method it asks for when it registers. */
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { AjvJsonSchemaValidator as Validator } from "@modelcontextprotocol/sdk/validation/ajv";

import { Provider } from "../support/provider.mjs";
import { revisions } from "../support/setting.mjs";
import { story } from "../support/typescript.mjs";

const [method] = process.argv.slice(2);

await story({
  sdk: { Client, Transport, UnauthorizedError, Validator },
  provider: new Provider(`TypeScript SDK 1, ${method}`, method),
  finish: (transport, parameters) => transport.finishAuth(parameters.get("code")),
  revisionOf: (_client, transport) => transport.protocolVersion,
  revision: revisions.legacy,
  // How it registered makes no difference to the tools.
  callsEvery: method === "none",
});
