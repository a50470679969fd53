import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** A compressed Chromium for Linux on x64, which `npm ci` installs. */
const PACKAGE = fileURLToPath(new URL('../node_modules/@sparticuz/chromium/', import.meta.url));
const UNPACKED = join(PACKAGE, 'unpacked');
/** The package's own names /tmp/fonts. Without any font, Chromium ends on the first text. */
const FONTS = `<?xml version="1.0"?>
<fontconfig>
  <dir>${join(UNPACKED, 'fonts')}</dir>
  <cachedir>${join(UNPACKED, 'font-cache')}</cachedir>
</fontconfig>
`;
const isPackaged = process.platform === 'linux' && process.arch === 'x64' && existsSync(PACKAGE);

const pathOfSystem = findOnPath();

/** Whether there is a Chromium to start: on the PATH, or from the package. */
export const hasChromium: boolean = pathOfSystem !== undefined || isPackaged;
if (!hasChromium) process.stderr.write('SKIPPED: tests in a browser, for want of Chromium\n');

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  // Chromium would ask the network for what a test never wants.
  '--disable-quic',
  '--disable-sync',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
];

/**
 * Starts a Chromium without a window: the one on the PATH, else the package's. The caller closes
 * it.
 *
 * In the locale C, the language of pages is "en-US@posix", which Intl refuses.
 *
 * Pages with a Content-Security-Policy refuse `page.waitForFunction`: poll with `page.evaluate`.
 *
 * @throws Error when there is neither
 */
export async function openBrowser(locale = 'en_US.UTF-8'): Promise<Browser> {
  const common = { headless: true, args: ARGUMENTS };
  const env = { ...(process.env as Record<string, string>), LC_ALL: locale };
  if (pathOfSystem !== undefined) {
    return chromium.launch({ ...common, executablePath: pathOfSystem, env });
  }
  if (!isPackaged) {
    throw new Error(`put one of ${NAMES.join(', ')} on the PATH: only Linux x64 gets it from npm`);
  }
  await unpackOnce();
  await nameFonts();
  return chromium.launch({
    ...common,
    executablePath: join(UNPACKED, 'chromium'),
    env: {
      ...env,
      // Libraries and fonts of the package: a bare machine has none.
      LD_LIBRARY_PATH: join(UNPACKED, 'al2023/lib'),
      FONTCONFIG_PATH: join(UNPACKED, 'fonts'),
    },
  });
}

/**
 * Test files run at the same time: each unpacks into a folder of its own, and the first to finish
 * wins.
 */
async function unpackOnce(): Promise<void> {
  if (existsSync(UNPACKED)) return;
  const folder = await mkdtemp(join(PACKAGE, 'unpacking-'));
  try {
    // The package unpacks into the temporary folder, with its libraries only where it sees Lambda.
    const env = { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' };
    const program = `await (await import('@sparticuz/chromium')).default.executablePath()`;
    const args = ['--input-type=module', '--eval', program];
    await promisify(execFile)(process.execPath, args, { cwd: PACKAGE, env });
    await rename(folder, UNPACKED);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (!existsSync(UNPACKED)) throw error;
  }
}

/** Names the folder of the fonts, which moves with the checkout. */
async function nameFonts(): Promise<void> {
  const file = join(UNPACKED, 'fonts/fonts.conf');
  if ((await readFile(file, 'utf8')) === FONTS) return;
  const own = `${file}.${process.pid}`;
  await writeFile(own, FONTS);
  await rename(own, file);
}

function findOnPath(): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here: the next one.
      }
    }
  }
  return undefined;
}
