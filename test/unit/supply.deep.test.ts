import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '../..');

interface LockEntry {
  readonly name?: string;
  readonly version: string;
  readonly license: string;
  readonly integrity: string;
  readonly dev?: boolean;
  /** A folder of the project; its own entry says the rest. */
  readonly link?: boolean;
}

interface Shipped extends LockEntry {
  readonly path: string;
  readonly name: string;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockEntry>;
};
const afterFolder = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 13);
const production: readonly Shipped[] = Object.entries(lock.packages)
  .filter(([path, { dev, link }]) => path !== '' && dev !== true && link !== true)
  .map(([path, entry]) => ({ ...entry, path, name: entry.name ?? afterFolder(path) }));

/** A script's standard output. */
function outputOf(script: string): string {
  return execFileSync(process.execPath, [`scripts/${script}`, '-'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
}

/** The CycloneDX 1.6 subset in use; nothing else is allowed. */
const ref = z.string().regex(/^pkg:npm\/(%40[a-z0-9-]+\/)?[A-Za-z0-9._-]+@[0-9][A-Za-z0-9.-]*$/);
const licenses = z.tuple([z.strictObject({ license: z.strictObject({ id: z.string() }) })]);
const component = z.strictObject({
  type: z.literal('library'),
  'bom-ref': ref,
  group: z.string().startsWith('@').optional(),
  name: z.string().min(1),
  version: z.string().min(1),
  scope: z.enum(['required', 'optional']),
  hashes: z.tuple([
    z.strictObject({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }),
  ]),
  licenses,
  purl: ref,
  properties: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
});
const bill = z.strictObject({
  $schema: z.literal('http://cyclonedx.org/schema/bom-1.6.schema.json'),
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  serialNumber: z
    .string()
    .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  version: z.literal(1),
  metadata: z.strictObject({
    lifecycles: z.tuple([z.strictObject({ phase: z.literal('pre-build') })]),
    component: z.strictObject({
      type: z.literal('application'),
      'bom-ref': ref,
      name: z.literal('tickwire'),
      version: z.string(),
      description: z.string(),
      licenses,
      purl: ref,
    }),
  }),
  components: z.array(component),
  dependencies: z.array(z.strictObject({ ref, dependsOn: z.array(ref) })),
});

const key = (name: string, version: string) => `${name}@${version}`;
const nameOf = ({ group, name }: { group?: string | undefined; name: string }) =>
  group === undefined ? name : `${group}/${name}`;

describe('npm run sbom', () => {
  const text = outputOf('sbom.mjs');
  const written = bill.parse(JSON.parse(text));
  const found = new Map(written.components.map((each) => [key(nameOf(each), each.version), each]));

  it('names every production dependency of the lock file: version, licence, hash', () => {
    expect(production.length).toBeGreaterThan(50);
    for (const { name, version, license, integrity } of production) {
      const own = found.get(key(name, version));
      expect(own?.licenses[0].license.id, name).toBe(license);
      const hex = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
      expect(own?.hashes[0].content, name).toBe(hex);
    }
  });

  it('names what is copied into the files for browsers, and nothing else', () => {
    const known = new Set(production.map(({ name, version }) => key(name, version)));
    const others = [...found].filter(([each]) => !known.has(each)).map(([, each]) => each);
    const imported = ['dashboard/src', 'client-sdk/src'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
        .flatMap((source) => [...source.matchAll(/(?:\bfrom |\bimport\()'([^.'][^']*)'/g)]),
    );
    // The SDK's users provide these two.
    const bundled = new Set(imported.map(([, name]) => name as string));
    for (const external of ['react', 'ws']) bundled.delete(external);
    expect(new Set(others.map(nameOf))).toEqual(bundled);
    for (const { properties } of others) {
      expect(properties?.[0]?.name).toBe('tickwire:bundledInto');
    }
  });

  it('has what npm itself finds in the lock file', () => {
    const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--package-lock-only'];
    const npm = execFileSync('npm', [...args, '--offline'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 16_777_216,
    });
    const theirs = JSON.parse(npm) as {
      components: { purl: string; hashes: [{ content: string }] }[];
    };
    const hashes = new Map(written.components.map((each) => [each.purl, each.hashes[0].content]));
    expect(theirs.components.length).toBeGreaterThan(50);
    for (const {
      purl,
      hashes: [hash],
    } of theirs.components) {
      expect(hashes.get(purl), purl).toBe(hash.content);
    }
  });

  it('says what depends on what, and of nothing that it does not name', () => {
    const refs = [written.metadata.component, ...written.components].map((each) => each['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    expect(written.dependencies.map((each) => each.ref)).toEqual(refs);
    const reached = new Set([refs[0]]);
    for (const each of reached) {
      const { dependsOn = [] } = written.dependencies.find((one) => one.ref === each) ?? {};
      for (const other of dependsOn) reached.add(other);
    }
    expect(new Set(refs)).toEqual(reached);
  });

  it('writes the same bytes again', () => {
    expect(outputOf('sbom.mjs')).toBe(text);
  });
});

describe('docs/LICENSES.md', () => {
  it('is what the lock file says now: npm run licenses', () => {
    const document = readFileSync(join(ROOT, 'docs/LICENSES.md'), 'utf8');
    expect(document).toBe(outputOf('licenses.mjs'));
    for (const { name, version, license } of production) {
      expect(document).toContain(`| ${name} | ${version} | ${license} |`);
    }
  });

  it('has the licences that the installed packages themselves have', () => {
    const installed = production.filter(({ path }) => existsSync(join(ROOT, path, 'package.json')));
    expect(installed.length).toBeGreaterThan(40);
    for (const { path, version, license } of installed) {
      const own = JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as LockEntry;
      expect([path, own.version, own.license]).toEqual([path, version, license]);
    }
  });
});

describe('the packages of uWebSockets.js', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };

  it('are of exact versions, and pinned by the SHA-512 of their content', () => {
    expect(Object.keys(optionalDependencies)).toEqual(['uWebSockets.js', 'uws-new']);
    for (const [alias, specifier] of Object.entries(optionalDependencies)) {
      const entry = lock.packages[`node_modules/${alias}`];
      expect(specifier).toBe(`npm:${entry?.name}@${entry?.version}`);
      expect(entry?.integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    }
  });

  it('are named with their origin in the document', () => {
    const document = readFileSync(join(ROOT, 'docs/security/supply.md'), 'utf8');
    for (const [alias, specifier] of Object.entries(optionalDependencies)) {
      expect(document).toContain(`\`${alias}\``);
      expect(document).toContain(`\`${specifier.replace('npm:', '')}\``);
    }
  });
});
