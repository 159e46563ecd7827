/** A client that runs inside a web page of another origin, where the browser decides what it may send and read. */
import { expect, test } from "@playwright/test";

import { browserClientSite } from "../support/browser-client/site.js";
import { fillSignIn, people } from "../support/console.js";
import { foreignPort, pagePort } from "../support/ports.js";

test("a web page whose origin is allowed connects and works", async ({ page, baseURL }) => {
  const site = await browserClientSite(pagePort);
  try {
    await page.goto(`http://127.0.0.1:${pagePort}/?server=${encodeURIComponent(baseURL!)}`);
    await page.getByRole("button", { name: "Connect" }).click();
    await fillSignIn(page, people.analyst);
    await page.getByRole("button", { name: "Allow access" }).click();
    await expect(page.getByRole("status")).toHaveText("39 tools for analyst@example.com");
    expect(new URL(page.url()).port).toBe(String(pagePort));
  } finally {
    site.close();
    site.closeAllConnections();
  }
});

test("a web page whose origin is not allowed can read why", async ({ page, baseURL }) => {
  const site = await browserClientSite(foreignPort);
  try {
    await page.goto(`http://127.0.0.1:${foreignPort}/?server=${encodeURIComponent(baseURL!)}`);
    await page.getByRole("button", { name: "Connect" }).click();
    const outcome = page.getByRole("status");
    await expect(outcome).toContainText(`http://127.0.0.1:${foreignPort}`);
    await expect(outcome).toContainText("mcp.allowed_origins");
  } finally {
    site.close();
    site.closeAllConnections();
  }
});
