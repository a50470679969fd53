/**
 * Tests the fuzzer: a reader with a fault that random inputs would not find in a lifetime. Run by
 * fuzz.test.ts in a child process; prints the campaign's findings, one a line.
 */
import { Campaign } from '../../dist/fuzz/engine/campaign.js';
import { Random } from '../../dist/testkit/random.js';

const found = [];

/** Each step is a basic block: inputs that reach a new one are kept. */
function read(input) {
  if (input[0] !== 0x54) return;
  if (input[1] !== 0x57) return;
  if (input[2] !== 0x9c) return;
  if (input[3] !== 0x01) return;
  throw new TypeError('planted');
}

const target = {
  name: 'planted',
  covers: ['fuzz/planted-faults.mjs'],
  dictionary: [],
  seeds: () => [Buffer.from('nothing')],
  generate: (random) => Buffer.from([random.below(256), random.below(256)]),
  execute: read,
};

const [seed, executionsMax] = process.argv.slice(2).map(Number);
const events = {
  begin: () => undefined,
  end: () => undefined,
  finding: (_input, fault) => found.push(fault),
};
const campaign = new Campaign(target, new Random(seed), events);
campaign.run((executions) => executions >= executionsMax || found.length === 1);
process.stdout.write(found.join('\n'));
