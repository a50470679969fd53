/** What a server keeps, oldest first: a loop over it fetches page by page as it proceeds. */
export interface PastItems<Item> extends AsyncIterable<Item> {
  /** All of them at once. @throws Error (rejects) as a loop does */
  toArray(): Promise<Item[]>;
}

/** Each loop begins anew with `open`. */
export function pastItems<Item>(open: () => Promise<AsyncIterable<Item>>): PastItems<Item> {
  async function* read() {
    yield* await open();
  }
  return {
    [Symbol.asyncIterator]: read,
    async toArray() {
      const items: Item[] = [];
      for await (const item of read()) items.push(item);
      return items;
    },
  };
}
