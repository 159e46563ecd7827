/**
 * Every way from a form of the server to a client ends at the client. Browsers apply the content security policy for
 * forms (`form-action`) to all redirects after a post, and block the last one without a word on the page.
 */
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { Callback, authorizePath, register } from "../support/authorization.js";
import { allow, fillSignIn, people, signIn, watch } from "../support/console.js";

test.use({ ignoreHTTPSErrors: true });

const errors = [
  ["unsupported_response_type", { response_type: "token" }],
  ["invalid_target", { resource: "https://elsewhere.example/mcp" }],
  ["invalid_request", { code_challenge_method: "plain" }],
] as const;

for (const secure of [false, true]) {
  const kind = secure ? "https" : "loopback";

  for (const [code, change] of errors) {
    test(`sign-in in front of a request with an error ends at the client: ${code}, ${kind}`, async ({ page, request }) => {
      const watched = watch(page);
      const callback = await Callback.start({ secure });
      try {
        const client = await register(request, "Chain client", callback.address);
        await page.goto(authorizePath(client, callback.address, change));
        await fillSignIn(page, people.viewer);
        const answer = await callback.answer();
        expect(answer.get("error")).toBe(code);
        expect(answer.get("state")).toBe("state+of/the=test");
        await expect(page.getByRole("heading", { name: "Back in the program" })).toBeVisible();
        expect(watched.problems).toEqual([]);
      } finally {
        callback.stop();
      }
    });
  }

  for (const [button, member] of [
    ["Allow access", "code"],
    ["Cancel", "error"],
  ] as const) {
    test(`${button} ends at the client: ${kind}`, async ({ page, request }) => {
      const watched = watch(page);
      const callback = await Callback.start({ secure });
      try {
        const client = await register(request, "Chain client", callback.address);
        await page.goto(authorizePath(client, callback.address));
        await fillSignIn(page, people.viewer);
        await page.getByRole("button", { name: button }).click();
        const answer = await callback.answer();
        expect(answer.get(member)).toBeTruthy();
        expect(answer.get("state")).toBe("state+of/the=test");
        expect(answer.has("iss")).toBe(true);
        expect(watched.problems).toEqual([]);
      } finally {
        callback.stop();
      }
    });
  }
}

test("a wrong password keeps the address and the way to the client", async ({ page, request }) => {
  const callback = await Callback.start();
  try {
    const client = await register(request, "Chain client", callback.address);
    await page.goto(authorizePath(client, callback.address, { response_type: "token" }));
    await page.getByLabel("E-mail").fill(people.viewer);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByText("The e-mail address or the password is not right.")).toBeVisible();
    await expect(page.getByLabel("E-mail")).toHaveValue(people.viewer);
    await expect(page.getByLabel("Password")).toBeFocused();
    await expect(page.getByLabel("Password")).toHaveValue("");
    await fillSignIn(page, people.viewer);
    expect((await callback.answer()).get("error")).toBe("unsupported_response_type");
  } finally {
    callback.stop();
  }
});

test("a sign-in page that another tab has overtaken still leads to the client", async ({ page, context, request }) => {
  const watched = watch(page);
  const callback = await Callback.start();
  try {
    const client = await register(request, "Chain client", callback.address);
    const path = authorizePath(client, callback.address, { response_type: "token" });
    await page.goto(path);
    const other = await context.newPage();
    await other.goto(path);
    await fillSignIn(other, people.viewer);
    await callback.answer(1);
    // The token of this form is too old now; the page behind it sends people on who are signed in.
    await fillSignIn(page, people.viewer);
    expect((await callback.answer(2)).get("error")).toBe("unsupported_response_type");
    expect(watched.problems).toEqual([]);
  } finally {
    callback.stop();
  }
});

test("after another account was chosen, and after a session that ended in the middle, the client gets its code", async ({
  page,
  context,
  request,
}) => {
  const callback = await Callback.start();
  try {
    const client = await register(request, "Chain client", callback.address);
    await page.goto(authorizePath(client, callback.address));
    await fillSignIn(page, people.viewer);
    await page.getByRole("button", { name: "Switch account" }).click();
    await fillSignIn(page, people.analyst);
    await expect(page.getByText(people.analyst)).toBeVisible();
    const flow = page.url();

    const other = await context.newPage();
    await other.goto("/connections");
    await other.getByRole("button", { name: "Sign out" }).click();
    await expect(other.getByRole("heading", { level: 1, name: "Sign in" })).toBeVisible();
    await page.getByRole("button", { name: "Allow access" }).click();
    // Nothing is decided by a form from before: either it says so, or it asks to sign in.
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(/too old|Sign in/);
    expect(callback.received).toEqual([]);

    await page.goto(flow);
    await fillSignIn(page, people.analyst);
    await page.getByRole("button", { name: "Allow access" }).click();
    expect((await callback.answer()).get("code")).toBeTruthy();
  } finally {
    callback.stop();
  }
});

test("a custom scheme gets its answer by a page that goes on, allowed or with an error", async ({ page, context, request }) => {
  const redirect = "cursor://margay.test/callback";
  await signIn(page, people.admin);
  await page.goto("/settings/ai-automation/remote-mcp");
  const listed = async (name: string) =>
    (await page.locator(`input[name="${name}"]`).evaluateAll((all) => all.map((e) => (e as HTMLInputElement).value))).filter(Boolean);
  const [domains, schemes] = [await listed("domain"), await listed("scheme")];
  await allow(page, domains, [...new Set([...schemes, "cursor"])]);
  await page.context().clearCookies();
  const client = await register(request, "Chain app", redirect);

  await page.goto(authorizePath(client, redirect, { response_type: "token" }));
  await fillSignIn(page, people.viewer);
  await expect(page.getByRole("heading", { level: 1, name: "Access not allowed" })).toBeVisible();
  const target = page.getByRole("link", { name: /^Open/ });
  await expect(target).toHaveAttribute("href", /^cursor:\/\/margay\.test\/callback\?error=unsupported_response_type&/);

  // In a tab of its own: the browser may still ask in this one whether to open the app.
  const other = await context.newPage();
  await other.goto(authorizePath(client, redirect));
  await other.getByRole("button", { name: "Allow access" }).click();
  await expect(other.getByRole("heading", { level: 1, name: "Access allowed" })).toBeVisible();
  await expect(other.getByRole("link", { name: /^Open/ })).toHaveAttribute("href", /^cursor:\/\/margay\.test\/callback\?code=/);
});

test("whoever creates the first admin comes to the client from there", async ({ browser }, info) => {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
  const folder = mkdtempSync(join(tmpdir(), "margay-first-"));
  const server = spawn(process.env.MARGAY_BINARY!, ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const callback = await Callback.start();
  try {
    const link = await new Promise<string>((resolve, reject) => {
      let output = "";
      server.stdout.on("data", (part: Buffer) => {
        output += part.toString();
        const found = /http:\S+\/setup\/\S+/.exec(output);
        if (found) resolve(found[0]);
      });
      server.on("exit", () => reject(new Error(`the server ended: ${output}`)));
    });
    const baseURL = `http://127.0.0.1:${port}`;
    const javaScriptEnabled = info.project.use.javaScriptEnabled;
    const context = await browser.newContext({ baseURL, javaScriptEnabled });
    const page = await context.newPage();
    const watched = watch(page);
    const client = await register(context.request, "Chain client", callback.address);

    await page.goto(link);
    await page.getByLabel("E-mail").fill("first@example.com");
    await page.getByLabel("Password").fill("a first password");
    await page.getByRole("button", { name: "Create admin" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
    await page.goto(authorizePath(client, callback.address, { response_type: "token" }));
    expect((await callback.answer(1)).get("error")).toBe("unsupported_response_type");
    await page.goto(authorizePath(client, callback.address));
    await page.getByRole("button", { name: "Allow access" }).click();
    expect((await callback.answer(2)).get("code")).toBeTruthy();
    expect(watched.problems).toEqual([]);
    await context.close();
  } finally {
    callback.stop();
    server.kill("SIGTERM");
  }
});
