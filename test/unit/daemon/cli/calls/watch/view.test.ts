import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyModel, step } from '../../../../../../daemon/cli/calls/watch/model.ts';
import { render, wrap } from '../../../../../../daemon/cli/calls/watch/view.ts';
import { displayWidth } from '../../../../../../daemon/cli/format/width.ts';
import { anyCharacter } from '../../../../any-character.ts';
import { call } from '../../../api/fake-calls.ts';

// Goal: the live list fits its screen whatever is in it, says all in words, and shows nothing that
// could steer the terminal.

const NOW_MS = Date.parse('2026-11-21T12:00:00.000Z');
const screen = { columns: 80, rows: 20, nowMs: NOW_MS };
const me = { human: 'ada', peer: 'p1' };
const held = { state: 'claimed' as const, claimedBy: me, index: 9 };
const { model } = step(emptyModel(me), {
  type: 'all',
  calls: [call(), call({ id: 'other', severity: 'info', ...held, question: 'Go on?' })],
});

describe('the list', () => {
  it('is readable without colour', () => {
    const lines = render(model, screen);
    expect(lines).toHaveLength(20);
    expect(lines.slice(0, 5)).toEqual([
      'Calls: 1 open, 1 claimed. You are ada.',
      '',
      '  STATE    SEVERITY  LEFT     ASKER     BY            QUESTION',
      '> open     blocked   10 min   458RV     -             May I?',
      '  claimed  info      10 min   458RV     you           Go on?',
    ]);
    expect(lines).toContain('Suggested: yes | no');
    expect(lines.at(-1)).toContain('c claim');
  });

  it('says that there is nothing', () => {
    expect(render(emptyModel(me), screen)[2]).toContain('No call is open');
  });

  it('keeps the chosen call in sight', () => {
    const calls = Array.from({ length: 100 }, (_, i) => call({ id: `${i}`, index: i }));
    const long = { ...step(model, { type: 'all', calls }).model, selected: '99' };
    expect(render(long, screen).some((line) => line.startsWith('> '))).toBe(true);
  });

  it('shows what is typed by its end, and notes', () => {
    const typing = { id: 'other', text: `${'x'.repeat(200)}end` };
    const lines = render({ ...model, typing }, screen);
    expect(lines.at(-2)).toMatch(/^Answer: x+end_$/);
    expect(render({ ...model, note: 'bob\u001b[2J holds it' }, screen).at(-2)).toBe('bob holds it');
  });

  it('shows a call with its context, as far as it was scrolled', () => {
    const context = Array.from({ length: 40 }, (_, i) => `line ${i}`).join('\n');
    const reading = { call: call(), context };
    expect(render({ ...model, reading }, screen)).toContain('line 0');
    const scrolled = render({ ...model, reading, scrolled: 1_000 }, screen);
    expect(scrolled).toContain('- no');
    expect(scrolled).not.toContain('line 0');
  });
});

describe('any text', () => {
  it('fits the screen and steers nothing', () => {
    const size = {
      columns: fc.integer({ min: 1, max: 120 }),
      rows: fc.integer({ min: 1, max: 40 }),
    };
    fc.assert(
      fc.property(
        fc.string({ unit: anyCharacter }),
        fc.record(size),
        (question, { columns, rows }) => {
          const calls = [call({ question, options: [question] })];
          const asked = step(model, { type: 'all', calls }).model;
          const reading = { call: call({ question }), context: question };
          for (const shown of [asked, { ...asked, reading }, { ...asked, note: question }]) {
            const lines = render(shown, { columns, rows, nowMs: NOW_MS });
            expect(lines.length).toBeLessThanOrEqual(rows);
            for (const line of lines) {
              expect(displayWidth(line)).toBeLessThanOrEqual(columns);
              expect(line).not.toMatch(/[\p{Cc}\u202e\u200b]/u);
            }
          }
        },
      ),
    );
  });

  it('is wrapped between words, and within those that are too long', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij kl\n\nx', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl', '', 'x']);
  });
});
