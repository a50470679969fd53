import { writeFile } from 'node:fs/promises';
import { CsvError } from './csv-source.ts';
import { parseLoadOptions, shownCommandLine } from './load-options.ts';
import { formatReport } from './report-text.ts';
import { onInterrupt, runProgram } from './run-program.ts';
import { runScenario } from './scenario.ts';

/*
 * npm run load -- [flags]
 *
 * Exit codes: 0 all checks passed; 1 something was lost, did not converge, or the run broke off; 2
 * bad usage.
 */

async function main(argv: readonly string[]): Promise<number> {
  const options = parseLoadOptions(argv);
  const interrupt = new AbortController();
  onInterrupt(() => interrupt.abort());
  const commandLine = shownCommandLine(argv);
  const report = await runScenario(options, commandLine, interrupt.signal);
  process.stdout.write(`${formatReport(report)}\n`);
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  return report.failures.length === 0 ? 0 : 1;
}

await runProgram(main, CsvError);
