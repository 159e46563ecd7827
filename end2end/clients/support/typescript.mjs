/** The story of the two TypeScript SDKs, which differ in their names and in what `finishAuth` takes. */
import assert from "node:assert/strict";

import { everyTool } from "./every-tool.mjs";
import { endpoint } from "./setting.mjs";
import { work } from "./story.mjs";

/** The validator of an SDK; counts the values that it found to be as their schema says. */
export class CountingValidator {
  valid = 0;
  #validator;

  constructor(validator) {
    this.#validator = validator;
  }

  getValidator(schema) {
    const validate = this.#validator.getValidator(schema);
    return (value) => {
      const verdict = validate(value);
      if (verdict.valid) this.valid += 1;
      return verdict;
    };
  }
}

/** Calls every tool with a client that was made with this validator, and returns how many calls that were. */
export async function callEveryTool(client, validator, options) {
  const { tools } = await client.listTools();
  const before = validator.valid;
  const count = await everyTool(tools, (name, input) => client.callTool({ name, arguments: input }), options);
  assert.equal(validator.valid - before, count, "the client holds every answer against its schema");
  return count;
}

/**
 * Refused, authorized, at work, and at work again with a refreshed token; then every tool, several at once, unless
 * `callsEvery` is false.
 *
 * `sdk` has `Client`, `Transport`, `UnauthorizedError` and `Validator`; `options` go to the client; `finish` hands the
 * parameters of the callback to the transport; `revisionOf` tells which revision of the protocol a connection speaks.
 */
export async function story({ sdk, options, provider, finish, revisionOf, revision, callsEvery = true }) {
  const validator = new CountingValidator(new sdk.Validator());
  const open = () => ({
    client: new sdk.Client({ name: "margay-clients", version: "1.0.0" }, { ...options, jsonSchemaValidator: validator }),
    transport: new sdk.Transport(new URL(endpoint), { authProvider: provider }),
  });
  const connected = async (use) => {
    const { client, transport } = open();
    await client.connect(transport);
    try {
      assert.equal(revisionOf(client, transport), revision);
      return await use(client);
    } finally {
      await transport.terminateSession();
      await client.close();
    }
  };

  const { client, transport } = open();
  await assert.rejects(client.connect(transport), sdk.UnauthorizedError);
  await finish(transport, await provider.answer());
  await client.close();
  // The server has public clients only; it answers a wish for a secret with what it does instead.
  const { client_secret, token_endpoint_auth_method } = provider.clientInformation();
  assert.deepEqual({ client_secret, token_endpoint_auth_method }, { client_secret: undefined, token_endpoint_auth_method: "none" });

  const count = await connected(work);
  const before = provider.tokens();
  provider.spoil();
  assert.equal(await connected(work), count);
  const after = provider.tokens();
  assert.notEqual(after.access_token, "expired");
  assert.notEqual(after.refresh_token, before.refresh_token, "refresh tokens rotate");
  const calls = callsEvery ? await connected((client) => callEveryTool(client, validator, { atOnce: 4 })) : 0;
  assert.equal(provider.asked, 1, "a refresh does not ask the person");
  console.log(`${count} tools, refreshed, ${calls} calls, ${revision}`);
}
