// Makes the client of this process a wrong one, by the fault that FAULT names:
// `FAULT=skipped-deltas node --import ./test/conformance/planted/fault.mjs CLIENT`.
import { ALERTS } from './alerts.mjs';
import { COMING_BACK, PUBLISHING } from './connecting.mjs';
import { READING } from './reading.mjs';

const name = process.env.FAULT;
const plant = { ...READING, ...ALERTS, ...COMING_BACK, ...PUBLISHING }[name];
if (plant === undefined) throw new Error(`FAULT: there is no fault "${name}"`);
plant();
