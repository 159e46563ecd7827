/**
 * Calls every tool, with arguments from earlier answers, as every-tool.json says. Drivers in Python have an interpreter of
 * their own for the same file, python/every_tool.py.
 *
 * A step has a `tool` and its `arguments`; `name`, if a tool is called more than once; `expect`, what its answer has to
 * hold; and `after`, the steps whose effect it needs or must not disturb. Inside arguments, `{ "from": step, "path": … }`
 * is a value of an earlier answer and `{ "concat": […] }` a text of several values.
 *
 * A path is a list of members and indexes. `"*"` is the first item from which the rest of the path leads somewhere; an
 * object is the same, but only of items with these members.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** How much of an answer an error shows. */
const SHOWN = 2_000;

const read = (file) => JSON.parse(readFileSync(file, "utf8"));

/** The steps of every run, and those that MARGAY_MORE_STEPS names in addition. */
function plan() {
  const more = process.env.MARGAY_MORE_STEPS ? read(process.env.MARGAY_MORE_STEPS) : [];
  return [...read(new URL("every-tool.json", import.meta.url)), ...more].map((step) => ({ name: step.tool, ...step }));
}

/**
 * Goes through the plan, at most `atOnce` calls at a time, and returns how many calls it made. `tools` is the list that
 * the client got, `call` takes a name and arguments and returns the result of the call.
 */
export async function everyTool(tools, call, { atOnce = 1 } = {}) {
  const waiting = plan();
  const count = waiting.length;
  assert.equal(new Set(waiting.map((step) => step.name)).size, count, "steps have different names");
  for (const tool of tools) assert.equal(tool.outputSchema?.type, "object", `${tool.name} has no output schema`);

  const answers = new Map();
  const called = new Set();
  const running = new Map();
  while (waiting.length > 0 || running.size > 0) {
    while (running.size < atOnce) {
      const at = waiting.findIndex((step) => needs(step).every((name) => answers.has(name)));
      if (at < 0) break;
      const [step] = waiting.splice(at, 1);
      called.add(step.tool);
      const answered = perform(step, call, answers).then((data) => {
        answers.set(step.name, data);
        running.delete(step.name);
      });
      running.set(step.name, answered);
    }
    assert(running.size > 0, `nothing answers what these need: ${waiting.map((step) => step.name).join(", ")}`);
    await Promise.race(running.values());
  }
  const listed = tools.map((tool) => tool.name);
  assert.deepEqual([...called].sort(), listed.sort(), "every tool of the list is called, and has to be planned for");
  return count;
}

async function perform(step, call, answers) {
  const input = fill(step.arguments ?? {}, answers);
  const asked = `${step.name}, ${step.tool} ${JSON.stringify(input)}`;
  const answer = await call(step.tool, input).catch((error) => {
    throw new Error(`${asked}: ${error.message}`, { cause: error });
  });
  const shown = JSON.stringify(answer).slice(0, SHOWN);
  assert(!answer.isError, `${asked} failed: ${shown}`);
  const data = answer.structuredContent;
  assert(data && typeof data === "object" && !Array.isArray(data), `${asked} has no structuredContent: ${shown}`);
  for (const expected of step.expect ?? []) {
    const found = find(data, expected.path);
    assert(found !== undefined, `${asked}: nothing at ${JSON.stringify(expected.path)} of ${shown}`);
    if ("is" in expected) assert.deepEqual(found, fill(expected.is, answers), `${asked}: ${JSON.stringify(expected.path)}`);
  }
  return data;
}

/** The names of the steps that have to be answered before this one. */
function needs(step) {
  const found = [...(step.after ?? [])];
  const look = (value) => {
    if (value === null || typeof value !== "object") return;
    if (typeof value.from === "string") found.push(value.from);
    Object.values(value).forEach(look);
  };
  look(step.arguments);
  look(step.expect);
  return found;
}

/** A value of the plan with what earlier answers say. */
function fill(value, answers) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => fill(item, answers));
  if ("concat" in value) return value.concat.map((item) => fill(item, answers)).join("");
  if (!("from" in value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, answers)]));
  const found = find(answers.get(value.from), value.path);
  assert(found !== undefined, `the answer of ${value.from} has nothing at ${JSON.stringify(value.path)}`);
  return found;
}

/** What stands at the end of a path; undefined if that is nothing. */
function find(value, [step, ...rest]) {
  if (step === undefined) return value ?? undefined;
  if (value === null || typeof value !== "object") return undefined;
  if (step !== "*" && typeof step !== "object") return find(value[step], rest);
  for (const item of Object.values(value)) {
    const is_one = step === "*" || Object.entries(step).every(([key, wanted]) => item?.[key] === wanted);
    const found = is_one ? find(item, rest) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
