/** The command line of a run, as reports have it: which hold no token, as they are passed around. */
export function shownCommandLine(argv: readonly string[]): string {
  const shown = argv.map((word, i) => {
    if (argv[i - 1] === '--token') return '…';
    return word.startsWith('--token=') ? '--token=…' : word;
  });
  return ['npm run load --', ...shown].join(' ');
}
