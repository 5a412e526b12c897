import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import {
  type AuthorRecord,
  type ErrorCode,
  isCooeeError,
  LIMITS,
} from '../../../protocols/interface/index.ts';
import {
  type BlockRef,
  decodeContent,
  drInput,
  encodeContent,
  idOfOrder,
  packSubmission,
  type Submission,
  submissionId,
  submissionInput,
} from '../../../protocols/submission/index.ts';
import { cidOf, encodeCanonical, toHex } from '../../../protocols/wire/index.ts';

// Goal: one content has one encoding and one id, on every node and in every language; what is not
// valid is refused with its code, whoever made it.

interface Vectors {
  readonly ids: readonly {
    readonly why: string;
    readonly author: AuthorRecord;
    readonly input: unknown;
    readonly content?: string;
    readonly block?: string;
    readonly patch?: BlockRef;
    readonly id: string;
  }[];
  readonly refused: readonly {
    readonly why: string;
    readonly input: unknown;
    readonly code: ErrorCode;
  }[];
  readonly invalid: readonly { readonly why: string; readonly input: unknown }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/submission.json', import.meta.url), 'utf8'),
) as Vectors;

type Dr = Extract<Submission, { kind: 'dr' }>;

const { sha256 } = nodeCrypto;
const small = drInput.parse(vectors.ids[0]?.input);
const dr = (change: Partial<Dr> = {}): Dr => ({ ...small, ...change });

const codeOf = (task: () => unknown): string => {
  try {
    task();
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

describe('vectors', () => {
  it.each(vectors.ids)('$why', ({ author, input, content, block, patch, id }) => {
    const packed = packSubmission(sha256, submissionInput.parse(input));
    if (content !== undefined) expect(toHex(packed.content)).toBe(content);
    expect(packed.order.block?.cid).toBe(block);
    expect(packed.order.head.patch).toEqual(patch);
    expect(submissionId(sha256, author, packed.content)).toBe(id);
    expect(idOfOrder(sha256, author, packed.order)).toBe(id);
    // From the bytes alone, as a node does that did not encode them.
    expect(decodeContent(packed.content.slice())).toEqual(packed.submission);
  });

  it.each(vectors.refused)('refused: $why', ({ input, code }) => {
    const parsed = drInput.parse(input);
    expect(codeOf(() => packSubmission(sha256, parsed))).toBe(code);
    if (code !== 'ERR_SUBMISSION_MALFORMED') {
      expect(codeOf(() => decodeContent(encodeCanonical(parsed)))).toBe(code);
    }
  });

  it.each(vectors.invalid)('not of the schema: $why', ({ input }) => {
    expect(submissionInput.safeParse(input).success).toBe(false);
    expect(codeOf(() => decodeContent(encodeCanonical(input)))).toBe('ERR_SUBMISSION_MALFORMED');
  });
});

describe('encodeContent', () => {
  it('gives bytes whose id is the CID of {author, content}', () => {
    const author = { peer: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' };
    const node = encodeCanonical({ author, content: dr() });
    expect(submissionId(sha256, author, encodeContent(dr()))).toBe(cidOf(sha256, node));
  });

  it('takes 256 KiB to the byte, and not one more', () => {
    const long = 'd'.repeat(70_000);
    const room = LIMITS.submissionBytesMax - encodeContent(dr({ decision: long })).length;
    const full = dr({ decision: long + 'd'.repeat(room) });
    expect(encodeContent(full)).toHaveLength(LIMITS.submissionBytesMax);
    const over = dr({ decision: `${full.decision}d` });
    expect(codeOf(() => encodeContent(over))).toBe('ERR_SUBMISSION_TOO_LARGE');
    const bytes = encodeCanonical(over);
    expect(codeOf(() => decodeContent(bytes))).toBe('ERR_SUBMISSION_TOO_LARGE');
  });

  it.each([
    ['half a surrogate pair', { a: '\ud800' }],
    ['a byte order mark', { a: '\ufeffa' }],
    ['a number beyond the safe ones', { a: 2 ** 53 }],
    [
      '100,000 lists in each other',
      { a: JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)) as unknown },
    ],
  ])('refuses %s in x with a typed error', (_, x) => {
    expect(codeOf(() => encodeContent(drInput.parse({ ...dr(), x })))).toBe(
      'ERR_SUBMISSION_MALFORMED',
    );
  });

  it('has the same bytes whatever the order of the fields', () => {
    const shuffled = fc
      .shuffledSubarray(Object.entries(dr()), { minLength: Object.keys(dr()).length })
      .map((entries) => Object.fromEntries(entries));
    fc.assert(
      fc.property(shuffled, (input) => {
        expect(encodeContent(drInput.parse(input))).toEqual(encodeContent(dr()));
      }),
    );
  });
});

describe('decodeContent', () => {
  it('takes every submission back, and nothing that was bent', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((it) => !it.startsWith('\ufeff'));
    const record = fc.record({
      decision: text,
      context: text,
      consequences: fc.array(text, { maxLength: 3 }),
      x: fc.dictionary(fc.constantFrom('a', 'bb', 'c'), fc.oneof(text, fc.maxSafeInteger())),
    });
    fc.assert(
      fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (change, at, bit) => {
        const bytes = encodeContent(dr(change)).slice();
        expect(decodeContent(bytes)).toEqual(dr(change));
        const bent = bytes.slice();
        bent[at % bent.length]! ^= bit;
        // Either it is refused with a type, or it is another valid content with another id.
        const code = codeOf(() => encodeContent(decodeContent(bent)));
        if (code === 'ok') expect(encodeContent(decodeContent(bent))).toEqual(bent);
        else expect(code).toMatch(/^ERR_(SUBMISSION|UCXL)_/);
      }),
    );
  });

  it('never throws anything but a typed error at bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => decodeContent(bytes))).toMatch(/^ERR_SUBMISSION_/);
      }),
    );
  });
});
