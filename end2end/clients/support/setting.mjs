/** What every driver is told by its environment: where the server is, and the password of the demo's people. */
function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run.mjs starts the drivers`);
  return value;
}

/** The origin of the server, without a trailing slash; also its issuer. */
export const issuer = needed("MARGAY_URL");

/** The resource that tokens are for. */
export const endpoint = `${issuer}/mcp`;

export const password = needed("MARGAY_DEMO_PASSWORD");

export const people = {
  admin: "admin@example.com",
  analyst: "analyst@example.com",
  viewer: "viewer@example.com",
};

/** The two revisions of the protocol that the clients of this folder end up with. */
export const revisions = { modern: "2026-07-28", legacy: "2025-11-25" };

/** No answer of the server takes longer, not even one of an unoptimised build on a busy machine. */
export const ANSWER_MS = 30_000;
