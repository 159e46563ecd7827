/** Starts `margay demo` for the drivers. */
import { mkdirSync } from "node:fs";
import path from "node:path";

import { freePort } from "./port.mjs";
import { environment, Program } from "./program.mjs";

/** Making a week of data takes a while in an unoptimised build. */
const READY_MS = 180_000;

/** A server that answers; ends the program if that takes too long. */
export async function demo(binary, scratch, password) {
  const home = path.join(scratch, "server");
  mkdirSync(home);
  const port = await freePort();
  const args = ["demo", "--listen", `127.0.0.1:${port}`, "--data-dir", path.join(home, "data")];
  const env = environment(home, { MARGAY_DEMO_PASSWORD: password });
  const program = new Program(binary, args, { env, cwd: home, detached: true });
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + READY_MS;
  const ended = program.over.then((code) => ({ code }));
  while (Date.now() < until) {
    const over = await Promise.race([ended, isReady(url)]);
    if (over === true) return { url, program };
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
