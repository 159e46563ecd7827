/** A person at the authorization page: signs in, chooses permissions, allows. */
import { Browser } from "./browser.mjs";
import { ANSWER_MS, password, people } from "./setting.mjs";

const DECISION = "/oauth/authorize/decision";

/**
 * Opens an authorization URL and returns the address at the client to which the server sends the person in the end.
 * Allows everything that the page has selected, or only what `keep` accepts.
 */
export async function authorize(url, { email = people.analyst, keep = () => true } = {}) {
  const browser = new Browser(url);
  const first = await browser.open(url);
  const page = await signIn(browser, first, email);
  const consent = formTo(page, DECISION);
  const selected = consent.inputs.filter((input) => input.name === "permission" && "checked" in input);
  const chosen = selected.filter((input) => keep(input.value));
  if (chosen.length === 0) throw new Error(`nothing to allow on the consent page: ${page.text}`);
  if (!consent.buttons.some((button) => button.name === "decision" && button.value === "allow")) {
    throw new Error(`the consent page has no button that allows: ${page.text}`);
  }
  const fields = [...hidden(consent), ...chosen.map((input) => ["permission", input.value]), ["decision", "allow"]];
  const answer = await browser.submit(page, consent, fields);
  if (!answer.left) throw new Error(`the decision did not lead back to the client: ${answer.status} ${answer.text}`);
  return answer.left;
}

/** Follows the last redirect, to a client that listens on loopback. A client may open its port a moment later. */
export async function deliver(callback) {
  const until = Date.now() + ANSWER_MS;
  for (;;) {
    try {
      const response = await fetch(callback, { signal: AbortSignal.timeout(ANSWER_MS) });
      await response.text();
      return response.status;
    } catch (error) {
      if (error.cause?.code !== "ECONNREFUSED" || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function signIn(browser, page, email) {
  const form = page.forms?.find((form) => form.inputs.some((input) => input.name === "password"));
  if (!form) return page;
  return browser.submit(page, form, [...hidden(form), ["email", email], ["password", password]]);
}

function formTo(page, action) {
  const form = page.forms?.find((form) => form.action === action);
  if (!form) throw new Error(`no consent page: ${page.left ?? `${page.status} ${page.text}`}`);
  return form;
}

function hidden(form) {
  return form.inputs.filter((input) => input.type === "hidden").map((input) => [input.name, input.value]);
}
