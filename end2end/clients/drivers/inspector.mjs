/**
 * The official Inspector on its command line, with the token of a person.
 * Arguments: the person of the demo, and the era.
 */
import { work } from "../support/inspector.mjs";
import { accessToken } from "../support/oauth.mjs";
import { people } from "../support/setting.mjs";

const [who, era] = process.argv.slice(2);
const token = await accessToken(people[who]);
const count = await work(era, ["--header", `Authorization: Bearer ${token}`, "--stored-auth-only"], people[who]);
console.log(`${count} tools, strict, ${era}`);
