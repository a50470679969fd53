import type { TargetMaker } from '../engine/target.ts';
import { binaryFrames } from './binary-frames.ts';
import { configFiles } from './config-files.ts';
import { configWords } from './config-words.ts';
import { httpTargets } from './http-targets.ts';
import { jsonFrames } from './json-frames.ts';
import { patterns } from './patterns.ts';
import { postedPrices } from './posted-prices.ts';
import { rfc3339 } from './rfc-3339.ts';
import { serverFrames } from './server-frames.ts';
import { snapshotFiles } from './snapshot-files.ts';
import { storeDatabases } from './store-databases.ts';
import { storeMarkers } from './store-markers.ts';
import { ticksReader } from './ticks-reader.ts';
import { venueMessages } from './venue-messages.ts';

/** Every target that is fuzzed in a thread, by name. */
export const TARGETS: Readonly<Record<string, TargetMaker>> = {
  'ticks-reader': ticksReader,
  'binary-frames': binaryFrames,
  'json-frames': jsonFrames,
  'server-frames': serverFrames,
  patterns,
  'posted-prices': postedPrices,
  'http-targets': httpTargets,
  'rfc-3339': rfc3339,
  'config-files': configFiles,
  'config-words': configWords,
  'snapshot-files': snapshotFiles,
  'store-databases': storeDatabases,
  'store-markers': storeMarkers,
  'venue-messages': venueMessages,
};
