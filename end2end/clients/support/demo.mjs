/** Starts `margay demo` for the drivers. */
import { mkdirSync } from "node:fs";
import path from "node:path";

import { freePort } from "./port.mjs";
import { environment, Program } from "./program.mjs";

/** Making a week of data takes a while in an unoptimised build. */
const READY_MS = 180_000;

/**
 * A server that answers, and its data folder; ends the program if that takes too long. `detached` gives it a process group
 * of its own, so that a signal from the terminal does not end it before its clients; `env` is added to its environment.
 */
export async function demo(binary, scratch, password, { detached = true, env: more = {} } = {}) {
  const home = path.join(scratch, "server");
  mkdirSync(home);
  const port = await freePort();
  const data = path.join(home, "data");
  const args = ["demo", "--listen", `127.0.0.1:${port}`, "--data-dir", data];
  const env = environment(home, { MARGAY_DEMO_PASSWORD: password, ...more });
  const program = new Program(binary, args, { env, cwd: home, detached });
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + READY_MS;
  const ended = program.over.then((code) => ({ code }));
  while (Date.now() < until) {
    const over = await Promise.race([ended, isReady(url)]);
    if (over === true) return { url, program, data };
    if (over) throw new Error(`the server ended with ${over.code}:\n${program.output}`);
  }
  program.kill();
  throw new Error(`the server was not ready after ${READY_MS} ms:\n${program.output}`);
}

async function isReady(url) {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    if (response.ok) return true;
  } catch {
    // It does not listen yet.
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  return false;
}
