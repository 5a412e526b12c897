import { CID } from 'multiformats/cid';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { encodeCanonical } from '../../../protocols/wire/canonical.ts';
import { cidOf } from '../../../protocols/wire/cid.ts';
import { toHex } from '../../../protocols/wire/hex.ts';
import { cidText } from '../../../protocols/wire/schema.ts';

describe('cidOf', () => {
  it('names bytes as every IPLD tool does', () => {
    // The well-known CID of the empty map.
    expect(cidOf(nodeCrypto.sha256, encodeCanonical({}))).toBe(
      'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua',
    );
  });

  it('gives ids that the schema knows and that hold the hash', () => {
    for (let i = 0; i < 50; i++) {
      const bytes = encodeCanonical([i]);
      const text = cidOf(nodeCrypto.sha256, bytes);
      expect(cidText.safeParse(text).success).toBe(true);
      expect(CID.parse(text).multihash.digest).toEqual(nodeCrypto.sha256(bytes));
    }
  });
});

describe('toHex', () => {
  it('gives two digits for every byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(toHex(all)).toBe(Buffer.from(all).toString('hex'));
    expect(toHex(new Uint8Array(0))).toBe('');
  });
});
