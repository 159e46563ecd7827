/** Every driver that is run, by the name in the report. `python` runs with the folder's own Python, the rest with Node. */
const js = (driver, ...args) => ({ command: "node", script: `drivers/${driver}.mjs`, args });
const python = (driver, ...args) => ({ command: "python", script: `python/${driver}.py`, args });

/** Makes a second demo, and runs three other drivers. */
const REAL_EVENTS_MS = 900_000;

/** Makes a second demo, and runs two suites. */
const CONFORMANCE_MS = 720_000;

export const suite = {
  "conformance authorization": js("conformance-authorization"),
  "conformance server": { ...js("conformance-server"), longest: CONFORMANCE_MS },
  oauth4webapi: js("oauth4webapi"),
  "TypeScript SDK 1": js("typescript-v1", "none"),
  "TypeScript SDK 1, asks for a client secret": js("typescript-v1", "client_secret_post"),
  "TypeScript client 2, auto": js("typescript-v2", "auto", "none"),
  "TypeScript client 2, legacy": js("typescript-v2", "legacy", "none"),
  "TypeScript client 2, asks for a client secret": js("typescript-v2", "auto", "client_secret_post"),
  "Python SDK, auto": python("sdk_client", "auto"),
  "Python SDK, legacy": python("sdk_client", "legacy"),
  "Gemini's function declarations": python("gemini_client"),
  "TypeScript SDK 1, with the keys that n8n and Cline add": js("surplus-keys"),
  "fastmcp, auto": python("fastmcp_client", "auto"),
  "fastmcp, legacy": python("fastmcp_client", "legacy"),
  "mcp-remote, auto": js("mcp-remote", "auto"),
  "mcp-remote, legacy": js("mcp-remote", "legacy"),
  "Inspector, modern, its own OAuth": js("inspector-oauth", "modern"),
  "Inspector, legacy, its own OAuth": js("inspector-oauth", "legacy"),
  "Inspector, modern, every tool": js("inspector-every-tool", "modern"),
  "Inspector, legacy, every tool": js("inspector-every-tool", "legacy"),
  "Inspector, modern, admin": js("inspector", "admin", "modern"),
  "Inspector, modern, analyst": js("inspector", "analyst", "modern"),
  "Inspector, modern, viewer": js("inspector", "viewer", "modern"),
  "Inspector, legacy, admin": js("inspector", "admin", "legacy"),
  "Inspector, legacy, analyst": js("inspector", "analyst", "legacy"),
  "Inspector, legacy, viewer": js("inspector", "viewer", "legacy"),
  "real events": { ...js("real-events"), longest: REAL_EVENTS_MS },
};
