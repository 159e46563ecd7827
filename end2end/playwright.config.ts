import { defineConfig } from "@playwright/test";

import { pagePort, serverPort as port } from "./support/ports.js";

const binary = process.env.MARGAY_BINARY;
if (!binary) throw new Error("MARGAY_BINARY names no server; run `make test`, or build it and set the variable");

/** The password of the demo's three people in this run. */
process.env.MARGAY_DEMO_PASSWORD ??= "end to end, please";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  fullyParallel: false,
  workers: 1,
  forbidOnly: !!process.env.CI,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    // Every story runs with and without JavaScript; what needs the islands is in *.islands.spec.ts.
    { name: "with JavaScript", use: { javaScriptEnabled: true } },
    { name: "without JavaScript", use: { javaScriptEnabled: false }, testIgnore: /\.(islands|screenshots)\.spec\.ts/ },
  ],
  webServer: {
    command: `"${binary}" demo --listen 127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/readyz`,
    env: {
      MARGAY_MCP__ALLOWED_ORIGINS: `["http://127.0.0.1:${pagePort}"]`,
      // All stories together register more clients from one address than people do in an hour.
      MARGAY_OAUTH__REGISTRATIONS_PER_HOUR: "1000",
    },
    timeout: 180_000,
    stdout: "pipe",
    reuseExistingServer: false,
  },
});
