import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Size limit of what a page loads, gzip -9, bytes; see the package's README. */
const SUBSCRIBER_BYTES_MAX = 12_000;

const builds = {
  subscriber: `import { connect } from '@tickwire/client'; globalThis.connect = connect;`,
  publisher: `import { connectPublisher } from '@tickwire/client';
    globalThis.connectPublisher = connectPublisher;`,
  react: `import { TickwireProvider, useAnomalies, useSymbol } from '@tickwire/client/react';
    globalThis.hooks = { TickwireProvider, useAnomalies, useSymbol };`,
};

describe('a bundle for browsers', async () => {
  const texts = new Map<string, string>([
    ['script tag', await readFile(`${ROOT}dist/public/sdk/tickwire.js`, 'utf8')],
  ]);
  for (const [name, program] of Object.entries(builds)) texts.set(name, await bundle(program));

  test('of a subscriber is small', ({ annotate }) => {
    const sizes = [...texts].map(([name, text]) => [name, gzipSync(text, { level: 9 }).length]);
    const bytes = Object.fromEntries(sizes) as Record<string, number>;
    void annotate(`gzip -9, bytes: ${JSON.stringify(bytes)}`);
    expect(bytes.subscriber).toBeLessThanOrEqual(SUBSCRIBER_BYTES_MAX);
    // The whole client, not a stub.
    expect(bytes.subscriber).toBeGreaterThan(4000);
  });

  test('of a subscriber contains no publisher code, and vice versa', () => {
    expect(texts.get('script tag')).toContain('bufferTicksMax');
    expect(texts.get('subscriber')).not.toContain('bufferTicksMax');
    expect(texts.get('script tag')).toContain('conflateMs');
    expect(texts.get('publisher')).not.toContain('conflateMs');
  });

  test.for([...texts])('%s: makes no code at run time, and needs nothing of Node', ([, text]) => {
    expect(text).not.toMatch(/\beval\s*\(|\bFunction\s*\(/);
    expect(text).not.toMatch(/\bnode:|\brequire\s*\(|\bBuffer\b|\bprocess\b/);
  });
});

/** Bundles a program as a page would load it. */
async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    alias: {
      '@tickwire/client/react': `${ROOT}client-sdk/dist/react.js`,
      '@tickwire/client': `${ROOT}client-sdk/dist/index.js`,
    },
    external: ['react'],
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}
