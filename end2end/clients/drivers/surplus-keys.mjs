/**
 * A client that adds keys of its own to the arguments of every call, as n8n's agent node and Cline do: they pass the
 * model's whole context on, and no model could leave the keys out.
 */
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { AjvJsonSchemaValidator as Validator } from "@modelcontextprotocol/sdk/validation/ajv";

import { Provider } from "../support/provider.mjs";
import { revisions } from "../support/setting.mjs";
import { story } from "../support/typescript.mjs";

const SURPLUS = {
  toolCallId: "call_8Jx2",
  sessionId: "3f1c",
  action: "sendMessage",
  chatInput: "What happened last night?",
  tool: "margay",
  task_progress: "- [ ] look at the alerts",
};

class AddsKeys extends Client {
  callTool({ name, arguments: input }, ...rest) {
    return super.callTool({ name, arguments: { ...SURPLUS, ...input } }, ...rest);
  }
}

await story({
  sdk: { Client: AddsKeys, Transport, UnauthorizedError, Validator },
  provider: new Provider("n8n and Cline"),
  finish: (transport, parameters) => transport.finishAuth(parameters.get("code")),
  revisionOf: (_client, transport) => transport.protocolVersion,
  revision: revisions.legacy,
});
