import { mkdirSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, truncate } from '../../src/config/faults.ts';
import { CONFIG_KEYS } from '../../src/config/keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { ConfigFolder } from '../support/folders.ts';

/** The faults that `work` fails with. */
function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

function isSerializable(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}

describe('faults of the configuration', () => {
  let folder = new ConfigFolder();
  beforeEach(() => {
    folder[Symbol.dispose]();
    folder = new ConfigFolder();
  });
  afterAll(() => folder[Symbol.dispose]());

  const faults = (argv: string[], env: Record<string, string> = {}) =>
    faultsOf(() => loadConfig({ argv, env, cwd: folder.path }));

  it('are all named at once, each with its place, what was expected and what came', () => {
    folder.write('tickwire.config.json', {
      server: { port: '9001', prot: 1 },
      log: { level: 'loud' },
      store: null,
    });
    const load = () =>
      loadConfig({
        argv: ['--processing.channelCapacity=100', '--server.heartbeatMs', 'soon', 'start'],
        env: { TICKWIRE_SERVER_PORT: '70000', TICKWIRE_PORT: '1' },
        cwd: folder.path,
      });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(
      [
        'The configuration has 9 faults:',
        '  tickwire.config.json: unknown key server.prot (did you mean server.port?)',
        '  tickwire.config.json: store: expected an object of keys, got null',
        '  tickwire.config.json: server.port: expected an integer from 0 to 65535, got "9001"',
        '  tickwire.config.json: log.level: ' +
          'expected one of trace, debug, info, warn, error, fatal, silent, got "loud"',
        '  TICKWIRE_PORT: unknown variable (did you mean TICKWIRE_SERVER_PORT?)',
        '  TICKWIRE_SERVER_PORT: expected an integer from 0 to 65535, got 70000',
        '  unexpected argument "start": every setting is a flag',
        '  --processing.channelCapacity: expected a power of two from 16 to 16777216, got 100',
        '  --server.heartbeatMs: expected an integer from 50 to 3600000, got "soon"',
      ].join('\n'),
    );
  });

  it('stop the start also where a stronger source gives a good value', () => {
    expect(faults(['--server.port=1'], { TICKWIRE_SERVER_PORT: 'x' })).toEqual([
      'TICKWIRE_SERVER_PORT: expected an integer from 0 to 65535, got "x"',
    ]);
  });

  it.each([
    ['--processing.maxSymbol=1', '--processing.maxSymbol', '--processing.maxSymbols'],
    ['--maxSymbols=1', '--maxSymbols', '--processing.maxSymbols'],
    ['--Server.Port=1', '--Server.Port', '--server.port'],
    ['--print-confg', '--print-confg', '--print-config'],
    ['--conflig=x', '--conflig', '--config'],
  ])('of the flag %s suggest a flag', (flag, name, meant) => {
    expect(faults([flag])).toEqual([`${name}: unknown flag (did you mean ${meant}?)`]);
  });

  it('of an unknown flag with a value are one', () => {
    expect(faults(['--maxSymbols', '5'])).toHaveLength(1);
  });

  it('of names like nothing we know suggest nothing', () => {
    expect(faults(['--xyzzyxyzzy'], { TICKWIRE_WIBBLE_WOBBLE: '1' })).toEqual([
      'TICKWIRE_WIBBLE_WOBBLE: unknown variable',
      '--xyzzyxyzzy: unknown flag',
    ]);
  });

  it.each([
    [{ sever: {} }, 'unknown key sever (did you mean server?)'],
    [{ port: 1 }, 'unknown key port (did you mean server.port?)'],
    [
      { server: { maxSymbols: 1 } },
      'unknown key server.maxSymbols (did you mean processing.maxSymbols?)',
    ],
    [{ 'server.port': 1 }, 'unknown key "server.port" (write it as {"server": {"port": …}})'],
    [{ server: [] }, 'server: expected an object of keys, got []'],
  ])('of the file %j say what was meant', (content, fault) => {
    folder.write('tickwire.config.json', content);
    expect(faults([])).toEqual([`tickwire.config.json: ${fault}`]);
  });

  it('of a file that holds __proto__ are faults, and change no object', () => {
    folder.write('tickwire.config.json', '{"__proto__": {"x": 1}, "server": {"__proto__": 1}}');
    expect(faults([])).toHaveLength(2);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  it.each([
    ['', 'line 1, column 1'],
    ['{"server": {"port": 1,}}', 'line 1, column 23'],
    ['{\n  "server": {\n    port: 1\n  }\n}', 'line 3, column 5'],
    ['{"server": {}} x', 'line 1, column 16'],
  ])('of the file %j say where it is not JSON', (content, place) => {
    folder.write('tickwire.config.json', content);
    expect(faults([])).toEqual([`tickwire.config.json: not JSON at ${place}`]);
  });

  it('of a file that is JSON but no object say so', () => {
    folder.write('tickwire.config.json', '[1]');
    expect(faults([])).toEqual(['tickwire.config.json: expected an object of sections, got [1]']);
  });

  it('of a named file that is not there say who named it', () => {
    expect(faults(['--config=no.json'])).toEqual(['--config: cannot read no.json: no such file']);
    expect(faults([], { TICKWIRE_CONFIG: 'no.json' })).toEqual([
      'TICKWIRE_CONFIG: cannot read no.json: no such file',
    ]);
    expect(faults(['--config=.'])).toEqual(['--config: cannot read .: EISDIR']);
  });

  it.each([
    [['--server.port'], '--server.port: expected an integer from 0 to 65535, got nothing'],
    [['--store.directory', '--server.port=1'], '--store.directory: expected a path, got nothing'],
    [['--config'], '--config: expected a file, got nothing'],
    [['--help=1'], '--help: takes no value, got "1"'],
    [['--', 'x'], 'unexpected argument "x": every setting is a flag'],
    [['-x'], '-x: unknown flag'],
  ])('of the command line %j are named', (argv, fault) => {
    expect(faults(argv)).toEqual([fault]);
  });

  it.each([
    [
      ['--auth.jwtSecret', 'my secret', 'words'],
      ['unexpected argument after the value of a secret'],
    ],
    [
      ['--auth.jwtSecret', '-secret-of-dashes'],
      ['--auth.jwtSecret: expected at least 32 characters, got something else'],
    ],
    [['--auth.jwtSecret', '--secret=x'], ['unknown flag after the value of a secret']],
    [['--auth.jwtSecret'], ['--auth.jwtSecret: expected at least 32 characters, got nothing']],
    [['--auth.jwtSecret=short secret'], ['--auth.jwtSecret: expected at least 32 characters']],
  ])('of the secret in %j show nothing of it', (argv, expected) => {
    const found = faults(argv);
    for (const fault of expected) expect(found).toContainEqual(expect.stringContaining(fault));
    expect(found.join('\n')).not.toMatch(/my|words|of-dashes|--secret|short/);
  });

  it('suggest a name for the first of many only, and for none that is far too long', () => {
    const many = Array.from({ length: 30 }, (_, index) => `--server.por${index}`);
    const hints = faults(many).filter((fault) => fault.includes('did you mean --server.port?'));
    expect(hints).toHaveLength(10);
    const before = process.cpuUsage();
    const [long = ''] = faults([`--${'server.port'.repeat(6_000)}`]);
    const { user, system } = process.cpuUsage(before);
    expect(long).toMatch(/^--server\.portserver.{1,60}…: unknown flag$/);
    expect((user + system) / 1000).toBeLessThan(100);
  });

  it('of variables suggest the variables of clients, too', () => {
    expect(faults([], { TICKWIRE_TOKN: '1', TICKWIRE_CONFG: '1', TICKWIRE_LOG: '1' })).toEqual([
      'TICKWIRE_TOKN: unknown variable (did you mean TICKWIRE_TOKEN?)',
      'TICKWIRE_CONFG: unknown variable (did you mean TICKWIRE_CONFIG?)',
      'TICKWIRE_LOG: unknown variable',
    ]);
  });

  it('of a variable that a Service overwrote name the remedy', () => {
    const [fault = '', ...others] = faults([], {
      TICKWIRE_SERVER_PORT: 'tcp://10.0.0.1:9001',
      TICKWIRE_SERVER_SERVICE_HOST: '10.0.0.1',
      TICKWIRE_SERVER_SERVICE_PORT: '9001',
    });
    expect(others).toEqual([]);
    expect(fault).toContain('TICKWIRE_SERVER_PORT: expected an integer from 0 to 65535');
    expect(fault).toContain('got "tcp://10.0.0.1:9001": Kubernetes');
    expect(fault).toContain('Service named tickwire-server');
    expect(fault).toContain('enableServiceLinks: false');
  });

  it.each(['tcp://10.0.0.1:9001', 'http://localhost', 'localhost:9001', '*', '[::1]', '1.2.3.4/0'])(
    'of the host %s say what to leave out',
    (host) => {
      const [fault = '', ...others] = faults([], { TICKWIRE_SERVER_HOST: host });
      expect(others).toEqual([]);
      expect(fault).toContain('without scheme, port (server.port) and brackets, such as 127.0.0.1');
      expect(fault).toContain(`got "${host}"`);
    },
  );

  it.each([
    '::',
    '::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    'db_1.example',
    'münchen.de',
  ])('are none of the host %s', (host) => {
    expect(faults([], { TICKWIRE_SERVER_HOST: host })).toEqual([]);
  });

  it.each([
    ['TICKWIRE_SERVER_PROT', 'tcp://10.0.0.1:9001'],
    ['TICKWIRE_PORT', '9001'],
    ['TICKWIRE_SERVICE_HOST', 'not an address'],
    ['TICKWIRE_PORT_9001_TCP_PROTO', 'quic'],
    ['TICKWIRE_NAME', 'web'],
  ])('of %s=%s are not taken for links of a Service', (name, value) => {
    expect(faults([], { [name]: value })).toHaveLength(1);
  });

  it.each(['1 2', '0x10', '1_000', '1,5', 'NaN', 'Infinity', '1e999', '1.5', '-1'])(
    'of a variable that holds %j for an integer are named',
    (text) => {
      expect(faults([], { TICKWIRE_SERVER_PORT: text })).toHaveLength(1);
    },
  );

  it.each(['collector:4318', 'grpc://c:4317', 'http://', 'http://user:key@c', 'http://c/?key=x'])(
    'of the collector %s are named',
    (otlpEndpoint) => {
      expect(faults([`--telemetry.otlpEndpoint=${otlpEndpoint}`])).toEqual([
        '--telemetry.otlpEndpoint: expected an http or https URL without query, such as ' +
          `http://127.0.0.1:4318, got "${otlpEndpoint}"`,
      ]);
    },
  );

  it.each(['Bearer', '=x', 'a=1,', 'a=1,b', 'a=1\nb=2', 'a b=1'])(
    'of the headers for it are named, but not shown: %s',
    (headers) => {
      expect(faults([], { TICKWIRE_TELEMETRY_HEADERS: headers })).toEqual([
        'TICKWIRE_TELEMETRY_HEADERS: expected name=value, separated by commas, got something else',
      ]);
    },
  );

  it.each(['0', '-2', 'NaN', 'Infinity', '2 %'])('of the threshold %j are named', (text) => {
    expect(faults([`--processing.anomalyThresholdPercent=${text}`])).toHaveLength(1);
  });

  it('of a file in the working directory that cannot be read are named', () => {
    mkdirSync(`${folder.path}/tickwire.config.json`);
    expect(faults([])).toEqual(['cannot read tickwire.config.json: EISDIR']);
  });

  it('of a file are told up to a hundred', () => {
    const keys = Array.from({ length: 150 }, (_, index) => [`key${index}`, 1]);
    folder.write('tickwire.config.json', { server: Object.fromEntries(keys), log: { levle: 1 } });
    const found = faults([]);
    expect(found).toHaveLength(101);
    expect(found.at(-1)).toBe('tickwire.config.json: too many faults: the rest was not read');
  });

  it('describe what is nested too deep to be shown', () => {
    for (const [open, close, shown] of [
      ['[', ']', 'an array'],
      ['{"a":', '}', 'an object'],
    ] as const) {
      const deep = `${open.repeat(50_000)}1${close.repeat(50_000)}`;
      folder.write('tickwire.config.json', `{"server": {"port": ${deep}}}`);
      // Node 26 serializes at any depth.
      const got = isSerializable(JSON.parse(deep)) ? truncate(deep) : shown;
      expect(faults([])).toEqual([
        `tickwire.config.json: server.port: expected an integer from 0 to 65535, got ${got}`,
      ]);
    }
  });

  it('cut what came where it is long', () => {
    const [fault = ''] = faults([`--server.port=${'9'.repeat(20)}x${'9'.repeat(5000)}`]);
    expect(fault.length).toBeLessThan(200);
  });
});

describe('the range of each key', () => {
  const bounded = CONFIG_KEYS.flatMap(({ section, name, path, facts }) => {
    const range = /^an? [^ ]*(?:integer|power of two) from (\d+) to (\d+)$/.exec(facts.expected);
    return range === null
      ? []
      : [{ section, name, path, min: Number(range[1]), max: Number(range[2]) }];
  });
  const numbers = CONFIG_KEYS.filter(({ defaultValue }) => typeof defaultValue === 'number');

  it('is stated for every integer', () => {
    // All numbers but the threshold, which is "above 0", two times and a rate that hold fractions.
    expect(bounded.length).toBe(numbers.length - 4);
  });

  it('of telemetry.sampleRate holds fractions', () => {
    const refused = (sampleRate: number) =>
      faultsOf(() => parseConfig({ telemetry: { sampleRate } })).length === 1;
    expect([-1e-9, 0, 0.01, 1, 1.01].map(refused)).toEqual([true, false, false, false, true]);
  });

  it('of symbolIdleDays holds fractions', () => {
    const refused = (symbolIdleDays: number) =>
      faultsOf(() => parseConfig({ limits: { symbolIdleDays } })).length === 1;
    const days = [-1e-9, 0, 0.5 / 86_400, 36_500, 36_500.1];
    expect(days.map(refused)).toEqual([true, false, false, false, true]);
  });

  it.each(bounded)('$path is from $min to $max, both included', ({ section, name, min, max }) => {
    const refused = (value: number) =>
      faultsOf(() => parseConfig({ [section]: { [name]: value } })).length === 1;
    expect([min - 1, min, max, max + 1].map(refused)).toEqual([true, false, false, true]);
    expect(refused(min + 0.5)).toBe(true);
  });

  it.each(['channelCapacity', 'windowCapacity'])('of %s holds powers of two only', (name) => {
    for (let value = 16; value <= 1024; value += 1) {
      const faults = faultsOf(() => parseConfig({ processing: { [name]: value } }));
      expect(faults.length === 0).toBe((value & (value - 1)) === 0);
    }
  });

  it('of drainMs keeps a stop under five seconds', () => {
    expect(faultsOf(() => parseConfig({ server: { drainMs: 5000 } }))).toHaveLength(1);
  });

  it('holds for a program too, whose faults begin with the key', () => {
    const input = { server: { port: 1.5 }, processing: { overflow: 'drop' } };
    expect(faultsOf(() => parseConfig(input as never))).toEqual([
      'server.port: expected an integer from 0 to 65535, got 1.5',
      'processing.overflow: expected one of dropOldest, dropNewest, wait, got "drop"',
    ]);
  });
});
