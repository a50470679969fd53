/** Logs of ticks: enough for several servers to lead some each. */
const TICK_LOGS = 8;

const encoder = new TextEncoder();
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Logs, subjects and key-values of a cluster; all begin with its name. */
export class ClusterNames {
  readonly shards: number;
  /** The cluster's name, before everything. */
  readonly cluster: string;

  constructor(name: string, shards: number) {
    this.cluster = name;
    this.shards = shards;
  }

  /** The log that has the ticks of a shard. */
  tickLog(shard: number): string {
    return `${this.cluster}_t${shard % TICK_LOGS}`;
  }

  ticks(shard: number): string {
    return `${this.cluster}.t.${shard}`;
  }

  /** What programs publish straight into a shard's log, by symbol. */
  feeds(shard: number): string {
    return `${this.cluster}.t.${shard}.*`;
  }

  /** All that a shard's log has. */
  tickFilters(shard: number): readonly string[] {
    return [this.ticks(shard), this.feeds(shard)];
  }

  get allFeeds(): string {
    return `${this.cluster}.t.*.*`;
  }

  feedOfAnyShard(symbol: string): string {
    return `${this.cluster}.t.*.${tokenOf(symbol)}`;
  }

  /** The symbol's token of a subject under {@link feeds}. */
  feedToken(subject: string): string {
    return subject.slice(subject.indexOf('.', `${this.cluster}.t.`.length) + 1);
  }

  /** By which a broker finds the shard of what is published to `feed.<symbol>`. */
  get feedMapping(): { readonly source: string; readonly mapped: string } {
    return {
      source: `${this.cluster}.feed.*`,
      mapped: `${this.cluster}.t.{{partition(${this.shards},1)}}.{{wildcard(1)}}`,
    };
  }

  /** All logs of ticks with their subjects. */
  tickLogs(): ReadonlyMap<string, readonly string[]> {
    const logs = new Map<string, string[]>();
    for (let shard = 0; shard < this.shards; shard++) {
      const log = this.tickLog(shard);
      const subjects = logs.get(log) ?? [];
      subjects.push(...this.tickFilters(shard));
      logs.set(log, subjects);
    }
    return logs;
  }

  /** What owners write: claims, anomalies, alerts and skipped ticks. */
  get outputLog(): string {
    return `${this.cluster}_out`;
  }

  get outputs(): string {
    return `${this.cluster}.o.>`;
  }

  get anomalies(): string {
    return `${this.cluster}.o.*.a.*`;
  }

  get alerts(): string {
    return `${this.cluster}.o.*.al.*`;
  }

  outputsOf(shard: number): string {
    return `${this.cluster}.o.${shard}.>`;
  }

  claim(shard: number): string {
    return `${this.cluster}.o.${shard}.claim`;
  }

  /** The ticks of a shard that are left out. */
  skips(shard: number): string {
    return `${this.cluster}.o.${shard}.skip`;
  }

  /** Claims of all shards. */
  get claims(): string {
    return `${this.cluster}.o.*.claim`;
  }

  /** The shard whose claim a subject is. */
  claimedShard(subject: string): number {
    return Number(subject.slice(this.cluster.length + '.o.'.length).split('.', 1)[0]);
  }

  anomaly(shard: number, symbol: string): string {
    return `${this.cluster}.o.${shard}.a.${tokenOf(symbol)}`;
  }

  alert(shard: number, symbol: string): string {
    return `${this.cluster}.o.${shard}.al.${tokenOf(symbol)}`;
  }

  get snapshotLog(): string {
    return `${this.cluster}_snapshots`;
  }

  get snapshots(): string {
    return `${this.cluster}.s.>`;
  }

  /** The manifest of a shard's snapshot; chunks are behind it. */
  snapshot(shard: number): string {
    return `${this.cluster}.s.${shard}`;
  }

  snapshotChunk(shard: number, chunk: number): string {
    return `${this.cluster}.s.${shard}.${chunk}`;
  }

  rows(shard: number): string {
    return `${this.cluster}.st.${shard}`;
  }

  get allRows(): string {
    return `${this.cluster}.st.*`;
  }

  query(shard: number): string {
    return `${this.cluster}.q.${shard}`;
  }

  /** Says that a publisher has connected somewhere. */
  get publishers(): string {
    return `${this.cluster}.publishers`;
  }

  /** Where a member is asked what it owns. */
  member(id: string): string {
    return `${this.cluster}.m.${id}`;
  }

  keys(of: 'members' | 'ledger' | 'settings' | 'positions'): string {
    return `${this.cluster}_${of}`;
  }
}

/** What a subject cannot have, besides control characters; and the sign of an encoded byte. */
const RESERVED = ' .*>%';
const CONTROL_END = 0x20;
const DELETE = 0x7f;

/** A name as one token of a subject: what a subject cannot have is percent-encoded. */
export function tokenOf(name: string): string {
  let token = '';
  for (const char of name) {
    // The characters that are encoded have one byte.
    const code = char.charCodeAt(0);
    const isPlain = code >= CONTROL_END && code !== DELETE && !RESERVED.includes(char);
    token += isPlain ? char : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/** The name that a token is of; undefined: {@link tokenOf} writes none like this. */
export function nameOf(token: string): string | undefined {
  const name = token.replace(/%([0-9A-F]{2})/g, (_code, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return tokenOf(name) === token ? name : undefined;
}

/**
 * The shard of a symbol's name: FNV-1a of its token, modulo, as NATS' own `partition()` has it.
 */
export function shardOf(name: string, shards: number): number {
  let hash = FNV_OFFSET;
  for (const byte of encoder.encode(tokenOf(name))) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return (hash >>> 0) % shards;
}
