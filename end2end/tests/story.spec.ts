import { expect, test } from "@playwright/test";

import { fillSignIn, people, signIn, watch } from "../support/console.js";
import { McpProgram } from "../support/mcp-client.js";

/** What the role Analyst can give to a client, without the tools that need Read User Info; by name. */
const analystToolsWithoutUserInfo = [
  "add_alert_comment",
  "bulk_update_alerts",
  "disable_detection",
  "enable_detection",
  "get_alert",
  "get_alert_event_stats",
  "get_alert_events",
  "get_bytes_processed_metrics",
  "get_data_model",
  "get_detection",
  "get_enrichment",
  "get_global_helper",
  "get_http_log_source",
  "get_log_type_schema_details",
  "get_permissions",
  "get_rule_alert_metrics",
  "get_severity_alert_metrics",
  "get_table_schema",
  "list_alert_comments",
  "list_alerts",
  "list_data_models",
  "list_database_tables",
  "list_databases",
  "list_detections",
  "list_enrichments",
  "list_global_helpers",
  "list_log_sources",
  "list_log_type_schemas",
  "lookup_enrichment",
  "query_data_lake",
  "search_indicators",
  "update_alert_assignee",
  "update_alert_quality",
  "update_alert_status",
  "update_alert_tags",
];

test("a client connects, works within what was granted, and is disconnected", async ({ page, browser, baseURL }, info) => {
  const name = `Story client ${info.project.name}`;
  const watched = watch(page);
  const program = await McpProgram.start(baseURL!, name);
  try {
    // The client discovers, registers itself and sends the person to the browser.
    await page.goto(await program.begin());
    await fillSignIn(page, people.analyst);

    // Everything of the role that a tool uses is selected; the person takes one away.
    await expect(page.getByRole("heading", { level: 1, name: "MCP authorization" })).toBeVisible();
    await expect(page.locator("bdi.client-name").first()).toHaveText(name);
    await expect(page.getByText("analyst@example.com").first()).toBeVisible();
    const boxes = page.getByRole("checkbox");
    expect(await boxes.count()).toBeGreaterThan(4);
    for (const box of await boxes.all()) await expect(box).toBeChecked();
    await page.getByRole("checkbox", { name: "Read User Info" }).uncheck();
    await page.getByRole("button", { name: "Allow access" }).click();
    await expect(page.getByRole("heading", { name: "Back in the program" })).toBeVisible();

    // Back in the client: exactly the tools of what was granted.
    const client = await program.finish();
    const tools = (await client.listTools()).tools.map((tool) => tool.name);
    expect(tools).toEqual(analystToolsWithoutUserInfo);

    const alerts = await client.callTool({ name: "list_alerts", arguments: { severities: ["CRITICAL", "HIGH"] } });
    expect(alerts.isError).toBeFalsy();
    const listed = (alerts.structuredContent as { alerts: { id: string; title: string }[] }).alerts;
    expect(listed.length).toBeGreaterThan(0);
    const events = await client.callTool({ name: "get_alert_events", arguments: { alert_id: listed[0].id } });
    expect((events.structuredContent as { events: unknown[] }).events.length).toBeGreaterThan(0);
    const rows = await client.callTool({
      name: "query_data_lake",
      arguments: {
        sql: "SELECT eventSource, count(*) AS n FROM panther_logs.public.aws_cloudtrail WHERE p_occurs_since('7 d') GROUP BY eventSource ORDER BY n DESC",
      },
    });
    expect(rows.isError).toBeFalsy();
    expect((rows.structuredContent as { results: { n: number }[] }).results[0].n).toBeGreaterThan(10);
    // What the client changes is changed, and a search finds what stands in an event.
    const triaged = await client.callTool({
      name: "bulk_update_alerts",
      arguments: { alert_ids: [listed[0].id], status: "TRIAGED", comment: "Being looked at." },
    });
    expect(triaged.structuredContent).toMatchObject({ summary: { total_alerts: 1, updated: 1, failed: 0 } });
    const after = await client.callTool({ name: "get_alert", arguments: { alert_id: listed[0].id } });
    expect(after.structuredContent).toMatchObject({ alert: { status: "TRIAGED" } });
    const [event] = (events.structuredContent as { events: { p_any_ip_addresses: string[]; p_event_time: string }[] }).events;
    const found = await client.callTool({
      name: "search_indicators",
      arguments: { indicators: [event.p_any_ip_addresses[0]], start_date: new Date(Date.now() - 8 * 864e5).toISOString() },
    });
    expect((found.structuredContent as { total_events: number }).total_events).toBeGreaterThan(0);
    // What the person took away is refused with a challenge, and the client comes back to the browser for it.
    await expect(client.callTool({ name: "list_users", arguments: {} })).rejects.toThrow();

    // Each call stands in the audit log under the person's name.
    const admin = await (await browser.newContext({ baseURL })).newPage();
    await signIn(admin, people.admin);
    await admin.goto("/audit?action=AI_TOOL_INVOKE&person=analyst%40example.com");
    await expect(admin.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
    const logged = admin.locator("table tbody tr");
    const cells = (label: string) => admin.locator(`td[data-label="${label}"]`);
    const exactly = (text: string) => new RegExp(`^\\s*${text}\\s*$`);
    const whose = await cells("Person").allTextContents();
    expect(new Set(whose.map((text) => text.trim())), "the filter lets nobody else pass").toEqual(new Set([people.analyst]));
    for (const tool of ["list_alerts", "get_alert_events", "query_data_lake"]) {
      const row = logged
        .filter({ has: cells("Tool").filter({ hasText: exactly(tool) }) })
        .filter({ has: cells("Person").filter({ hasText: exactly(people.analyst) }) })
        .filter({ has: cells("Client").filter({ hasText: exactly(name) }) });
      await expect(row, `${tool} of ${name}`).toHaveCount(1);
    }
    await admin.context().close();

    // The person ends the connection; the next request of the client is refused.
    await page.goto("/connections");
    await page.getByRole("link", { name: `Disconnect ${name}` }).first().click();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await expect(page.getByText("Disconnected.")).toBeVisible();
    await expect(client.callTool({ name: "get_permissions", arguments: {} })).rejects.toThrow();
    expect(watched.problems).toEqual([]);
  } finally {
    await program.stop();
  }
});

test("an admin disconnects a client of somebody else", async ({ page, browser, baseURL }, info) => {
  const name = `Lost client ${info.project.name}`;
  const watched = watch(page);
  const program = await McpProgram.start(baseURL!, name);
  try {
    const viewer = await (await browser.newContext({ baseURL })).newPage();
    await viewer.goto(await program.begin());
    await fillSignIn(viewer, people.viewer);
    await viewer.getByRole("button", { name: "Allow access" }).click();
    const client = await program.finish();

    await signIn(page, people.admin);
    await page.getByRole("link", { name: "Everyone\u2019s connections" }).click();
    await page.getByLabel("Person", { exact: true }).fill(people.viewer);
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByRole("link", { name: `Disconnect ${name} of ${people.viewer}` }).click();
    await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await expect(page.getByText("Disconnected.")).toBeVisible();
    await expect(client.callTool({ name: "get_permissions", arguments: {} })).rejects.toThrow();

    await viewer.goto("/connections");
    await expect(viewer.getByText("An admin disconnected it.").first()).toBeVisible();
    await viewer.context().close();
    expect(watched.problems).toEqual([]);
  } finally {
    await program.stop();
  }
});

test("a person denies, and the client hears it", async ({ page, baseURL }) => {
  const program = await McpProgram.start(baseURL!, "Denied client");
  try {
    await page.goto(await program.begin());
    await fillSignIn(page, people.viewer);
    await page.getByRole("button", { name: "Cancel" }).click();
    const url = await program.callback;
    expect(url.searchParams.get("error")).toBe("access_denied");
    expect(url.searchParams.get("state")).toBe("state-of-the-test");
    expect(url.searchParams.has("iss")).toBe(true);
  } finally {
    await program.stop();
  }
});

test("an admin allows a domain, and the page says what it means", async ({ page }, info) => {
  const watched = watch(page);
  await signIn(page, people.admin);
  await page.getByRole("link", { name: "Remote MCP" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Remote MCP" })).toBeVisible();
  const domains = page.locator('input[name="domain"]');
  // Without JavaScript there are empty rows; with it they go away when the page comes alive, and one is added.
  const alive = info.project.name.startsWith("with J");
  if (alive) await page.getByRole("button", { name: "Add domain" }).click();
  const values = () =>
    domains.evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
  const row = alive ? domains.last() : domains.nth((await values()).indexOf(""));
  const domain = alive ? "*cursor.com" : "claude.ai";
  await row.fill(domain);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved. The next authorization follows these lists.")).toBeVisible();
  expect(await values()).toContain(domain);
  expect(watched.problems).toEqual([]);
});

test("an address that is not allowed is a page, not a redirect", async ({ page, request, baseURL }) => {
  const registered = await request.post("/oauth/register", {
    data: { client_name: "Elsewhere", redirect_uris: ["https://elsewhere.example/callback"] },
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  await signIn(page, people.viewer);
  const response = await page.goto(
    `/oauth/authorize?response_type=code&client_id=${client_id}&redirect_uri=https%3A%2F%2Felsewhere.example%2Fcallback` +
      `&code_challenge=${"A".repeat(43)}&code_challenge_method=S256&state=s`,
  );
  expect(response?.status()).toBe(400);
  expect(new URL(page.url()).origin).toBe(baseURL);
  await expect(page.getByRole("heading", { level: 1, name: "Redirect URI is not allowed" })).toBeVisible();
  await expect(page.getByText("elsewhere.example").first()).toBeVisible();
});

test("pages stand with the keyboard alone", async ({ page }) => {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").focus();
  await page.keyboard.type(people.viewer);
  await page.keyboard.press("Tab");
  await page.keyboard.type(process.env.MARGAY_DEMO_PASSWORD ?? "");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.locator(":focus")).toHaveText(/skip/i);
});
