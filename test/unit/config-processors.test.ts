import { describe, expect, it } from 'vitest';
import { cpuQuota, partitionCount, usableProcessors } from '../../src/config/processors.ts';

const files = (content: Record<string, string>) => (path: string) => content[path];

describe('the CPU quota', () => {
  it.each([
    ['a container of version 2', { '/sys/fs/cgroup/cpu.max': '150000 100000\n' }, '0::/\n', 1.5],
    ['no quota in version 2', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, '0::/\n', Infinity],
    [
      'the least of a group and those above it',
      {
        '/sys/fs/cgroup/a.slice/cpu.max': '50000 100000',
        '/sys/fs/cgroup/a.slice/b.service/cpu.max': 'max 100000',
      },
      '0::/a.slice/b.service\n',
      0.5,
    ],
    [
      'version 1',
      {
        '/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us': '400000\n',
        '/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us': '100000\n',
      },
      '12:cpuset:/\n4:cpu,cpuacct:/docker/1\n0::/system.slice\n',
      4,
    ],
    [
      'no quota in version 1',
      {
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
      '4:cpu,cpuacct:/\n',
      Infinity,
    ],
    ['files that are not there', {}, '0::/x\n', Infinity],
    ['a damaged file', { '/sys/fs/cgroup/cpu.max': 'NaN' }, '0::/\n', Infinity],
  ])('is read: %s', (_case, content, self, expected) => {
    expect(cpuQuota(files({ '/proc/self/cgroup': self, ...content }))).toBe(expected);
  });

  it('is none without control groups', () => {
    expect(cpuQuota(files({}))).toBe(Infinity);
  });

  it.each([
    ['150000 100000', 64, 2],
    ['10000 100000', 64, 1],
    ['800000 100000', 4, 4],
    ['max 100000', 3, 3],
  ])('of %s on %d processors leaves %d', (max, available, expected) => {
    const read = files({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': max });
    expect(usableProcessors(available, read)).toBe(expected);
  });
});

describe('the partitions', () => {
  it('are as many as configured, else at most 16', () => {
    expect(partitionCount(200)).toBe(200);
    expect(partitionCount(0)).toBe(Math.min(16, usableProcessors()));
  });
});
