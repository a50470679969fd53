/** Writes an element's text, unless it is there already: what does not change costs no layout. */
export function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes an attribute that says something by being there. */
export function setFlag(element: Element, name: string, isSet: boolean): void {
  if (element.hasAttribute(name) !== isSet) element.toggleAttribute(name, isSet);
}
