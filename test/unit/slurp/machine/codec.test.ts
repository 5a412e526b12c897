import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import {
  assertCommandForm,
  assertHead,
  decodeBatch,
  decodeEntry,
  decodeHead,
  encodeBatch,
  encodeEntry,
  isBatchSigned,
} from '../../../../protocols/slurp/machine/codec.ts';
import { encodeCanonical, encodeSigned, signingInput } from '../../../../protocols/wire/index.ts';
import { encodeHead } from '../heads/sign-head.ts';
import { batchOf, crypto, founder, MESH, rename, START_MS, second, third } from '../mesh-world.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const plain = (bytes: Uint8Array) => decodeBatch(bytes).value;
const sealed = (value: unknown) => encodeSigned(founder, 'batch', value);

describe('a batch', () => {
  const bytes = batchOf(founder, { boot: 3, seq: 7 }, [rename('a'), rename('b')]);

  it('comes back as it was signed', () => {
    const signed = decodeBatch(bytes);
    expect(signed.value).toMatchObject({ v: 1, mesh: MESH, origin: founder.peer, boot: 3, seq: 7 });
    expect(signed.value.commands.map(({ body }) => body)).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(isBatchSigned(crypto, signed)).toBe(true);
  });

  it('is not signed by anybody else, and not after a change', () => {
    const value = { ...plain(bytes), origin: second.peer };
    const commands = value.commands.map((it) => ({ ...it, actor: { peer: second.peer } }));
    expect(isBatchSigned(crypto, decodeBatch(sealed({ ...value, commands })))).toBe(false);
    const signed = decodeBatch(bytes);
    const signature = signed.signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    expect(isBatchSigned(crypto, { ...signed, signature })).toBe(false);
  });

  it('speaks for its origin only', () => {
    const value = plain(bytes);
    const commands = value.commands.map((it) => ({ ...it, actor: { peer: second.peer } }));
    expect(() => decodeBatch(sealed({ ...value, commands }))).toThrow(code('ERR_SLURP_COMMAND'));
  });

  it.each([
    ['no commands', { commands: [] }],
    [
      'more commands than a batch may have',
      {
        commands: Array.from(
          { length: LIMITS.batchCommandsMax + 1 },
          () => plain(bytes).commands[0],
        ),
      },
    ],
    ['a sequence of zero', { seq: 0 }],
    ['a boot of zero', { boot: 0 }],
    ['a mesh that is no id', { mesh: 'here' }],
    ['an origin that is no peer', { origin: 'me' }],
    ['an unknown field', { more: 1 }],
  ])('is refused with %s', (_name, change) => {
    expect(() => decodeBatch(sealed({ ...plain(bytes), ...change }))).toThrow(
      code('ERR_WIRE_MALFORMED'),
    );
  });

  it('of a later version is told apart', () => {
    expect(() => decodeBatch(sealed({ ...plain(bytes), v: 2 }))).toThrow(code('ERR_WIRE_VERSION'));
  });

  it('may have 64 KiB in all, signature included, so that its entry can be read again', () => {
    const sized = (bytesWanted: number): Uint8Array => {
      const [command] = plain(bytes).commands;
      const build = (length: number) =>
        sealed({
          ...plain(bytes),
          commands: [{ ...command, body: { name: new Uint8Array(length) } }],
        });
      return build(60_000 + bytesWanted - build(60_000).length);
    };
    const largest = sized(LIMITS.batchBytesMax);
    expect(largest).toHaveLength(LIMITS.batchBytesMax);
    const entry = encodeEntry({ index: 2 ** 40, term: 2 ** 40, timeMs: START_MS, batch: largest });
    expect(decodeBatch(decodeEntry(entry).batch).value.seq).toBe(7);
    const larger = sized(LIMITS.batchBytesMax + 1);
    expect(() => decodeBatch(larger)).toThrow(code('ERR_WIRE_TOO_LARGE'));
  });

  it('is not made larger than that', () => {
    const { v: _v, origin: _origin, ...batch } = plain(bytes);
    const [command] = batch.commands;
    if (command === undefined) throw new Error('no command');
    const body = { name: new Uint8Array(LIMITS.batchBytesMax) };
    expect(() => encodeBatch(founder, { ...batch, commands: [{ ...command, body }] })).toThrow(
      code('ERR_WIRE_TOO_LARGE'),
    );
  });
});

describe('assertCommandForm', () => {
  const [command] = plain(batchOf(founder, { seq: 1 }, [rename('a')])).commands;
  if (command === undefined) throw new Error('no command');

  it.each([
    ['a human with a long name', { actor: { peer: founder.peer, human: 'x'.repeat(65) } }],
    ['an agent with a long name', { actor: { peer: founder.peer, agent: 'x'.repeat(17) } }],
    ['no kind', { kind: '' }],
    ['a time beyond all calendars', { timeMs: 2 ** 52 }],
  ])('refuses %s', (_name, change) => {
    expect(() => assertCommandForm({ ...command, ...change })).toThrow(code('ERR_SLURP_COMMAND'));
  });

  it('takes one that is in order', () => expect(() => assertCommandForm(command)).not.toThrow());
});

describe('an entry', () => {
  const batch = batchOf(founder, { seq: 1 }, [rename('a')]);
  const entry = { index: 5, term: 2, timeMs: START_MS, batch };

  it('comes back', () => expect(decodeEntry(encodeEntry(entry))).toEqual({ v: 1, ...entry }));

  it.each([
    ['index zero', { index: 0 }, 'ERR_WIRE_MALFORMED'],
    ['term zero', { term: 0 }, 'ERR_WIRE_MALFORMED'],
    ['another version', { v: 2 }, 'ERR_WIRE_VERSION'],
    ['more fields', { more: 1 }, 'ERR_WIRE_MALFORMED'],
    ['a batch of 70 KiB', { batch: new Uint8Array(70 * 1024) }, 'ERR_WIRE_TOO_LARGE'],
  ])('is refused with %s', (_name, change, name) => {
    const bytes = encodeCanonical({ v: 1, ...entry, ...change });
    expect(() => decodeEntry(bytes)).toThrow(code(name));
  });
});

describe('a head', () => {
  const head = {
    mesh: MESH,
    epoch: 0,
    term: 1,
    index: 4,
    root: new Uint8Array(32).fill(7),
    voters: [founder.peer],
    timeMs: START_MS,
  };
  const bytes = encodeHead(founder, head);
  const trust = { mesh: MESH, voters: [founder.peer] };
  const { body } = decodeHead(bytes);
  const sigOf = (signer: typeof founder, over = body) => ({
    voter: signer.peer,
    s: signer.sign(signingInput('head', over)),
  });
  const withSigs = (...sigs: object[]) => decodeHead(encodeCanonical({ h: body, sigs }));
  const reason = (name: string) =>
    expect.objectContaining({ code: 'ERR_SLURP_HEAD', details: { reason: name } });

  it('comes back and is trusted', () => {
    expect(decodeHead(bytes).head).toEqual({ v: 1, ...head });
    expect(() => assertHead(crypto, decodeHead(bytes), trust)).not.toThrow();
  });

  it.each([
    ['another mesh', 'mesh', decodeHead(bytes), { ...trust, mesh: `bafyrei${'b'.repeat(52)}` }],
    ['somebody else', 'foreign', decodeHead(encodeHead(second, head)), trust],
    ['one voter twice', 'repeated', withSigs(sigOf(founder), sigOf(founder)), trust],
    ['nobody', 'too-few', withSigs(), trust],
    ['a voter, over other bytes', 'signature', withSigs(sigOf(founder, head.root)), trust],
    [
      'half of two voters',
      'too-few',
      decodeHead(bytes),
      { mesh: MESH, voters: [founder.peer, second.peer] },
    ],
    [
      'one of three voters',
      'too-few',
      decodeHead(bytes),
      { mesh: MESH, voters: [founder.peer, second.peer, third.peer] },
    ],
  ])('signed for or by %s is refused: %s', (_name, why, signed, trusted) => {
    expect(() => assertHead(crypto, signed, trusted)).toThrow(reason(why));
  });

  it('of two among three voters is trusted', () => {
    const voters = [founder.peer, second.peer, third.peer];
    const signed = withSigs(sigOf(founder), sigOf(third));
    expect(() => assertHead(crypto, signed, { mesh: MESH, voters })).not.toThrow();
  });

  it.each([
    ['a short root', { root: new Uint8Array(31) }],
    ['no voters', { voters: [] }],
    ['ten voters', { voters: Array.from({ length: 10 }, () => founder.peer) }],
  ])('is refused with %s', (_name, change) => {
    const inner = encodeCanonical({ v: 1, ...head, ...change });
    expect(() => decodeHead(encodeCanonical({ h: inner, sigs: [] }))).toThrow(
      code('ERR_WIRE_MALFORMED'),
    );
  });
});
