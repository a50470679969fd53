import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Where the machine's Chromium is; undefined where there is none on the PATH. */
export const chromiumPath: string | undefined = findOnPath();

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
 * Starts a Chromium without a window. The caller closes it.
 *
 * Pages with a Content-Security-Policy refuse `page.waitForFunction`: poll with `page.evaluate`.
 *
 * @throws Error when there is no Chromium on the PATH
 */
export function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) {
    throw new Error(`none of ${NAMES.join(', ')} is on the PATH: install Debian's chromium`);
  }
  return chromium.launch({ executablePath: chromiumPath, headless: true, args: ARGUMENTS });
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
