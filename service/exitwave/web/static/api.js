/** Calls of the REST API, and the session that allows them. */

/** The answer was not a success. `status` 401 means: no session. */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * @param {string} path below /api/v1
 * @param {RequestInit} [options]
 * @returns {Promise<any>} the JSON body, or null where there is none
 */
export async function call(path, options = {}) {
  const response = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...options });
  const text = await response.text();
  const body = text && (response.headers.get("content-type") ?? "").includes("json")
    ? JSON.parse(text)
    : null;
  if (!response.ok) throw new ApiError(response.status, body?.detail ?? response.statusText);
  return body;
}

/** @param {string} path @param {object} [body] */
export function post(path, body = {}) {
  return call(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Asset of the page itself. @param {string} path */
export async function asset(path) {
  const response = await fetch(path);
  if (!response.ok) throw new ApiError(response.status, `${path}: ${response.statusText}`);
  return response.json();
}

/**
 * Exchange the one-time code in the address (`#code=…`) for a session, and take the code
 * out of the address and the history.
 * @returns {Promise<void>}
 */
export async function redeemCodeInAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const code = fragment.get("code");
  if (!code) return;
  fragment.delete("code");
  const rest = fragment.toString();
  history.replaceState(null, "", location.pathname + (rest ? `#${rest}` : ""));
  await post("/session", { code });
}

/** Exchange the access key for a session. @param {string} key */
export function openSession(key) {
  return post("/session", { key });
}
