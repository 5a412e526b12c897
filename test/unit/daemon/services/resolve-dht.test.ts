import { describe, expect, it } from 'vitest';
import { dhtNameOf } from '../../../../daemon/services/resolve.ts';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { createTokenCodec, tinyHashOf } from '../../../../protocols/agent-id/index.ts';
import { MeshState } from '../../../../protocols/slurp/index.ts';

const { sha256 } = nodeCrypto;
const token = createTokenCodec(sha256).encodeToken({ version: 1, host: 7, gpu: 2, reserved: 0 });
const hash = 'ab'.repeat(32);
const tinyHash = tinyHashOf(hash);
const nameOf = (ref: string) => dhtNameOf(new MeshState(), sha256, ref);

describe('the name of an agent in the DHT', () => {
  it('is its token or tiny hash in canonical form, however it was written', () => {
    for (const ref of [token, token.toLowerCase(), `ucxl://agentid:${token}`]) {
      expect(nameOf(ref), ref).toEqual({ kind: 'token', token });
    }
    const tiny = `${tinyHash.slice(0, 5)}-${tinyHash.slice(5)}`;
    for (const ref of [tinyHash, tiny.toLowerCase(), `ucxl://agentid:${tinyHash}`]) {
      expect(nameOf(ref), ref).toEqual({ kind: 'hash', tinyHash });
    }
    const enrolled = `ucxl://any:admin@COOEE:enrol/#/agentid/${tinyHash}`;
    expect(nameOf(enrolled)).toEqual({ kind: 'hash', tinyHash });
  });

  it('keeps the whole hash where one was given, since two may share a tiny one', () => {
    expect(nameOf(hash.toUpperCase())).toEqual({ kind: 'hash', tinyHash, hash });
  });

  it('is none for what names several agents', () => {
    for (const ref of ['#7', 'number:7', 'ucxl://any:admin@COOEE:enrol/#/agentid/7/2']) {
      expect(nameOf(ref), ref).toBeUndefined();
    }
  });
});
