import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const REDOCLY = require.resolve('@redocly/cli/bin/cli.js');

interface LintReport {
  readonly totals: { readonly errors: number; readonly warnings: number };
  readonly problems: readonly { readonly message: string; readonly ruleId: string }[];
}

/** Redocly's findings in an OpenAPI or AsyncAPI document. */
export async function lintApi(
  document: unknown,
  skippedRules: readonly string[] = [],
): Promise<LintReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tickwire-api-'));
  try {
    const file = join(folder, 'api.json');
    await writeFile(file, JSON.stringify(document));
    const rules = skippedRules.map((rule) => `--skip-rule=${rule}`);
    const args = [REDOCLY, 'lint', file, '--format=json', '--extends=recommended', ...rules];
    const { stdout } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
    return JSON.parse(stdout) as LintReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}
