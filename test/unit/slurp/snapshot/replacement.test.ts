import { expect, it } from 'vitest';
import { blockProtocol } from '../../../../protocols/slurp/snapshot/records.ts';
import { MESH } from '../mesh-world.ts';
import { EVERY, SnapNode, Wires } from './snapshot-world.ts';

const TEXT = /^The state at entry (\d+) is being fetched: (\d+) of (\d+) blocks\.$/;

it('shows how much of a state that is fetched is here, until all of it is', async () => {
  const wires = new Wires();
  const leader = await SnapNode.open('leader', wires);
  await leader.grow(2, 2 * EVERY + 2);
  await leader.signLast();
  const late = await SnapNode.open('late', wires, { empty: true });
  late.sources = ['leader'];
  const shown: string[] = [];
  wires.onAnswer = (_peer, protocol, answer) => {
    const { health } = late.machine;
    const now = health.list().find(({ code }) => code === 'state-installing');
    if (protocol === blockProtocol(MESH)) shown.push(now?.text ?? '');
    return answer;
  };
  const told: string[] = [];
  const { health } = late.machine;
  const raise = health.raise.bind(health);
  health.raise = (condition) => {
    if (condition.code === 'state-installing') told.push(condition.text);
    raise(condition);
  };
  await late.run(late.replica.pull());
  expect(late.meshLog.appliedIndex).toBe(2 * EVERY + 2);
  const seen = told.map((text) => TEXT.exec(text)?.slice(1).map(Number) ?? []);
  const all = seen[0]?.[2] ?? 0;
  expect(all).toBeGreaterThan(1);
  // Before the first block, and when the last one is here; between them once a second at most.
  expect(seen[0]).toEqual([2 * EVERY, 0, all]);
  expect(seen.at(-1)).toEqual([2 * EVERY, all, all]);
  // The list itself is asked for before it is known how many blocks there are.
  expect(shown[0]).toBe('');
  expect(shown[1]).toMatch(TEXT);
  expect(late.conditions).toEqual([]);
});
