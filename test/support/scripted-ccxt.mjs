/**
 * Stands in for ccxt: preloaded (`node --import`), it is what `import('ccxt')` gives. An exchange
 * that sends some trades twice and in the wrong order, and loses its connection once.
 */
import { register } from 'node:module';
import { setTimeout } from 'node:timers/promises';

const url = JSON.stringify(import.meta.url);
const hook = `export const resolve = (name, context, next) =>
  name === 'ccxt' ? { url: ${url}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const begun = Date.now();
const trade = (n) => ({ id: `trade-${n}`, price: 100 + n, timestamp: begun + n });
const BATCHES = [[trade(2), trade(1)], undefined, [trade(1), trade(2), trade(4), trade(3)]];

class Scripted {
  #at = 0;

  async watchTrades() {
    if (this.#at === BATCHES.length) return new Promise(() => undefined);
    await setTimeout(20);
    const batch = BATCHES[this.#at++];
    if (batch === undefined) throw new Error('connection lost');
    return batch;
  }

  async close() {}
}

export const pro = { scripted: Scripted };
