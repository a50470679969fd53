/**
 * The element with a `data-part` name, inside another one.
 *
 * @throws Error when the page has no such element, or one of another type
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

/** The element with an id. @throws Error when the page has none */
export function findById(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}
