#!/usr/bin/env node
// Looks at the limit of descriptors before it loads the rest: Node.js opens many files at once.
import { startFault } from './descriptors.ts';

const fault = startFault();
if (fault === undefined) {
  await import('./cli.ts');
} else {
  console.error(`tickwire: ${fault}`);
  process.exitCode = 1;
}
