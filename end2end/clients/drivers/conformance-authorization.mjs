/** The official conformance suite, its command for authorization servers, through the real sign-in and consent. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { discover, register } from "../support/oauth.mjs";
import { authorize, deliver } from "../support/person.mjs";
import { freePort } from "../support/port.mjs";
import { environment, installed, Program } from "../support/program.mjs";
import { ANSWER_MS, endpoint, issuer } from "../support/setting.mjs";

/** What the suite has to have looked at; that it exits with 0 does not show that it did. */
const REQUIRED = ["authorization-server-metadata", "authorization-code-grant"];

const port = await freePort();
const results = path.resolve("results");
// The suite wants a client that is already known, with exactly this address.
const { as } = await discover();
const client = await register(as, "Conformance suite", [`http://127.0.0.1:${port}/callback`]);

const suite = new Program(
  process.execPath,
  [
    installed("@modelcontextprotocol/conformance/dist/index.js"),
    "authorization",
    ...["--url", issuer, "--client-id", client.client_id, "--resource", endpoint, "-p", `${port}`, "-o", results],
  ],
  { env: environment(path.resolve(".")) },
);
const [, url] = await suite.printed(/^(http\S+\/oauth\/authorize\?\S+)$/m, ANSWER_MS);
await deliver(await authorize(url));
const code = await suite.ended(ANSWER_MS);
assert.equal(code, 0, `exit code ${code}\n${suite.output}`);

const files = (await readdir(results, { recursive: true })).filter((file) => file.endsWith("checks.json"));
const checks = (await Promise.all(files.map((file) => readFile(path.join(results, file), "utf8")))).flatMap((text) => JSON.parse(text));
for (const id of REQUIRED) {
  assert.equal(checks.find((check) => check.id === id)?.status, "SUCCESS", `${id}\n${suite.output}`);
}
const failed = checks.filter((check) => check.status !== "SUCCESS" && check.status !== "WARNING");
assert.deepEqual(failed, []);
const warnings = checks.filter((check) => check.status === "WARNING").map((check) => check.errorMessage);
console.log([`${checks.length} checks`, ...warnings].join("; "));
