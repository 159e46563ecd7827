/** Names that somebody else chose hide nothing: no page scrolls sideways, and the buttons that matter are on the screen. */
import { expect, test, type Page } from "@playwright/test";

import { Callback, authorizePath, redeem, register } from "../support/authorization.js";
import { fillSignIn, people, signIn, tryBlockedClient } from "../support/console.js";

const folder = process.env.MARGAY_PICTURES ?? "test-results/pictures";
const widths = [320, 360, 768, 1024, 1280];

const names = {
  unbroken: "W".repeat(200),
  // Every blank is a place to break, and the wide letter makes the most of each line.
  words: "Wonderful assistant of the security team ".repeat(5).slice(0, 200).trim(),
  lookalike: `${"\u0421laude"} ${"M".repeat(190)}`,
};

async function fits(page: Page, name: string, seen: RegExp[] = []): Promise<void> {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    const at = `${name} at ${width}px`;
    const wide = await page.evaluate(() => {
      const root = document.documentElement;
      const outside = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
      return { by: root.scrollWidth - root.clientWidth, outside: outside.slice(-3).map((e) => e.outerHTML.slice(0, 160)) };
    });
    expect(wide.by, `${at}: ${wide.outside.join("\n")}`).toBeLessThanOrEqual(0);
    for (const pattern of seen) {
      const buttons = page.getByRole("button", { name: pattern }).or(page.getByRole("link", { name: pattern }));
      expect(await buttons.count(), `${at}: ${pattern}`).toBeGreaterThan(0);
      for (const button of await buttons.all()) {
        const box = await button.boundingBox();
        expect(box, `${at}: ${pattern} is drawn`).not.toBeNull();
        expect(box!.x, `${at}: ${pattern}`).toBeGreaterThanOrEqual(0);
        expect(box!.x + box!.width, `${at}: ${pattern}`).toBeLessThanOrEqual(width);
      }
    }
    const frames = await page.evaluate(() =>
      [...document.querySelectorAll(".table-frame")].map((frame) => frame.scrollWidth - frame.clientWidth),
    );
    expect(Math.max(0, ...frames), `${at}: no table scrolls on its own`).toBe(0);
    // The name never takes more than two lines.
    const tall = await page.evaluate(() =>
      [...document.querySelectorAll("bdi.client-name")].map((e) => {
        const lines = e.getBoundingClientRect().height / parseFloat(getComputedStyle(e).lineHeight);
        return lines;
      }),
    );
    expect(Math.max(0, ...tall), `${at}: lines of a name`).toBeLessThan(2.5);
    if (width === 320 || width === 1280) await page.screenshot({ path: `${folder}/reflow-${name}-${width}.png`, fullPage: true });
  }
}

test("no name hides a button or makes a page scroll sideways", async ({ page, request }, info) => {
  test.setTimeout(240_000);
  const alive = info.project.name.startsWith("with J") ? "js" : "plain";
  const callback = await Callback.start();
  try {
    await page.goto("/sign-in");
    await fits(page, `${alive}-sign-in`, [/Sign in/]);
    await page.goto("/mcp");
    await fits(page, `${alive}-mcp`);
    await signIn(page, people.viewer);
    for (const [kind, name] of Object.entries(names)) {
      const client = await register(request, name, callback.address);
      await page.goto(authorizePath(client, callback.address));
      await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
      await fits(page, `${alive}-consent-${kind}`, [/^Allow access$/, /^Cancel$/]);
      if (kind === "lookalike") await expect(page.getByText(/This name imitates Claude\./)).toBeVisible();
      const before = callback.received.length;
      await page.getByRole("button", { name: "Allow access" }).click();
      const code = (await callback.answer(before + 1)).get("code");
      await redeem(request, client, callback.address, code!);
      await tryBlockedClient(page, name, `https://${"long-label-".repeat(5)}x.${"part.".repeat(20)}example/callback/${"p".repeat(300)}`);
      await fits(page, `${alive}-blocked-${kind}`);
    }
    await page.goto("/connections");
    await fits(page, `${alive}-connections`, [/^(Disconnect|Details) /]);
    await page.getByRole("link", { name: /^(Disconnect|Details) W/ }).first().click();
    await fits(page, `${alive}-connection`);
    await page.context().clearCookies();

    await signIn(page, people.admin);
    await page.goto("/settings/connections");
    await fits(page, `${alive}-everyone`, [/^(Disconnect|Details) /]);
    await page.getByRole("link", { name: /^(Disconnect|Details) W/ }).first().click();
    await fits(page, `${alive}-any-connection`);
    await page.goto(`/settings/connections?person=${encodeURIComponent(people.viewer)}`);
    await fits(page, `${alive}-everyone-of-one`);
    await page.goto("/audit");
    await fits(page, `${alive}-audit`, [/^Filter$/]);
    await page.locator("details.more > summary").first().click();
    await fits(page, `${alive}-audit-open`);
    await page.goto("/settings/ai-automation/remote-mcp");
    await expect(page.getByText("Imitates Claude").first()).toBeVisible();
    await fits(page, `${alive}-settings`, [/^Save$/]);
  } finally {
    callback.stop();
  }
});
