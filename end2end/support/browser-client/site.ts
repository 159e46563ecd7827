import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HTML = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Web page</title>
<button id="connect" type="button">Connect</button><p id="outcome" role="status"></p>
<script type="module" src="/page.js"></script></html>`;

/** A web site on `port` whose one page is an MCP client, see page.ts. */
export async function browserClientSite(port: number): Promise<Server> {
  const entry = fileURLToPath(new URL("page.ts", import.meta.url));
  const bundle = await build({ entryPoints: [entry], bundle: true, format: "esm", platform: "browser", write: false });
  const script = bundle.outputFiles[0].text;
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
    response.end(isScript ? script : HTML);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}
