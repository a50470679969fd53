import { CONTENDER_KEYS, type ContenderKey } from './contenders/contenders.ts';
import type { Workload, WorkloadGroup } from './workloads/workload.ts';

/**
 * The chosen workloads in their groups. Names select workloads or groups; without names, all or
 * those of a first look.
 *
 * @throws RangeError for an unknown name
 */
export function chooseWorkloads(
  groups: readonly WorkloadGroup[],
  names: readonly string[] | undefined,
  isQuick: boolean,
): WorkloadGroup[] {
  if (names === undefined)
    return isQuick ? keep(groups, (one) => one.isQuick === true) : [...groups];
  const known = groups.flatMap((group) => [group.name, ...group.workloads.map(({ name }) => name)]);
  refuseUnknown('workload', names, known);
  return keep(groups, ({ name }, group) => names.includes(group) || names.includes(name));
}

function keep(
  groups: readonly WorkloadGroup[],
  isChosen: (workload: Workload, group: string) => boolean,
): WorkloadGroup[] {
  return groups
    .map((group) => ({
      ...group,
      workloads: group.workloads.filter((workload) => isChosen(workload, group.name)),
    }))
    .filter(({ workloads }) => workloads.length > 0);
}

/**
 * The chosen contenders that take part in one of the workloads, in table order.
 *
 * @throws RangeError for an unknown name
 */
export function chooseContenders(
  groups: readonly WorkloadGroup[],
  names: readonly string[] | undefined,
): ContenderKey[] {
  if (names !== undefined) refuseUnknown('contender', names, CONTENDER_KEYS);
  const taking = new Set(
    groups.flatMap(({ workloads }) => workloads.flatMap((one) => one.contenders)),
  );
  return CONTENDER_KEYS.filter((key) => taking.has(key) && (names?.includes(key) ?? true));
}

function refuseUnknown(kind: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (!known.includes(name)) {
      throw new RangeError(`no ${kind} is named ${name}; there are ${known.join(', ')}`);
    }
  }
}
