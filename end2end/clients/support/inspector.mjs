/** The Inspector's command line, with a home of its own: it keeps tokens and settings there. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";

import { environment, installed, Program } from "./program.mjs";
import { endpoint } from "./setting.mjs";
import { calls, checkAnswer, checkTools } from "./story.mjs";

const RUN_MS = 60_000;
const LAUNCHER = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

const home = path.resolve("inspector");

/** Where it keeps its tokens, because nobody gave it a key to encrypt them. */
export const secretsFile = path.join(home, ".mcp-inspector", "secrets.json");

/** Checks every schema of the list, and exits with 6 if there is one that not every client understands. */
export const strictList = ["--method", "tools/list", "--strict"];

/** Starts it with these arguments. */
export function inspector(era, args) {
  mkdirSync(home, { recursive: true });
  const all = ["--cli", endpoint, "--transport", "http", "--protocol-era", era, "--format", "json", ...args];
  // Without a desktop it would forget its tokens; and it asks for authorization only if it believes that somebody is there.
  const env = environment(home, { MCP_INSPECTOR_SECRET_STORE: "file", MCP_AUTO_OPEN_ENABLED: "true" });
  return new Program(process.execPath, [installed(LAUNCHER), ...all], { env });
}

/** What it found, once it ended well. */
export async function found(program) {
  const code = await program.ended(RUN_MS);
  assert.equal(code, 0, `exit code ${code}\n${withoutWarnings(program.output)}`);
  return JSON.parse(program.stdout).result;
}

/** What a tool answered. */
export async function call(era, args, name, input) {
  const method = ["--method", "tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(input)];
  return found(inspector(era, [...args, ...method]));
}

/** Lists and calls with arguments that bring it in, and checks what comes. */
export async function work(era, args, email) {
  const count = checkTools((await found(inspector(era, [...args, ...strictList]))).tools);
  for (const [name, input] of calls) checkAnswer(name, await call(era, args, name, input), email);
  return count;
}

/** It warns at length about schemas that are right; only its errors tell why it did not end well. */
function withoutWarnings(output) {
  return output.replace(/^\{"result":.*\n/gm, "").replace(/^Warning: tool .*\n(?:  .*\n)*\n?/gm, "");
}
