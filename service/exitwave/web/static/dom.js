/** Elements of the page, found or made, with their types. */

/** @template T @typedef {new (...args: any[]) => T} Kind class of an element */

/**
 * The element with an id, or an error.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {Kind<T>} [kind] its class
 * @returns {T}
 */
export function byId(id, kind) {
  return checked(document.getElementById(id), `#${id}`, kind);
}

/**
 * The first element below another that matches a selector, or an error.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {Element} parent
 * @param {string} selector
 * @param {Kind<T>} [kind] its class
 * @returns {T}
 */
export function within(parent, selector, kind) {
  return checked(parent.querySelector(selector), selector, kind);
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} N
 * @param {N} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[N]}
 */
export function create(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/**
 * @template {HTMLElement} T
 * @param {?Element} element
 * @param {string} name
 * @param {Kind<T>} [kind]
 * @returns {T}
 */
function checked(element, name, kind) {
  const expected = kind ?? HTMLElement;
  if (element instanceof expected) return /** @type {T} */ (element);
  throw new TypeError(`${name}: found ${element?.tagName ?? "nothing"}; expected ${expected.name}`);
}
