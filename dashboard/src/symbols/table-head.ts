import { nextSort, type Sort, type SortKey } from './symbol-order.ts';

/** A column of the table of symbols. */
export interface Column {
  readonly key: SortKey;
  readonly title: string;
  /** Tooltip, if the title does not say it all. */
  readonly hint?: string;
}

export const COLUMNS: readonly Column[] = [
  { key: 'symbol', title: 'Symbol' },
  { key: 'trend', title: 'Trend', hint: 'Sorts by the distance of the price from its average' },
  { key: 'price', title: 'Price' },
  { key: 'average', title: 'Average', hint: 'The mean of the last ticks' },
  { key: 'min', title: 'Min', hint: 'The lowest price since the server started' },
  { key: 'max', title: 'Max', hint: 'The highest price since the server started' },
  { key: 'count', title: 'Ticks', hint: 'Ticks applied' },
  { key: 'age', title: 'Age', hint: 'How long ago the newest tick was' },
];

/** The headings of the table, each a button that sorts by its column. */
export class TableHead {
  readonly #headings = new Map<SortKey, HTMLTableCellElement>();
  #sort: Sort = { key: 'symbol', isDescending: false };

  /** @param changed called after a change of the sort order */
  constructor(head: HTMLTableSectionElement, changed: () => void) {
    head.role = 'rowgroup';
    const row = document.createElement('tr');
    row.className = 'row';
    row.role = 'row';
    row.ariaRowIndex = '1';
    for (const { key, title, hint } of COLUMNS) {
      const heading = document.createElement('th');
      heading.className = 'cell heading';
      heading.scope = 'col';
      heading.role = 'columnheader';
      heading.dataset.column = key;
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = title;
      if (hint !== undefined) button.title = hint;
      button.addEventListener('click', () => {
        this.#sort = nextSort(this.#sort, key);
        this.#show();
        changed();
      });
      heading.append(button);
      this.#headings.set(key, heading);
      row.append(heading);
    }
    head.append(row);
    this.#show();
  }

  get sort(): Sort {
    return this.#sort;
  }

  #show(): void {
    for (const [key, heading] of this.#headings) {
      if (key !== this.#sort.key) heading.ariaSort = null;
      else heading.ariaSort = this.#sort.isDescending ? 'descending' : 'ascending';
    }
  }
}
