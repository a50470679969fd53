import { NONE } from './format.ts';

/**
 * The element with a `data-part` name below a root.
 *
 * @throws Error if there is no such element of that type
 */
export function findPart<Type extends Element>(
  root: ParentNode,
  name: string,
  type: abstract new () => Type,
): Type {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} for the part ${name}`);
}

/** The element with an id. @throws Error if there is none */
export function findById(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

/** Sets an element's text if it differs: unchanged text must not cost layout. */
export function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes a boolean attribute. */
export function setFlag(element: Element, name: string, isSet: boolean): void {
  if (element.hasAttribute(name) !== isSet) element.toggleAttribute(name, isSet);
}

/** Names and values in a definition list. */
export class FactList<Name extends string> {
  readonly #values = new Map<Name, HTMLElement>();

  constructor(list: HTMLElement, names: readonly Name[]) {
    for (const name of names) {
      const term = document.createElement('dt');
      const value = document.createElement('dd');
      term.textContent = name;
      value.textContent = NONE;
      value.dataset.fact = name;
      list.append(term, value);
      this.#values.set(name, value);
    }
  }

  set(name: Name, text: string): void {
    const element = this.#values.get(name);
    if (element !== undefined) setText(element, text);
  }

  clear(): void {
    for (const element of this.#values.values()) setText(element, NONE);
  }
}

export function span(className: string): HTMLSpanElement {
  const element = document.createElement('span');
  element.className = className;
  return element;
}
