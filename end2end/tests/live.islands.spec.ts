import { expect, test } from "@playwright/test";

import { fillSignIn, people, signIn, watch } from "../support/console.js";
import { McpProgram } from "../support/mcp-client.js";

test("the consent page counts, and refuses an empty selection before it is sent", async ({ page, baseURL }) => {
  const watched = watch(page);
  const program = await McpProgram.start(baseURL!, "Counting client");
  try {
    await page.goto(await program.begin());
    await fillSignIn(page, people.viewer);
    await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
    const total = await page.getByRole("checkbox").count();
    const count = page.getByText(/\d+ of \d+ selected/);
    await expect(count).toHaveText(`${total} of ${total} selected`);
    await page.getByRole("checkbox", { name: "Read Alerts" }).uncheck();
    await expect(count).toHaveText(`${total - 1} of ${total} selected`);
    await page.getByRole("button", { name: "Select none" }).click();
    await expect(count).toHaveText(`0 of ${total} selected`);
    await expect(page.getByRole("button", { name: "Allow access" })).toBeDisabled();
    await page.getByRole("button", { name: "Select all" }).click();
    await expect(page.getByRole("button", { name: "Allow access" })).toBeEnabled();
    expect(watched.problems).toEqual([]);
  } finally {
    await program.stop();
  }
});

test("the allowlist is checked while one types, by the rules of the server", async ({ page }) => {
  const watched = watch(page);
  await signIn(page, people.admin);
  await page.goto("/settings/ai-automation/remote-mcp");
  await page.getByRole("button", { name: "Add domain" }).click();
  const row = page.locator('input[name="domain"]').last();
  await row.fill("https://claude.ai");
  await expect(page.getByText("Enter only the host, without https://.")).toBeVisible();
  await row.fill("*lookalike.example");
  await expect(page.getByText(/Lookalike domains match too/).first()).toBeVisible();
  await page.getByRole("button", { name: "Add scheme" }).click();
  await page.locator('input[name="scheme"]').last().fill("javascript");
  await expect(page.getByText("This scheme is reserved.")).toBeVisible();
  const tester = page.getByLabel("Test a redirect URI");
  for (const [uri, answer] of [
    ["http://localhost:8123/callback", "Allowed: it stays on"],
    ["https://app.lookalike.example/cb", "Allowed by *lookalike.example"],
    ["https://evil.test/cb", "Refused."],
    ["data:text/html,x", "Refused."],
  ] as const) {
    await tester.fill(uri);
    await expect(page.getByText(answer).first()).toBeVisible();
  }
  expect(watched.problems).toEqual([]);
});

test("the theme is kept", async ({ page }) => {
  await signIn(page, people.viewer);
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? "");
  await page.getByLabel("Theme").selectOption("dark");
  await expect.poll(theme).toBe("dark");
  await page.reload();
  await expect.poll(theme).toBe("dark");
});
