import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { messageBody, messageId } from '../../../../daemon/webhook/payload.ts';
import { type CallRecord, LIMITS } from '../../../../protocols/interface/index.ts';
import { CALL_A, callOf } from './fixture.ts';

const sha256 = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(data).digest());

const event = (changes: Partial<CallRecord> = {}, version = 1) =>
  ({ type: 'call:open', version, index: 8, timeMs: 1_000, call: callOf(CALL_A, changes) }) as const;

const dataOf = (changes: Partial<CallRecord>) =>
  (JSON.parse(messageBody('mesh', event(changes))) as { data: Record<string, unknown> }).data;

describe('messageId', () => {
  it('is the same for the same event of the same mesh, and no other', () => {
    const id = messageId(sha256, 'mesh', event());
    // A full stop in it would let two messages have one signature.
    expect(id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(messageId(sha256, 'mesh', event({ question: 'other' }))).toBe(id);
    expect(messageId(sha256, 'mesh', event({}, 2))).not.toBe(id);
    expect(messageId(sha256, 'other', event())).not.toBe(id);
  });
});

describe('messageBody', () => {
  it('says what a human needs to know', () => {
    expect(JSON.parse(messageBody('mesh', event()))).toEqual({
      type: 'call:open',
      timestamp: '1970-01-01T00:00:01.000Z',
      data: {
        mesh: 'mesh',
        index: 8,
        version: 1,
        id: CALL_A,
        address: `ucxl://any:human@COOEE:help/#/call/${CALL_A}`,
        state: 'open',
        severity: 'blocked',
        question: 'Deploy?',
        options: ['yes', 'no'],
        asker: { peer: 'p', agent: '458RV' },
        deadline: '1970-01-01T00:10:01.000Z',
        onTimeout: 'wait',
        escalations: 0,
      },
    });
  });

  it('tells who works on it, who answered, and when a policy did', () => {
    const by = { human: 'Ada\u202e', peer: 'q' };
    const claim = { by, fence: 1, sinceMs: 1, untilMs: 2 };
    expect(dataOf({ claim })).toMatchObject({ claimedBy: { human: 'Ada', peer: 'q' } });
    const answer = { text: 'yes', by: null, index: 9, timeMs: 3 };
    expect(dataOf({ answer })).toMatchObject({ answer: 'yes', answeredBy: null });
  });

  it('cuts texts between two characters, and removes what is not seen', () => {
    const { question } = dataOf({ question: `\u202e${'é'.repeat(LIMITS.webhookTextBytesMax)}` });
    expect(question).toMatch(/^é+…$/);
    expect(Buffer.byteLength(String(question))).toBeLessThanOrEqual(LIMITS.webhookTextBytesMax);
  });
});
