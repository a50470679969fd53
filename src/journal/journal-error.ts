/** The journal cannot be read or written. The message says where, why and what to do. */
export class JournalError extends Error {
  override readonly name: string = 'JournalError';
}

/** An entry that was once whole no longer is, or a segment is missing. */
export class JournalDamageError extends JournalError {
  override readonly name = 'JournalDamageError';
  /** Empty if a whole file is missing. */
  readonly path: string;
  readonly position: number;

  constructor(path: string, position: number, offset: number, found: string) {
    super(`${path} is damaged at byte ${offset} (position ${position}): ${found}.`);
    this.path = path;
    this.position = position;
  }
}

/** A newer server wrote it. */
export class JournalVersionError extends JournalError {
  override readonly name = 'JournalVersionError';

  constructor(version: number) {
    super(`it is of format ${version}`);
  }
}

/** Why a call to the system failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? error.message : `${code}, ${error.message.replace(`${code}: `, '')}`;
}
