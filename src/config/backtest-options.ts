import type { CommandOption } from './command-options.ts';

const file = (name: string, description: string): CommandOption => ({
  name,
  value: 'FILE',
  description,
  expected: 'a file',
  parse: (text: string) => text || undefined,
});

/** The options of `backtest`, beside the switch `json`. */
export const BACKTEST_OPTIONS: readonly CommandOption[] = [
  file('rules', 'the rule file to try'),
  file('against', 'another rule file to compare it with'),
  file('ticks', 'recorded ticks: CSV with the columns time, symbol, price; .gz: compressed'),
  {
    ...file('journal', 'a journal, or a store with one'),
    value: 'DIR',
    expected: 'a directory',
  },
  file('labels', 'real moves: CSV with the columns symbol, from, to'),
  file('html', 'write a report with charts there'),
];
