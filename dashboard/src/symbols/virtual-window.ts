/** A range of rows, without `end`. */
export interface VirtualWindow {
  readonly start: number;
  readonly end: number;
}

/** The visible rows and a few on either side. */
export function windowAt(
  scrollTop: number,
  viewHeight: number,
  rowHeight: number,
  count: number,
  overscan: number,
): VirtualWindow {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  const last = Math.ceil((Math.max(0, scrollTop) + viewHeight) / rowHeight);
  const end = Math.min(count, last + overscan);
  return { start: Math.max(0, Math.min(first - overscan, end)), end };
}

/** The least scroll that makes a row fully visible. */
export function scrollToShow(
  index: number,
  scrollTop: number,
  viewHeight: number,
  rowHeight: number,
): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - viewHeight);
}

/** The cursor's target among `count` rows after a key; undefined for keys that do not move it. */
export function moveCursor(
  key: string,
  cursor: number,
  count: number,
  pageRows: number,
): number | undefined {
  const target = targetOf(key, cursor, count, Math.max(1, pageRows));
  return target === undefined || count === 0 ? undefined : Math.min(count - 1, Math.max(0, target));
}

function targetOf(
  key: string,
  cursor: number,
  count: number,
  pageRows: number,
): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return cursor + 1;
    case 'ArrowUp':
      return cursor - 1;
    case 'PageDown':
      return cursor + pageRows;
    case 'PageUp':
      return cursor - pageRows;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}
