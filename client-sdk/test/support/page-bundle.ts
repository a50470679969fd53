import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';

/** The files that a bundler makes for a page. */
export interface PageBundle {
  /** Text of the script of the page. */
  readonly script: string;
  /** `gzip -9` of it and of what it imports at its start, bytes. */
  readonly startBytes: number;
  /** Texts of files that are loaded later, if at all. */
  readonly later: readonly string[];
}

/** Bundles a program as a page would load it; unless told otherwise, in several files. */
export async function bundleForPage(options: BuildOptions): Promise<PageBundle> {
  const { outputFiles, metafile } = await build({
    splitting: true,
    ...options,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Nothing is written.
    outdir: 'out',
    write: false,
    metafile: true,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const outputs = new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  const [entry = ''] = [...outputs].find(([, { entryPoint }]) => entryPoint !== undefined) ?? [];
  const start = new Set([entry]);
  for (const name of start) {
    for (const { path, kind } of outputs.get(name)?.imports ?? []) {
      if (kind === 'import-statement' && outputs.has(basename(path))) start.add(basename(path));
    }
  }
  const bytes = (name: string) => gzipSync(texts.get(name) ?? '', { level: 9 }).length;
  return {
    script: texts.get(entry) ?? '',
    startBytes: [...start].reduce((sum, name) => sum + bytes(name), 0),
    later: [...texts].filter(([name]) => !start.has(name)).map(([, text]) => text),
  };
}
