import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ArchiveFrame,
  CHUNK_BYTES,
  decodeArchiveFrame,
  encodeArchiveFrame,
  isArchivePath,
  LENGTH_BYTES,
} from '../../../../daemon/backup/archive-codec.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';

// Goal: every frame comes back as it was, and bytes that are none are refused by name.

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((it) => isArchivePath(it));
const frame: fc.Arbitrary<ArchiveFrame> = fc.oneof(
  fc.record({
    k: fc.constant('file' as const),
    path: fc.array(name, { minLength: 1, maxLength: 5 }).map((it) => it.join('/')),
  }),
  fc.record({ k: fc.constant('data' as const), bytes: fc.uint8Array({ maxLength: 4_096 }) }),
  fc.record({ k: fc.constant('zeros' as const), count: fc.integer({ min: 1, max: CHUNK_BYTES }) }),
  fc.record({
    k: fc.constant('close' as const),
    size: fc.nat(),
    sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  fc.record({ k: fc.constant('end' as const), files: fc.nat(), bytes: fc.nat() }),
);

const bodyOf = (bytes: Uint8Array): Uint8Array => bytes.slice(LENGTH_BYTES);
const codeOf = (task: () => unknown): string => {
  try {
    task();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a frame of an archive', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(frame, (it) => {
        expect(decodeArchiveFrame(bodyOf(encodeArchiveFrame(it)))).toEqual(it);
      }),
    );
  });

  it('is refused when it is anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => decodeArchiveFrame(bytes))).toBe('ERR_BACKUP_DAMAGED');
      }),
    );
  });

  it.each<[string, unknown]>([
    ['of no kind', { k: 'link', path: 'a', target: '/etc/passwd' }],
    ['with a field more', { k: 'file', path: 'a', mode: 511 }],
    ['with too many zeros', { k: 'zeros', count: CHUNK_BYTES + 1 }],
    ['with a hash that is too short', { k: 'close', size: 0, sha256: new Uint8Array(31) }],
    ['that is not ours', { k: 'head', magic: 'tar', v: 1, madeMs: 0, program: '', name: '' }],
  ])('is refused %s', (_what, value) => {
    expect(codeOf(() => decodeArchiveFrame(encodeCanonical(value as never)))).toBe(
      'ERR_BACKUP_DAMAGED',
    );
  });

  it('of a later version names both, whatever else it has', () => {
    const head = {
      k: 'head',
      magic: 'cooee-backup',
      v: 2,
      madeMs: 0,
      program: '',
      name: '',
      more: 1,
    };
    expect(() => decodeArchiveFrame(encodeCanonical(head))).toThrow(
      expect.objectContaining({ code: 'ERR_BACKUP_NEWER', details: { found: 2, supported: 1 } }),
    );
  });
});

describe('a path in an archive', () => {
  it.each(['FORMAT', 'mesh/log/0000000001.log', 'a b', 'ä/ö', '...', 'x..y'])(
    'may be %j',
    (path) => {
      expect(isArchivePath(path)).toBe(true);
    },
  );

  it.each([
    ...['', '/', '/etc/passwd', '..', '../x', 'a/../b', 'a/..', './a', 'a/./b', 'a//b', 'a/'],
    ...['a\\b', 'C:\\x\\..\\y', 'a\u0000b', 'a\nb', 'x'.repeat(256), `a${'/a'.repeat(16)}`],
  ])('may not be %j', (path) => {
    expect(isArchivePath(path)).toBe(false);
    expect(codeOf(() => decodeArchiveFrame(encodeCanonical({ k: 'file', path })))).toBe(
      'ERR_BACKUP_DAMAGED',
    );
  });
});
