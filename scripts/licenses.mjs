// Writes docs/LICENSES.md from package-lock.json: npm run licenses -- [FILE]; "-" is standard
// output. A test compares the document with the lock file.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMPATIBLE_LICENSES, shippedPackages } from './shipped-packages.mjs';

const DOCUMENT = fileURLToPath(new URL('../docs/LICENSES.md', import.meta.url));

function noteOf({ name, installedAs, isOptional, bundledInto }) {
  const notes = [];
  if (bundledInto !== undefined) notes.push(`copied into \`${bundledInto}\``);
  if (installedAs !== name) notes.push(`installed as \`${installedAs}\``);
  if (isOptional) notes.push('optional');
  return notes.join(', ');
}

const { shipped } = shippedPackages();
const counts = COMPATIBLE_LICENSES.map((license) => [
  license,
  shipped.filter((each) => each.license === license).length,
]).filter(([, count]) => count > 0);

const rows = shipped.map(
  (each) => `| ${each.name} | ${each.version} | ${each.license} | ${noteOf(each)} |`,
);
const text = `# Licences of what Tickwire ships with

Tickwire is under the [Apache License 2.0](../LICENSE). An installation (\`npm ci --omit=dev\`) also
has the packages below, each under a licence that lets it be part of an Apache-2.0 work:
${counts.map(([license, count]) => `${license} (${count})`).join(', ')}. Their texts are in the
packages. *Optional* packages are for one platform, or for one way of serving sockets; npm installs
those that fit.

Made by \`npm run licenses\` from \`package-lock.json\`; not to be edited.

| package | version | licence | |
|---|---|---|---|
${rows.join('\n')}
`;

const [file = DOCUMENT] = process.argv.slice(2);
if (file === '-') process.stdout.write(text);
else writeFileSync(file, text);
