import { describe, expect, it } from 'vitest';
import { formatSinkFault, isSinkUrl, readSinks } from '../../src/sinks/sink-settings.ts';
import { resolveSinks } from '../../src/sinks/target.ts';
import { sinkSettings } from '../support/sink-samples.ts';

const VALID = { name: 'pager', kind: 'webhook', url: 'https://hooks.example/x' };

function faultsOf(...sinks: readonly unknown[]): readonly string[] {
  return readSinks(sinks, ['flash', 'run']).faults.map(formatSinkFault);
}

describe('sinks of a rule file', () => {
  it('are read with defaults', () => {
    const { sinks, faults } = readSinks([VALID], []);
    expect(faults).toEqual([]);
    expect(sinks).toEqual([
      {
        ...VALID,
        format: 'json',
        urlEnv: undefined,
        rules: [],
        levels: [],
        phases: [],
        secretEnv: undefined,
        headersEnv: {},
        labels: {},
        queueMax: 10_000,
        timeoutMs: 10_000,
        retryForMs: 3_600_000,
        firingMsMin: 60_000,
      },
    ]);
  });

  it('may be absent', () => {
    expect(readSinks(undefined, [])).toEqual({ sinks: [], faults: [] });
  });

  it.each<[string, unknown, RegExp]>([
    ['no object', 3, /^sinks\[0\]: expected an object, got 3$/],
    [
      'no name',
      { ...VALID, name: undefined },
      /^sinks\[0\]\.name: expected 1 to 32 .*got nothing$/,
    ],
    ['a bad name', { ...VALID, name: 'a b' }, /^sinks\[0\]\.name: .*got "a b"$/],
    [
      'another kind',
      { ...VALID, kind: 'mail' },
      /^sinks\[0\]\.kind: expected "webhook", got "mail"$/,
    ],
    ['another format', { ...VALID, format: 'xml' }, /^sinks\[0\]\.format: expected "json" or /],
    [
      'an unknown key',
      { ...VALID, uri: 1 },
      /^sinks\[0\]\.uri: expected one of name, kind.*got an unknown key$/,
    ],
    ['a key of Object', { ...VALID, constructor: 1 }, /^sinks\[0\]\.constructor: .*unknown key/],
    ['no URL', { ...VALID, url: undefined }, /^sinks\[0\]: expected url or urlEnv, got neither$/],
    ['two URLs', { ...VALID, urlEnv: 'HOOK' }, /^sinks\[0\]: expected url or urlEnv, got both$/],
    ['an unknown rule', { ...VALID, rules: ['flsh'] }, /^sinks\[0\]\.rules: .*got "flsh"$/],
    ['an unknown level', { ...VALID, levels: ['info'] }, /^sinks\[0\]\.levels: .*got \["info"\]$/],
    ['an empty list', { ...VALID, rules: [] }, /^sinks\[0\]\.rules: expected names/],
    [
      'a setting',
      { ...VALID, secretEnv: 'TICKWIRE_X' },
      /^sinks\[0\]\.secretEnv: expected the name/,
    ],
    [
      'a queue of none',
      { ...VALID, queueMax: 0 },
      /queueMax: expected an integer from 1 to 100000/,
    ],
    [
      'labels elsewhere',
      { ...VALID, labels: { a: 'b' } },
      /labels: expected the format "alertmanager", got "json"$/,
    ],
    [
      'a label of its own',
      { ...VALID, format: 'alertmanager', labels: { symbol: 'b' } },
      /labels: expected an object: names of labels but alertname/,
    ],
    ['a header of its own', { ...VALID, headersEnv: { 'X-Tickwire-Id': 'A' } }, /headersEnv: /],
  ])('are refused with %s', (_what, sink, fault) => {
    const faults = faultsOf(sink);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  it('have every fault named, and different names', () => {
    expect(
      faultsOf({ kind: 'x', queueMax: -1 }, VALID, VALID).map((fault) => fault.split(':')[0]),
    ).toEqual(['sinks[0].kind', 'sinks[0].queueMax', 'sinks[0].name', 'sinks[0]', 'sinks[2].name']);
  });

  it('do not show what may be secret', () => {
    const faults = faultsOf(
      { ...VALID, url: 'http://hooks.example/T0/B0/HIDDEN' },
      { ...VALID, name: 'b', headersEnv: { Authorization: 'Bearer HIDDEN' } },
    );
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('HIDDEN');
  });

  it.each([
    ['https://hooks.example/x', true],
    ['http://127.0.0.1:9093/api/v2/alerts', true],
    ['http://127.9.9.9/', true],
    ['http://[::1]:80/', true],
    ['http://localhost/', true],
    ['http://hooks.example/x', false],
    ['http://localhost.example/', false],
    ['http://127.0.0.1.example/', false],
    ['http://10.0.0.1/', false],
    ['https://user:pass@hooks.example/', false],
    ['http://127.0.0.1@hooks.example/', false],
    ['ftp://127.0.0.1/', false],
    ['hooks.example', false],
  ])('send to %s: %s', (url, isAllowed) => {
    expect(isSinkUrl(url)).toBe(isAllowed);
  });
});

describe('what sinks take from the environment', () => {
  const settings = sinkSettings({
    url: undefined,
    urlEnv: 'HOOK',
    secretEnv: 'SECRET',
    headersEnv: { Authorization: 'TOKEN' },
  });
  const env = { HOOK: 'https://hooks.example/x\n', SECRET: '0123456789abcdef', TOKEN: 'Bearer t' };

  it('is in their targets', () => {
    expect(resolveSinks([settings], env)).toEqual({
      faults: [],
      sinks: [
        {
          settings,
          target: {
            url: 'https://hooks.example/x',
            headers: { Authorization: 'Bearer t' },
            secret: '0123456789abcdef',
          },
        },
      ],
    });
  });

  it('is named where it is missing or unsuitable, and not shown', () => {
    const { sinks, faults } = resolveSinks([settings], {
      HOOK: 'http://a.example/KEY',
      SECRET: 'short',
    });
    expect(sinks).toEqual([]);
    expect(faults.map((fault) => formatSinkFault(fault).replace(/expected .* in /, '… '))).toEqual([
      'sinks[0].urlEnv: … HOOK, got something else',
      'sinks[0].secretEnv: … SECRET, got something else',
      'sinks[0].headersEnv.Authorization: … TOKEN, got no such variable',
    ]);
  });
});
