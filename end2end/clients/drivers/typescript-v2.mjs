/** The official TypeScript client, version 2. Arguments: how it chooses the era, and the method it asks for. */
import { Client, StreamableHTTPClientTransport as Transport, UnauthorizedError } from "@modelcontextprotocol/client";
import { AjvJsonSchemaValidator as Validator } from "@modelcontextprotocol/client/validators/ajv";

import { Provider } from "../support/provider.mjs";
import { revisions } from "../support/setting.mjs";
import { story } from "../support/typescript.mjs";

const [mode, method] = process.argv.slice(2);

await story({
  sdk: { Client, Transport, UnauthorizedError, Validator },
  options: { versionNegotiation: { mode } },
  provider: new Provider(`TypeScript client 2, ${mode}, ${method}`, method),
  // This one checks `iss` itself, so it gets everything.
  finish: (transport, parameters) => transport.finishAuth(parameters),
  revisionOf: (client) => client.getNegotiatedProtocolVersion(),
  revision: mode === "legacy" ? revisions.legacy : revisions.modern,
  // How it registered makes no difference to the tools.
  callsEvery: method === "none",
});
