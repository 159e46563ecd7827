/** mcp-remote, the bridge between programs that know only stdio and a remote server. Argument: its protocol mode. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";

import { authorize, deliver } from "../support/person.mjs";
import { environment, installed } from "../support/program.mjs";
import { endpoint, revisions } from "../support/setting.mjs";
import { work } from "../support/story.mjs";
import { callEveryTool, CountingValidator } from "../support/typescript.mjs";

const [mode] = process.argv.slice(2);
const home = path.resolve("mcp-remote");
const config = path.join(home, "config");
await mkdir(config, { recursive: true });

let asked = 0;

/** Starts the bridge, answers in the browser if it asks, and uses it as a desktop program does. */
async function session(use) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [installed("mcp-remote/dist/proxy.js"), endpoint, "--allow-http", "--protocol", mode],
    env: environment(home, { MCP_REMOTE_CONFIG_DIR: config }),
    stderr: "pipe",
  });
  let log = "";
  let person;
  transport.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
    const url = /authorize this client by visiting:\s+(\S+)\s/.exec(log)?.[1];
    if (!url || person) return;
    asked += 1;
    person = authorize(url).then(deliver);
    // Told below; the bridge would only wait for an answer that does not come.
    person.catch(() => transport.close());
  });
  const jsonSchemaValidator = new CountingValidator(new AjvJsonSchemaValidator());
  const client = new Client({ name: "margay-clients", version: "1.0.0" }, { jsonSchemaValidator });
  try {
    await client.connect(transport);
    const count = await use(client, jsonSchemaValidator);
    // It would fall back to the older era without a word to its user.
    assert.equal(log.includes(`Remote server speaks MCP ${revisions.modern}`), mode === "auto");
    return count;
  } catch (error) {
    await person;
    throw new Error(`${error.message}\n${log}`, { cause: error });
  } finally {
    await client.close();
  }
}

/** The file in which the bridge keeps its tokens. */
async function tokenFile() {
  const files = await readdir(config, { recursive: true });
  const [file, ...more] = files.filter((file) => file.endsWith("tokens.json"));
  assert(file && more.length === 0, `one file of tokens among ${files}`);
  return path.join(config, file);
}

const count = await session(work);
const file = await tokenFile();
const before = JSON.parse(await readFile(file, "utf8"));
// As if the access token had expired: the server refuses it, and the bridge has to use its refresh token.
await writeFile(file, JSON.stringify({ ...before, access_token: "expired" }));
assert.equal(await session(work), count);
const after = JSON.parse(await readFile(file, "utf8"));
assert.notEqual(after.refresh_token, before.refresh_token, "refresh tokens rotate");
const calls = await session(callEveryTool);
assert.equal(asked, 1, "a refresh does not ask the person");
console.log(`${count} tools, refreshed, ${calls} calls, ${mode}`);
