import { encode } from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { expect, it } from 'vitest';
import { commandId } from '../../../../protocols/slurp/machine/command-id.ts';
import { crypto, founder, second } from '../mesh-world.ts';

const { sha256 } = crypto;

it('is the CID of origin, start and number, as every IPLD tool makes it', () => {
  const id = CID.parse(commandId(sha256, founder.peer, { boot: 2, number: 7 }));
  expect([id.version, id.code]).toEqual([1, 0x71]);
  expect(id.multihash.digest).toEqual(sha256(encode([founder.peer, 2, 7])));
});

it('is of one command alone', () => {
  const ids = [founder, second].flatMap(({ peer }) =>
    [1, 2, 11].flatMap((boot) =>
      [1, 2, 12].map((number) => commandId(sha256, peer, { boot, number })),
    ),
  );
  expect(new Set(ids).size).toBe(18);
});
