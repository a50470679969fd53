import { inspectDirectory } from '../../src/store/directory.ts';
import { StoreError } from '../../src/store/store.ts';
import type { Target } from '../engine/target.ts';
import { anyValue, jsonOf } from '../generate/values.ts';
import { ScratchFile } from './scratch-file.ts';

/** The file that tells a store's folder from any other. */
export function storeMarkers(): Target {
  const file = new ScratchFile('tickwire-store.json');
  return {
    name: 'store-markers',
    covers: ['store/directory'],
    dictionary: ['{', '}', '"format":', '"created":', '"isReady":', 'true', '1', '[', 'null'],
    seeds: () => [Buffer.from('{"format":1,"created":"2024-01-01T00:00:00Z","isReady":true}')],
    generate: (random) => {
      const marker = {
        format: 1,
        created: 'x',
        isReady: true,
        [random.pick(['format', 'created', 'isReady'])]: anyValue(random, 2),
      };
      return Buffer.from(jsonOf(random.chance(0.8) ? marker : anyValue(random, 3)));
    },
    execute: (bytes) => {
      file.write(bytes);
      try {
        inspectDirectory(file.path);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
    close: () => file[Symbol.dispose](),
  };
}
