/** Just enough HTML to use a form. */

const ENTITIES = { lt: "<", gt: ">", quot: '"', "#x27": "'", "#39": "'", amp: "&" };

function unescape(text) {
  return text.replace(/&(lt|gt|quot|#x27|#39|amp);/g, (_, name) => ENTITIES[name]);
}

/** The attributes of all start tags of this name. */
function tags(html, name) {
  const found = html.matchAll(new RegExp(`<${name}\\b((?:"[^"]*"|[^">])*)>`, "gi"));
  return [...found].map(([, inside]) =>
    Object.fromEntries(
      [...inside.matchAll(/([^\s=/"]+)(?:="([^"]*)")?/g)].map(([, key, value]) => [
        key.toLowerCase(),
        unescape(value ?? ""),
      ]),
    ),
  );
}

/** All forms of a page: where each goes, its inputs and its buttons. */
export function forms(html) {
  return [...html.matchAll(/<form\b[\s\S]*?<\/form>/gi)].map(([form]) => ({
    ...tags(form, "form")[0],
    inputs: tags(form, "input"),
    buttons: tags(form, "button"),
  }));
}

/** The text of a page on one line, to say what stood where something else was expected. */
export function text(html) {
  const body = html.replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " ");
  return unescape(body).replace(/\s+/g, " ").trim();
}
