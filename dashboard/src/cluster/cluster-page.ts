import { findPart, setFlag, setText } from '../page/dom.ts';
import { formatClock, formatCount, formatDay, formatMilliseconds, NONE } from '../page/format.ts';
import type { ClusterMember, ClusterRecord, ClusterShard } from './cluster-record.ts';

/** Letters of a member's id that are shown. */
const ID_SHOWN = 6;

/** Members and shards of the cluster. */
export class ClusterPage {
  readonly #note: HTMLElement;
  readonly #fault: HTMLElement;
  readonly #tables: HTMLElement;
  readonly #members: TextRows;
  readonly #shards: TextRows;

  constructor(root: HTMLElement) {
    this.#note = findPart(root, 'cluster-note', HTMLElement);
    this.#fault = findPart(root, 'cluster-fault', HTMLElement);
    this.#tables = findPart(root, 'cluster-tables', HTMLElement);
    this.#members = new TextRows(findPart(root, 'cluster-members', HTMLElement));
    this.#shards = new TextRows(findPart(root, 'cluster-shards', HTMLElement));
  }

  show({ name, isConnected, members, shards }: ClusterRecord): void {
    const owned = shards.filter(({ owner }) => owner !== null).length;
    setText(
      this.#note,
      `${name}: ${formatCount(members.length)} members, ` +
        `${formatCount(owned)} of ${formatCount(shards.length)} shards with an owner`,
    );
    this.#fault.hidden = isConnected;
    if (!isConnected) setText(this.#fault, 'This member has no connection to the broker.');
    this.#members.show(members.map(memberRow));
    this.#shards.show(shards.map(shardRow));
  }

  /** Shows since when answers have been missing; undefined: they are not. */
  setFailing(sinceMs: number | undefined): void {
    setFlag(this.#tables, 'data-stale', sinceMs !== undefined);
    if (sinceMs === undefined) return;
    this.#fault.hidden = false;
    setText(this.#fault, `No answer since ${formatClock(sinceMs)}: these are the last figures.`);
  }
}

interface TextRow {
  readonly cells: readonly string[];
  readonly isFault: boolean;
}

function memberRow({ id, isAnswering, isThis, role, shards, since }: ClusterMember): TextRow {
  const state = isAnswering ? 'answers' : 'does not answer';
  return {
    cells: [
      shortened(id),
      role,
      role === 'edge' ? NONE : formatCount(shards),
      formatDay(Date.parse(since)),
      isThis ? 'this one' : state,
    ],
    isFault: !isAnswering,
  };
}

function shardRow(of: ClusterShard): TextRow {
  const { delayMs, epoch, lagMessages, owner, shard, waitingOutputs } = of;
  return {
    cells: [
      String(shard),
      owner === null ? 'no owner' : shortened(owner),
      count(epoch),
      count(lagMessages),
      delayMs === null ? NONE : `${formatMilliseconds(delayMs)} ms`,
      count(waitingOutputs),
    ],
    isFault: owner === null,
  };
}

function shortened(id: string): string {
  return id.slice(0, ID_SHOWN);
}

function count(value: number | null): string {
  return formatCount(value ?? Number.NaN);
}

/** Rows of text below a table's head, changed in place. */
class TextRows {
  readonly #body: HTMLElement;
  readonly #rows: HTMLTableRowElement[] = [];

  constructor(body: HTMLElement) {
    this.#body = body;
  }

  show(rows: readonly TextRow[]): void {
    while (this.#rows.length < rows.length) {
      const row = document.createElement('tr');
      this.#rows.push(row);
      this.#body.append(row);
    }
    for (const row of this.#rows.splice(rows.length)) row.remove();
    rows.forEach(({ cells, isFault }, i) => {
      const row = this.#rows[i] as HTMLTableRowElement;
      setFlag(row, 'data-fault', isFault);
      cells.forEach((text, column) => {
        setText(row.cells[column] ?? row.insertCell(), text);
      });
    });
  }
}
