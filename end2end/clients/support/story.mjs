/** What every client has to see once it is connected, however it speaks to the server. */
import assert from "node:assert/strict";

import { people } from "./setting.mjs";

/** The two tools that every driver calls: one that reads data, one that tells who is asking. */
export const calls = [
  ["list_alerts", { severities: ["CRITICAL", "HIGH"] }],
  ["get_permissions", {}],
];

/** A list of tools with both of them. */
export function checkTools(tools) {
  const names = tools.map((tool) => tool.name);
  for (const [name] of calls) assert(names.includes(name), `${name} is not among the tools: ${names.join(", ")}`);
  for (const tool of tools) assert.equal(tool.inputSchema?.type, "object", `${tool.name} has no input schema`);
  return names.length;
}

/** A good answer of one of them, with its data. */
export function checkAnswer(name, answer, email = people.analyst) {
  assert(!answer.isError, `${name} failed: ${JSON.stringify(answer.content)}`);
  const data = answer.structuredContent;
  assert(data, `${name} has no structuredContent: ${JSON.stringify(answer)}`);
  if (name === "get_permissions") {
    assert.equal(data.user_email, email);
    assert(data.permissions.some((permission) => permission.name === "AlertRead"));
  } else {
    assert(data.alerts.length > 0, "the demo has serious alerts");
  }
}

/** Lists and calls with a client that has the methods of the TypeScript SDKs. */
export async function work(client) {
  const count = checkTools((await client.listTools()).tools);
  for (const [name, args] of calls) checkAnswer(name, await client.callTool({ name, arguments: args }));
  return count;
}
