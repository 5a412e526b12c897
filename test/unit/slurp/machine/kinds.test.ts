import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../../protocols/interface/index.ts';
import { decodeBatch, MeshState, StateOverlay } from '../../../../protocols/slurp/index.ts';
import type { Command } from '../../../../protocols/slurp/machine/codec.ts';
import { assertOwnId, reduceCommand } from '../../../../protocols/slurp/machine/kinds.ts';
import { memberRecord } from '../../help/call-world.ts';
import {
  ask,
  batchOf,
  type Change,
  crypto,
  founder,
  MESH,
  rename,
  START_MS,
  second,
} from '../mesh-world.ts';

// Goal: no member takes an id that another member's command has, where an id is a name in the
// state; and other commands need not show how theirs is made.

/** The command as the second node would sign it, and the log would give it out. */
function commandOf(change: Change, number: { boot?: number; seq: number } = { seq: 1 }): Command {
  const [command] = decodeBatch(batchOf(second, number, [change])).value.commands;
  if (command === undefined) throw new Error('no command');
  return command;
}

/** What the check before the log says of it, and what applying does. */
function judge(change: Change): readonly string[] {
  const command = commandOf(change);
  let before = 'ok';
  try {
    assertOwnId(crypto.sha256, second.peer, command);
  } catch (error) {
    before = (error as { code: string }).code;
  }
  const outcome = apply(command);
  return [before, outcome.ok ? 'ok' : outcome.code];
}

function apply(command: Command): Outcome {
  const state = new MeshState();
  const value = memberRecord(second.peer, { role: 'admin' });
  state.merge([{ table: 'member', key: second.peer, value }]);
  const mesh = { id: MESH, name: 'm', recovery: new Uint8Array(32), level: 1, learners: [] };
  const settings = { voters: [second.peer], votersTarget: 'auto' as const, createdMs: 0 };
  state.merge([{ table: 'mesh', key: 'mesh', value: { ...mesh, ...settings } }]);
  return reduceCommand(new StateOverlay(state), command, {
    ...{ index: 9, term: 1, timeMs: START_MS, meshId: MESH, crypto },
    ...{ actor: command.actor, origin: second.peer, commandMs: 0, commandId: command.id },
  });
}

const own = ask(second, 3);
const others = ask(founder, 3);
const refused = ['ERR_SLURP_COMMAND', 'ERR_SLURP_COMMAND'];

describe('the id of a command that names a call', () => {
  it('is taken when it is its origin’s own', () => {
    expect(judge(own)).toEqual(['ok', 'ok']);
  });

  it('is taken in a batch of a later start: it may have waited', () => {
    const command = commandOf(own, { boot: 4, seq: 1 });
    expect(() => assertOwnId(crypto.sha256, second.peer, command)).not.toThrow();
    expect(apply(command)).toMatchObject({ ok: true, value: { id: own.id } });
  });

  it.each([
    ['of another member, as that made it', others],
    ['of another member, under a place of its own', { ...own, id: others.id }],
    ['of another member, without a word of its place', { ...others, made: undefined }],
    ['its own, without a word of its place', { ...own, made: undefined }],
    ['of another number', { ...own, made: { boot: 1, number: 4 } }],
    ['of another start', { ...own, made: { boot: 2, number: 3 } }],
  ])('is refused %s', (_, { made, ...rest }) => {
    const change = { ...rest, ...(made === undefined ? {} : { made }) };
    expect(judge(change as Change)).toEqual(refused);
  });

  it('is told, with what is wrong', () => {
    const { id } = others;
    expect(apply(commandOf(others))).toMatchObject({
      message: expect.stringContaining('origin'),
      details: { kind: 'call.open', path: 'id', id },
    });
  });
});

describe('the id of another command', () => {
  it('is its origin’s word', () => expect(judge(rename('a'))).toEqual(['ok', 'ok']));

  it('says nothing of its place that is not true', () => {
    const { id, made } = own;
    expect(judge({ ...rename('a'), id, made } as Change)).toEqual(['ok', 'ok']);
    expect(judge({ ...rename('a'), made } as Change)).toEqual(refused);
  });
});
