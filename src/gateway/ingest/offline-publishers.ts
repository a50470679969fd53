import { tenantOf } from '../../engine/index.ts';

/** Names remembered of publishers without a connection; see {@link OfflinePublishers}. */
const GONE_MAX = 65_536;

/**
 * The names of publishers without a connection, so many at most. Beyond, the tenant that has most of them loses the one that is
 * longest gone: whoever makes up names pushes out none but its own tenant's.
 */
export class OfflinePublishers {
  readonly #max: number;
  /** Of each tenant that has any, longest gone first. */
  readonly #byTenant = new Map<string, Set<string>>();
  #size = 0;

  constructor(max = GONE_MAX) {
    this.#max = max;
  }

  /** Tenant by tenant, longest gone first. */
  *[Symbol.iterator](): Generator<string> {
    for (const names of this.#byTenant.values()) yield* names;
  }

  has(name: string): boolean {
    return this.#byTenant.get(tenantOf(name))?.has(name) === true;
  }

  /** Adds one. Returns the name that is forgotten for it; undefined where there is room, or it was among them. */
  add(name: string): string | undefined {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.has(name) === true) return undefined;
    if (names === undefined) this.#byTenant.set(tenant, new Set([name]));
    else names.add(name);
    this.#size++;
    if (this.#size <= this.#max) return undefined;
    const [longest] = this.#most();
    if (longest !== undefined) this.delete(longest);
    return longest;
  }

  delete(name: string): void {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.delete(name) !== true) return;
    this.#size--;
    if (names.size === 0) this.#byTenant.delete(tenant);
  }

  /** Those of the tenant that has most. */
  #most(): ReadonlySet<string> {
    let most: ReadonlySet<string> = new Set();
    for (const names of this.#byTenant.values()) if (names.size > most.size) most = names;
    return most;
  }
}
