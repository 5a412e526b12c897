import { describe, expect, it } from 'vitest';
import { compareMarks } from '../../../testnet/run/verify.ts';

const line = (index: number, cid: string): string =>
  `2026-11-21T16:00:00Z {"level":30,"index":${index},"cid":"${cid}","tookMs":4,"msg":"a snapshot was taken"}`;

describe('comparing the states of the nodes', () => {
  it('counts at each mark the nodes that have it', () => {
    const logs = new Map([
      ['n1', [line(64, 'bafya'), 'other', line(128, 'bafyb')].join('\n')],
      ['n2', line(64, 'bafya')],
    ]);
    const { marks, differences } = compareMarks(logs);
    expect([...marks]).toEqual([
      [64, 2],
      [128, 1],
    ]);
    expect(differences).toEqual([]);
  });

  it('names the nodes whose states differ, also one that differs from itself', () => {
    const differing = new Map([
      ['n1', line(64, 'bafya')],
      ['n2', line(64, 'bafyb')],
    ]);
    expect(compareMarks(differing).differences).toEqual([
      'the state at mark 64 is not the same: n1: bafya; n2: bafyb',
    ]);
    const fickle = new Map([['n1', `${line(64, 'bafya')}\n${line(64, 'bafyb')}`]]);
    expect(compareMarks(fickle).differences).toHaveLength(1);
  });
});
