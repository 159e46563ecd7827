import { expect, type Page } from "@playwright/test";

export const people = {
  admin: "admin@example.com",
  analyst: "analyst@example.com",
  viewer: "viewer@example.com",
} as const;

export const password = process.env.MARGAY_DEMO_PASSWORD ?? "";

/** Fills in the sign-in page that is open. */
export async function fillSignIn(page: Page, email: string): Promise<void> {
  await expect(page.getByRole("heading", { level: 1, name: "Sign in" })).toBeVisible();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Signs in and stands on the page Connections. */
export async function signIn(page: Page, email: string): Promise<void> {
  await page.goto("/sign-in");
  await fillSignIn(page, email);
  await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
}

/** Fails the test if the page breaks its own content security policy or throws. */
export function watch(page: Page): { problems: string[] } {
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || /Content Security Policy/i.test(message.text())) problems.push(message.text());
  });
  return { problems };
}

/** Saves the redirect allowlist as somebody who is signed in as an admin: exactly these entries. */
export async function allow(page: Page, domains: string[], schemes: string[]): Promise<void> {
  const path = "/settings/ai-automation/remote-mcp";
  await page.goto(path);
  const field = (name: string) => page.locator(`input[name="${name}"]`).first().inputValue();
  const form = new URLSearchParams({ csrf: await field("csrf"), revision: await field("revision") });
  for (const domain of domains) form.append("domain", domain);
  for (const scheme of schemes) form.append("scheme", scheme);
  const saved = await page.request.post(path, {
    headers: { "content-type": "application/x-www-form-urlencoded" },
    data: form.toString(),
  });
  expect(saved.ok(), await saved.text()).toBe(true);
}

/** Tries to connect a client whose redirect URI nobody has allowed, as the person who is signed in. */
export async function tryBlockedClient(page: Page, name: string, redirectUri: string): Promise<void> {
  const registered = await page.request.post("/oauth/register", {
    data: { client_name: name, redirect_uris: [redirectUri] },
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri: redirectUri,
    code_challenge: "A".repeat(43),
    code_challenge_method: "S256",
    state: "s",
  });
  const response = await page.goto(`/oauth/authorize?${query}`);
  expect(response?.status()).toBe(400);
}
