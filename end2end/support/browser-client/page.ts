/**
 * An MCP client that runs in a web page of another origin: the official SDK, with `fetch` and the `Origin` that the
 * browser sends. The address of the server is the page's `server` parameter. What happens is shown in `#outcome`.
 */
import { UnauthorizedError, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const here = new URL(location.href);
const redirectUrl = `${here.origin}/`;
// The page is left for the sign-in and comes back without its parameters.
const server = kept<string>("server") ?? here.searchParams.get("server") ?? "";

function kept<T>(name: string): T | undefined {
  const value = sessionStorage.getItem(name);
  return value === null ? undefined : (JSON.parse(value) as T);
}

function keep(name: string, value: unknown): void {
  sessionStorage.setItem(name, JSON.stringify(value));
}

const provider: OAuthClientProvider = {
  redirectUrl,
  clientMetadata: { client_name: "Web page", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none" },
  clientInformation: () => kept("client"),
  saveClientInformation: (client) => keep("client", client),
  tokens: () => kept("tokens"),
  saveTokens: (tokens) => keep("tokens", tokens),
  codeVerifier: () => kept<string>("verifier") ?? "",
  saveCodeVerifier: (verifier) => keep("verifier", verifier),
  redirectToAuthorization: (url) => location.assign(url),
};

function show(text: string): void {
  const outcome = document.querySelector("#outcome");
  if (outcome) outcome.textContent = text;
}

function transport(): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(new URL("/mcp", server), { authProvider: provider });
}

async function work(): Promise<void> {
  try {
    const code = here.searchParams.get("code");
    if (code) await transport().finishAuth(code);
    const client = new Client({ name: "web-page", version: "1.0.0" });
    await client.connect(transport());
    const { tools } = await client.listTools();
    const answer = await client.callTool({ name: "get_permissions", arguments: {} });
    const data = answer.structuredContent as { user_email: string };
    show(`${tools.length} tools for ${data.user_email}`);
    await client.close();
  } catch (error) {
    show(error instanceof UnauthorizedError ? "sent to the authorization page" : `failed: ${String(error)}`);
  }
}

keep("server", server);
document.querySelector("#connect")?.addEventListener("click", () => void work());
if (here.searchParams.has("code")) void work();
