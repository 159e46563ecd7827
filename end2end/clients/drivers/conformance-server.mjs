/**
 * The official conformance suite, its command for servers: all that the two revisions require, against our own transport
 * and guard with real tokens, through a proxy that adds them, because the suite sends none.
 *
 * MARGAY_CONFORMANCE_BINARY names a server that was built with the feature `conformance`: it has the tools, prompts and
 * resources that the suite looks for. Without it nothing is done, and the last line says so.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { bearerProxy } from "../support/bearer-proxy.mjs";
import { demo } from "../support/demo.mjs";
import { freePort } from "../support/port.mjs";
import { environment, installed, Program } from "../support/program.mjs";

/** The longest that one revision may take. Some of the scenarios wait for what must not come. */
const SUITE_MS = 240_000;
const SUITE = "@modelcontextprotocol/conformance";

const binary = process.env.MARGAY_CONFORMANCE_BINARY;
if (binary) await main();
else console.log("skipped: MARGAY_CONFORMANCE_BINARY does not name a server with the feature `conformance`");

async function main() {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  // Not detached: it ends with this driver, however that ends. The suite says in `Origin` that it comes from the proxy.
  const server = await demo(binary, path.resolve("."), process.env.MARGAY_DEMO_PASSWORD, {
    detached: false,
    env: { MARGAY_MCP__ALLOWED_ORIGINS: JSON.stringify([origin]) },
  });
  try {
    // The person signs in at this server, not at the one that the other drivers use.
    process.env.MARGAY_URL = server.url;
    const { accessToken } = await import("../support/oauth.mjs");
    const { people, revisions } = await import("../support/setting.mjs");
    const figures = [];
    for (const revision of Object.values(revisions)) {
      // A connection for each, so that one cannot use up the other's allowance.
      const close = await bearerProxy({ port, target: server.url, token: await accessToken(people.admin) });
      try {
        figures.push(await conformance(`${origin}/mcp`, revision));
      } finally {
        close();
      }
    }
    console.log(figures.join("; "));
  } catch (error) {
    const log = server.program.output.split("\n").slice(-40).join("\n");
    throw new Error(`${error.message}\n\nThe end of the server's log:\n${log}`, { cause: error });
  } finally {
    await server.program.stop(15_000);
  }
}

/** Runs what a revision requires, and returns the figures once all of it has passed. */
async function conformance(url, revision) {
  const results = path.resolve("results", revision);
  const suite = new Program(
    process.execPath,
    [installed(`${SUITE}/dist/index.js`), "server", "--url", url, "--requirements", revision, "-o", results],
    { env: environment(path.resolve(".")) },
  );
  const code = await suite.ended(SUITE_MS);
  const required = await requiredScenarios(revision);
  const ran = await checksOfScenarios(results);
  const failures = required.flatMap((scenario) => failuresOf(scenario, ran.get(scenario)));
  assert.equal(failures.length, 0, `${revision}: ${failures.length} failed\n${failures.join("\n")}\n${summary(suite.output)}`);
  // That nothing was seen to fail is not enough: the suite has the last word.
  assert.equal(code, 0, `${revision}: exit code ${code}\n${suite.output}`);

  const checks = required.flatMap((scenario) => ran.get(scenario));
  const count = (status) => checks.filter((check) => check.status === status).length;
  const unscored = [...ran].filter(([scenario]) => !required.includes(scenario));
  const good = unscored.filter(([scenario, found]) => failuresOf(scenario, found).length === 0);
  return (
    `${revision}: ${required.length} scenarios, ${count("SUCCESS")} checks passed, 0 failed, ${count("WARNING")} warnings, ` +
    `${good.length} of ${unscored.length} unscored scenarios passed`
  );
}

/** The frozen list of the suite itself. */
async function requiredScenarios(revision) {
  const yaml = await readFile(installed(`${SUITE}/requirements/${revision}.yaml`), "utf8");
  const [, list] = /^server:\n((?: +- .+\n)+)/m.exec(yaml) ?? [];
  assert(list, `the requirements of ${revision} have no list of scenarios for servers`);
  return list.trim().split("\n").map((line) => line.replace(/^ *- */, "").trim());
}

/** What each scenario that ran has checked. */
async function checksOfScenarios(results) {
  const ran = new Map();
  for (const folder of await readdir(results)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(folder)?.[1];
    assert(scenario, `${folder} has a name that is not one of a scenario`);
    const file = path.join(results, folder, "checks.json");
    if (existsSync(file)) ran.set(scenario, JSON.parse(await readFile(file, "utf8")));
  }
  return ran;
}

/** One line for each failed check of a scenario, in the words of the suite. */
function failuresOf(scenario, checks) {
  if (!checks?.some((check) => check.status === "SUCCESS")) return [`${scenario}: nothing was checked`];
  const failed = checks.filter((check) => check.status === "FAILURE");
  return failed.map((check) => `${scenario}: ${check.id}: ${check.errorMessage ?? check.description}`);
}

/** What the suite says at its end. */
function summary(output) {
  const at = output.lastIndexOf("=== SUMMARY ===");
  return at < 0 ? output.slice(-4_000) : output.slice(at);
}
