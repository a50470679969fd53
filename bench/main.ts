import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { cases } from './cases.ts';
import { describeMachine } from './machine.ts';

const { values: flags } = parseArgs({
  options: { json: { type: 'string' }, 'time-ms': { type: 'string', default: '1000' } },
});

const bench = new Bench({ time: Number(flags['time-ms']), warmupTime: 500 });
const all = cases();
for (const { name, run } of all) bench.add(name, run);
await bench.run();

const results = all.map(({ name, operations }) => {
  const result = bench.getTask(name)?.result;
  if (result === undefined || !('latency' in result)) throw new Error(`${name} gave no result`);
  const nanoseconds = (milliseconds: number) => Math.round((milliseconds * 1e7) / operations) / 10;
  const { p50, min, p99 } = result.latency;
  return { name, medianNs: nanoseconds(p50), minNs: nanoseconds(min), p99Ns: nanoseconds(p99) };
});
const machine = describeMachine();
console.log(`${machine.processor}, ${machine.processors} processors, Node ${machine.node}`);
console.table(results);
if (flags.json !== undefined) {
  writeFileSync(flags.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
}
