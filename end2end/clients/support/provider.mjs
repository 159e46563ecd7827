/** What both TypeScript SDKs ask of a program that wants to sign in. Everything is kept in memory. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { authorize } from "./person.mjs";
import { issuer } from "./setting.mjs";

export class Provider {
  /** How often the person had to be asked. */
  asked = 0;
  /** Nothing listens there: the person's way ends at this address, and the driver takes it from there. */
  redirectUrl = "http://127.0.0.1:8917/callback";
  #state = randomUUID();
  #kept = {};

  constructor(name, method = "none") {
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: method,
    };
  }

  state = () => this.#state;
  clientInformation = () => this.#kept.client;
  saveClientInformation = (client) => void (this.#kept.client = client);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  codeVerifier = () => this.#kept.verifier;
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  discoveryState = () => this.#kept.discovery;
  saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery);
  redirectToAuthorization = (url) => {
    this.asked += 1;
    this.#kept.url = url;
  };

  /** Lets the person answer, and returns the parameters that came back to the client. */
  async answer() {
    const callback = await authorize(this.#kept.url);
    assert.equal(callback.origin + callback.pathname, this.redirectUrl);
    const parameters = callback.searchParams;
    assert.equal(parameters.get("state"), this.#state);
    assert.equal(parameters.get("iss"), issuer);
    assert(parameters.get("code"), `no code in ${[...parameters.keys()]}`);
    return parameters;
  }

  /** As if the access token had expired: the server refuses it, and the client has to use its refresh token. */
  spoil() {
    this.#kept.tokens = { ...this.#kept.tokens, access_token: "expired" };
  }
}
