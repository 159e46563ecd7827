/** One request of the stateless era, made by hand: for drivers that bring their own token and no MCP client. */
import { randomUUID } from "node:crypto";

import { revisions } from "./setting.mjs";

/** URL-independent parts of a request: its headers and its body. */
export function request(method, params = {}) {
  const id = randomUUID();
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": revisions.modern,
    "io.modelcontextprotocol/clientInfo": { name: "margay-clients", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const headers = new Headers({
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": revisions.modern,
    "mcp-method": method,
  });
  if (params.name) headers.set("mcp-name", params.name);
  return { headers, body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } }) };
}

/** The result in an answer, whether it came as JSON or as the last event of a stream. */
export async function result(response) {
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const json = isStream ? text.split("\n").findLast((line) => line.startsWith("data: {"))?.slice("data: ".length) : text;
  const message = JSON.parse(json ?? "null");
  if (!message?.result) throw new Error(`no result in ${response.status} ${text}`);
  return message.result;
}
