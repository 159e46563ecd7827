/** The whole flow with oauth4webapi, a library that takes nothing on trust. Also gives other drivers real tokens. */
import * as oauth from "oauth4webapi";

import { authorize } from "./person.mjs";
import { ANSWER_MS, endpoint, issuer } from "./setting.mjs";

/** The server under test is on loopback, without TLS; everything else stays as strict as it is. */
export const options = () => ({ [oauth.allowInsecureRequests]: true, signal: AbortSignal.timeout(ANSWER_MS) });

const redirectUri = "http://127.0.0.1:8917/callback";

/** Both discovery documents, as a client finds them that knows the resource only. */
export async function discover() {
  const resource = new URL(endpoint);
  const described = await oauth.resourceDiscoveryRequest(resource, options());
  const rs = await oauth.processResourceDiscoveryResponse(resource, described);
  const [named] = rs.authorization_servers ?? [];
  if (named !== issuer) throw new Error(`the resource names ${named} as its authorization server, not ${issuer}`);
  const found = await oauth.discoveryRequest(new URL(named), { algorithm: "oauth2", ...options() });
  return { rs, as: await oauth.processDiscoveryResponse(new URL(named), found) };
}

/** A new client, as the server registered it. */
export async function register(as, name, uris = [redirectUri]) {
  const metadata = {
    client_name: name,
    redirect_uris: uris,
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  const response = await oauth.dynamicClientRegistrationRequest(as, metadata, options());
  return oauth.processDynamicClientRegistrationResponse(response);
}

/** Sends a person (see `authorize`) through the authorization of a client, and exchanges the code. */
export async function connect(as, client, person) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint);
  const request = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: redirectUri,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    resource: endpoint,
  };
  for (const [name, value] of Object.entries(request)) url.searchParams.set(name, value);
  const callback = await authorize(url, person);
  // Checks state, and iss, because the metadata say that it is always there.
  const parameters = oauth.validateAuthResponse(as, client, callback, state);
  const response = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, redirectUri, verifier, {
    additionalParameters: { resource: endpoint },
    ...options(),
  });
  return oauth.processAuthorizationCodeResponse(as, client, response);
}

/** An access token of a person who allows everything. */
export async function accessToken(email) {
  const { as } = await discover();
  const client = await register(as, "Inspector with a bearer token");
  return (await connect(as, client, { email })).access_token;
}
