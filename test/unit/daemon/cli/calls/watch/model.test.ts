import { describe, expect, it } from 'vitest';
import type { CallRow } from '../../../../../../daemon/api/routes/index.ts';
import type { Key } from '../../../../../../daemon/cli/calls/watch/keys.ts';
import {
  emptyModel,
  type LiveInput,
  type LiveModel,
  type LiveStep,
  step,
} from '../../../../../../daemon/cli/calls/watch/model.ts';
import { call } from '../../../api/fake-calls.ts';

// Goal: the live list does what its keys say, and loses neither the chosen call nor what is typed.

const ME = { human: 'ada', peer: 'p1' };
const row = (id: string, change: Partial<CallRow> = {}): CallRow => call({ id, ...change });
const text = (it: string): Key => ({ name: 'text', text: it });
const key = (it: Key): LiveInput => ({ type: 'key', key: it });

function played(...inputs: readonly LiveInput[]): LiveStep {
  let last: LiveStep = { model: emptyModel(ME) };
  for (const input of inputs) last = step(last.model, input);
  return last;
}

const all = (...calls: CallRow[]): LiveInput => ({ type: 'all', calls });
const one = (it: CallRow): LiveInput => ({ type: 'one', call: it });
const ids = ({ calls }: LiveModel): string[] => calls.map(({ id }) => id);

const three = all(
  row('a', { severity: 'info', index: 1 }),
  row('b', { severity: 'danger', index: 3 }),
  row('c', { severity: 'danger', index: 2 }),
);

describe('the list', () => {
  it('has the most severe first, among equals the oldest, and nothing that is settled', () => {
    const { model } = played(three, one(row('d', { state: 'answered' })));
    expect(ids(model)).toEqual(['c', 'b', 'a']);
    expect(model.selected).toBe('c');
  });

  it('keeps the chosen call while others come, and takes the next one when it goes', () => {
    const down = key({ name: 'down' });
    const chosen = played(three, down).model;
    expect(chosen.selected).toBe('b');
    const more = step(chosen, one(row('z', { severity: 'danger', index: 0 }))).model;
    expect([ids(more), more.selected]).toEqual([['z', 'c', 'b', 'a'], 'b']);
    const gone = step(more, one(row('b', { state: 'withdrawn' }))).model;
    expect(gone.selected).toBe('a');
    const none = step(gone, all()).model;
    expect(none.selected).toBeUndefined();
  });

  it('moves by keys, and not past its ends', () => {
    const up = key({ name: 'up' });
    const down = key({ name: 'down' });
    expect(played(three, up).model.selected).toBe('c');
    expect(played(three, down, down, down, down).model.selected).toBe('a');
    expect(played(three, key(text('j')), key(text('k'))).model.selected).toBe('c');
  });
});

describe('keys', () => {
  it.each([
    ['c', 'claim'],
    ['r', 'release'],
  ])('%s asks to %s the chosen call', (it, type) => {
    const { effect } = played(three, key(text(it)));
    expect(effect).toMatchObject({ type, call: { id: 'c' } });
  });

  it('do nothing without a call but say so', () => {
    for (const it of ['c', 'r', 'a']) {
      const { effect, model } = played(key(text(it)));
      expect([effect, model.note]).toEqual([undefined, 'no call is open']);
    }
  });

  it('q and control-c end it, control-c also while an answer is typed', () => {
    expect(played(key(text('q'))).effect).toEqual({ type: 'quit' });
    const interrupt = key({ name: 'interrupt' });
    expect(played(three, key(text('a')), interrupt).effect).toEqual({ type: 'quit' });
  });

  it('enter reads a call; arrows scroll, q goes back', () => {
    expect(played(three, key({ name: 'enter' })).effect).toMatchObject({ type: 'read' });
    const read: LiveInput = { type: 'read', call: row('c'), context: 'x' };
    const reading = played(three, read, key({ name: 'down' }), key({ name: 'down' })).model;
    expect([reading.scrolled, reading.selected]).toEqual([2, 'c']);
    expect(step(reading, key(text('q')))).toMatchObject({ model: { reading: undefined } });
    expect(step(reading, key(text('q'))).effect).toBeUndefined();
    expect(step(reading, key(text('c'))).effect).toMatchObject({ type: 'claim' });
  });
});

describe('a call that is read', () => {
  const reading: readonly LiveInput[] = [three, { type: 'read', call: row('c'), context: 'x' }];

  it('is scrolled by j and k, too: the list behind it stays', () => {
    const { model } = played(...reading, key(text('j')), key(text('j')), key(text('k')));
    expect([model.scrolled, model.selected]).toEqual([1, 'c']);
  });

  it('is what keys act on, also when another one is chosen in the list', () => {
    const away = [...reading.slice(0, 1), key({ name: 'down' }), ...reading.slice(1)];
    expect(played(...away, key(text('c'))).effect).toMatchObject({ call: { id: 'c' } });
    const { model } = played(...away, key(text('a')));
    expect(model).toMatchObject({ typing: { id: 'c' }, selected: 'c', reading: undefined });
  });

  it('is not mistaken for the next one in the list when it is settled', () => {
    for (const it of ['c', 'r', 'a']) {
      const settled = one(row('c', { state: 'answered' }));
      const { effect, model } = played(...reading, settled, key(text(it)));
      expect([effect, model.typing, model.note]).toEqual([
        undefined,
        undefined,
        'this call is settled',
      ]);
    }
  });

  it('does not come before the call that is being answered', () => {
    const { model } = played(three, key({ name: 'down' }), key(text('a')), ...reading.slice(1));
    expect(model).toMatchObject({ typing: { id: 'b' }, reading: undefined });
  });
});

describe('an answer', () => {
  const typed = [key(text('a')), ...['y', 'q', '!'].map((it) => key(text(it)))];

  it('is typed, corrected and sent to the call that was chosen then', () => {
    const fixed = [...typed, key({ name: 'backspace' }), key({ name: 'enter' })];
    const { effect, model } = played(three, ...fixed);
    expect(effect).toMatchObject({ type: 'answer', call: { id: 'c' }, text: 'yq' });
    expect(model.typing).toBeUndefined();
  });

  it('is not sent when it is empty, nor after escape', () => {
    const enter = key({ name: 'enter' });
    expect(played(three, key(text('a')), key(text(' ')), enter).effect).toBeUndefined();
    const left = played(three, ...typed, key({ name: 'escape' }), enter);
    expect(left.effect).toMatchObject({ type: 'read' });
  });

  it('goes on while the list changes, and ends when its call is settled', () => {
    const before = played(three, ...typed, one(row('z', { severity: 'danger', index: 0 }))).model;
    expect(before.typing).toEqual({ id: 'c', text: 'yq!' });
    const { model } = played(three, ...typed, one(row('c', { state: 'answered' })));
    expect(model).toMatchObject({ typing: undefined, note: expect.stringContaining('settled') });
  });

  it('is for who holds the call', () => {
    const held = (human: string, peer: string): LiveInput =>
      all(row('c', { state: 'claimed', claimedBy: { human, peer } }));
    expect(played(held('ada', 'p1'), key(text('a'))).model.typing).toBeDefined();
    const { model } = played(held('ada', 'p2'), key(text('a')));
    expect(model).toMatchObject({ typing: undefined, note: 'ada holds this call' });
  });
});
