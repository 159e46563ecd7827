/** The story of the two TypeScript SDKs, which differ in their names and in what `finishAuth` takes. */
import assert from "node:assert/strict";

import { endpoint } from "./setting.mjs";
import { work } from "./story.mjs";

/**
 * Refused, authorized, at work, and at work again with a refreshed token.
 *
 * `sdk` has `Client`, `Transport` and `UnauthorizedError`; `options` go to the client; `finish` hands the parameters of
 * the callback to the transport; `revisionOf` tells which revision of the protocol a connection speaks.
 */
export async function story({ sdk, options, provider, finish, revisionOf, revision }) {
  const open = () => ({
    client: new sdk.Client({ name: "margay-clients", version: "1.0.0" }, options),
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
  assert.equal(provider.asked, 1, "a refresh does not ask the person");
  console.log(`${count} tools, refreshed, ${revision}`);
}
