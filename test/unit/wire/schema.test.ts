import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  addressList,
  bytesOf,
  bytesUpTo,
  cidText,
  count,
  multiaddrText,
  nameText,
  peerIdText,
  timeMs,
} from '../../../protocols/wire/schema.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const CID_TEXT = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';

const allows = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success;

describe('schemas of the wire', () => {
  it.each<[string, z.ZodType, unknown]>([
    ['a peer id', peerIdText, PEER],
    ['a CID', cidText, CID_TEXT],
    ['an address', multiaddrText, `/dns4/host.example/tcp/26633/p2p/${PEER}`],
    ['sixteen addresses', addressList, new Array(16).fill('/ip4/1.2.3.4/tcp/1')],
    ['no bytes', bytesUpTo(0), new Uint8Array(0)],
    ['as many bytes as allowed', bytesUpTo(3), new Uint8Array(3)],
    ['exactly the bytes', bytesOf(3), new Uint8Array(3)],
    ['zero', count, 0],
    ['the greatest count', count, Number.MAX_SAFE_INTEGER],
    ['the last millisecond of 9999', timeMs, 253_402_300_799_999],
    ['a plain name', nameText, 'alpha-node 1'],
    ['a name with signs of many languages', nameText, 'Zoë 東京 ทดสอบ 😀'],
    ['a name of 255 bytes', nameText, `${'é'.repeat(127)}a`],
    ['a letter that only later versions of Unicode know', nameText, '\u{1c89}'],
  ])('allow %s', (_what, schema, value) => {
    expect(allows(schema, value)).toBe(true);
  });

  it.each<[string, z.ZodType, unknown]>([
    ['an RSA peer id', peerIdText, 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['a peer id with a line end', peerIdText, `${PEER}\n`],
    ['a peer id in two lines', peerIdText, `x\n${PEER}`],
    ['a peer id with a letter that base58 has not', peerIdText, PEER.replace('E', '0')],
    ['a short peer id', peerIdText, PEER.slice(0, -1)],
    [
      'a CID of a raw block',
      cidText,
      'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
    ],
    ['a CID in upper case', cidText, CID_TEXT.toUpperCase()],
    ['an address without a slash', multiaddrText, 'ip4/1.2.3.4'],
    ['an address with a space', multiaddrText, '/ip4/1.2.3.4 /tcp/1'],
    ['an address with a control sign', multiaddrText, '/ip4/\u001b[2J'],
    ['an address of 257 signs', multiaddrText, `/${'a'.repeat(256)}`],
    ['seventeen addresses', addressList, new Array(17).fill('/ip4/1.2.3.4/tcp/1')],
    ['too many bytes', bytesUpTo(3), new Uint8Array(4)],
    ['too few bytes', bytesOf(3), new Uint8Array(2)],
    ['a list instead of bytes', bytesOf(2), [1, 2]],
    ['a text instead of bytes', bytesUpTo(3), 'ab'],
    ['minus one', count, -1],
    ['a half', count, 0.5],
    ['a count above the safe integers', count, 2 ** 53],
    ['the year 10000', timeMs, 253_402_300_800_000],
    ['no name', nameText, ''],
    ['a name of 256 bytes', nameText, 'é'.repeat(128)],
    ['a name of 255 signs of three bytes', nameText, '東'.repeat(255)],
    ['a name with a line end', nameText, 'a\nb'],
    ['a name with a line separator', nameText, 'a\u2028b'],
    ['a name that turns the direction of writing', nameText, 'a\u202eb'],
    ['a name with an invisible sign', nameText, 'a\u200bb'],
    ['a name with a soft hyphen', nameText, 'a\u00adb'],
    ['a name with a tag character', nameText, 'a\u{e0041}b'],
    ['a name with an escape', nameText, 'a\u001b[2Jb'],
    ['a name with a control sign of the upper half', nameText, 'a\u009bb'],
    ['a name with a private sign', nameText, 'a\ue000b'],
    ['a name with half a surrogate pair', nameText, 'a\ud800b'],
  ])('refuse %s', (_what, schema, value) => {
    expect(allows(schema, value)).toBe(false);
  });

  it('take no letters and no marks away from names', () => {
    // Every letter, mark, number and sign that this runtime knows is a name, so no language is shut
    // out by a slip.
    const visible = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
    const hidden = /^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]$/u;
    const wrong: string[] = [];
    for (let point = 0; point <= 0x10ffff; point++) {
      // Halves of pairs are no characters; the tag plane holds nothing that can be seen.
      if (point >= 0xd800 && point <= 0xdfff) continue;
      if (point >= 0xe0000 && point <= 0xe0fff) continue;
      const sign = String.fromCodePoint(point);
      const isReplacement = point === 0xfffc || point === 0xfffd;
      if (visible.test(sign) && !isReplacement && !allows(nameText, sign))
        wrong.push(`-${point.toString(16)}`);
      if (hidden.test(sign) && allows(nameText, sign)) wrong.push(`+${point.toString(16)}`);
    }
    expect(wrong).toEqual([]);
  });

  it('answer long hostile texts at once', () => {
    const startMs = performance.now();
    for (const schema of [peerIdText, cidText, multiaddrText, nameText]) {
      expect(allows(schema, '/'.padEnd(1_000_000, 'a '))).toBe(false);
    }
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});
