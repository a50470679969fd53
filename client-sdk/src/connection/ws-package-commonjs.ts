/** What is used of Node, which this package's types do not include. */
interface Node {
  getBuiltinModule(name: 'node:module'): {
    createRequire(path: string): (name: string) => { readonly WebSocket: unknown };
  };
}
declare const process: Node;
declare const __filename: string;

/**
 * Takes the place of `ws-package.ts` in the CommonJS build. Jest has no `import()` there, and
 * bundlers would follow a plain `require`.
 *
 * @throws Error if it is not installed
 */
export async function loadWs(): Promise<{ readonly WebSocket: unknown }> {
  return process.getBuiltinModule('node:module').createRequire(__filename)('ws');
}
