/** Authorization requests by hand, and a client that only listens for its answer. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, type APIRequestContext } from "@playwright/test";

/** The callback of a client on this computer, and everything that came to it. */
export class Callback {
  readonly received: URL[] = [];

  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  /** `hop` is where the callback sends the browser on to, for example into an app. */
  static async start({ secure = false, hop }: { secure?: boolean; hop?: string } = {}): Promise<Callback> {
    let callback: Callback | undefined;
    const answer: RequestListener = (request, response) => {
      const url = new URL(request.url ?? "/", callback!.address);
      // Browsers ask for an icon.
      if (url.pathname !== "/callback") return void response.writeHead(204).end();
      callback!.received.push(url);
      if (hop) return void response.writeHead(307, { location: hop + url.search }).end();
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end("<!doctype html><title>Done</title><h1>Back in the program</h1>");
    };
    const server = secure ? createSecureServer(certificate(), answer) : createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    callback = new Callback(server, `${secure ? "https" : "http"}://127.0.0.1:${port}/callback`);
    return callback;
  }

  /** Waits for the answer number `count`, from 1. */
  async answer(count = 1): Promise<URLSearchParams> {
    await expect.poll(() => this.received.length, { message: `answer ${count} at the client` }).toBeGreaterThanOrEqual(count);
    return this.received[count - 1].searchParams;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "margay-callback-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", [...request, "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert], { stdio: "pipe" });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

/** Registers a client; its id. */
export async function register(request: APIRequestContext, name: string, redirectUri: string): Promise<string> {
  const registered = await request.post("/oauth/register", { data: { client_name: name, redirect_uris: [redirectUri] } });
  expect(registered.status(), await registered.text()).toBe(201);
  return ((await registered.json()) as { client_id: string }).client_id;
}

const verifier = "verifier-of-the-test".repeat(3);

/** Exchanges a code, which makes the connection active. */
export async function redeem(request: APIRequestContext, clientId: string, redirectUri: string, code: string): Promise<void> {
  const form = { grant_type: "authorization_code", client_id: clientId, redirect_uri: redirectUri, code, code_verifier: verifier };
  const answer = await request.post("/oauth/token", { form });
  expect(answer.status(), await answer.text()).toBe(200);
}

/** The path of an authorization request; `changes` replace its parameters. */
export function authorizePath(clientId: string, redirectUri: string, changes: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    state: "state+of/the=test",
    ...changes,
  });
  return `/oauth/authorize?${query}`;
}
