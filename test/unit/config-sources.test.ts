import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { defaultConfig, parseConfig } from '../../src/config/parse-config.ts';
import { ConfigFolder } from '../support/folders.ts';

describe('the sources of configuration', () => {
  let folder = new ConfigFolder();
  beforeEach(() => {
    folder[Symbol.dispose]();
    folder = new ConfigFolder();
  });
  afterAll(() => folder[Symbol.dispose]());

  const load = (argv: string[] = [], env: Record<string, string> = {}) =>
    loadConfig({ argv, env, cwd: folder.path });

  it('gives the defaults when nothing says otherwise', () => {
    const { config, sources } = load();
    expect(config).toEqual(defaultConfig());
    expect(new Set(sources.values())).toEqual(new Set(['default']));
  });

  it('has the defaults that the documents promise', () => {
    expect(defaultConfig()).toEqual({
      server: {
        host: '127.0.0.1',
        port: 9001,
        transport: 'auto',
        heartbeatMs: 5000,
        authTimeoutMs: 5000,
        frameBytesMax: 1024 * 1024,
        badFramesMax: 16,
        preStopMs: 0,
        drainMs: 4000,
        goawayJitterMs: 5000,
        allowedOrigins: '',
        allowPlaintext: 'no',
        allowAnonymous: 'no',
      },
      auth: {
        jwtSecret: '',
        keysFile: '',
        jwksUrl: '',
        apiKeysFile: '',
        issuer: '',
        audience: '',
        clockToleranceMs: 5000,
        metrics: 'token',
        health: 'open',
      },
      tls: { certificateFile: '', keyFile: '' },
      limits: {
        connectionsMax: 65_536,
        connectionsPerAddressMax: 16_384,
        connectionsPerTokenMax: 16_384,
        upgradesPerSecond: 5000,
        ticksPerSecond: 10_000_000,
        requestsPerSecond: 2000,
        httpRequestsPerSecond: 20_000,
        wildcardsPerSession: 256,
        newSymbolsPerPublisher: 0,
        symbolIdleDays: 0,
        symbolsPerTenant: 0,
        sessionBytesMax: 1_073_741_824,
        bodyBytesMax: 1_048_576,
        jsonDepthMax: 32,
        httpHeaderMs: 10_000,
        httpIdleMs: 10_000,
      },
      processing: {
        anomalyRule: 'on',
        lateTicks: 'ignore',
        allowedLatenessMs: 0,
        reorderTicks: 256,
        partitions: 0,
        channelCapacity: 65_536,
        overflow: 'dropOldest',
        movingAverageWindow: 64,
        anomalyThresholdPercent: 2,
        slidingWindowMilliseconds: 1000,
        windowCapacity: 65_536,
        windowBytesMax: 268_435_456,
        maxSymbols: 65_536,
        maxFutureMs: 5_000,
        maxPastMs: 0,
      },
      rules: { file: '' },
      stream: {
        conflateMs: 0,
        latency: 'balanced',
        latencyTargetMs: 250,
        subscriptionsMax: 10_000,
        socketBufferBytesMax: 256 * 1024,
        slowSessionCloseMs: 60_000,
        recentAnomaliesPerSymbol: 64,
      },
      publish: { ticksPerFrameMax: 65_536, acknowledge: 'accepted' },
      store: {
        directory: './data',
        mode: 'async',
        snapshotIntervalMs: 10_000,
        retentionDays: 30,
        retentionPerSymbol: 100_000,
      },
      journal: { syncMs: 10, retentionHours: 0, retentionBytes: 1_073_741_824 },
      cluster: {
        role: 'none',
        servers: '',
        credentialsFile: '',
        tlsCaFile: '',
        name: 'tickwire',
        shards: 256,
        replicas: 3,
        leaseMs: 10_000,
      },
      kafka: {
        brokers: '',
        tls: 'no',
        tlsCaFile: '',
        saslMechanism: 'none',
        username: '',
        password: '',
        anomaliesTopic: '',
        alertsTopic: '',
        ticksTopics: '',
        ticksFrom: 'earliest',
        symbolPointer: '',
        pricePointer: '',
        timePointer: '',
      },
      telemetry: {
        otlpEndpoint: '',
        headers: '',
        sampleRate: 0.1,
        metricsIntervalMs: 60_000,
      },
      log: { level: 'info', format: 'auto' },
    });
  });

  it('reads the file in the working directory', () => {
    folder.write('tickwire.config.json', { server: { port: 1 }, log: { level: 'warn' } });
    const { config, sources } = load();
    expect(config.server.port).toBe(1);
    expect(config.log.level).toBe('warn');
    expect(sources.get('server.port')).toBe('tickwire.config.json');
    expect(sources.get('server.host')).toBe('default');
  });

  it('reads the file that TICKWIRE_CONFIG names instead', () => {
    folder.write('tickwire.config.json', { server: { port: 1, heartbeatMs: 99 } });
    folder.write('other.json', { server: { port: 2 } });
    const { config, sources } = load([], { TICKWIRE_CONFIG: 'other.json' });
    expect(config.server).toMatchObject({ port: 2, heartbeatMs: 5000 });
    expect(sources.get('server.port')).toBe('other.json');
  });

  it('takes an empty TICKWIRE_CONFIG as none', () => {
    folder.write('tickwire.config.json', { server: { port: 1 } });
    expect(load([], { TICKWIRE_CONFIG: '' }).config.server.port).toBe(1);
  });

  it.each([['--config=flag.json'], ['--config', 'flag.json']])(
    'reads the file that %s names above all',
    (...argv) => {
      folder.write('tickwire.config.json', { server: { port: 1 } });
      folder.write('env.json', { server: { port: 2 } });
      folder.write('flag.json', { server: { port: 3 } });
      expect(load(argv, { TICKWIRE_CONFIG: 'env.json' }).config.server.port).toBe(3);
    },
  );

  it('reads a file that begins with a byte order mark', () => {
    folder.write('tickwire.config.json', '\uFEFF{"server": {"port": 1}}');
    expect(load().config.server.port).toBe(1);
  });

  it('prefers variables to the file, and flags to variables', () => {
    folder.write('tickwire.config.json', {
      processing: { maxSymbols: 1, anomalyThresholdPercent: 1, overflow: 'wait' },
    });
    const env = {
      TICKWIRE_PROCESSING_MAX_SYMBOLS: '2',
      TICKWIRE_PROCESSING_ANOMALY_THRESHOLD_PERCENT: '2.5',
    };
    const { config, sources } = load(['--processing.anomalyThresholdPercent=3.5e0'], env);
    expect(config.processing).toMatchObject({
      overflow: 'wait',
      maxSymbols: 2,
      anomalyThresholdPercent: 3.5,
    });
    expect(sources.get('processing.overflow')).toBe('tickwire.config.json');
    expect(sources.get('processing.maxSymbols')).toBe('TICKWIRE_PROCESSING_MAX_SYMBOLS');
    expect(sources.get('processing.anomalyThresholdPercent')).toBe(
      '--processing.anomalyThresholdPercent',
    );
  });

  it('takes a flag with its value after = or after a space, and the later of two', () => {
    const { config } = load(['--server.port', '5', '--log.level=debug', '--server.port=6']);
    expect(config.server.port).toBe(6);
    expect(config.log.level).toBe('debug');
  });

  it('keeps the text of a key that holds text, also where it looks like a number', () => {
    const { config } = load(['--store.directory=2024'], { TICKWIRE_SERVER_HOST: '0' });
    expect(config.store.directory).toBe('2024');
    expect(config.server.host).toBe('0');
  });

  it('takes an empty store directory: no store', () => {
    expect(load([], { TICKWIRE_STORE_DIRECTORY: '' }).config.store.directory).toBe('');
    expect(load(['--store.directory=']).config.store.directory).toBe('');
  });

  it('ignores variables of others, TICKWIRE_TICKS and TICKWIRE_FEEDS', () => {
    const env = {
      PATH: '/bin',
      TICKWIRE_TICKS: '/ticks.csv.gz',
      TICKWIRE_FEEDS: '/feeds',
      TICKWIRED: '1',
    };
    expect(load([], env).config).toEqual(defaultConfig());
  });
});

describe('variables that container platforms set', () => {
  // As documented for a pod beside Services tickwire, tickwire-edge and tickwire-store, and for a
  // container with the link db:tickwire.
  const KUBERNETES = {
    TICKWIRE_SERVICE_HOST: '10.0.0.1',
    TICKWIRE_SERVICE_PORT: '9001',
    TICKWIRE_SERVICE_PORT_HTTP: '9001',
    TICKWIRE_PORT: 'tcp://10.0.0.1:9001',
    TICKWIRE_PORT_9001_TCP: 'tcp://10.0.0.1:9001',
    TICKWIRE_PORT_9001_TCP_PROTO: 'tcp',
    TICKWIRE_PORT_9001_TCP_PORT: '9001',
    TICKWIRE_PORT_9001_TCP_ADDR: '10.0.0.1',
    TICKWIRE_EDGE_SERVICE_HOST: 'fd00::17',
    TICKWIRE_EDGE_SERVICE_PORT: '80',
    TICKWIRE_EDGE_PORT: 'udp://[fd00::17]:80',
    TICKWIRE_EDGE_PORT_80_UDP: 'udp://[fd00::17]:80',
    TICKWIRE_EDGE_PORT_80_UDP_ADDR: 'fd00::17',
    TICKWIRE_STORE_SERVICE_HOST: 'None',
  };
  const DOCKER = {
    TICKWIRE_NAME: '/app/tickwire',
    TICKWIRE_PORT: 'tcp://172.17.0.5:5432',
    TICKWIRE_PORT_5432_TCP_START: 'tcp://172.17.0.5:5432',
    TICKWIRE_PORT_5432_TCP_PORT_END: '5433',
    TICKWIRE_ENV_POSTGRES_PASSWORD: 'x y',
  };

  it.each([
    ['Kubernetes', KUBERNETES],
    ['Docker', DOCKER],
  ])('are no settings: %s', (_platform, env) => {
    const { config, sources, warnings } = loadConfig({ argv: [], env, cwd: '/' });
    expect(config).toEqual(defaultConfig());
    expect(new Set(sources.values())).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
  });
});

describe('white space around a value', () => {
  const SECRET = 'x'.repeat(31);
  const load = (env: Record<string, string>, argv: string[] = []) =>
    loadConfig({ argv, env, cwd: '/' });

  it('of a variable is removed, with a warning', () => {
    const { config, warnings } = load({ TICKWIRE_SERVER_PORT: ' 9002\n' });
    expect(config.server.port).toBe(9002);
    expect(warnings).toEqual(['TICKWIRE_SERVER_PORT: removed white space around the value']);
  });

  it.each(['\n', '\r\n', '\n\n'])('of a secret: a final %j is removed, with a warning', (end) => {
    const written = `${SECRET} ${end}`;
    const removed = 'removed the line break at the end of the secret';
    const kept = 'white space at an end of the secret is a part of it';
    const variable = load({ TICKWIRE_AUTH_JWT_SECRET: written });
    expect(variable.config.auth.jwtSecret).toBe(`${SECRET} `);
    expect(variable.warnings).toEqual(
      [removed, kept].map((text) => `TICKWIRE_AUTH_JWT_SECRET: ${text}`),
    );
    const flag = load({}, [`--auth.jwtSecret=${written}`]);
    expect(flag.config.auth.jwtSecret).toBe(`${SECRET} `);
    expect(flag.warnings).toEqual([removed, kept].map((text) => `--auth.jwtSecret: ${text}`));
    // What is left counts.
    expect(() => load({ TICKWIRE_AUTH_JWT_SECRET: SECRET + end })).toThrow('32 characters');
  });

  it('alone is nothing, and an empty variable is not set', () => {
    const { config, sources } = load({
      TICKWIRE_SERVER_PORT: '',
      TICKWIRE_SERVER_HOST: ' ',
      TICKWIRE_LOG_LEVEL: '',
      TICKWIRE_PROCESSING_ANOMALY_THRESHOLD_PERCENT: '',
    });
    expect(config).toEqual(defaultConfig());
    expect(new Set(sources.values())).toEqual(new Set(['default']));
  });
});

describe('a configuration given by a program', () => {
  it('has the defaults where it says nothing, or undefined', () => {
    const config = parseConfig({ server: { port: 0, host: undefined }, log: undefined });
    expect(config).toEqual({
      ...defaultConfig(),
      server: { ...defaultConfig().server, port: 0 },
    });
  });

  it('never changes', () => {
    const config = parseConfig({ server: { port: 0 } });
    expect(Object.isFrozen(config)).toBe(true);
    for (const section of Object.values(config)) expect(Object.isFrozen(section)).toBe(true);
  });
});
