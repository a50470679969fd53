import type { RuleModule } from '../../src/rules/index.ts';
import type { OracleModule } from '../../testkit/independent/rules.ts';

interface SwingOptions {
  /** Points for a percent. */
  readonly k?: number;
}

/** Beyond this part of the price before, the detector fails. */
const FAILS_ABOVE = 1.1;

/** A detector as an operator may write it: the move over two ticks. Fails where it is too large. */
const swing: RuleModule = {
  state: 2,
  onTick(state, base, price, _time, out, options) {
    const { k = 1 } = (options ?? {}) as SwingOptions;
    const before = state[base + 1] as number;
    state[base + 1] = state[base] as number;
    state[base] = price;
    if (before === 0) return;
    if (price > FAILS_ABOVE * before) throw new Error('too far');
    out[0] = before;
    out[1] = k * ((price - before) / before) * 100;
  },
};

/** The same by a list of prices. */
const swingAgain: OracleModule = (options) => {
  const { k = 1 } = (options ?? {}) as SwingOptions;
  const prices: number[] = [];
  return (price) => {
    const reference = prices.at(-2);
    prices.push(price);
    if (reference === undefined) return undefined;
    if (price > FAILS_ABOVE * reference) throw new Error('too far');
    return { reference, change: k * ((price - reference) / reference) * 100 };
  };
};

/** By the path in a rule file. */
export const RULE_MODULES: ReadonlyMap<string, RuleModule> = new Map([['swing', swing]]);
export const ORACLE_MODULES: ReadonlyMap<string, OracleModule> = new Map([['swing', swingAgain]]);
