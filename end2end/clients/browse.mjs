#!/usr/bin/env node
/**
 * The person of support/person.mjs as a program, for clients that are not written in JavaScript.
 *
 *   node browse.mjs URL            prints the address to which the server sends the person in the end
 *   node browse.mjs --deliver URL  goes there, too
 */
import { authorize, deliver } from "./support/person.mjs";

const [url, ...flags] = process.argv.slice(2).reverse();
const callback = await authorize(url);
console.log(callback.href);
if (flags.includes("--deliver")) await deliver(callback);
