// Makes docs/images/dashboard.png with its own server, a synthetic market, and the dashboard in
// Chromium. Needs a build: npm run screenshot. `node scripts/screenshot.mjs DIRECTORY` writes
// dashboard-{light,dark,phone}.png there instead.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';
import { connectPublisher } from '../client-sdk/dist/index.js';
import { OwnServer } from '../dist/loadgen/own-server.js';
import { Random } from '../dist/testkit/random.js';

register();
const { openBrowser } = await import('../testkit/chromium.ts');

const TICKS_PER_SECOND = 6000;
/** Publishing interval; each time all due ticks are sent. */
const PUBLISH_EVERY_MS = 5;
/** About one jump beyond 2 % in three seconds. */
const JUMP_PROBABILITY = 5e-5;
/** Standard deviation of a price change of the most active symbol. */
const VOLATILITY = 6e-5;
/** The chart shows a minute. */
const WATCH_SECONDS = 70;
/** Lead of a jump before each picture, so that its anomaly is visible. */
const JUMP_BEFORE_SECONDS = 9;
const JUMP = 1.027;

const BASES =
  'BTC ETH SOL XRP ADA DOGE LINK AVAX DOT LTC ATOM UNI XLM NEAR ALGO FIL ETC AAVE MKR XTZ'.split(
    ' ',
  );
const QUOTES = 'USD EUR GBP JPY CHF AUD CAD SGD'.split(' ');
const FIRST_PRICES = [64250, 3120, 142, 0.52, 0.38, 0.121, 14.2, 27.4, 6.1, 71.8];

const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, hasTouch: true };

/** A market of currency pairs of unequal activity. */
class NamedMarket {
  #random = new Random(7);
  #symbols = [];
  #weights = [];

  constructor() {
    for (const [i, base] of BASES.entries()) {
      for (const [j, quote] of QUOTES.entries()) {
        const dollars = FIRST_PRICES[i] ?? 0.4 + 90 * this.#random.float();
        const price = quote === 'JPY' ? dollars * 151 : dollars * (1 - 0.07 * j);
        this.#symbols.push({ symbol: `${base}-${quote}`, price });
        this.#weights.push((this.#weights.at(-1) ?? 0) + 1 / (1 + i + 2 * j));
      }
    }
  }

  /** Makes the first, most active symbol jump. */
  jump() {
    this.#symbols[0].price *= JUMP;
  }

  tick() {
    const drawn = this.#random.float() * this.#weights.at(-1);
    const index = this.#weights.findIndex((weight) => weight > drawn);
    const state = this.#symbols[index];
    const share = (this.#weights[index] - (this.#weights[index - 1] ?? 0)) / this.#weights[0];
    let change =
      ((this.#random.float() + this.#random.float() - 1) * VOLATILITY) / Math.sqrt(share);
    if (this.#random.float() < JUMP_PROBABILITY) {
      change += (0.024 + 0.03 * this.#random.float()) * (this.#random.float() < 0.5 ? -1 : 1);
    }
    state.price *= 1 + change;
    const decimals = Math.max(2, 4 - Math.floor(Math.log10(state.price)));
    return { symbol: state.symbol, price: Number(state.price.toFixed(decimals)) };
  }
}

/** Publishes at a steady rate until stopped. */
async function play(market, url) {
  const publisher = connectPublisher(url, { publisher: 'feed-a' });
  await publisher.ready;
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * TICKS_PER_SECOND;
    for (; sent < due; sent++) {
      const { symbol, price } = market.tick();
      publisher.publish(symbol, price);
    }
  }, PUBLISH_EVERY_MS);
  return () => {
    clearInterval(timer);
    return publisher.close();
  };
}

async function openPage(browser, url, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

const directory = process.argv[2];
const image = (name) => fileURLToPath(new URL(`../docs/images/${name}`, import.meta.url));
const shots =
  directory === undefined
    ? [{ path: image('dashboard.png'), options: { ...DESKTOP, colorScheme: 'dark' } }]
    : [
        { path: `${directory}/dashboard-light.png`, options: { ...DESKTOP, colorScheme: 'light' } },
        { path: `${directory}/dashboard-dark.png`, options: { ...DESKTOP, colorScheme: 'dark' } },
        { path: `${directory}/dashboard-phone.png`, options: PHONE, fullPage: true },
      ];

const server = await OwnServer.start('');
const market = new NamedMarket();
const stop = await play(market, server.url);
const browser = await openBrowser();
try {
  // One page at a time: pages and server share the processor.
  const seconds = directory === undefined ? WATCH_SECONDS : WATCH_SECONDS / 3;
  for (const { path, options, fullPage = false } of shots) {
    const page = await openPage(browser, server.url.replace('ws:', 'http:'), options);
    await sleep((seconds - JUMP_BEFORE_SECONDS) * 1000);
    market.jump();
    await sleep(JUMP_BEFORE_SECONDS * 1000);
    await page.screenshot({ path, fullPage });
    await page.close();
    console.log(path);
  }
} finally {
  await browser.close();
  await stop();
  await server.stop();
}
process.exit();
