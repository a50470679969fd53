import { Clock } from './clock.ts';
import { demoListings } from './demo-listings.ts';
import { Market } from './market.ts';
import { Publishers } from './publishers.ts';

/** Of a tick. At 2000 ticks/s, about one jump beyond 2 % every five seconds. */
const JUMP_PROBABILITY = 1e-4;

export interface DemoMarketOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly ticksPerSecond: number;
  readonly frameTicks: number;
  /** How long; may be infinite. */
  readonly seconds: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** Publishes the market of the demos by two publishers. Returns what they sent, once it is over. */
export async function playDemoMarket(options: DemoMarketOptions): ReturnType<Publishers['run']> {
  const { url, token, ticksPerSecond, frameTicks, seconds, signal } = options;
  const clock = new Clock();
  const market = new Market(
    {
      symbols: demoListings,
      seed: 1,
      rate: ticksPerSecond,
      zipfExponent: 1,
      jumpProbability: JUMP_PROBABILITY,
    },
    clock,
  );
  const publishers = new Publishers(
    {
      url,
      token,
      encoding: 'binary',
      publishers: 2,
      frameTicks,
      runId: 'demo',
      durationMs: seconds * 1000,
      warmUpMs: 0,
      isPaced: true,
    },
    market,
    clock,
  );
  await publishers.connect(market.weights);
  return publishers.run(clock.now(), signal);
}
