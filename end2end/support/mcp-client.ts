import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { UnauthorizedError, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from "@modelcontextprotocol/sdk/shared/auth.js";

/** What the official SDK asks of a program that wants to sign in; everything is kept in memory. */
class Provider implements OAuthClientProvider {
  authorizationUrl?: URL;
  private information?: OAuthClientInformationMixed;
  private kept?: OAuthTokens;
  private verifier = "";

  constructor(
    readonly redirectUrl: string,
    private readonly name: string,
  ) {}

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: this.name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }
  state = () => "state-of-the-test";
  clientInformation = () => this.information;
  saveClientInformation = (information: OAuthClientInformationMixed) => void (this.information = information);
  tokens = () => this.kept;
  saveTokens = (tokens: OAuthTokens) => void (this.kept = tokens);
  redirectToAuthorization = (url: URL) => void (this.authorizationUrl = url);
  saveCodeVerifier = (verifier: string) => void (this.verifier = verifier);
  codeVerifier = () => this.verifier;
}

/** A real MCP client: the official TypeScript SDK, with a callback server as desktop programs have. */
export class McpProgram {
  readonly provider: Provider;
  readonly callback: Promise<URL>;
  private client?: Client;

  private constructor(
    private readonly endpoint: URL,
    private readonly server: Server,
    name: string,
  ) {
    const port = (server.address() as AddressInfo).port;
    this.provider = new Provider(`http://127.0.0.1:${port}/callback`, name);
    this.callback = new Promise((resolve) => {
      server.on("request", (request, response) => {
        const url = new URL(request.url ?? "/", `http://127.0.0.1:${port}`);
        response.setHeader("content-type", "text/html; charset=utf-8");
        response.end("<!doctype html><title>Done</title><h1>Back in the program</h1>");
        if (url.pathname === "/callback") resolve(url);
      });
    });
  }

  static async start(baseURL: string, name: string): Promise<McpProgram> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new McpProgram(new URL("/mcp", baseURL), server, name);
  }

  /** Discovers, registers, and returns the address that the person has to open. */
  async begin(): Promise<string> {
    try {
      await this.connect();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || !this.provider.authorizationUrl) throw error;
      return this.provider.authorizationUrl.href;
    }
    throw new Error("the server let an unknown client in");
  }

  /** Exchanges the code that came to the callback, and connects. */
  async finish(): Promise<Client> {
    const url = await this.callback;
    const code = url.searchParams.get("code");
    if (!code) throw new Error(`no code in ${url.href}`);
    if (url.searchParams.get("state") !== "state-of-the-test") throw new Error(`wrong state in ${url.href}`);
    const transport = new StreamableHTTPClientTransport(this.endpoint, { authProvider: this.provider });
    await transport.finishAuth(code);
    this.client = await this.connect();
    return this.client;
  }

  async stop(): Promise<void> {
    await this.client?.close().catch(() => undefined);
    this.server.closeAllConnections();
    this.server.close();
  }

  private async connect(): Promise<Client> {
    const client = new Client({ name: "end-to-end", version: "1.0.0" });
    await client.connect(new StreamableHTTPClientTransport(this.endpoint, { authProvider: this.provider }));
    return client;
  }
}
