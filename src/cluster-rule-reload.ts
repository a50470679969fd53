import type { Cluster } from './cluster/index.ts';
import type { ReadRules, RuleSource } from './rule-reload.ts';

interface ReloadLog {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

export interface ClusterReloadParts {
  readonly source: RuleSource;
  readonly rules: Pick<Cluster['rules'], 'put'>;
  readonly log: ReloadLog;
}

/** Puts the rule file of this member into force in its cluster. */
export class ClusterRuleReload {
  readonly #parts: ClusterReloadParts;

  constructor(parts: ClusterReloadParts) {
    this.#parts = parts;
  }

  /** @throws Error if the broker does not store it */
  async begin(read: ReadRules | undefined): Promise<void> {
    if (read === undefined) return;
    const { log, rules, source } = this.#parts;
    const refusal = refusalOf(read);
    if (refusal !== undefined) {
      source.refuse([refusal]);
      return;
    }
    const isNew = await rules.put(read.text);
    const fields = { rules: read.file.rules.length };
    log.info(fields, isNew ? 'the rule file is in force' : 'the rule file has not changed');
  }

  /** Reads the file again. */
  reload(): void {
    const { log, source } = this.#parts;
    this.begin(source.read()).catch((error: unknown) => {
      log.error(
        { err: error },
        'the rule file was not put into force: the broker did not store it',
      );
    });
  }

  stop(): void {}
}

/** Why a file cannot be in force in a cluster; undefined if it can. */
function refusalOf({ file, sinks }: ReadRules): string | undefined {
  const module = file.rules.find(({ kind }) => kind === 'module');
  if (module !== undefined) {
    return `rule ${module.name}: a cluster has no modules, whose code is a file of one machine`;
  }
  if (sinks.length === 0) return undefined;
  return 'sinks: a cluster has none: read its alerts from NATS, subject o.*.al.*, or over HTTP';
}
