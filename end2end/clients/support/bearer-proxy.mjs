/** A proxy on loopback that gives every request a token, for suites that send none. All else goes through as it is. */
import http from "node:http";
import { pipeline } from "node:stream";

/**
 * Listens on a port and forwards to the origin `target`. `Host` and `Origin` stay what the client sent, streams are passed
 * on event by event, and a client that goes away is gone for the server, too. Returns what ends it.
 */
export async function bearerProxy({ port, target, token }) {
  const { hostname, port: targetPort } = new URL(target);
  const agent = new http.Agent({ keepAlive: false });
  const server = http.createServer((request, response) => {
    const headers = [...without(request.rawHeaders, "authorization"), "Authorization", `Bearer ${token}`];
    const options = { agent, hostname, port: targetPort, method: request.method, path: request.url, headers };
    const forwarded = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
      response.flushHeaders();
      pipeline(answer, response, ignore);
    });
    forwarded.on("error", () => {
      if (response.headersSent) return response.destroy();
      response.writeHead(502).end();
    });
    response.on("close", () => forwarded.destroy());
    pipeline(request, forwarded, ignore);
  });
  // A connection that ends while the client begins to use it again would look like a fault of the server.
  server.keepAliveTimeout = 0;
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

/** Names and values in turn, without those of one name. */
function without(rawHeaders, name) {
  return rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)].toLowerCase() !== name);
}

/** Both ends of a pipeline are ended by it; who went away first is nobody's mistake. */
function ignore() {}
