/** The official Inspector on its command line calls every tool, with a person's token. Argument: the era. */
import assert from "node:assert/strict";

import { AjvJsonSchemaValidator } from "@modelcontextprotocol/client/validators/ajv";

import { everyTool } from "../support/every-tool.mjs";
import { call, found, inspector, strictList } from "../support/inspector.mjs";
import { accessToken } from "../support/oauth.mjs";
import { people } from "../support/setting.mjs";

const [era] = process.argv.slice(2);
const token = await accessToken(people.admin);
const args = ["--header", `Authorization: Bearer ${token}`, "--stored-auth-only"];
const { tools } = await found(inspector(era, [...args, ...strictList]));

// The command line shows an answer that is not as its schema says, too.
const validator = new AjvJsonSchemaValidator();
const validators = new Map(tools.map((tool) => [tool.name, validator.getValidator(tool.outputSchema)]));
const valid = async (name, input) => {
  const answer = await call(era, args, name, input);
  const verdict = validators.get(name)(answer.structuredContent);
  assert(verdict.valid, verdict.errorMessage);
  return answer;
};

// Each call is a program of its own.
const calls = await everyTool(tools, valid, { atOnce: 2 });
console.log(`${tools.length} tools, strict, ${calls} calls, ${era}`);
