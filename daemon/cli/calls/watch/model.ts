import type { CallRow } from '../../../api/routes/index.ts';
import type { CallNews } from './feed.ts';
import type { Key } from './keys.ts';

/** What the live list shows; changed by {@link step} alone. */
export interface LiveModel {
  /** Open or claimed, the most severe first, among equals the oldest. */
  readonly calls: readonly CallRow[];
  readonly selected: string | undefined;
  /** Context of the call that is read; the list is not shown meanwhile. */
  readonly reading: { readonly call: CallRow; readonly context: string } | undefined;
  /** Lines of {@link reading} above the first that is shown. */
  readonly scrolled: number;
  /** The answer that is being typed. */
  readonly typing: { readonly id: string; readonly text: string } | undefined;
  /** What came of the last key; a line. */
  readonly note: string;
  /** Who sits here. */
  readonly me: { readonly human: string; readonly peer: string };
}

/** What happens to the list. */
export type LiveInput =
  | CallNews
  | { readonly type: 'key'; readonly key: Key }
  | { readonly type: 'read'; readonly call: CallRow; readonly context: string }
  | { readonly type: 'told'; readonly note: string };

/** What is to be asked of the daemon. */
export type LiveEffect =
  | { readonly type: 'answer'; readonly call: CallRow; readonly text: string }
  | { readonly type: 'claim' | 'read' | 'release'; readonly call: CallRow }
  | { readonly type: 'quit' };

/** The list after an input, and what is to be done. */
export interface LiveStep {
  readonly model: LiveModel;
  readonly effect?: LiveEffect;
}

const SEVERITY = { danger: 0, blocked: 1, info: 2 } as const;

/** The list before anything is known. */
export function emptyModel(me: LiveModel['me']): LiveModel {
  const nothing = { selected: undefined, reading: undefined, typing: undefined };
  return { calls: [], ...nothing, scrolled: 0, note: '', me };
}

/** The call that has the mark in the list. */
export function selectedCall({ calls, selected }: LiveModel): CallRow | undefined {
  return calls.find(({ id }) => id === selected);
}

/** The call that keys act on: the one that is read, which may be settled and out of the list. */
function callAtHand(model: LiveModel): CallRow | undefined {
  const { calls, reading } = model;
  if (reading === undefined) return selectedCall(model);
  return calls.find(({ id }) => id === reading.call.id);
}

function nothingAtHand(model: LiveModel): LiveStep {
  const note = model.reading === undefined ? 'no call is open' : 'this call is settled';
  return { model: { ...model, note } };
}

/** Whether the person who sits here holds the call. */
export function isMine({ me }: LiveModel, { claimedBy }: CallRow): boolean {
  return claimedBy !== undefined && claimedBy.human === me.human && claimedBy.peer === me.peer;
}

/** One step of the live list. Pure. */
export function step(model: LiveModel, input: LiveInput): LiveStep {
  switch (input.type) {
    case 'all':
      return { model: withCalls(model, input.calls) };
    case 'one': {
      const others = model.calls.filter(({ id }) => id !== input.call.id);
      return { model: withCalls(model, [...others, input.call]) };
    }
    case 'read':
      // Under the answer that is being typed the call that it is for stays in sight.
      if (model.typing !== undefined) return { model };
      return { model: { ...model, reading: input, scrolled: 0, note: '' } };
    case 'told':
      return { model: { ...model, note: input.note } };
    case 'key':
      return pressed({ ...model, note: '' }, input.key);
  }
}

function withCalls(model: LiveModel, all: readonly CallRow[]): LiveModel {
  const calls = all
    .filter(({ state }) => state === 'open' || state === 'claimed')
    .sort((a, b) => SEVERITY[a.severity] - SEVERITY[b.severity] || orderOf(a) - orderOf(b));
  const at = model.calls.findIndex(({ id }) => id === model.selected);
  const isThere = calls.some(({ id }) => id === model.selected);
  // The one that took its place in the list, when it is gone.
  const next = calls[Math.min(Math.max(0, at), calls.length - 1)]?.id;
  const { typing } = model;
  const isTypedGone = typing !== undefined && !calls.some(({ id }) => id === typing.id);
  const gone = { typing: undefined, note: 'the call you were answering is settled' };
  return {
    ...model,
    calls,
    selected: isThere ? model.selected : next,
    ...(isTypedGone ? gone : {}),
  };
}

function orderOf({ index }: CallRow): number {
  return index ?? Number.MAX_SAFE_INTEGER;
}

function pressed(model: LiveModel, key: Key): LiveStep {
  if (key.name === 'interrupt') return { model, effect: { type: 'quit' } };
  if (model.typing !== undefined) return typed(model, model.typing, key);
  if (model.reading !== undefined) return read(model, key);
  if (key.name === 'up') return { model: moved(model, -1) };
  if (key.name === 'down') return { model: moved(model, 1) };
  if (key.name === 'enter') return onSelected(model, (call) => ({ type: 'read', call }));
  if (key.name !== 'text') return { model };
  return commanded(model, key.text);
}

function commanded(model: LiveModel, text: string): LiveStep {
  switch (text) {
    case 'q':
      return { model, effect: { type: 'quit' } };
    case 'k':
      return { model: moved(model, -1) };
    case 'j':
      return { model: moved(model, 1) };
    case 'c':
      return onSelected(model, (call) => ({ type: 'claim', call }));
    case 'r':
      return onSelected(model, (call) => ({ type: 'release', call }));
    case 'a':
      return beginTyping(model);
    default:
      return { model };
  }
}

function onSelected(model: LiveModel, effect: (call: CallRow) => LiveEffect): LiveStep {
  const call = callAtHand(model);
  return call === undefined ? nothingAtHand(model) : { model, effect: effect(call) };
}

function beginTyping(model: LiveModel): LiveStep {
  const call = callAtHand(model);
  if (call === undefined) return nothingAtHand(model);
  if (call.claimedBy !== undefined && !isMine(model, call)) {
    return { model: { ...model, note: `${call.claimedBy.human} holds this call` } };
  }
  const typing = { id: call.id, text: '' };
  return { model: { ...model, typing, selected: call.id, reading: undefined } };
}

function typed(model: LiveModel, typing: NonNullable<LiveModel['typing']>, key: Key): LiveStep {
  const { id, text } = typing;
  const withText = (next: string): LiveStep => ({
    model: { ...model, typing: { id, text: next } },
  });
  if (key.name === 'text') return withText(text + key.text);
  if (key.name === 'backspace') return withText([...text].slice(0, -1).join(''));
  if (key.name === 'escape') {
    return { model: { ...model, typing: undefined, note: 'nothing was sent' } };
  }
  if (key.name !== 'enter') return { model };
  if (text.trim() === '') return { model: { ...model, note: 'type an answer, or press escape' } };
  const done = { ...model, typing: undefined };
  const call = model.calls.find((it) => it.id === id);
  return call === undefined
    ? { model: done }
    : { model: done, effect: { type: 'answer', call, text } };
}

function read(model: LiveModel, key: Key): LiveStep {
  const scroll = (lines: number): LiveStep => ({
    model: { ...model, scrolled: Math.max(0, model.scrolled + lines) },
  });
  const text = key.name === 'text' ? key.text : '';
  if (key.name === 'up' || text === 'k') return scroll(-1);
  if (key.name === 'down' || text === 'j') return scroll(1);
  if (text !== '' && text !== 'q') return commanded(model, text);
  return { model: { ...model, reading: undefined } };
}

function moved(model: LiveModel, by: number): LiveModel {
  const { calls, selected } = model;
  const at = calls.findIndex(({ id }) => id === selected);
  const next = calls[Math.min(Math.max(0, at + by), calls.length - 1)];
  return { ...model, selected: next?.id };
}
