/** What is used of Node, which this package's types do not include. */
interface Node {
  getBuiltinModule(name: 'node:util'): Coding;
}
declare const process: Node;

type Coding = Pick<typeof globalThis, 'TextEncoder' | 'TextDecoder'>;

const isMissing = (globalThis as Partial<Coding>).TextEncoder === undefined;
const coding = isMissing ? process.getBuiltinModule('node:util') : globalThis;

/** In the CommonJS build these are the platform's, or Node's: Jest's jsdom has none. */
export const { TextEncoder, TextDecoder } = coding;
