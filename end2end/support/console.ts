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
