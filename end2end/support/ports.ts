/** Where the server of the tests listens, and the web pages that are clients: one whose origin is allowed, and one not. */
export const serverPort = Number(process.env.MARGAY_E2E_PORT ?? 8931);
export const pagePort = serverPort + 1;
export const foreignPort = serverPort + 2;
