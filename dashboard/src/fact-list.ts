import { NONE } from './number-format.ts';
import { setText } from './set-text.ts';

/** Names with their values, in a list of definitions. */
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
