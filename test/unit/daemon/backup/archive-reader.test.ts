import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ArchiveFrame,
  encodeArchiveFrame,
  FRAME_BYTES_MAX,
} from '../../../../daemon/backup/archive-codec.ts';
import { unpackArchive } from '../../../../daemon/backup/archive-reader.ts';
import { writeArchive } from '../../../../daemon/backup/archive-writer.ts';

// Goal: what was put in comes out, byte by byte, and whatever else an archive claims is refused by
// name before it does harm outside of its folder.

const root = mkdtempSync(join(tmpdir(), 'cooee-archive-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const HEAD = { madeMs: 7, program: '0.1.0', name: 'alpha' };
let count = 0;
function folder(): string {
  count += 1;
  const path = join(root, String(count));
  mkdirSync(path);
  return path;
}

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function archiveOf(files: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array> {
  const source = folder();
  const list = Object.entries(files).map(([path, bytes], at) => {
    writeFileSync(join(source, String(at)), bytes);
    return { path, source: join(source, String(at)) };
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeArchive(HEAD, list, () => undefined)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const HEAD_FRAME = { k: 'head', magic: 'cooee-backup', v: 1, ...HEAD } as const;
const hashOf = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());
const fileFrames = (path: string, bytes: Uint8Array): ArchiveFrame[] => [
  { k: 'file', path },
  { k: 'data', bytes },
  { k: 'close', size: bytes.length, sha256: hashOf(bytes) },
];
const A = Uint8Array.of(1, 2, 3);

/** The code that unpacking ends with, and what it left in the folder. */
async function outcome(bytes: Uint8Array): Promise<string> {
  const target = folder();
  try {
    await unpackArchive(chunked(bytes, 1_000), target);
    return readdirSync(target).join(' ');
  } catch (error) {
    return (error as { code: string }).code;
  }
}
const outcomeOf = (...frames: readonly ArchiveFrame[]): Promise<string> =>
  outcome(Buffer.concat(frames.map(encodeArchiveFrame)));

describe('an archive', () => {
  it('gives back every file, however its bytes come in', async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 0, max: 600_000 }).map((size) => new Uint8Array(size)),
      fc.integer({ min: 0, max: 600_000 }).map((size) => new Uint8Array(size).fill(9, size >> 1)),
    );
    const name = fc.constantFrom('FORMAT', 'mesh/mesh.json', 'mesh/log/1', 'mesh/log/2', 'x y');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, content),
        fc.integer({ min: 1, max: 100_000 }),
        async (files, size) => {
          const target = folder();
          const { head, size: held } = await unpackArchive(
            chunked(await archiveOf(files), size + 99),
            target,
          );
          expect(head).toEqual(HEAD);
          expect(held.files).toBe(Object.keys(files).length);
          for (const [path, bytes] of Object.entries(files)) {
            expect(readFileSync(join(target, path)).equals(bytes)).toBe(true);
            expect(statSync(join(target, path)).mode & 0o777).toBe(0o600);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([1, 2, 3, 5])('is read when it comes %i bytes at a time', async (size) => {
    const target = folder();
    await unpackArchive(chunked(await archiveOf({ FORMAT: A, 'mesh/log/1': A }), size), target);
    expect([...readFileSync(join(target, 'mesh/log/1'))]).toEqual([...A]);
    expect(readdirSync(target).toSorted()).toEqual(['FORMAT', 'mesh']);
  });

  it('keeps next to nothing of zeros', async () => {
    const bytes = await archiveOf({ 'mesh/log/0000000001.log': new Uint8Array(8 * 1024 * 1024) });
    expect(bytes.length).toBeLessThan(4_096);
  });

  it('that is cut anywhere is damaged', async () => {
    const whole = await archiveOf({ FORMAT: A, 'mesh/mesh.json': A });
    for (let end = 0; end < whole.length; end++) {
      expect(await outcome(whole.subarray(0, end))).toBe('ERR_BACKUP_DAMAGED');
    }
  });

  it('of which a bit was changed gives back the files or is damaged', async () => {
    const whole = await archiveOf({ FORMAT: A });
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect([
        'ERR_BACKUP_DAMAGED',
        'ERR_BACKUP_NEWER',
        'FORMAT',
        'BORMAT',
        'FKRMAT',
        'FOVMAT',
        'FORIAT',
        'FORMET',
        'FORMAP',
      ]).toContain(await outcome(changed));
    }
  });
});

describe('an archive that lies', () => {
  const end = { k: 'end', files: 1, bytes: 3 } as const;

  it('is taken when it does not', async () => {
    expect(await outcomeOf(HEAD_FRAME, ...fileFrames('a', A), end)).toBe('a');
  });

  it.each<[string, readonly ArchiveFrame[]]>([
    ['leads out of its folder', [HEAD_FRAME, ...fileFrames('../a', A), end]],
    ['names a place of the system', [HEAD_FRAME, ...fileFrames('/tmp/a', A), end]],
    ['brings the lock of a home', [HEAD_FRAME, ...fileFrames('lock/LOCK', A), end]],
    ['brings the mark of a machine', [HEAD_FRAME, ...fileFrames('machine', A), end]],
    ['brings a socket', [HEAD_FRAME, ...fileFrames('cooee.sock', A), end]],
    [
      'brings what passes for a finished restore',
      [HEAD_FRAME, ...fileFrames('restored-files/a', A), end],
    ],
    [
      'has a file twice',
      [HEAD_FRAME, ...fileFrames('a', A), ...fileFrames('a', A), { k: 'end', files: 2, bytes: 6 }],
    ],
    [
      'has a file where a folder is',
      [HEAD_FRAME, ...fileFrames('a/b', A), ...fileFrames('a/b', A), end],
    ],
    ['has no head', [...fileFrames('a', A), end]],
    ['has two heads', [HEAD_FRAME, HEAD_FRAME, end]],
    [
      'begins a file within a file',
      [HEAD_FRAME, { k: 'file', path: 'a' }, ...fileFrames('b', A), end],
    ],
    ['has content of no file', [HEAD_FRAME, { k: 'data', bytes: A }, end]],
    [
      'ends within a file',
      [HEAD_FRAME, { k: 'file', path: 'a' }, { k: 'end', files: 1, bytes: 0 }],
    ],
    ['tells another size', [HEAD_FRAME, ...fileFrames('a', A), { ...end, bytes: 4 }]],
    ['tells more files', [HEAD_FRAME, ...fileFrames('a', A), { ...end, files: 2 }]],
    [
      'has another content',
      [
        HEAD_FRAME,
        { k: 'file', path: 'a' },
        { k: 'data', bytes: A },
        { k: 'close', size: 3, sha256: hashOf(Uint8Array.of(3)) },
        end,
      ],
    ],
    ['goes on behind its end', [HEAD_FRAME, ...fileFrames('a', A), end, end]],
    ['has no end', [HEAD_FRAME, ...fileFrames('a', A)]],
  ])('and %s is damaged', async (_what, frames) => {
    expect(await outcomeOf(...frames)).toBe('ERR_BACKUP_DAMAGED');
  });

  it('and has a folder where a file is leaves nothing outside', async () => {
    const frames = [
      HEAD_FRAME,
      ...fileFrames('a', A),
      ...fileFrames('a/b', A),
      { k: 'end', files: 2, bytes: 6 } as const,
    ];
    expect(await outcomeOf(...frames)).toMatch(/^ERR_STORAGE_IO$/);
  });

  it('and announces a frame without bound is damaged at once', async () => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, FRAME_BYTES_MAX + 1);
    expect(await outcome(length)).toBe('ERR_BACKUP_DAMAGED');
  });
});
