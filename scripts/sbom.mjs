// Writes an installation's bill of materials as CycloneDX 1.6 JSON from package-lock.json alone:
// the same lock file always yields the same bytes.
//
// npm run sbom -- [FILE]   default dist/tickwire.cdx.json; "-" is standard output
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { shippedPackages } from './shipped-packages.mjs';

const DEFAULT_FILE = 'dist/tickwire.cdx.json';

function purl(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;
}

function property(name, value) {
  return value === undefined ? [] : [{ name: `tickwire:${name}`, value }];
}

function componentOf({ name, installedAs, version, license, sha512, isOptional, bundledInto }) {
  const [, group, bare = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  const properties = [
    ...property('installedAs', installedAs === name ? undefined : installedAs),
    ...property('bundledInto', bundledInto),
  ];
  return {
    type: 'library',
    'bom-ref': purl(name, version),
    ...(group === undefined ? {} : { group }),
    name: bare,
    version,
    scope: isOptional ? 'optional' : 'required',
    hashes: [{ alg: 'SHA-512', content: sha512 }],
    licenses: [{ license: { id: license } }],
    purl: purl(name, version),
    ...(properties.length === 0 ? {} : { properties }),
  };
}

/** A version installed in several places counts once. */
function onePerVersion(shipped) {
  return [...new Map(shipped.map((each) => [purl(each.name, each.version), each])).values()];
}

function dependenciesOf({ project, shipped }, own) {
  const refs = new Map(shipped.map(({ path, name, version }) => [path, purl(name, version)]));
  const on = (paths) => [...new Set(paths.map((path) => refs.get(path)))].sort();
  const bundled = shipped.filter(({ bundledInto }) => bundledInto !== undefined);
  const direct = [...project.dependencies, ...bundled.map(({ path }) => path)];
  return [
    { ref: own, dependsOn: on(direct) },
    ...onePerVersion(shipped).map(({ name, version }) => ({
      ref: purl(name, version),
      dependsOn: on(
        shipped
          .filter((each) => each.name === name && each.version === version)
          .flatMap(({ dependencies }) => dependencies),
      ),
    })),
  ];
}

/** A UUID derived from the content (version 8: custom). */
function serialNumberOf(content) {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest();
  digest[6] = (digest[6] & 0x0f) | 0x80;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  const uuid = digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return `urn:uuid:${uuid}`;
}

function billOfMaterials() {
  const packages = shippedPackages();
  const { name, version, license } = packages.project;
  const own = purl(name, version);
  const { description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url)));
  const content = {
    metadata: {
      lifecycles: [{ phase: 'pre-build' }],
      component: {
        type: 'application',
        'bom-ref': own,
        name,
        version,
        description,
        licenses: [{ license: { id: license } }],
        purl: own,
      },
    },
    components: onePerVersion(packages.shipped).map(componentOf),
    dependencies: dependenciesOf(packages, own),
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialNumberOf(content),
    version: 1,
    ...content,
  };
}

const [file = DEFAULT_FILE] = process.argv.slice(2);
const text = `${JSON.stringify(billOfMaterials(), undefined, 2)}\n`;
if (file === '-') {
  process.stdout.write(text);
} else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`${file} written`);
}
