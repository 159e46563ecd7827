import { expect, test, type Page } from "@playwright/test";

import { allow, people, password, signIn, tryBlockedClient } from "../support/console.js";
import { McpProgram } from "../support/mcp-client.js";

/** Where the pictures go; `docs/images` holds those of the README. */
const folder = process.env.MARGAY_PICTURES ?? "test-results/pictures";

async function picture(page: Page, name: string, theme: string, width = 1280, fullPage = width < 600): Promise<void> {
  await page.setViewportSize({ width, height: width < 600 ? 780 : 860 });
  // Nothing may stick out at the side, at any width.
  // Tables scroll on their own, so each is asked too: what they cut off (a button) nobody finds.
  const sticksOut = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".table-frame")]
      .filter((frame) => frame.scrollWidth > frame.clientWidth)
      .map((frame) => {
        const edge = frame.getBoundingClientRect().left + frame.clientLeft + frame.clientWidth;
        const widest = [...frame.querySelectorAll("td, td *")].filter((e) => e.getBoundingClientRect().right > edge).at(-1);
        return `${frame.scrollWidth - frame.clientWidth} pixels: ${(widest ?? frame).outerHTML.slice(0, 200)}`;
      }),
  );
  expect(sticksOut, `${name} at ${width}px`).toEqual([]);
  await page.screenshot({ path: `${folder}/${name}-${theme}.png`, fullPage });
}

for (const theme of ["light", "dark"] as const) {
  test.describe(theme, () => {
    test.use({ colorScheme: theme });

    test(`pages in ${theme}`, async ({ page, baseURL }) => {
      const program = await McpProgram.start(baseURL!, "Claude");
      try {
        await page.goto(await program.begin());
        await picture(page, "sign-in", theme);
        await picture(page, "sign-in-phone", theme, 360);
        await page.getByLabel("E-mail").fill(people.analyst);
        await page.getByLabel("Password").fill(password);
        await page.getByRole("button", { name: "Sign in" }).click();
        await expect(page.getByRole("heading", { name: "MCP authorization" })).toBeVisible();
        await picture(page, "consent", theme, 1280, true);
        await picture(page, "consent-phone", theme, 360);
        await page.getByRole("button", { name: "Allow access" }).click();
        const client = await program.finish();
        await client.callTool({ name: "list_alerts", arguments: {} });
        await client.callTool({
          name: "query_data_lake",
          arguments: { sql: "SELECT count(*) AS n FROM okta_systemlog WHERE p_occurs_since('7 d')" },
        });
        await page.goto("/connections");
        await picture(page, "connections", theme);
        await picture(page, "connections-phone", theme, 360);
        await tryBlockedClient(page, "ChatGPT", "https://chatgpt.com/connector/oauth/callback");
        await page.context().clearCookies();
        await signIn(page, people.admin);
        await allow(page, ["claude.ai", "claude.com", "*cursor.com"], ["cursor"]);
        await page.goto("/settings/ai-automation/remote-mcp");
        await expect(page.getByText(/Lookalike domains match too/).first()).toBeVisible();
        await expect(page.getByRole("link", { name: /Add to the allowlist/ }).first()).toBeVisible();
        await picture(page, "settings", theme, 1280, true);
        await picture(page, "settings-phone", theme, 360);
        await page.goto("/settings/connections");
        await picture(page, "all-connections", theme);
        await picture(page, "all-connections-phone", theme, 360);
        await page.goto(`/settings/connections?person=${encodeURIComponent(people.analyst)}`);
        await expect(page.getByRole("button", { name: /Disconnect all of/ })).toBeVisible();
        await picture(page, "all-connections-of-one", theme, 1280, true);
        await picture(page, "all-connections-of-one-phone", theme, 360);
        await page.goto("/audit");
        await picture(page, "audit", theme);
        await picture(page, "audit-phone", theme, 360);
        const refused = await page.goto("/oauth/authorize?client_id=unknown");
        expect(refused?.status()).toBe(400);
        await picture(page, "error", theme);
      } finally {
        await program.stop();
      }
    });
  });
}
