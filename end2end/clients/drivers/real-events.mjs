/**
 * Every tool against ingested real events: a demo of its own gets them with `margay ingest` while it runs, and the drivers
 * of three clients go through their whole story there, with questions about these events in addition.
 *
 * MARGAY_REAL_DATA names a folder with them, in files whose names are the log type and .jsonl, with anything in
 * between. Without it nothing is done, and the last line says so.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { demo } from "../support/demo.mjs";
import { environment, Program } from "../support/program.mjs";
import { password } from "../support/setting.mjs";

/** The log types; of each event its time and the indicator that is searched for. Of the last two there may be no events. */
const TYPES = [
  {
    type: "AWS.CloudTrail",
    table: "aws_cloudtrail",
    timeOf: (event) => event.eventTime,
    indicatorOf: (event) => address(event.sourceIPAddress),
  },
  {
    type: "Okta.SystemLog",
    table: "okta_systemlog",
    timeOf: (event) => event.published,
    indicatorOf: (event) => address(event.client?.ipAddress),
  },
  {
    type: "GitHub.Audit",
    table: "github_audit",
    timeOf: (event) => event["@timestamp"] ?? event.created_at,
    indicatorOf: (event) => event.actor,
  },
];

const CLIENTS = [
  ["TypeScript client 2, auto", process.execPath, "typescript-v2.mjs", "auto", "none"],
  ["TypeScript SDK 1", process.execPath, "typescript-v1.mjs", "none"],
  ["Python SDK, auto", process.env.MARGAY_PYTHON, "../python/sdk_client.py", "auto"],
];

const COMMAND_MS = 120_000;
const CLIENT_MS = 180_000;
/** How far before and after an event it is looked for. */
const AROUND_MS = 60_000;

const folder = process.env.MARGAY_REAL_DATA;
if (folder) await main();
else console.log("skipped: MARGAY_REAL_DATA does not name a folder of real events");

async function main() {
  // Not detached: it ends with this driver, however that ends.
  const server = await demo(process.env.MARGAY_BINARY, path.resolve("."), password, { detached: false });
  try {
    const steps = [];
    const found = [];
    for (const { type, ...rest } of TYPES) {
      const files = filesOf(type);
      if (files.length === 0) continue;
      steps.push(...(await ingest(server, { type, files, ...rest })));
      found.push(type);
    }
    assert(found.includes(TYPES[0].type), `there are no events of ${TYPES[0].type} in ${folder}`);
    const more = path.resolve("more-steps.json");
    writeFileSync(more, JSON.stringify(steps));
    for (const client of CLIENTS) await runClient(server, more, client);
    const missing = TYPES.filter(({ type }) => !found.includes(type)).map(({ type }) => `, none of ${type}`);
    console.log(`${CLIENTS.length} clients, events of ${found.join(" and ")}${missing.join("")}`);
  } finally {
    await server.program.stop(15_000);
  }
}

/** Ingests the files of a log type, and returns steps for the plan that ask for what came in. */
async function ingest(server, { type, table, timeOf, indicatorOf, files }) {
  const everything = `SELECT count(*) AS n FROM panther_logs.public.${table} WHERE p_event_time >= '1970-01-01'`;
  const [before] = await margay(server, ["query", everything]);
  const events = [];
  for (const [index, file] of files.entries()) {
    const lines = readFileSync(file, "utf8").split("\n").filter((line) => line.trim() !== "");
    // Rejected lines would be written beside the file, into a folder that is not ours.
    const rejects = path.resolve(`${type}-${index}.rejected`);
    const [{ report }] = await margay(server, ["ingest", type, file, "--rejects", rejects]);
    const { stored, rejected_total } = report;
    assert.deepEqual({ stored, rejected_total }, { stored: lines.length, rejected_total: 0 }, file);
    events.push(...lines.map((line) => JSON.parse(line)));
  }

  const isUsable = (event) => instant(timeOf(event)) !== undefined && typeof indicatorOf(event) === "string";
  const chosen = events.find(isUsable);
  assert(chosen, `no event of ${type} has a time and an indicator`);
  const at = instant(timeOf(chosen));
  const [from, until] = [at - AROUND_MS, at + AROUND_MS].map((moment) => new Date(moment).toISOString());
  const value = indicatorOf(chosen);
  const literal = value.replaceAll("\\", "\\\\").replaceAll("'", "''");
  const column = isIPv4(value) ? "p_any_ip_addresses" : "p_any_usernames";
  const around =
    `SELECT p_event_time, p_row_id FROM panther_logs.public.${table} WHERE p_occurs_between('${from}', '${until}') ` +
    `AND ARRAY_CONTAINS('${literal}'::VARIANT, ${column}) ORDER BY p_event_time, p_row_id`;
  return [
    {
      name: `real events of ${type}`,
      tool: "query_data_lake",
      arguments: { sql: everything },
      expect: [{ path: ["results", 0, "n"], is: before.n + events.length }],
    },
    {
      name: `real event of ${type}`,
      tool: "query_data_lake",
      arguments: { sql: around },
      expect: [{ path: ["results", 0, "p_row_id"] }],
    },
    {
      name: `real indicator of ${type}`,
      tool: "search_indicators",
      arguments: { indicators: [value], start_date: from, end_date: until },
      expect: [{ path: ["matches", { log_type: type }] }, { path: ["events", 0, "p_row_id"] }],
    },
  ];
}

/** Runs a command of the binary on the data of the server, and returns what it prints. */
async function margay(server, args) {
  const env = environment(path.resolve("."));
  const program = new Program(process.env.MARGAY_BINARY, ["--data-dir", server.data, "--json", ...args], { env });
  const code = await program.ended(COMMAND_MS);
  assert.equal(code, 0, `margay ${args.join(" ")}\n${program.output}`);
  return JSON.parse(program.stdout);
}

/** The whole story of another driver, against this server. */
async function runClient(server, more, [name, command, script, ...args]) {
  const home = path.resolve(name.replace(/\W+/g, "-"));
  mkdirSync(home);
  const { MARGAY_DEMO_PASSWORD, MARGAY_NODE, PYTHONDONTWRITEBYTECODE } = process.env;
  const env = environment(home, {
    MARGAY_URL: server.url,
    MARGAY_MORE_STEPS: more,
    MARGAY_DEMO_PASSWORD,
    MARGAY_NODE,
    PYTHONDONTWRITEBYTECODE,
  });
  const file = fileURLToPath(new URL(script, import.meta.url));
  const program = new Program(command, [file, ...args], { env, cwd: home });
  const code = await program.ended(CLIENT_MS);
  const log = server.program.output.slice(-5_000);
  assert.equal(code, 0, `${name}, exit code ${code}\n${program.output}\nThe end of the server's log:\n${log}`);
}

function filesOf(type) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => {
    const name = path.basename(file);
    // Not those of AWS.CloudTrailDigest.
    return name.startsWith(type) && /^\W.*jsonl$/.test(name.slice(type.length));
  });
  return files.sort().map((file) => path.join(folder, file));
}

/** Milliseconds since 1970, of a time that says its zone or is a number. */
function instant(value) {
  if (typeof value === "number") return value;
  const is_text = typeof value === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(value);
  const moment = is_text ? Date.parse(value) : NaN;
  return Number.isNaN(moment) ? undefined : moment;
}

function address(value) {
  return isIPv4(value ?? "") ? value : undefined;
}
