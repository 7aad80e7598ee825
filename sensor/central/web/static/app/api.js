// Requests to our own server, and to no other.

let token = "";

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(value) { token = value; }

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refusal(0, "the server cannot be reached");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    if (answer.status === 401 && path !== "/api/login") document.dispatchEvent(new CustomEvent("logged-out"));
    throw new Refusal(answer.status, body.error ?? `the server answered ${answer.status}`);
  }
  return body;
}

export const get = (path) => ask(path, {});
export const post = (path, body = {}) => ask(path, {
  method: "POST",
  headers: { "content-type": "application/json", "x-csrf-token": token },
  body: JSON.stringify(body),
});
export const at = (id, rest = "") => `/api/incidents/${encodeURIComponent(id)}${rest}`;
