/** A name that may be meant, and the ways in which people write it. */
export interface Candidate {
  readonly name: string;
  readonly spellings: readonly string[];
}

/**
 * Levenshtein's: letters to insert, delete or replace to get from `a` to `b`. Case is ignored.
 *
 * @returns some number above `max` as soon as it is certain to be above it
 */
function distance(a: string, b: string, max: number): number {
  const target = b.toLowerCase();
  let previous = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...a.toLowerCase()].entries()) {
    const current = [row + 1];
    for (let column = 1; column <= target.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (target[column - 1] === letter ? 0 : 1);
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, inserted, (previous[column] ?? 0) + 1));
    }
    // It never gets less from row to row.
    if (Math.min(...current) > max) return max + 1;
    previous = current;
  }
  return previous[target.length] ?? 0;
}

/** After this many faults of one source nothing is suggested any more: each takes a comparison with all names. */
export const SUGGESTIONS_MAX = 20;

/** ` (did you mean X?)` for the candidate nearest to what was written; empty where none is near. */
export function suggestion(spellings: readonly string[], candidates: readonly Candidate[]): string {
  let best: { name: string; distance: number } | undefined;
  for (const written of spellings) {
    const { length } = [...written];
    // Up to a third of the letters may be wrong, but not so many that the guess is a surprise.
    const lettersMax = Math.min(5, Math.ceil(written.length / 3));
    for (const candidate of candidates) {
      for (const meant of candidate.spellings) {
        // The comparison takes the product of both lengths: not done where it cannot succeed.
        if (Math.abs(length - meant.length) > lettersMax) continue;
        const letters = distance(written, meant, lettersMax);
        if (letters > lettersMax) continue;
        if (best === undefined || letters < best.distance) {
          best = { name: candidate.name, distance: letters };
        }
      }
    }
  }
  return best === undefined ? '' : ` (did you mean ${best.name}?)`;
}
