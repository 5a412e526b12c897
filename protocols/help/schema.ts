import { z } from 'zod';
import { LIMITS } from '../interface/limits.ts';
import { CALL_POLICIES, CALL_SEVERITIES } from '../interface/state/calls.ts';
import { isKeptByUtf8, isWithinUtf8 } from '../interface/text/utf8.ts';

/** Text within a number of bytes of UTF-8 that come out as it went in. */
const textUpTo = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax)
    .refine(isKeptByUtf8, { message: 'expected well-formed text without a byte order mark' })
    .refine((text) => isWithinUtf8(text, bytesMax), {
      message: `expected at most ${bytesMax} bytes`,
    });

const someText = (bytesMax: number) =>
  // Not trim(): what it takes for a space changes with the Unicode version of the runtime.
  textUpTo(bytesMax).regex(/[^ \t\r\n]/, { message: 'expected some text' });

/** How much hangs on a call. */
export const severitySchema = z
  .enum(CALL_SEVERITIES)
  .describe('info: nothing waits. blocked: the asker does. danger: harm may come of waiting.');

/** What becomes of a call that nobody answered by its deadline. */
export const policySchema = z
  .enum(CALL_POLICIES)
  .describe(
    'wait: it stays open. default: it is answered with `default`. deny: it is answered with ' +
      '"denied". escalate: up to three times its severity rises and its time begins anew, then ' +
      'it expires.',
  );

/** The text of an answer. */
export const answerText = someText(LIMITS.callAnswerBytesMax);

/** The name by which a human acts: one line, nothing invisible in it. */
export const humanName = z
  .string()
  .min(1)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u)
  .refine((name) => name.trim() === name, { message: 'expected no spaces at the ends' })
  .refine((name) => isWithinUtf8(name, LIMITS.humanNameBytesMax), {
    message: `expected at most ${LIMITS.humanNameBytesMax} bytes`,
  })
  .describe('Name of the human, as others see it');

const length = z.int().min(LIMITS.callLengthMsMin).max(LIMITS.callLengthMsMax);

const fields = {
  question: someText(LIMITS.callQuestionBytesMax).describe('What a human is asked'),
  context: textUpTo(LIMITS.callContextBytesMax).describe('What they need to know to answer'),
  options: z
    .array(someText(LIMITS.callOptionBytesMax))
    .max(LIMITS.callOptionsMax)
    .describe('Answers that are suggested; others may be given'),
  default: answerText.optional().describe('The answer by the policy `default`'),
  severity: severitySchema,
  onTimeout: policySchema,
};

/** A default is there exactly when the policy takes it. */
function hasItsDefault(call: {
  readonly default?: string | undefined;
  readonly onTimeout: string;
}): boolean {
  return (call.default !== undefined) === (call.onTimeout === 'default');
}

const DEFAULT_ISSUE = {
  path: ['default'],
  message: 'expected exactly with onTimeout: default',
};

/** A call as an asker hands it in: what is left out has its default. */
export const callInput = z
  .strictObject({
    ...fields,
    context: fields.context.default(''),
    options: fields.options.default([]),
    severity: fields.severity.default('blocked'),
    onTimeout: fields.onTimeout.default('wait'),
    deadline: z.iso.datetime({ offset: true }).optional().describe('When it is due'),
    afterMs: length
      .optional()
      .describe(
        'In place of `deadline`: how long after it came into the log. One hour without both.',
      ),
  })
  .refine(hasItsDefault, DEFAULT_ISSUE)
  .refine((call) => call.deadline === undefined || call.afterMs === undefined, {
    path: ['afterMs'],
    message: 'expected deadline or afterMs, not both',
  });

/** A call as an asker hands it in, complete. */
export type CallInput = z.output<typeof callInput>;

/** Body of `call.open`. */
export const openBody = z
  .strictObject({
    ...fields,
    /** By the clock of the log: at a time, or so long after the entry that opens it. */
    deadline: z.union([
      z.strictObject({ atMs: z.int().min(0).max(253_402_300_799_999) }),
      z.strictObject({ afterMs: length }),
    ]),
  })
  .refine(hasItsDefault, DEFAULT_ISSUE);

/** Id of a call. */
export const callId = z.string().regex(/^bafyrei[a-z2-7]{52}$/);

const fence = z.int().min(1);

/** Body of `call.claim`, `call.expire`, `call.escalate` and `call.withdraw`. */
export const callBody = z.strictObject({ id: callId });

/** Body of `call.release`. */
export const releaseBody = z.strictObject({ id: callId, fence });

/** Body of `call.answer`. */
export const answerBody = z.strictObject({ id: callId, fence, text: answerText });
