/** The consent form is sent once and decides only when one of its two buttons is pressed. */
import { expect, test, type Page } from "@playwright/test";

import { Callback, authorizePath, register } from "../support/authorization.js";
import { fillSignIn, people, signIn } from "../support/console.js";

test.use({ ignoreHTTPSErrors: true });

/** Two real clicks at one place, `gap` milliseconds apart. */
async function clickTwice(page: Page, name: string, gap: number): Promise<void> {
  const button = page.getByRole("button", { name });
  await button.scrollIntoViewIfNeeded();
  const box = (await button.boundingBox())!;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  for (const pause of [gap, 0]) {
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForTimeout(pause);
  }
}

for (const gap of [10, 60, 150]) {
  for (const [name, member] of [
    ["Allow access", "code"],
    ["Cancel", "error"],
  ] as const) {
    test(`two clicks on ${name}, ${gap} ms apart, are one answer`, async ({ page, request }) => {
      const callback = await Callback.start();
      try {
        const client = await register(request, "Hasty client", callback.address);
        for (let round = 1; round <= 3; round += 1) {
          await page.goto(authorizePath(client, callback.address));
          if (round === 1) await fillSignIn(page, people.viewer);
          await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
          const before = callback.received.length;
          await clickTwice(page, name, gap);
          const answer = await callback.answer(before + 1);
          expect(answer.get(member)).toBeTruthy();
          await expect(page.getByRole("heading", { name: "Back in the program" })).toBeVisible();
          const answers = new Set(callback.received.slice(before).map((url) => url.search));
          expect(answers.size, "each request of the browser brings the same answer").toBe(1);
        }
      } finally {
        callback.stop();
      }
    });
  }
}

test("Enter in a check box decides nothing and keeps the selection", async ({ page, request }, info) => {
  const callback = await Callback.start();
  try {
    const client = await register(request, "Stray key", callback.address);
    await page.goto(authorizePath(client, callback.address));
    await fillSignIn(page, people.analyst);
    await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
    const alive = info.project.name.startsWith("with J");
    if (alive) await expect(page.getByText(/\d+ of \d+ selected/)).toBeVisible();
    const box = page.getByRole("checkbox", { name: "Read Alerts" });
    await box.uncheck();
    await box.press("Enter");
    await page.getByRole("checkbox", { name: "Manage Alerts" }).press("Enter");
    if (!alive) await expect(page.getByText("Nothing was decided. Choose Allow access or Cancel.")).toBeVisible();
    await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
    await expect(box).not.toBeChecked();
    await expect(page.getByRole("checkbox", { name: "Manage Alerts" })).toBeChecked();
    expect(callback.received).toEqual([]);
    await page.getByRole("button", { name: "Allow access" }).click();
    expect((await callback.answer()).get("code")).toBeTruthy();
    expect(callback.received).toHaveLength(1);
  } finally {
    callback.stop();
  }
});

test("Enter in an entry of the allowlist saves nothing", async ({ page }, info) => {
  await signIn(page, people.admin);
  await page.goto("/settings/ai-automation/remote-mcp");
  const alive = info.project.name.startsWith("with J");
  if (alive) await page.getByRole("button", { name: "Add domain" }).click();
  const domains = page.locator('input[name="domain"]');
  const values = () => domains.evaluateAll((all) => all.map((input) => (input as HTMLInputElement).value));
  const row = alive ? domains.last() : domains.nth((await values()).indexOf(""));
  await row.fill("*.github.io");
  await row.press("Enter");
  await expect(page.getByText("github.io is shared: anyone can make a subdomain there and receive codes.")).toBeVisible();
  if (!alive) await expect(page.getByText("Not saved yet.")).toBeVisible();
  expect(await values(), "what was entered stays").toContain("*.github.io");
  await page.goto("/settings/ai-automation/remote-mcp");
  expect(await values()).not.toContain("*.github.io");
});

test("after the client has sent the browser into an app, the form says that it was sent", async ({ page, request }, info) => {
  test.skip(!info.project.name.startsWith("with J"), "without JavaScript the server answers the second click");
  const callback = await Callback.start({ secure: true, hop: "claude://callback" });
  try {
    const client = await register(request, "Web client with an app", callback.address);
    await page.goto(authorizePath(client, callback.address));
    await fillSignIn(page, people.viewer);
    await expect(page.getByText(/\d+ of \d+ selected/)).toBeVisible();
    await page.getByRole("button", { name: "Allow access" }).click();
    expect((await callback.answer()).get("code")).toBeTruthy();
    await expect(page.getByText("Sent. Go on in your client; you can close this page.")).toBeVisible();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForTimeout(300);
    expect(callback.received, "a click on the other button changes nothing").toHaveLength(1);
    await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
  } finally {
    callback.stop();
  }
});
