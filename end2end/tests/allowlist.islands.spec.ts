/** What the settings page says while one types. */
import { expect, test } from "@playwright/test";

import { people, signIn, tryBlockedClient, watch } from "../support/console.js";

const path = "/settings/ai-automation/remote-mcp";

test("an entry is told by its own text, and a narrower one is a click away", async ({ page }) => {
  const watched = watch(page);
  await signIn(page, people.admin);
  await page.goto(path);
  await expect(page.getByRole("heading", { level: 3, name: "Allowed redirect domains", exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { level: 3, name: "Allowed custom schemes", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Add domain" }).click();
  const row = page.locator('input[name="domain"]').last();
  await row.fill("*acme.example");
  await expect(page.getByText("Matches auth.acme.example, acme.example and notacme.example, but not")).toBeVisible();
  await expect(page.getByText("*acme.example also matches notacme.example, which anyone can register.")).toBeVisible();
  await page.getByRole("button", { name: "Use *.acme.example instead" }).click();
  await expect(row).toHaveValue("*.acme.example");
  await expect(row).toBeFocused();
  await expect(page.getByText("Matches auth.acme.example and a.b.acme.example, but not acme.example")).toBeVisible();
  for (const [entry, sentence] of [
    ["*.co.uk", "Anyone can register a name under co.uk and receive codes there."],
    ["*.vercel.app", "vercel.app is shared: anyone can make a subdomain there and receive codes."],
    ["co.uk", "co.uk is a shared ending"],
    ["1.2.3.4", "This is a network address"],
    ["localhost", "This computer is always allowed"],
  ] as const) {
    await row.fill(entry);
    await expect(page.getByText(sentence)).toBeVisible();
  }
  await row.fill("*.acme.example");
  await page.getByRole("button", { name: "Add domain" }).click();
  await page.locator('input[name="domain"]').last().fill("app.acme.example");
  await expect(page.getByText("*.acme.example allows this already, so this entry adds nothing.")).toBeVisible();
  await page.getByRole("button", { name: "Add scheme" }).click();
  for (const scheme of ["intent", "ms-msdt", "Blob", "view-source"]) {
    await page.locator('input[name="scheme"]').last().fill(scheme);
    await expect(page.getByText("This scheme is reserved")).toBeVisible();
  }
  expect(watched.problems).toEqual([]);
});

test("a proposal says at its row that it is not saved, and nothing moves when the page comes alive", async ({ page }) => {
  await signIn(page, people.admin);
  await tryBlockedClient(page, "Proposed client", "https://proposed.example/callback");
  await page.goto(path);
  await page.getByRole("link", { name: "Add to the allowlist : proposed.example" }).or(page.getByRole("link", { name: /Add to the allowlist.*proposed\.example/ })).first().click();
  await expect(page.getByText("Proposed, not saved")).toBeVisible();
});
