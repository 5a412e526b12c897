import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { isCooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import {
  blocksOf,
  commitBody,
  decodeContent,
  decodeContentBlock,
  decodePatch,
  drInput,
  encodeContent,
  encodePatch,
  headOf,
  idOfOrder,
  packSubmission,
  type SubmissionInput,
  submissionInput,
} from '../../../protocols/submission/index.ts';
import { cidOf, encodeCanonical } from '../../../protocols/wire/index.ts';

// Goal: what is small stands in the log whole, what is large is a block that the log names, and
// each content has exactly one of the two forms; a block that is not what its command says is found
// out.

const { sha256 } = nodeCrypto;
const ADDRESS = 'ucxl://any:builder@shop:checkout/#/pulls/1';
const author = { peer: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' };

const pr = (more: Record<string, unknown> = {}): SubmissionInput =>
  submissionInput.parse({
    ...{ kind: 'pr', address: ADDRESS, title: 'T', repository: 'r', base: 'main', head: 'h' },
    ...more,
  });

const whole = packSubmission(sha256, pr()).submission;

const codeOf = (task: () => unknown): string => {
  try {
    task();
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

describe('packSubmission', () => {
  it('keeps a small content in the command, and a patch as a block', () => {
    const packed = packSubmission(sha256, pr({ patch: '+1\n' }));
    expect(packed.body).toEqual({ content: packed.content });
    const block = encodeCanonical(new TextEncoder().encode('+1\n'));
    const cid = cidOf(sha256, block);
    expect(packed.blocks).toEqual([{ cid, bytes: block }]);
    expect(packed.submission).toMatchObject({ patch: { cid, bytes: block.length } });
    expect(blocksOf(packed.order)).toEqual([{ cid, bytes: block.length }]);
  });

  it('takes no address that would be shown as another one', () => {
    for (const unseen of ['\ufe0f', '\u3164', '\u034f', '\u{e0100}']) {
      const address = `${ADDRESS}${unseen}`;
      expect(codeOf(() => packSubmission(sha256, pr({ address })))).toBe('ERR_SUBMISSION_ADDRESS');
      // What is in the log is for all programs alike, whatever they show.
      expect(codeOf(() => encodeContent({ ...whole, address }))).toBe('ok');
    }
    expect(codeOf(() => packSubmission(sha256, pr({ address: `${ADDRESS}é模` })))).toBe('ok');
  });

  it('makes a block of a content from one byte over 32 KiB on', () => {
    const length = packSubmission(sha256, pr({ summary: 's'.repeat(300) })).content.length;
    const room = LIMITS.submissionInlineBytesMax - length;
    const full = packSubmission(sha256, pr({ summary: 's'.repeat(300 + room) }));
    expect(full.content).toHaveLength(LIMITS.submissionInlineBytesMax);
    expect(full.blocks).toEqual([]);
    const large = packSubmission(sha256, pr({ summary: 's'.repeat(301 + room) }));
    const cid = cidOf(sha256, large.content);
    expect(large.blocks).toEqual([{ cid, bytes: large.content }]);
    const head = { kind: 'pr', address: ADDRESS, title: 'T', links: [] };
    expect(large.body).toEqual({ block: { cid, bytes: large.content.length }, head });
    expect(idOfOrder(sha256, author, large.order)).toBe(
      cidOf(sha256, encodeCanonical({ author, block: cid })),
    );
  });

  it('takes a patch of 512 KiB to the byte, and not one more', () => {
    const full = 'p'.repeat(LIMITS.submissionPatchBytesMax);
    expect(packSubmission(sha256, pr({ patch: full })).blocks[0]?.bytes.length).toBeLessThanOrEqual(
      LIMITS.submissionBlockBytesMax,
    );
    // As many characters, of two bytes each.
    for (const patch of [full.replace('p', 'é'), `${full}p`]) {
      const over = () => packSubmission(sha256, pr({ patch }));
      expect(codeOf(over)).toBe('ERR_SUBMISSION_TOO_LARGE');
    }
    expect(codeOf(() => packSubmission(sha256, pr({ patch: 'a\ud800' })))).toBe(
      'ERR_SUBMISSION_MALFORMED',
    );
  });

  it('refuses a text over 256 KiB with the code of a submission over 256 KiB', () => {
    const long = 'l'.repeat(LIMITS.submissionBytesMax + 1);
    for (const more of [{ summary: long }, { commits: [long] }, { tests: { log: long } }]) {
      expect(codeOf(() => packSubmission(sha256, pr(more)))).toBe('ERR_SUBMISSION_TOO_LARGE');
    }
  });

  it('refuses links that the log has no room for', () => {
    const links = Array.from({ length: 256 }, (_, n) => ({
      rel: 'influenced-by',
      address: `ucxl://any@p:t/#/${String(n).padStart(300, 'x')}`,
    }));
    expect(codeOf(() => packSubmission(sha256, pr({ links })))).toBe('ERR_SUBMISSION_TOO_LARGE');
  });

  it('gives every submission back from its command and blocks alone', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((it) => !/\ufeff/.test(it));
    const record = fc.record({
      summary: fc.tuple(text, fc.constantFrom(0, 40_000)).map(([it, n]) => it + 's'.repeat(n)),
      commits: fc.array(text, { maxLength: 3 }),
      patch: fc.option(
        text.filter((it) => it !== ''),
        { nil: undefined },
      ),
      tests: fc.record({ passed: fc.nat(), failed: fc.nat() }),
    });
    fc.assert(
      fc.property(record, (more) => {
        const input = pr(more);
        const packed = packSubmission(sha256, input);
        const order = commitBody.parse(packed.body);
        expect(order.head).toEqual(headOf(packed.submission));
        const at = new Map(packed.blocks.map(({ cid, bytes }) => [cid, bytes.slice()]));
        const block = at.get(order.block?.cid ?? '');
        const read =
          block === undefined
            ? decodeContent((order.content ?? new Uint8Array()).slice())
            : decodeContentBlock(block, order.head);
        expect(read).toEqual(packed.submission);
        const { patch } = order.head;
        const patchText = patch === undefined ? undefined : decodePatch(at.get(patch.cid) as never);
        expect(patchText).toBe(more.patch);
      }),
    );
  });
});

describe('commitBody', () => {
  const dr = drInput.parse({ kind: 'dr', address: ADDRESS, title: 'T' });
  const content = encodeContent(dr);
  const large = packSubmission(sha256, pr({ summary: 's'.repeat(40_000) })).body;
  const { block, head } = large as Required<typeof large>;

  it('has the content as bytes, and what the log says of it', () => {
    const body = { content: content.slice() };
    expect(commitBody.parse(body)).toEqual({ content, head: headOf(dr) });
    expect(commitBody.parse({ block, head })).toEqual({ block, head });
  });

  it.each([
    ['no content', {}],
    ['a text', { content: 'a' }],
    ['garbage', { content: new Uint8Array([1, 2, 3]) }],
    ['a field more', { content, kind: 'dr' }],
    ['a missing field', { content: encodeCanonical({ kind: 'dr', title: 't' }) }],
    ['a version to come', { content: encodeCanonical({ ...dr, v: 2 }) }],
    ['content and block', { content, block, head }],
    ['a block without its head', { block }],
    ['a head alone', { head }],
    ['a content that is no block', { block: { ...block, bytes: 32_768 }, head }],
    ['a block over 256 KiB', { block: { ...block, bytes: 262_145 }, head }],
    ['an id that is none', { block: { ...block, cid: 'bafy' }, head }],
    ['an address of the mesh', { block, head: { ...head, address: 'ucxl://a@COOEE:t/#/x' } }],
    [
      'a link that is none',
      { block, head: { ...head, links: [{ rel: 'supersedes', address: 'x' }] } },
    ],
    ['a field more in the head', { block, head: { ...head, summary: '' } }],
  ])('refuses %s', (_, body) => {
    expect(commitBody.safeParse(body).success).toBe(false);
  });
});

describe('decodeContentBlock', () => {
  const { content, order } = packSubmission(sha256, pr({ summary: 's'.repeat(40_000) }));

  it.each([
    ['title', { title: 'another' }],
    ['address', { address: `${ADDRESS}/x` }],
    ['links', { links: [{ rel: 'supersedes' as const, address: ADDRESS }] }],
    ['kind', { kind: 'dr' as const }],
    ['patch', { patch: { cid: cidOf(sha256, content), bytes: 7 } }],
  ])('finds out another %s than its command says', (_, change) => {
    expect(codeOf(() => decodeContentBlock(content, { ...order.head, ...change }))).toBe(
      'ERR_SUBMISSION_MALFORMED',
    );
  });
});

describe('decodePatch', () => {
  it.each([
    ['bytes that are no text', encodeCanonical(new Uint8Array([0xff]))],
    ['a text', encodeCanonical('a')],
    ['nothing', new Uint8Array()],
  ])('refuses %s with a typed error', (_, block) => {
    expect(codeOf(() => decodePatch(block))).toBe('ERR_SUBMISSION_MALFORMED');
  });

  it('keeps a byte order mark and every line ending', () => {
    const patch = '\ufeffa\r\nb\n\tc';
    expect(decodePatch(encodePatch(patch))).toBe(patch);
  });
});
