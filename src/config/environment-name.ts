/** What the name of every environment variable of ours starts with. */
export const ENVIRONMENT_PREFIX = 'TICKWIRE_';

/**
 * The environment variable of a key: `processing.maxSymbols` is `TICKWIRE_PROCESSING_MAX_SYMBOLS`.
 * No two keys share one, because a section is a single word in lower case.
 */
export function environmentName(path: string): string {
  const words = path.replaceAll('.', '_').replace(/[A-Z]/g, '_$&');
  return ENVIRONMENT_PREFIX + words.toUpperCase();
}
