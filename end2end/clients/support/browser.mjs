/** A browser without scripts that knows one site: it keeps that site's cookies and never leaves it by itself. */
import { forms, text } from "./html.mjs";
import { ANSWER_MS } from "./setting.mjs";

const MAX_REDIRECTS = 10;

export class Browser {
  #origin;
  #cookies = new Map();

  constructor(url) {
    this.#origin = new URL(url).origin;
  }

  /** Opens a page of the site, through redirects within it. */
  open(url) {
    return this.#go(new URL(url), undefined);
  }

  /** Sends a form as its page would. */
  submit(page, form, fields) {
    return this.#go(new URL(form.action, page.url), new URLSearchParams(fields));
  }

  /** A page, or in `left` the address elsewhere to which the site sent the person. */
  async #go(start, start_body) {
    let [url, body] = [start, start_body];
    for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
      const response = await this.#fetch(url, body);
      const html = await response.text();
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || !location) {
        return { url, status: response.status, forms: forms(html), text: text(html) };
      }
      url = new URL(location, url);
      body = undefined;
      if (url.origin !== this.#origin) return { left: url };
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects from ${start.pathname}`);
  }

  async #fetch(url, body) {
    if (url.origin !== this.#origin) throw new Error(`${url.origin} is not the site of this browser`);
    const headers = { accept: "text/html", "user-agent": "Margay clients suite" };
    if (this.#cookies.size > 0) headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    // What a real browser says about a form of the same site.
    if (body) Object.assign(headers, { origin: this.#origin, "sec-fetch-site": "same-origin" });
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
    return response;
  }

  #keep(cookie) {
    const [pair] = cookie.split(";");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    if (value === "" || /;\s*max-age=0/i.test(cookie)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
