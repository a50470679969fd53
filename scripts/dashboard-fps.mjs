// Measures the dashboard under load: frames a second in Chromium and main-thread time, while a
// server on the same machine processes 50 000 ticks/s of 2000 symbols. Needs a build.
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';
import { OwnServer } from '../dist/loadgen/own-server.js';

register();
const { openBrowser } = await import('../testkit/chromium.ts');

const WARM_UP_SECONDS = 5;
const SECONDS = 5;
const LOAD = [
  '--symbols=2000',
  '--rate=50000',
  '--publishers=2',
  '--subscribers=0',
  '--duration=60',
];

function startLoad(url) {
  const entry = fileURLToPath(new URL('../dist/loadgen/main.js', import.meta.url));
  return spawn(process.execPath, [entry, `--url=${url}`, ...LOAD], { stdio: 'ignore' });
}

/** Counts animation frames and the longest gap between two. */
function countFrames(page) {
  return page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        const start = performance.now();
        let frames = -1;
        let last = start;
        let longestMs = 0;
        const frame = (now) => {
          frames++;
          if (frames > 0) longestMs = Math.max(longestMs, now - last);
          last = now;
          if (now - start < ms) requestAnimationFrame(frame);
          else resolve({ perSecond: (frames / (now - start)) * 1000, longestMs });
        };
        requestAnimationFrame(frame);
      }),
    SECONDS * 1000,
  );
}

/** Main-thread seconds so far, by kind. */
async function mainThread(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

async function measure(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const before = await mainThread(session);
  const { perSecond, longestMs } = await countFrames(page);
  const after = await mainThread(session);
  const ms = (name) => ((after[name] - before[name]) * 1000) / (perSecond * SECONDS);
  return {
    'frames/s': perSecond.toFixed(1),
    'longest frame, ms': longestMs.toFixed(1),
    'main thread a frame, ms': ms('TaskDuration').toFixed(2),
    'script a frame, ms': ms('ScriptDuration').toFixed(2),
    'style and layout a frame, ms': (ms('RecalcStyleDuration') + ms('LayoutDuration')).toFixed(2),
    'heap, MB': (after.JSHeapUsedSize / 1e6).toFixed(1),
  };
}

const server = await OwnServer.start('');
const load = startLoad(server.url);
const browser = await openBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(server.url.replace('ws:', 'http:'));
  await sleep(WARM_UP_SECONDS * 1000);
  console.log('rows at rest, all in sight changing');
  console.table(await measure(page));
  await page.mouse.move(300, 500);
  const scroll = setInterval(() => page.mouse.wheel(0, 90).catch(() => undefined), 50);
  console.log('while scrolling');
  console.table(await measure(page));
  clearInterval(scroll);
  const ticks = await page.locator('[data-part="ticks-rate"]').textContent();
  console.log(`ticks/s taken meanwhile: ${ticks}`);
} finally {
  await browser.close();
  load.kill();
  await server.stop();
}
process.exit();
