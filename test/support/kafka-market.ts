import { pack } from 'msgpackr';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import { Random } from '../../testkit/random.ts';

/** Ticks of a partition, whose symbols are no other's, as messages of every form. */
export class PartitionMarket {
  readonly oracles = new Map<string, SymbolOracle>();
  ticks = 0;
  readonly #partition: number;
  readonly #random: Random;
  #time = Date.now() - 3_600_000;

  constructor(partition: number) {
    this.#partition = partition;
    this.#random = new Random(partition + 1);
  }

  messages(count: number): (string | Buffer)[] {
    return Array.from({ length: count }, () => {
      const [one, two] = [this.#tick(), this.#tick()];
      const object = { symbol: one.symbol, price: one.price, timestamp: one.time };
      const flat = [two.symbol, two.price, two.time];
      return this.#random.chance(0.5)
        ? JSON.stringify([object, { symbol: flat[0], price: String(flat[1]), timestamp: flat[2] }])
        : Buffer.from(pack([one.symbol, one.price, one.time, ...flat]));
    });
  }

  #tick() {
    const symbol = `P${this.#partition}.${this.#random.below(5)}`;
    const price = 100 + Math.round(this.#random.float() * 300) / 100;
    this.#time += this.#random.below(20);
    const oracle = this.oracles.get(symbol) ?? new SymbolOracle();
    oracle.apply(price, this.#time);
    this.oracles.set(symbol, oracle);
    this.ticks++;
    return { symbol, price, time: this.#time };
  }
}

interface Row {
  readonly symbol: string;
  readonly updateCount: number;
  readonly currentPrice: number;
  readonly anomaliesDetected: number;
}

/** A metric of the source, of its first topic. */
export async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`tickwire_kafka_source_${name}`));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

export async function rows(port: number): Promise<readonly Row[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/prices?limit=1000`);
  return ((await response.json()) as { items: Row[] }).items;
}

/** What a server has that the markets do not lead to, or lacks. */
export async function differences(
  port: number,
  markets: readonly PartitionMarket[],
): Promise<string[]> {
  const served = new Map((await rows(port)).map((row) => [row.symbol, row]));
  return markets
    .flatMap(({ oracles }) => [...oracles])
    .flatMap(([symbol, { anomalies, statistics }]) => {
      const row = served.get(symbol);
      const seen = `${row?.updateCount} ticks, ${row?.anomaliesDetected} anomalies`;
      const expected = `${statistics.count} ticks, ${anomalies.length} anomalies`;
      return seen === expected ? [] : [`${symbol}: ${seen}; expected ${expected}`];
    });
}
