import type { ClusterRecords, RecordKinds } from '../gateway/index.ts';
import type { Bus, KeyValues } from './bus.ts';
import { HeldOutputs } from './held-outputs.ts';
import type { ClusterNames } from './names.ts';
import { readAlert, readAnomaly } from './output-writer.ts';
import { SharedPosition, type SharedPositionParts } from './shared-position.ts';

export interface OutputRecordsParts
  extends Pick<SharedPositionParts, 'isMember' | 'member' | 'patienceMs'> {
  readonly bus: Bus;
  readonly names: ClusterNames;
}

type Decoders = {
  readonly [Kind in keyof RecordKinds]: (payload: Uint8Array) => RecordKinds[Kind];
};

const DECODERS: Decoders = { anomalies: readAnomaly, alerts: readAlert };

/** The log of outputs, for work that one member at a time does with all of a kind. */
export class OutputRecords implements ClusterRecords {
  readonly #parts: OutputRecordsParts;
  readonly #positions = new Map<string, SharedPosition>();
  #keys: KeyValues | undefined;

  constructor(parts: OutputRecordsParts) {
    this.#parts = parts;
  }

  async take<Kind extends keyof RecordKinds>(
    kind: Kind,
    work: string,
  ): Promise<HeldOutputs<RecordKinds[Kind]> | undefined> {
    const { bus, names } = this.#parts;
    const position = await this.#position(`${kind}/${work}`);
    const log = names.outputLog;
    const filter = names[kind];
    const taken = await position.take(async () => {
      const last = await bus.last(log, filter);
      return (last?.sequence ?? 0) + 1;
    });
    const source = { bus, log, filter, decode: DECODERS[kind] };
    return taken && new HeldOutputs(source, position, taken);
  }

  async #position(work: string): Promise<SharedPosition> {
    // Made by the first who needs them.
    this.#keys ??= await this.#parts.bus.openKeys(this.#parts.names.keys('positions'), 0);
    // Keys cannot have every dot; topics have no such sign.
    const key = work.replaceAll('.', '=');
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const position = new SharedPosition({ ...this.#parts, keys: this.#keys, key });
    this.#positions.set(key, position);
    return position;
  }
}
