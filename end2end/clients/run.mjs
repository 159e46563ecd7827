#!/usr/bin/env node
/**
 * Clients and suites that nobody here wrote, each through the real authorization of a real server.
 *
 *   MARGAY_BINARY=… node end2end/clients/run.mjs          all of suite.mjs
 *   MARGAY_BINARY=… node end2end/clients/run.mjs fastmcp  those with this word in their name
 *
 * Starts its own demo in a temporary folder, runs the drivers one after another, ends everything it started. The last
 * line counts; the exit code is 0 only if everything passed. Runs with Node 20; the drivers get a newer one.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { demo } from "./support/demo.mjs";
import { environment, killAll, Program } from "./support/program.mjs";
import { runtimes } from "./support/runtimes.mjs";
import { suite } from "./suite.mjs";

/** The longest that one driver may take, unless suite.mjs gives it more. */
const DRIVER_MS = 180_000;
const PASSWORD = "independent clients, please";

const words = process.argv.slice(2);
const chosen = Object.entries(suite).filter(([name]) => words.every((word) => name.includes(word)));
const scratch = mkdtempSync(path.join(tmpdir(), "margay-clients-"));
const count = { passed: 0, failed: 0 };

process.on("exit", () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
  process.on(signal, () => {
    killAll();
    process.exit(code);
  });
}

try {
  if (chosen.length === 0) throw new Error(`no driver has ${words.join(" and ")} in its name`);
  const binary = process.env.MARGAY_BINARY;
  if (!binary) throw new Error("MARGAY_BINARY names no server; run `make test`, or build it and set the variable");
  const commands = runtimes();
  const server = await demo(path.resolve(binary), scratch, PASSWORD);
  for (const [name, driver] of chosen) await run(name, driver, commands, server);
  if (count.failed > 0) console.log(`\nThe end of the server's log:\n${server.program.output.split("\n").slice(-60).join("\n")}`);
  const code = await server.program.stop(15_000);
  if (code !== 0) throw new Error(`the server did not end well: ${code}\n${server.program.output}`);
} catch (error) {
  // What could not be run has not passed, and neither has a suite whose server failed.
  count.failed = Math.max(chosen.length - count.passed, 1);
  console.log(`FAILED to run the drivers: ${error.message}\nRun \`xtask/setup.sh test\` if something is missing.`);
} finally {
  killAll();
}
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed === 0 ? 0 : 1;

async function run(name, { command, script, args, longest = DRIVER_MS }, commands, server) {
  // Each has a folder of its own, so that nobody finds another's tokens.
  const home = path.join(scratch, name.replace(/\W+/g, "-"));
  mkdirSync(home);
  const env = environment(home, {
    MARGAY_URL: server.url,
    MARGAY_DEMO_PASSWORD: PASSWORD,
    MARGAY_NODE: commands.node,
    MARGAY_PYTHON: commands.python,
    MARGAY_BINARY: path.resolve(process.env.MARGAY_BINARY),
    ...(process.env.MARGAY_REAL_DATA && { MARGAY_REAL_DATA: path.resolve(process.env.MARGAY_REAL_DATA) }),
    ...(process.env.MARGAY_CONFORMANCE_BINARY && {
      MARGAY_CONFORMANCE_BINARY: path.resolve(process.env.MARGAY_CONFORMANCE_BINARY),
    }),
    PYTHONDONTWRITEBYTECODE: "1",
  });
  const file = fileURLToPath(new URL(script, import.meta.url));
  const began = Date.now();
  const program = new Program(commands[command], [file, ...args], { env, cwd: home, detached: true });
  const code = await program.ended(longest);
  const took = `(${Date.now() - began} ms)`;
  if (code === 0) {
    count.passed += 1;
    console.log(`ok ${name} ${took} ${program.stdout.trim().split("\n").at(-1)}`);
  } else {
    count.failed += 1;
    console.log(`FAILED ${name} ${took}, exit code ${code}\n${program.output.trimEnd().replace(/^/gm, "    ")}`);
  }
}
