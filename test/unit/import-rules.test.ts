import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderForSuite } from '../support/folders.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A file, its import, and the linter's verdict. */
type Case = readonly [file: string, specifier: string, verdict: 'allowed' | 'refused'];

const IMPORTS: readonly Case[] = [
  ['src/protocol/a.ts', './codec.ts', 'allowed'],
  ['src/protocol/a.ts', 'msgpackr', 'allowed'],
  ['src/protocol/a.ts', 'node:buffer', 'refused'],
  ['src/protocol/a.ts', 'zod', 'refused'],
  ['src/protocol/a.ts', '../engine/index.ts', 'refused'],
  ['src/protocol/a.ts', '../log.ts', 'refused'],
  ['src/engine/a.ts', './partition.ts', 'allowed'],
  ['src/engine/a.ts', './memory/tick-ring.ts', 'allowed'],
  ['src/engine/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/engine/a.ts', '../rules/index.ts', 'allowed'],
  ['src/engine/a.ts', '../rules/episodes.ts', 'refused'],
  ['src/engine/a.ts', 'node:worker_threads', 'allowed'],
  ['src/engine/a.ts', '../protocol/codec.ts', 'refused'],
  ['src/engine/a.ts', '../gateway/index.ts', 'refused'],
  ['src/engine/a.ts', '../config/schema.ts', 'refused'],
  ['src/engine/a.ts', '../log.ts', 'refused'],
  ['src/engine/a.ts', 'node:net', 'refused'],
  ['src/engine/a.ts', 'ws', 'refused'],
  ['src/engine/a.ts', 'uWebSockets.js', 'refused'],
  ['src/engine/memory/a.ts', '../partition.ts', 'allowed'],
  ['src/engine/memory/a.ts', '../../protocol/index.ts', 'allowed'],
  ['src/engine/memory/a.ts', '../../protocol/symbol.ts', 'refused'],
  ['src/engine/memory/a.ts', '../../gateway/gateway.ts', 'refused'],
  ['src/engine/memory/a.ts', '../../config/schema.ts', 'refused'],
  ['src/engine/memory/a.ts', '../../log.ts', 'refused'],
  ['src/engine/memory/a.ts', 'node:http', 'refused'],
  ['src/engine/memory/a.ts', 'ws', 'refused'],
  ['src/engine/memory/a.ts', '../../rules/episodes.ts', 'refused'],
  ['src/rules/a.ts', './episodes.ts', 'allowed'],
  ['src/rules/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/rules/a.ts', '../protocol/symbol.ts', 'refused'],
  ['src/rules/a.ts', '../engine/index.ts', 'refused'],
  ['src/rules/a.ts', 'node:fs', 'refused'],
  ['src/sinks/a.ts', './sink.ts', 'allowed'],
  ['src/sinks/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/sinks/a.ts', '../threads/thread-calls.ts', 'allowed'],
  ['src/sinks/a.ts', '../store/index.ts', 'refused'],
  ['src/sinks/a.ts', '../gateway/index.ts', 'refused'],
  ['src/sinks/formats/a.ts', '../sink-alert.ts', 'allowed'],
  ['src/sinks/formats/a.ts', '../../engine/partition.ts', 'refused'],
  ['feeds/a.ts', '../client-sdk/src/index.ts', 'allowed'],
  ['feeds/a.ts', '../src/log.ts', 'allowed'],
  ['feeds/a.ts', '../client-sdk/src/publisher/publisher.ts', 'refused'],
  ['feeds/a.ts', '../src/engine/index.ts', 'refused'],
  ['feeds/a.ts', '../loadgen/market.ts', 'refused'],
  ['feeds/a.ts', '../src/server.ts', 'refused'],
  ['feeds/a.ts', '../src/cli.ts', 'refused'],
  ['feeds/a.ts', '../testkit/until.ts', 'refused'],
  ['feeds/connection/a.ts', '../../testkit/until.ts', 'refused'],
  ['feeds/connection/a.ts', '../../src/gateway/index.ts', 'refused'],
  ['feeds/exchange/a.ts', '../../conformance/kit.ts', 'refused'],
  ['feeds/demo.ts', '../testkit/managed-process.ts', 'allowed'],
  ['feeds/demo.ts', '../src/npm-parent.ts', 'allowed'],
  ['feeds/demo.ts', '../src/engine/index.ts', 'refused'],
  ['src/cli.ts', '../feeds/command.ts', 'allowed'],
  ['src/cli.ts', '../feeds/feed.ts', 'refused'],
  ['src/cli.ts', '../loadgen/market.ts', 'refused'],
  ['src/a.ts', '../feeds/command.ts', 'refused'],
  ['src/doctor/a.ts', '../../feeds/feed-config.ts', 'refused'],
  ['src/backtest/a.ts', '../../feeds/venue.ts', 'refused'],
  ['src/backtest/a.ts', '../engine/index.ts', 'allowed'],
  ['src/journal-tools/a.ts', '../../client-sdk/src/index.ts', 'allowed'],
  ['src/journal-tools/a.ts', '../../loadgen/market.ts', 'refused'],
  ['src/recovery/a.ts', '../../client-sdk/src/index.ts', 'refused'],
  ['src/recovery/a.ts', '../engine/index.ts', 'allowed'],
  ['src/engine/memory/a.ts', '../../../feeds/venue.ts', 'refused'],
  ['src/gateway/a.ts', '../../feeds/venue.ts', 'refused'],
  ['src/gateway/transport/a.ts', '../../../feeds/venue.ts', 'refused'],
  ['src/http/queries/a.ts', '../../../feeds/venue.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../feeds/venue.ts', 'refused'],
  ['client-sdk/src/react.ts', '../../feeds/venue.ts', 'refused'],
  ['dashboard/src/a.ts', '../../feeds/venue.ts', 'refused'],
  ['loadgen/a.ts', '../feeds/venue.ts', 'refused'],
  ['testkit/a.ts', '../feeds/venue.ts', 'refused'],
  ['conformance/a.ts', '../feeds/venue.ts', 'refused'],
  ['feeds/venues/a.ts', '../venue.ts', 'allowed'],
  ['feeds/venues/a.ts', 'ws', 'refused'],
  ['src/config/a.ts', './schema.ts', 'allowed'],
  ['src/config/a.ts', 'commander', 'allowed'],
  ['src/config/a.ts', 'zod', 'allowed'],
  ['src/config/a.ts', 'pino', 'refused'],
  ['src/config/a.ts', '../engine/index.ts', 'refused'],
  ['src/config/a.ts', '../gateway/index.ts', 'refused'],
  ['src/cluster/a.ts', './bus.ts', 'allowed'],
  ['src/cluster/a.ts', '../engine/index.ts', 'allowed'],
  ['src/cluster/a.ts', '../gateway/index.ts', 'allowed'],
  ['src/cluster/a.ts', '../config/schema.ts', 'allowed'],
  ['src/cluster/a.ts', '../engine/partition.ts', 'refused'],
  ['src/cluster/a.ts', '../store/index.ts', 'refused'],
  ['src/cluster/a.ts', '@nats-io/jetstream', 'refused'],
  ['src/cluster/nats-bus.ts', '@nats-io/jetstream', 'allowed'],
  ['src/a.ts', '@nats-io/jetstream', 'refused'],
  ['src/gateway/a.ts', '@nats-io/jetstream', 'refused'],
  ['src/gateway/a.ts', '../cluster/bus.ts', 'refused'],
  ['src/engine/a.ts', '@nats-io/jetstream', 'refused'],
  ['src/protocol/a.ts', '@nats-io/jetstream', 'refused'],
  ['src/kafka/a.ts', './client.ts', 'allowed'],
  ['src/kafka/a.ts', '../gateway/index.ts', 'allowed'],
  ['src/kafka/a.ts', '../config/schema.ts', 'allowed'],
  ['src/kafka/a.ts', '../messages/tick-messages.ts', 'allowed'],
  ['src/kafka/a.ts', '../http/rfc-3339.ts', 'refused'],
  ['src/cluster/a.ts', '../messages/tick-messages.ts', 'allowed'],
  ['src/messages/a.ts', '../http/rfc-3339.ts', 'allowed'],
  ['src/messages/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/messages/a.ts', '../gateway/index.ts', 'refused'],
  ['src/kafka/a.ts', '../http/index.ts', 'refused'],
  ['src/kafka/a.ts', '../cluster/bus.ts', 'refused'],
  ['src/kafka/a.ts', '@platformatic/kafka', 'refused'],
  ['src/kafka/platformatic-client.ts', '@platformatic/kafka', 'allowed'],
  ['src/a.ts', '@platformatic/kafka', 'refused'],
  ['src/a.ts', './kafka/kafka.ts', 'allowed'],
  ['src/gateway/a.ts', '@platformatic/kafka', 'refused'],
  ['src/gateway/a.ts', '../kafka/kafka.ts', 'refused'],
  ['src/http/a.ts', '../kafka/kafka.ts', 'refused'],
  ['src/cluster/a.ts', '@platformatic/kafka', 'refused'],
  ['src/engine/a.ts', '@platformatic/kafka', 'refused'],
  ['src/telemetry/a.ts', './tracing.ts', 'allowed'],
  ['src/telemetry/a.ts', '@opentelemetry/api', 'allowed'],
  ['src/telemetry/a.ts', 'prom-client', 'allowed'],
  ['src/telemetry/a.ts', '../config/schema.ts', 'allowed'],
  ['src/telemetry/a.ts', '../gateway/index.ts', 'refused'],
  ['src/a.ts', '@opentelemetry/api', 'refused'],
  ['src/a.ts', './telemetry/telemetry.ts', 'allowed'],
  ['src/gateway/a.ts', '@opentelemetry/api', 'refused'],
  ['src/gateway/a.ts', '../telemetry/tracing.ts', 'allowed'],
  ['src/gateway/a.ts', '../telemetry/telemetry.ts', 'refused'],
  ['src/http/a.ts', '../telemetry/tracing.ts', 'allowed'],
  ['src/http/a.ts', '../telemetry/telemetry.ts', 'refused'],
  ['src/cluster/a.ts', '../telemetry/tracing.ts', 'allowed'],
  ['src/cluster/a.ts', '../telemetry/telemetry.ts', 'refused'],
  ['src/cluster/a.ts', '@opentelemetry/api', 'refused'],
  ['src/store/a.ts', '../telemetry/tracing.ts', 'allowed'],
  ['src/store/a.ts', '../telemetry/telemetry.ts', 'refused'],
  ['src/store/a.ts', '@opentelemetry/api', 'refused'],
  ['src/engine/a.ts', '../telemetry/tracing.ts', 'refused'],
  ['src/store/a.ts', './databases.ts', 'allowed'],
  ['src/store/a.ts', 'lmdb', 'allowed'],
  ['src/store/a.ts', 'node:fs', 'allowed'],
  ['src/store/a.ts', 'zod', 'refused'],
  ['src/store/a.ts', '../engine/index.ts', 'allowed'],
  ['src/store/a.ts', '../engine/partition.ts', 'refused'],
  ['src/store/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/store/a.ts', '../threads/call-queue.ts', 'allowed'],
  ['src/threads/a.ts', 'node:worker_threads', 'allowed'],
  ['src/threads/a.ts', '../store/index.ts', 'refused'],
  ['src/store/a.ts', '../log.ts', 'refused'],
  ['src/access/a.ts', './identity.ts', 'allowed'],
  ['src/access/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/access/a.ts', '../config/schema.ts', 'allowed'],
  ['src/access/a.ts', 'jose', 'allowed'],
  ['src/access/a.ts', 'zod', 'allowed'],
  ['src/access/a.ts', 'node:crypto', 'allowed'],
  ['src/access/a.ts', 'node:fs/promises', 'allowed'],
  ['src/access/a.ts', '../protocol/symbol.ts', 'refused'],
  ['src/access/a.ts', '../config/load.ts', 'refused'],
  ['src/access/a.ts', '../gateway/index.ts', 'refused'],
  ['src/access/a.ts', '../engine/index.ts', 'refused'],
  ['src/access/a.ts', '../log.ts', 'refused'],
  ['src/access/a.ts', 'pino', 'refused'],
  ['src/gateway/a.ts', '../access/index.ts', 'allowed'],
  ['src/gateway/a.ts', '../access/identity.ts', 'refused'],
  ['src/gateway/a.ts', 'jose', 'refused'],
  ['src/http/a.ts', '../rules/index.ts', 'allowed'],
  ['src/http/a.ts', '../rules/episodes.ts', 'refused'],
  ['src/http/queries/a.ts', '../../access/index.ts', 'allowed'],
  ['src/http/queries/a.ts', '../../access/api-keys.ts', 'refused'],
  ['src/gateway/transport/a.ts', '../../access/api-keys.ts', 'refused'],
  ['src/engine/a.ts', '../access/index.ts', 'refused'],
  ['src/engine/memory/a.ts', '../../access/index.ts', 'refused'],
  ['src/config/a.ts', '../access/index.ts', 'refused'],
  ['src/journal/a.ts', '../engine/index.ts', 'allowed'],
  ['src/journal/a.ts', '../store/lock/claim.ts', 'allowed'],
  ['src/journal/a.ts', '../store/index.ts', 'refused'],
  ['src/journal/a.ts', '../gateway/index.ts', 'refused'],
  ['src/journal/a.ts', 'node:net', 'refused'],
  ['src/gateway/a.ts', '../journal/index.ts', 'allowed'],
  ['src/gateway/a.ts', '../journal/reader.ts', 'refused'],
  ['src/gateway/a.ts', '../store/index.ts', 'allowed'],
  ['src/gateway/a.ts', '../store/disk-store.ts', 'refused'],
  ['src/gateway/a.ts', '../engine/index.ts', 'allowed'],
  ['src/gateway/a.ts', '../protocol/index.ts', 'allowed'],
  ['src/gateway/a.ts', '../config/schema.ts', 'allowed'],
  ['src/gateway/a.ts', '../engine/partition.ts', 'refused'],
  ['src/gateway/a.ts', '../engine/memory/tick-ring.ts', 'refused'],
  ['src/gateway/a.ts', '../protocol/codec.ts', 'refused'],
  ['src/gateway/a.ts', '../config/load.ts', 'refused'],
  ['src/gateway/a.ts', '../config/command-line.ts', 'refused'],
  ['src/gateway/a.ts', '../../client-sdk/src/index.ts', 'refused'],
  ['src/gateway/a.ts', '../../dashboard/src/chart.ts', 'refused'],
  ['src/gateway/a.ts', '../main.ts', 'refused'],
  ['src/gateway/a.ts', 'uWebSockets.js', 'refused'],
  ['src/gateway/a.ts', 'ws', 'refused'],
  ['src/http/queries/a.ts', '../../engine/index.ts', 'allowed'],
  ['src/http/queries/a.ts', '../../engine/partition.ts', 'refused'],
  ['src/http/queries/a.ts', '../../config/load.ts', 'refused'],
  ['src/gateway/transport/a.ts', 'ws', 'allowed'],
  ['src/gateway/transport/a.ts', './uws-loader.ts', 'allowed'],
  ['src/gateway/transport/a.ts', 'uWebSockets.js', 'refused'],
  ['src/gateway/transport/a.ts', 'uws-new', 'refused'],
  ['src/gateway/transport/a.ts', 'node:module', 'refused'],
  ['src/gateway/transport/a.ts', '../../engine/partition.ts', 'refused'],
  ['src/gateway/transport/uws-loader.ts', 'uWebSockets.js', 'allowed'],
  ['src/gateway/transport/uws-loader.ts', 'node:module', 'allowed'],
  ['src/gateway/transport/uws-loader.ts', '../../config/load.ts', 'refused'],
  ['src/gateway/a.ts', '../../testkit/random.ts', 'refused'],
  ['src/http/queries/a.ts', '../../../testkit/random.ts', 'refused'],
  ['src/engine/memory/a.ts', '../../../testkit/random.ts', 'refused'],
  ['src/a.ts', './main.ts', 'refused'],
  ['src/a.ts', './gateway/gateway.ts', 'allowed'],
  ['src/a.ts', '../testkit/random.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../src/protocol/index.ts', 'allowed'],
  ['client-sdk/src/a.ts', './subscriber.ts', 'allowed'],
  ['client-sdk/src/connection/a.ts', '../subscriber/mirror.ts', 'allowed'],
  ['client-sdk/src/connection/a.ts', '../../../src/protocol/index.ts', 'allowed'],
  ['client-sdk/src/a.ts', 'ws', 'refused'],
  ['client-sdk/src/a.ts', 'msgpackr', 'refused'],
  ['client-sdk/src/a.ts', 'react', 'refused'],
  ['client-sdk/src/a.ts', '../../dashboard/src/chart.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../src/protocol/codec.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../src/engine/index.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../loadgen/report.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../testkit/random.ts', 'refused'],
  ['client-sdk/src/a.ts', 'node:fs', 'refused'],
  ['client-sdk/src/a.ts', 'zod', 'refused'],
  ['client-sdk/src/react.ts', 'react', 'allowed'],
  ['client-sdk/src/react.ts', './index.ts', 'allowed'],
  ['client-sdk/src/react.ts', 'react-dom', 'refused'],
  ['client-sdk/src/react/a.ts', 'react', 'allowed'],
  ['client-sdk/src/react/a.ts', '../index.ts', 'allowed'],
  ['client-sdk/src/react/a.ts', 'zod', 'refused'],
  ['client-sdk/src/react.ts', 'ws', 'refused'],
  ['client-sdk/src/react.ts', '../../src/protocol/codec.ts', 'refused'],
  ['dashboard/src/a.ts', './table/row.ts', 'allowed'],
  ['dashboard/src/a.ts', '../../client-sdk/src/index.ts', 'allowed'],
  ['dashboard/src/a.ts', 'uplot', 'allowed'],
  ['dashboard/src/a.ts', './main.ts', 'refused'],
  ['dashboard/src/a.ts', '../../client-sdk/src/subscriber/mirror.ts', 'refused'],
  ['dashboard/src/a.ts', '../../src/protocol/index.ts', 'refused'],
  ['dashboard/src/a.ts', '../../loadgen/market.ts', 'refused'],
  ['dashboard/src/a.ts', '../../testkit/random.ts', 'refused'],
  ['dashboard/src/a.ts', 'msgpackr', 'refused'],
  ['dashboard/src/a.ts', 'node:fs', 'refused'],
  ['dashboard/src/table/a.ts', '../chart/axes.ts', 'allowed'],
  ['dashboard/src/table/a.ts', '../../../client-sdk/src/index.ts', 'allowed'],
  ['dashboard/src/table/a.ts', '../../../src/protocol/index.ts', 'refused'],
  ['loadgen/a.ts', '../client-sdk/src/index.ts', 'allowed'],
  ['loadgen/a.ts', '../src/protocol/index.ts', 'allowed'],
  ['loadgen/a.ts', 'commander', 'allowed'],
  ['loadgen/a.ts', '../client-sdk/src/subscriber.ts', 'refused'],
  ['loadgen/a.ts', '../src/gateway/index.ts', 'refused'],
  ['loadgen/a.ts', '../dashboard/src/chart.ts', 'refused'],
  ['loadgen/a.ts', '../src/main.ts', 'refused'],
  ['loadgen/a.ts', '../testkit/random.ts', 'allowed'],
  ['loadgen/a.ts', '../test/support/tokens.ts', 'refused'],
  ['conformance/a.ts', '../testkit/scripted-server.ts', 'allowed'],
  ['conformance/subscriber/a.ts', '../../src/protocol/index.ts', 'allowed'],
  ['conformance/subscriber/a.ts', '../../client-sdk/src/index.ts', 'refused'],
  ['conformance/a.ts', '../src/gateway/index.ts', 'refused'],
  ['conformance/a.ts', '../test/support/tokens.ts', 'refused'],
  ['testkit/a.ts', '../loadgen/market.ts', 'refused'],
  ['testkit/a.ts', '../test/support/tokens.ts', 'refused'],
  ['loadgen/ticks/a.ts', '../../src/protocol/index.ts', 'allowed'],
  ['loadgen/ticks/a.ts', '../../src/engine/index.ts', 'refused'],
  ['test/unit/a.ts', '../../src/engine/partition.ts', 'allowed'],
  ['test/unit/a.ts', '../../testkit/random.ts', 'allowed'],
  ['test/unit/a.ts', '../../src/main.ts', 'refused'],
  ['testkit/a.ts', '../src/protocol/index.ts', 'allowed'],
  ['testkit/independent/a.ts', './mirror.ts', 'allowed'],
  ['testkit/independent/a.ts', '@msgpack/msgpack', 'allowed'],
  ['testkit/independent/a.ts', '../launcher.ts', 'refused'],
  ['testkit/independent/a.ts', '../../src/protocol/index.ts', 'refused'],
  ['testkit/independent/a.ts', '../../client-sdk/src/index.ts', 'refused'],
  ['test/unit/a.ts', '../../testkit/launcher.ts', 'allowed'],
  ['loadgen/a.ts', '../testkit/launcher.ts', 'allowed'],
  ['src/engine/a.ts', '../../testkit/independent/statistics.ts', 'refused'],
  ['src/gateway/a.ts', '../../testkit/launcher.ts', 'refused'],
  ['src/http/a.ts', '../../testkit/launcher.ts', 'refused'],
  ['client-sdk/src/a.ts', '../../testkit/launcher.ts', 'refused'],
  ['dashboard/src/a.ts', '../../testkit/launcher.ts', 'refused'],
];

const ENVIRONMENT: readonly (readonly [file: string, verdict: Case[2]])[] = [
  ['src/cli.ts', 'allowed'],
  ['loadgen/main.ts', 'allowed'],
  ['test/unit/b.ts', 'allowed'],
  ['src/log.ts', 'refused'],
  ['src/config/b.ts', 'refused'],
  ['src/engine/b.ts', 'refused'],
  ['src/gateway/b.ts', 'refused'],
  ['client-sdk/src/b.ts', 'refused'],
  ['dashboard/src/b.ts', 'refused'],
];

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string; readonly start: { readonly line: number } };
}

/** Lints these files under our rules; returns `rule file:line` a finding. */
function lint(root: string, files: ReadonlyMap<string, readonly string[]>): Set<string> {
  copyFileSync(join(ROOT, 'biome.json'), join(root, 'biome.json'));
  copyFileSync(join(ROOT, '.gitignore'), join(root, '.gitignore'));
  for (const [file, lines] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), lines.join('\n'));
  }
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const args = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.'];
  let report: string;
  try {
    report = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    report = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(report) as { diagnostics: Diagnostic[] };
  return new Set(
    diagnostics.map(
      ({ category, location }) => `${category} ${location.path}:${location.start.line}`,
    ),
  );
}

describe('the import rules', () => {
  const root = folderForSuite();
  const files = new Map<string, string[]>();
  const place = (file: string, line: string) => {
    const lines = files.get(file) ?? [];
    files.set(file, lines);
    return `${file}:${lines.push(line)}`;
  };
  const imports = IMPORTS.map(
    ([file, specifier, verdict]) =>
      [file, specifier, verdict, place(file, `export * from '${specifier}';`)] as const,
  );
  const reads = ENVIRONMENT.map(
    ([file, verdict]) =>
      [file, verdict, place(file, 'export const p = process.env.PATH;')] as const,
  );
  let found = new Set<string>();

  beforeAll(() => {
    found = lint(root, files);
  });

  it.each(imports)('%s importing %s is %s', (_file, _specifier, verdict, at) => {
    expect(found.has(`lint/style/noRestrictedImports ${at}`)).toBe(verdict === 'refused');
  });

  it.each(reads)('%s reading the environment is %s', (_file, verdict, at) => {
    expect(found.has(`lint/style/noProcessEnv ${at}`)).toBe(verdict === 'refused');
  });
});
