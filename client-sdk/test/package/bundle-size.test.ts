import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bundleForPage, type PageBundle } from '../support/page-bundle.ts';

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
  const scriptTag = await readFile(`${ROOT}dist/public/sdk/tickwire.js`, 'utf8');
  const bundles = new Map<string, PageBundle>();
  for (const [name, program] of Object.entries(builds)) bundles.set(name, await bundle(program));
  const texts = new Map([
    ['script tag', scriptTag],
    ...[...bundles].map(([name, { script }]) => [name, script] as const),
  ]);
  const later = [...bundles].flatMap(([name, bundle]) =>
    bundle.later.map((text) => [`${name}, on demand`, text] as const),
  );

  test('of a subscriber is small', ({ annotate }) => {
    const sizes = [...bundles].map(([name, { startBytes }]) => [name, startBytes] as const);
    const scriptTagBytes = gzipSync(scriptTag, { level: 9 }).length;
    const bytes = Object.fromEntries([...sizes, ['script tag', scriptTagBytes]]);
    void annotate(`gzip -9, bytes: ${JSON.stringify(bytes)}`);
    expect(bytes.subscriber).toBeLessThanOrEqual(SUBSCRIBER_BYTES_MAX);
    // The whole client, not a stub.
    expect(bytes.subscriber).toBeGreaterThan(4000);
  });

  test('of a subscriber loads on demand what only few need, in one file', () => {
    const { later = [] } = bundles.get('subscriber') ?? {};
    expect(later).toHaveLength(1);
    expect(later[0]).toContain('retry-after');
    expect(texts.get('subscriber')).not.toContain('retry-after');
    expect(texts.get('script tag')).toContain('retry-after');
    expect(texts.get('subscriber')).toMatch(/\bimport\("\.\/on-demand/);
    expect(texts.get('publisher')).not.toContain('on-demand');
  });

  test('of a subscriber contains no publisher code, and vice versa', () => {
    expect(texts.get('script tag')).toContain('bufferTicksMax');
    expect(texts.get('subscriber')).not.toContain('bufferTicksMax');
    expect(texts.get('script tag')).toContain('conflateMs');
    expect(texts.get('publisher')).not.toContain('conflateMs');
  });

  test.for([...texts, ...later])(
    '%s: makes no code at run time, and needs nothing of Node',
    ([, text]) => {
      expect(text).not.toMatch(/\beval\s*\(|\bFunction\s*\(/);
      expect(text).not.toMatch(/\bnode:|\brequire\s*\(|\bBuffer\b|\bprocess\b/);
    },
  );
});

function bundle(contents: string): Promise<PageBundle> {
  return bundleForPage({
    stdin: { contents, resolveDir: ROOT },
    alias: {
      '@tickwire/client/react': `${ROOT}client-sdk/dist/react.js`,
      '@tickwire/client': `${ROOT}client-sdk/dist/index.js`,
    },
    external: ['react'],
  });
}
