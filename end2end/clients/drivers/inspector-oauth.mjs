/** The Inspector's own way to a token: it registers, asks the person, keeps the token, refreshes. Argument: the era. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";

import { found, inspector, secretsFile, strictList, work } from "../support/inspector.mjs";
import { authorize, deliver } from "../support/person.mjs";
import { freePort } from "../support/port.mjs";
import { ANSWER_MS, people } from "../support/setting.mjs";

const [era] = process.argv.slice(2);
const callback = ["--callback-url", `http://127.0.0.1:${await freePort()}/oauth/callback`];

const first = inspector(era, [...callback, ...strictList]);
const [, url] = await first.printed(/(http:\S+\/oauth\/authorize\?\S+)\s/, ANSWER_MS);
await deliver(await authorize(url));
await found(first);

// As if the access token had expired. It has to use its refresh token, and must not ask again.
const secrets = await readFile(secretsFile, "utf8");
const spoilt = secrets.replace(/(access_token\W+)[\w.-]+/, "$1expired");
assert.notEqual(spoilt, secrets);
await writeFile(secretsFile, spoilt);
const count = await work(era, [...callback, "--stored-auth-only"], people.analyst);
const refresh = (text) => /refresh_token\W+([\w.-]+)/.exec(text)?.[1];
assert.notEqual(refresh(await readFile(secretsFile, "utf8")), refresh(secrets), "refresh tokens rotate");
console.log(`${count} tools, strict, refreshed, ${era}`);
