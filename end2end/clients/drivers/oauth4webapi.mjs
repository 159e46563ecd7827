/** A strict OAuth library: both documents, registration, code, refresh, the token itself, revocation. */
import assert from "node:assert/strict";

import * as oauth from "oauth4webapi";

import { request, result } from "../support/mcp.mjs";
import { connect, discover, options, register } from "../support/oauth.mjs";
import { ANSWER_MS, endpoint, issuer } from "../support/setting.mjs";
import { calls, checkAnswer, checkTools } from "../support/story.mjs";

/** What the person leaves selected. */
const GRANTED = ["AlertRead", "RuleRead"];

const ask = async (token, method, params) => {
  const { headers, body } = request(method, params);
  return oauth.protectedResourceRequest(token, "POST", new URL(endpoint), headers, body, options());
};

// Without a token: a challenge that says where the documents are.
const { headers, body } = request("tools/list");
const refused = await fetch(endpoint, { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
assert.equal(refused.status, 401);
const where = /^Bearer .*resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate") ?? "")?.[1];
assert.equal(where, `${issuer}/.well-known/oauth-protected-resource/mcp`);

const { as, rs } = await discover();
assert.equal(rs.resource, endpoint);
assert(as.code_challenge_methods_supported.includes("S256"));
assert.equal(as.authorization_response_iss_parameter_supported, true);

const client = await register(as, "oauth4webapi");
assert.equal(client.token_endpoint_auth_method, "none");
assert.equal(client.client_secret, undefined);

const first = await connect(as, client, { keep: (permission) => GRANTED.includes(permission) });
assert.deepEqual(first.scope.split(" ").sort(), GRANTED, "the answer says what was really granted");
assert(first.expires_in > 0);
const claims = await oauth.validateJwtAccessToken(as, authorized(first.access_token), endpoint, options());
assert.equal(claims.client_id, client.client_id);

const { tools } = await result(await ask(first.access_token, "tools/list"));
const count = checkTools(tools);
assert(!tools.some((tool) => tool.name === "list_users"), "not granted, so not listed");
for (const [name, args] of calls) {
  checkAnswer(name, await result(await ask(first.access_token, "tools/call", { name, arguments: args })));
}

const rotated = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), first.refresh_token, {
  additionalParameters: { resource: endpoint },
  ...options(),
});
const second = await oauth.processRefreshTokenResponse(as, client, rotated);
assert.notEqual(second.refresh_token, first.refresh_token);
assert.equal(second.scope, first.scope);
assert.equal(checkTools((await result(await ask(second.access_token, "tools/list"))).tools), count);

const revoked = await oauth.revocationRequest(as, client, oauth.None(), second.refresh_token, options());
await oauth.processRevocationResponse(revoked);
for (const token of [first.access_token, second.access_token]) await assert.rejects(ask(token, "tools/list"), challenged);
const late = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), second.refresh_token, options());
await assert.rejects(oauth.processRefreshTokenResponse(as, client, late), { error: "invalid_grant" });
console.log(`${count} tools, refreshed, revoked`);

function authorized(token) {
  return new Request(endpoint, { headers: { authorization: `Bearer ${token}` } });
}

/** The error of a 401 that says that the token is no good. */
function challenged(error) {
  assert(error instanceof oauth.WWWAuthenticateChallengeError, error);
  assert.equal(error.status, 401);
  assert.equal(error.cause[0].scheme, "bearer");
  assert.equal(error.cause[0].parameters.error, "invalid_token");
  return true;
}
