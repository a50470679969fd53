import { SessionSubscriptions } from '../../../src/gateway/subscriptions/session-subscriptions.ts';
import {
  type Subscriber,
  SubscriptionStore,
} from '../../../src/gateway/subscriptions/subscription-store.ts';
import type { Case, CaseMaker } from '../case.ts';
import { CollectionWatch } from '../collection-watch.ts';

const SESSIONS = 40_000;
const PER_SESSION = 100;
const SUBSCRIPTIONS = SESSIONS * PER_SESSION;
const SYMBOLS = 10_000;
/** Subscriptions added and removed in one run. */
const CHANGED = 1000;
/** Subscriptions in one timed step: fewer than a frame may request. */
const PER_STEP = 16;
const STEPS = SUBSCRIPTIONS / PER_STEP;
/** Shorter steps had no garbage collection. */
const LONG_MS = 0.05;
const FILLS = 3;

const SUBSCRIBER: Subscriber = {
  isMarked: false,
  isHeld: false,
  isBehind: false,
  markStats: () => undefined,
  markRecords: () => false,
  symbolRetired: () => undefined,
  endSubscription: () => undefined,
  flush: () => undefined,
};
const OBSERVER = { symbolAppeared: () => undefined };

export const subscriptionCases: readonly CaseMaker[] = [
  {
    name: 'subscription: add, find and remove among 4 M',
    // Per-symbol lists are arrays, which grow.
    allocatesNothing: false,
    make: makeChange,
  },
];

function makeChange(): Case {
  const store = new SubscriptionStore();
  fill(store, () => undefined);
  const session = new SessionSubscriptions(store, SUBSCRIBER, OBSERVER);
  let found = 0;
  let runs = 0;
  const run = () => {
    runs++;
    for (let id = 0; id < CHANGED; id++) session.add(id);
    for (let id = 0; id < CHANGED; id++) {
      const subscription = session.find(id);
      if (subscription >= 0) found++;
      session.remove(subscription);
    }
    session.sweep();
  };
  const finish = async () => {
    const { size } = store.columns;
    if (found !== runs * CHANGED || size !== SUBSCRIPTIONS) {
      throw new Error(`found ${found} subscriptions in ${runs} runs; ${size} are left`);
    }
  };
  return { operations: CHANGED, run, finish, longestStepMs };
}

/**
 * The longest step of adding subscriptions, from none to 4 M. A step counts with its least time of
 * all fills, which excludes garbage collection and a busy machine's pauses.
 */
async function longestStepMs(): Promise<number> {
  const collections = new CollectionWatch();
  const leastMs = new Float64Array(STEPS).fill(Number.POSITIVE_INFINITY);
  const times = new Float64Array(STEPS + 1);
  for (let i = 0; i < FILLS; i++) {
    fill(new SubscriptionStore(), (step) => {
      times[step] = performance.now();
    });
    await collections.settle();
    for (let step = 0; step < STEPS; step++) {
      const [start, end] = [times[step] as number, times[step + 1] as number];
      const ms = end - start;
      if (ms >= (leastMs[step] as number)) continue;
      if (ms < LONG_MS || !collections.anyBetween(start, end)) leastMs[step] = ms;
    }
  }
  collections.stop();
  return leastMs.filter(Number.isFinite).reduce((longest, ms) => Math.max(longest, ms));
}

/** Subscribes 40 000 sessions to 100 symbols each. `stepDone` is also called at the start. */
function fill(store: SubscriptionStore, stepDone: (step: number) => void): void {
  let added = 0;
  stepDone(0);
  for (let i = 0; i < SESSIONS; i++) {
    const session = new SessionSubscriptions(store, SUBSCRIBER, OBSERVER);
    for (let j = 0; j < PER_SESSION; j++) {
      session.add((i * 37 + j * 97) % SYMBOLS);
      added++;
      if (added % PER_STEP === 0) stepDone(added / PER_STEP);
    }
  }
}
